"""Servers that are silent, that break off, that have other bytes: the right set, or a sentence."""

import gzip
import hashlib
import multiprocessing
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ganzoo.errors import DataError
from ganzoo_downloads import mirrors, torchvision_sets
from ganzoo_downloads.mirrors import fetch_archive, fetch_idx
from ganzoo_downloads.torchvision_sets import FASHION_MNIST, MNIST, IdxSet, Split

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("home")]

Measured = Callable[[str, str], None]
COUNTS: dict[Split, tuple[int, ...]] = {"train": (2,) * 10, "test": (1,) * 10}
SPLITS: tuple[Split, Split] = ("train", "test")


class Server(ThreadingHTTPServer):
    """Gives the files of a small set, in a bad way.

    Attributes:
        way: sound, wrong, silent, or broken: every answer ends after half of what it promised.
        asked: Every file and range that was asked for.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.way, self.asked = files, "sound", list[str]()
        self.over = threading.Event()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"] or "bytes=0-"
        self.server.asked.append(f"{self.path} {wanted}")
        if self.server.way == "silent":
            self.server.over.wait()
            return
        content = self.server.files[self.path.strip("/")]
        content = content[int(wanted[6:-1]) :]
        if self.server.way == "wrong":
            content = bytes(len(content))
        self.send_response(206 if self.headers["Range"] else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = self.server.way == "broken" and len(content) > 20
        self.wfile.write(content[: len(content) // 2] if half else content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _small(base: str, packed: dict[Split, tuple[str, str]]) -> IdxSet:
    def fetch(root: Path) -> None:
        folder = root / known.folder
        folder.mkdir(parents=True)
        fetch_idx([base], [each for split in SPLITS for each in known.files(split)], folder)

    known = IdxSet("small", "SMALL/raw", COUNTS, tuple("0123456789"), (fetch,), {}, packed)
    return known


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("GANZOO_OFFLINE")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    files = {}
    for split in SPLITS:
        for facts in _small("", {}).files(split):
            values = bytes(i % 10 for i in range(facts.size - len(facts.header)))
            files[f"{facts.name}.gz"] = gzip.compress(facts.header + values, mtime=0)
    with Server(files) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.over.set()
        found.shutdown()
        thread.join()


@pytest.fixture
def small(server: Server) -> IdxSet:
    def sums(split: Split) -> tuple[str, str]:
        images, labels = (
            hashlib.sha256(server.files[f"{facts.name}.gz"]).hexdigest()
            for facts in _small("", {}).files(split)
        )
        return images, labels

    return _small(server.base, {split: sums(split) for split in SPLITS})


def test_a_sound_server_is_asked_once(small: IdxSet, server: Server, home: Path) -> None:
    for _ in range(2):
        pixels, labels = small.load("train", None, None)
        assert (len(pixels), labels.tolist()) == (20, [*range(10)] * 2)

    assert len(server.asked) == 4
    assert sorted(path.name for path in (home / "data").rglob("*") if path.is_file()) == sorted(
        name.removesuffix(".gz") for name in server.files
    )


def test_wrong_bytes_are_deleted_and_the_address_named(
    small: IdxSet, server: Server, home: Path
) -> None:
    server.way = "wrong"

    with pytest.raises(DataError) as caught:
        small.load("train", None, None)

    name = "train-images-idx3-ubyte"
    assert f"{server.base}{name}.gz: not the published bytes (its sha256" in str(caught.value)
    assert f"put them into {home / 'data' / 'SMALL' / 'raw'}" in str(caught.value)
    assert "--dataset digits" in str(caught.value)
    assert caught.value.exit_code == 3
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_a_silent_server_is_given_up(
    small: IdxSet, server: Server, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    assert mirrors._SILENCE_SEC <= 30
    patience = mirrors._SILENCE_SEC
    monkeypatch.setattr(mirrors, "_SILENCE_SEC", 0.3)
    server.way = "silent"

    with pytest.raises(DataError, match=rf"{re.escape(server.base)}train-images.*timed out"):
        small.load("train", None, None)

    assert len(server.asked) == 1
    measured("E8", f"a silent server is given up after {patience:.0f} s without a byte")


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    small: IdxSet, server: Server, measured: Measured
) -> None:
    server.way = "broken"

    assert small.load("train", None, None)[1].tolist() == [*range(10)] * 2

    begun = [line for line in server.asked if line.endswith("bytes=0-")]
    assert len(begun) == 4
    assert len(server.asked) > 8
    measured("E8", f"{len(server.asked) - 4} broken connections were taken up, none begun anew")


def test_who_looks_while_a_set_is_moved_in_sees_all_of_it_or_nothing(
    small: IdxSet, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    move = Path.replace

    def moved(path: Path, target: Path) -> Path:
        found = move(path, target)
        seen.append(len(list((home / "data" / "SMALL" / "raw").iterdir())))
        return found

    monkeypatch.setattr(Path, "replace", moved)
    monkeypatch.setattr(Path, "rename", moved)
    small.load("train", None, None)

    assert seen == [4]


def _load(small: IdxSet, ready: Any, told: Any) -> None:
    ready.wait()
    try:
        told.put(hashlib.sha256(small.load("train", None, None)[0].numpy().tobytes()).hexdigest())
    except DataError as error:
        told.put(str(error))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_processes_that_fetch_at_once_have_the_same(
    small: IdxSet,
    server: Server,
    home: Path,
    measured: Measured,
    amount: Callable[[int, int], int],
) -> None:
    fork, tries = multiprocessing.get_context("fork"), amount(3, 20)
    for _ in range(tries):
        ready, told = fork.Barrier(2), fork.Queue()
        both = [fork.Process(target=_load, args=(small, ready, told)) for _ in range(2)]
        for process in both:
            process.start()
        found = {told.get(timeout=60) for _ in both}
        for process in both:
            process.join()
        assert len(found) == 1
        assert re.fullmatch("[0-9a-f]{64}", found.pop())
        assert [path.name for path in (home / "data").iterdir()] == ["SMALL"]
        shutil.rmtree(home)

    measured("E8", f"two processes fetched at once {tries} times: the same set")


def test_every_file_that_is_fetched_has_a_published_sha256(measured: Measured) -> None:
    files = [each for known in (MNIST, FASHION_MNIST) for s in SPLITS for each in known.files(s)]
    sums = [each.packed_sha256 for each in files] + [torchvision_sets._CIFAR_SHA256]

    assert all(re.fullmatch("[0-9a-f]{64}", each or "") for each in sums)
    assert len(set(sums)) == len(sums) == 9
    measured("E8", f"{len(sums)} of {len(sums)} published files have their sha256 pinned")


def test_an_archive_gives_what_is_asked_of_it_and_no_more(server: Server, tmp_path: Path) -> None:
    import io
    import tarfile

    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name in ("set/a", "set/b", "../evil", "set/rest"):
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    server.files["s.tgz"] = raw.getvalue()
    sha256 = hashlib.sha256(raw.getvalue()).hexdigest()
    root = tmp_path / "root"
    root.mkdir()

    fetch_archive(f"{server.base}s.tgz", sha256, ["set/a", "set/b"], root)
    assert sorted(path.name for path in root.rglob("*")) == ["a", "b", "s.tgz", "set"]
    with pytest.raises(DataError, match=r"s\.tgz: not the published bytes"):
        fetch_archive(f"{server.base}s.tgz", "0" * 64, ["set/a"], root)


_OFFLINE = """
import sys, time, torch
from ganzoo.cli.main import main
for name in ("mnist", "fashion-mnist", "cifar10"):
    begun = time.monotonic()
    code = main(["data", "check", name])
    print(name, code, f"{time.monotonic() - begun:.1f}", flush=True)
"""


def test_without_a_network_the_error_says_all_that_helps(
    home: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    monkeypatch.delenv("GANZOO_OFFLINE")
    alone = ["unshare", "-rn"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"]).returncode != 0:
        pytest.skip("no process without a network can be made here")
    monkeypatch.setenv("npm_config_cache", str(home / "npm"))  # else it gives what it once had
    done = subprocess.run(
        [*alone, sys.executable, "-c", _OFFLINE],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )

    said = [line.split() for line in done.stdout.splitlines()]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert [(name, code) for name, code, _ in said] == [
        *(("mnist", "3"), ("fashion-mnist", "3"), ("cifar10", "3"))
    ]
    first = {"mnist": "train-images", "fashion-mnist": "train-images", "cifar10": "data_batch_1"}
    for (name, _, _), error in zip(said, errors, strict=True):
        for word in (f"{name}:", first[name], "http", str(home), "--data-root D", "digits"):
            assert word in error
    slowest = max(float(sec) for *_, sec in said)
    measured("E7", f"3 of 3 sets named with address, files, place; slowest {slowest} s")
