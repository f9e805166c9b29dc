"""Ctrl-C and SIGTERM end a run in good order; a second one ends it at once."""

import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forks import Child, forks, needs_forks
from PIL import Image
from small import info, left, only_run, resume, rows, state, train

from ganzoo.training import checkpoint

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900), needs_forks]

Note = Callable[[str, str], None]
Amount = Callable[[int, int], int]
Begun = tuple[int, Path, Child]
ROWS = 20  # of a whole run
SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130)]


def finished(out: Path, *more: str, pictures: Path | None = None) -> Path:
    """Return a run that nothing stopped."""
    assert forks().ganzoo(*train(out, *more, pictures=pictures)).end() == 0
    return only_run(out)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with a checkpoint of every step."""
    often = ("training.tick_kimg=0.016", "training.checkpoint_kimg=0.016", "training.keep=99")
    return finished(tmp_path_factory.mktemp("steps"), *often)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(64):
        Image.effect_noise((28, 28), i + 1).save(folder / f"{i}.png")
    return folder


def rows_written(out: Path) -> int:
    """Return how many rows the trace of the run in a folder has by now."""
    return sum(len(path.read_bytes().splitlines()) for path in out.glob("*/metrics.jsonl"))


def begun(tries: int, folder: Path, *more: str, pictures: Path | None = None) -> Iterator[Begun]:
    """Yield so many runs to be stopped, each with its index and folder.

    One that came to its end before it was stopped is followed by another in its place.
    """
    i = 0
    for run in range(10 * tries):
        out = folder / str(run)
        child = forks().ganzoo(*train(out, *more, pictures=pictures))
        yield i, out, child
        i += child.code != 0
        if i == tries:
            return
    pytest.fail("nearly all runs end as if nobody had stopped them")


def stopped(child: Child, number: int, code: int, *, group: bool = False) -> float | None:
    """Stop it; return how long that took, None if it came to its end before."""
    began = time.monotonic()
    child.send(number, group=group)
    if child.end() == 0:
        return None
    assert child.code == code, child.text
    assert "Traceback" not in child.text
    assert "error" not in child.text
    return time.monotonic() - began


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_stopped_at_any_instant_a_run_saves_exactly_the_state_it_stopped_at(
    number: int,
    code: int,
    whole: Path,
    steps: Path,
    tmp_path: Path,
    amount: Amount,
    measured: Note,
) -> None:
    chance, slowest, tries = random.Random(number), 0.0, amount(3, 25)
    for _, out, child in begun(tries, tmp_path):
        first = chance.randrange(1, ROWS - 5)
        assert child.until(lambda out=out, first=first: rows_written(out) >= first)
        child.ended(chance.uniform(0, 0.02))
        if (took := stopped(child, number, code)) is None:
            continue
        slowest = max(slowest, took)
        assert_stopped(only_run(out), steps)
        assert child.left() == []
    run = only_run(out)
    assert forks().ganzoo(*resume(run)).end() == 0
    assert (state(run), rows(run)) == (state(whole), rows(whole))
    name = signal.Signals(number).name
    measured("B1", f"{name}: {tries} of {tries} exit {code}, exact; slowest {slowest:.2f} s")


def test_a_second_one_leaves_at_once_with_the_last_checkpoint_sound(
    tmp_path: Path, pictures: Path, amount: Amount, measured: Note
) -> None:
    slowest, tries = 0.0, amount(2, 10)
    for i in range(tries):
        out, marker = tmp_path / str(i), tmp_path / f"hangs-{i}"
        child = forks().call("saving:hang", str(marker), train(out, pictures=pictures))
        assert child.until(marker.exists)
        assert len(child.group()) > 1
        child.send(signal.SIGINT, group=True)
        while not child.ended(0.3):  # two that come too soon after each other are one
            began = time.monotonic()
            child.send(signal.SIGINT, group=True)
        slowest = max(slowest, time.monotonic() - began)
        assert child.code == 130
        assert child.left() == []
        assert "Traceback" not in child.text
        assert checkpoint.load(only_run(out) / "checkpoints").rejected == ()
    measured(
        "B2", f"{tries} of {tries}: no child alive, last good intact, {slowest:.2f} s at most"
    )


def test_a_signal_in_a_save_finds_it_whole_or_not_there(
    steps: Path, tmp_path: Path, amount: Amount, measured: Note
) -> None:
    tries, chance = amount(2, 10), random.Random(3)
    for i, out, child in begun(tries, tmp_path):
        if not child.until(lambda out=out: any(out.glob("*/checkpoints/.tmp-*"))):
            continue  # its saves were too quick to be seen
        child.ended(chance.uniform(0, 0.02))
        if stopped(child, *SIGNALS[i % 2]) is not None:
            assert_stopped(only_run(out), steps)
    measured("B3", f"in a save: {tries} of {tries} exit 143 or 130, exact, nothing half")


def assert_stopped(run: Path, steps: Path) -> None:
    """Demand the state of a run that stopped there, and nothing else."""
    said = info(run)
    assert said["status"] == "stopped"
    assert checkpoint.moments(run / "checkpoints")[-1] == said["nimg"]
    ticked = "readings"  # since the last tick; only theirs were made at every step
    assert state(run, without=ticked) == state(steps, said["nimg"], without=ticked)
    assert left(run) == []


def test_a_signal_in_an_evaluation_stops_after_it_with_the_state_exact(
    steps: Path, tmp_path: Path, amount: Amount, measured: Note
) -> None:
    tries, chance = amount(2, 10), random.Random(4)
    evaluated = ("training.eval_kimg=0.128", "training.eval_samples=500")
    for i, out, child in begun(tries, tmp_path, *evaluated):
        assert child.until(lambda child=child: "looking at digits" in child.text)
        child.ended(chance.uniform(0, 0.5))
        if stopped(child, *SIGNALS[i % 2]) is not None:
            assert_stopped(only_run(out), steps)
    measured("B3", f"in an evaluation: {tries} of {tries} exit 143 or 130, exact")


def test_a_signal_to_all_processes_while_pictures_are_decoded_leaves_none(
    pictures: Path, tmp_path: Path, amount: Amount, measured: Note
) -> None:
    tries, chance = amount(2, 10), random.Random(5)
    for i, out, child in begun(tries, tmp_path, pictures=pictures):
        first = chance.randrange(1, ROWS - 5)
        assert child.until(lambda out=out, first=first: rows_written(out) >= first)
        child.ended(chance.uniform(0, 0.02))
        ended = stopped(child, *SIGNALS[i % 2], group=True)
        assert child.left() == []
        if ended is None:
            continue
        run = only_run(out)
        assert info(run)["status"] == "stopped"
        assert checkpoint.load(run / "checkpoints").nimg == info(run)["nimg"]
    assert forks().ganzoo(*resume(run)).end() == 0
    same = finished(tmp_path / "whole", pictures=pictures)
    assert (state(run), rows(run)) == (state(same), rows(same))
    measured(
        "B3", f"while pictures are decoded: {tries} of {tries} exit 143 or 130, no child left"
    )


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_before_training_begins_a_signal_ends_a_run_without_a_traceback(
    number: int, code: int, tmp_path: Path, amount: Amount, measured: Note
) -> None:
    tries = amount(2, 10)
    for i in range(tries):
        out = tmp_path / str(i)
        child = forks().ganzoo(*train(out, f"dataset.count={20000 + i}", "training.rehearse=true"))
        assert child.until(lambda child=child: "opening" in child.text)
        child.ended(random.Random(i).uniform(0, 0.3))
        assert child.end(number) == code, child.text
        assert "Traceback" not in child.text
        assert info(only_run(out))["status"] in ("stopped", "crashed")
    measured("B3", f"before training: {tries} of {tries} exit {code}, no traceback")


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_while_a_download_hangs_ends_the_run(
    number: int, code: int, tmp_path: Path, amount: Amount, measured: Note
) -> None:
    tries = amount(1, 5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {"http_proxy": proxy, "no_proxy": "", "GANZOO_OFFLINE": "0"}
        for i in range(tries):
            home = {"GANZOO_HOME": str(tmp_path / f"home-{i}")}
            words = ["train", "gan", "-d", "fashion-mnist", "--out", str(tmp_path)]
            child = forks().ganzoo(*words, env={**env, **home})
            with silent.accept()[0]:
                assert child.end(number) == code, child.text
            assert "Traceback" not in child.text
            assert not any(path.is_file() for path in Path(home["GANZOO_HOME"]).rglob("*"))
    measured("B3", f"while a download hangs: {tries} of {tries} exit {code}")
