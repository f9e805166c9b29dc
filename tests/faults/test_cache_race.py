"""The cache of decoded pictures: damage is found by its hash, and two may make it at once."""

import hashlib
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forge import cut, flipped, noise

from ganzoo.data.cache import aside
from ganzoo_folder.folder import Folder

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("home")]

Measured = Callable[[str, str], None]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(6):
        noise(tmp_path / "photos" / f"{number}.png", side=20 + number)
    return tmp_path / "photos"


def _digest(photos: Path) -> str:
    return hashlib.sha256(Folder(path=str(photos)).load(8)[0].numpy().tobytes()).hexdigest()


def test_a_damaged_or_half_written_cache_is_made_again(
    photos: Path, home: Path, measured: Measured, amount: Callable[[int, int], int]
) -> None:
    expected = _digest(photos)
    (kept,) = (home / "data").iterdir()
    whole, tries = kept.read_bytes(), 0
    for place in range(0, len(whole), len(whole) // amount(10, 400)):
        for damage in (lambda: flipped(kept, place), lambda: cut(kept, place / len(whole))):  # noqa: B023
            damage()
            assert _digest(photos) == expected
            assert kept.read_bytes() == whole
            tries += 1

    measured("E9", f"{tries} of {tries} damaged or half-written caches made again")


def _tell(photos: Path, ready: Any, told: Any) -> None:
    ready.wait()
    told.put(_digest(photos))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_runs_that_build_at_once_have_the_same_bytes(
    photos: Path, home: Path, measured: Measured, amount: Callable[[int, int], int]
) -> None:
    expected = _digest(photos)
    (kept,) = (home / "data").iterdir()
    whole, tries = kept.read_bytes(), amount(3, 30)
    fork = multiprocessing.get_context("fork")
    for _ in range(tries):
        kept.unlink()
        ready, told = fork.Barrier(2), fork.Queue()
        both = [fork.Process(target=_tell, args=(photos, ready, told)) for _ in range(2)]
        for process in both:
            process.start()
        assert {told.get(timeout=60) for _ in both} == {expected}
        for process in both:
            process.join()
        assert list((home / "data").iterdir()) == [kept]
        assert kept.read_bytes() == whole

    measured("E9", f"two built it at once {tries} times: the same bytes")


def test_a_picture_that_is_replaced_is_decoded_anew(photos: Path) -> None:
    before = _digest(photos)
    path = photos / "3.png"
    now = path.stat()
    noise(path, side=40)
    os.utime(path, ns=(now.st_atime_ns, now.st_mtime_ns))

    assert _digest(photos) != before


def test_what_a_killed_process_left_is_swept_after_a_day(home: Path) -> None:
    old, new = home / "data" / ".tmp-old", home / "data" / ".tmp-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "part").write_bytes(b"x")
    yesterday = time.time() - 90_000
    os.utime(old, (yesterday, yesterday))

    with aside(home / "data") as folder:
        assert folder.is_dir()

    assert list((home / "data").iterdir()) == [new]
