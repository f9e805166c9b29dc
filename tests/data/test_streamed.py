"""Reading while training changes nothing but the memory: order, values, labels, errors, ends."""

import multiprocessing
import os
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from ganzoo import runner
from ganzoo.data.resident import Resident
from ganzoo.data.streamed import Streamed
from ganzoo.errors import DataError, MachineError
from ganzoo.events import Started
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint
from ganzoo.training.skeleton import digest
from ganzoo_folder.folder import Folder

COUNT = 11


class Noise:
    """A reader of random images that can fail, or hang, at one of them."""

    def __init__(self, *, channels: int = 3, labelled: bool = True, bad: int = -1) -> None:
        rng = torch.Generator().manual_seed(0)
        shape = (COUNT, channels, 4, 4)
        self.images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)
        self.labels = torch.arange(COUNT) if labelled else None
        self.error: Exception = DataError("photos/7.png cannot be read (cut); repair it.")
        self._bad = bad

    def __len__(self) -> int:
        return COUNT

    def __call__(self, index: int) -> Tensor:
        if index == self._bad:
            raise self.error
        return self.images[index]

    def resident(self, seed: int = 3) -> Resident:
        return Resident(self.images, self.labels, device="cpu", seed=seed)


@pytest.fixture(autouse=True)
def _no_orphans() -> Iterator[None]:
    """See that no worker outlives its test."""
    yield
    ends = time.monotonic() + 5
    while multiprocessing.active_children() and time.monotonic() < ends:
        time.sleep(0.02)
    assert multiprocessing.active_children() == []


def _same(first: tuple[Tensor, Tensor | None], second: tuple[Tensor, Tensor | None]) -> None:
    assert torch.equal(first[0], second[0])
    assert first[0].stride() == second[0].stride()
    assert (first[1] is None) == (second[1] is None)
    if first[1] is not None and second[1] is not None:
        assert torch.equal(first[1], second[1])


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize(("channels", "labelled"), [(3, True), (1, False)])
def test_every_batch_is_what_resident_data_would_give(
    workers: int, channels: int, labelled: bool
) -> None:
    reader = Noise(channels=channels, labelled=labelled)
    resident, streamed = reader.resident(), Streamed(reader, "cpu", seed=3, workers=workers)
    steady = [(start, 4) for start in range(0, 40, 4)]  # more than three epochs
    jumps = [(40, 7), (47, 7), (5, 3), (5, 3), (8, 3), (8, 2), (0, 25), (1000, 1), (3, 4), (7, 4)]

    for start, size in steady + jumps:
        _same(streamed.batch(start, size), resident.batch(start, size))
    assert streamed.count == resident.count
    streamed.close()


@pytest.mark.parametrize("most", [4, 256])
def test_the_fingerprint_and_the_pixels_are_those_of_resident_data(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganzoo.data.resident._SAMPLED_IMAGES", most)
    for reader in (Noise(), Noise(channels=1, labelled=False)):
        resident, streamed = reader.resident(), Streamed(reader, "cpu", seed=8, workers=0)

        assert streamed.fingerprint() == resident.fingerprint()
        assert torch.equal(streamed.pixels([5, 2]), resident.pixels([5, 2]))


def test_a_changed_batch_changes_no_data_of_a_stream() -> None:
    streamed = Streamed(Noise(), "cpu", seed=3, workers=0)
    images, labels = streamed.batch(0, 5)
    assert labels is not None
    images.zero_()
    labels.zero_()

    _same(streamed.batch(0, 5), Noise().resident().batch(0, 5))


@pytest.mark.parametrize("workers", [0, 2])
def test_reading_ahead_draws_no_global_random_number(workers: int) -> None:
    before = torch.get_rng_state()
    streamed = Streamed(Noise(), "cpu", seed=3, workers=workers)
    for start in (0, 4, 8, 2):
        streamed.batch(start, 4)
    streamed.close()

    assert torch.equal(torch.get_rng_state(), before)


def test_more_workers_than_cores_are_taken_without_a_word(
    recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    streamed = Streamed(Noise(), "cpu", seed=3, workers=2)
    streamed.batch(0, 4)
    streamed.close()

    assert [str(each.message) for each in recwarn] == []


def _drain(streamed: Streamed) -> None:
    for start in range(4, 400, 4):
        streamed.batch(start, 4)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_cannot_be_read_is_one_sentence(workers: int) -> None:
    reader = Noise(bad=7)
    streamed = Streamed(reader, "cpu", seed=3, workers=workers)
    with pytest.raises(DataError) as caught:
        _drain(streamed)
    assert str(caught.value) == str(reader.error)

    reader.error = KeyError("x")
    streamed = Streamed(reader, "cpu", seed=3, workers=workers)
    with pytest.raises(DataError, match=r"^an image of the data cannot be read \(KeyError\('x'\)"):
        streamed.batch(0, COUNT)


def test_a_worker_that_is_killed_is_one_sentence_when_it_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganzoo.data.streamed._PATIENCE", 2.0)
    streamed = Streamed(Noise(), "cpu", seed=3, workers=2)
    streamed.batch(0, 4)
    os.kill(int(multiprocessing.active_children()[0].pid or 0), signal.SIGKILL)
    time.sleep(0.3)  # no word comes in the midst of a step

    with pytest.raises(MachineError) as caught:
        _drain(streamed)

    assert str(caught.value).startswith("a process that reads images is lost (DataLoader worker")
    assert str(caught.value).endswith("training.workers=1, or none with 0")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_stops_a_run_stops_no_worker_before_the_step_is_done(number: signal.Signals) -> None:
    streamed, resident = Streamed(Noise(), "cpu", seed=3, workers=2), Noise().resident()
    for start in (0, 4):  # of one worker and the other, so that both are ready
        streamed.batch(start, 4)
    for process in multiprocessing.active_children():
        os.kill(int(process.pid or 0), number)

    for start in range(8, 400, 4):
        _same(streamed.batch(start, 4), resident.batch(start, 4))
    streamed.close()


class Slow(Noise):
    def __call__(self, index: int) -> Tensor:
        time.sleep(60)
        return super().__call__(index)


def test_a_worker_that_hangs_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.data.streamed._PATIENCE", 0.2)
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)
    streamed = Streamed(Slow(), "cpu", seed=3, workers=1)

    with pytest.raises(MachineError, match=r"is lost \(DataLoader timed out after 0\.2 seconds\)"):
        streamed.batch(0, 4)


def test_it_says_how_it_reads() -> None:
    words = {0: "it is read", 1: "1 worker reads it", 3: "3 workers read it"}
    for workers, how in words.items():
        said = Streamed(Noise(), "cpu", seed=0, workers=workers).in_words("photos")
        assert said == f"photos is 0.0 GiB of pixels: {how} from disk while training"


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Return a folder with every kind of PNG, of many sizes, in two classes."""
    root = tmp_path / "mixed"
    palette = Image.new("P", (40, 40), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    kinds = {
        "a/palette": (palette, {}),
        "a/clear": (palette, {"transparency": 1}),
        "a/rgba": (Image.new("RGBA", (64, 33), (255, 0, 0, 51)), {}),
        "b/la": (Image.new("LA", (20, 90), (0, 128)), {}),
        "b/grey": (Image.new("L", (17, 17), 77), {}),
        "b/deep": (Image.new("I;16", (50, 32), 32896), {}),
    }
    for name, (picture, options) in kinds.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(root / f"{name}.png", **options)
    return root


VALUES = [[255] * 3, [200, 100, 50], [255, 204, 204], [128] * 3, [77] * 3, [127] * 3]
SMALL = (
    "generator.width=4",
    "discriminator.width=4",
    "training.batch_size=4",
    "training.resolution=32",
    "training.tick_kimg=0.008",
    "training.checkpoint_kimg=0.008",
    "training.rehearse=false",
)


def _packed(root: Path) -> Path:
    with zipfile.ZipFile(root.with_suffix(".zip"), "w") as archive:
        for path in root.rglob("*.png"):
            archive.write(path, path.relative_to(root))
    return root.with_suffix(".zip")


@pytest.mark.parametrize("packed", [False, True])
def test_pictures_of_every_kind_and_size_have_the_values_that_people_see(
    mixed: Path, packed: bool
) -> None:
    path = _packed(mixed) if packed else mixed
    reader = Folder(path=str(path)).reader(32)
    streamed = Streamed(reader, "cpu", seed=0, workers=0)

    assert streamed.pixels(range(6)).flatten(2).amin(2).tolist() == VALUES
    assert torch.equal(streamed.pixels(range(6)), Folder(path=str(path)).load(32)[0])


class Notes:
    """Keeps what is said at the start."""

    notes: tuple[str, ...] = ()

    def show(self, event: Any) -> None:
        if isinstance(event, Started):
            self.notes = event.notes


def _run(path: Path, out: Path, *sets: str, kimg: float) -> tuple[RunDir, tuple[str, ...]]:
    registry, notes = Registry.discover(only=()), Notes()
    sets = (*SMALL, f"training.kimg={kimg}", *sets)
    plan = resolve(registry, "dcgan", replace={"dataset": str(path)}, sets=sets)
    done = runner.train(plan, registry, out=out, device="cpu", observers=[notes])
    return RunDir.open(done.run), notes.notes


def _state(run: RunDir, nimg: int) -> str:
    groups = dict(checkpoint.load(run.checkpoints, nimg).groups)
    del groups["clock"]
    return digest(groups)


def _goes_on(run: RunDir, *, resident_gib: int, start: int | None = None) -> None:
    """Resume a run to 16 images with data where it was not before."""
    config = run.config.read_text()
    line = next(each for each in config.splitlines() if each.startswith("resident_gib"))
    assert f"= {resident_gib}.0" not in line
    run.config.write_text(config.replace(line, f"resident_gib = {resident_gib}.0"))
    registry = Registry.discover(only=())
    runner.resume(run, registry, device="cpu", kimg="0.016", start=start)


def test_a_streamed_run_is_a_resident_one_and_each_goes_on_as_the_other(
    mixed: Path, tmp_path: Path
) -> None:
    stream = ("training.resident_gib=0", "training.workers=2", "training.rehearse=true")
    whole, silent = _run(mixed, tmp_path / "whole", kimg=0.016)
    half, end = _state(whole, 8), _state(whole, 16)
    streamed, said = _run(_packed(mixed), tmp_path / "streamed", *stream, kimg=0.008)

    words = "mixed is 0.0 GiB of pixels: 2 workers read it from disk while training"
    assert words in said
    assert not [note for note in silent if "GiB of pixels" in note]
    assert streamed.real_sample.read_bytes() == whole.real_sample.read_bytes()
    assert streamed.read_info()["fingerprint"] == whole.read_info()["fingerprint"]
    assert _state(streamed, 8) == half

    _goes_on(streamed, resident_gib=2)
    assert _state(streamed, 16) == end
    _goes_on(whole, resident_gib=0, start=8)
    assert _state(whole, 16) == end
