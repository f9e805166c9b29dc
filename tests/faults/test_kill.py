"""Killed at any instant, a run goes on as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from forks import forks, needs_forks
from small import assert_same, left, only_run, resume, train

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

KILLS = 20
SETTINGS = [
    "dataset.count=512",
    "training.kimg=16",
    "training.tick_kimg=0.25",
    "training.checkpoint_kimg=0.25",
    "training.sample_kimg=1",
    "training.batch_size=32",
    "training.cuda_graph=on",
    "generator.width=4",
    "discriminator.width=4",
]


# A card adds in any order unless it is told not to; the steps are recorded as CUDA graphs there.
IN_ORDER = """
import sys, torch
from ganzoo.cli.main import main
torch.use_deterministic_algorithms(True)
sys.exit(main())
"""


def killed_run(
    out: Path, kills: int, chance: random.Random, seconds: float
) -> tuple[Path, Counter[str]]:
    """Kill a run again and again, then let it end; returns its folder and where it was hit."""
    hit: Counter[str] = Counter()
    words = train(out)
    while True:
        child = forks().ganzoo(*words)
        aimed = hit.total() % 2 == 1
        if hit.total() == kills:
            assert child.end() == 0, child.text
            return only_run(out), hit
        if aimed and child.until(lambda: any(out.glob("*/checkpoints/.tmp-*"))):
            time.sleep(chance.uniform(0, 0.1) ** 2)  # a save is short
        elif not aimed:
            child.ended(chance.uniform(0, seconds))
        if child.end(signal.SIGKILL) == 0:  # it was quicker
            return only_run(out), hit
        hit["in a save" if left(out) else "elsewhere"] += 1
        if any('"status": "done"' in path.read_text() for path in out.glob("*/run.json")):
            return only_run(out), hit  # killed after its last word
        sound = sorted(out.glob("*/checkpoints/0*"))
        if sound:
            words = resume(sound[-1].parents[1])
        elif started := list(out.glob("*/run.json")):
            child = forks().ganzoo(*resume(started[0].parent))
            assert child.end() == 8, child.text
            words = train(out := out / "again")


@needs_forks
def test_runs_killed_anywhere_end_as_one_that_was_never_stopped(
    tmp_path: Path,
    amount: Callable[[int, int], int],
    measured: Callable[[str, str], None],
) -> None:
    forks()
    began = time.monotonic()
    whole, _ = killed_run(tmp_path / "whole", 0, random.Random(), 0)
    seconds = time.monotonic() - began
    chance, wanted = random.Random(0), amount(8, 200)
    runs, hit = 0, Counter[str]()
    while hit.total() < wanted or hit["in a save"] < wanted / 4:
        assert hit.total() < 4 * wanted, "hardly one of them hits a save"
        kills = min(12, max(wanted - hit.total(), 2))
        run, more = killed_run(tmp_path / str(runs), kills, chance, seconds)
        assert_same(run, whole)
        runs, hit = runs + 1, hit + more
    took = time.monotonic() - began
    found = f"{hit.total()} SIGKILLs ({hit['in a save']} in a save), {took:.0f} s"
    measured("A4", f"{found}: {runs} of {runs} runs bit-identical, 0 leftovers")
    measured("A7", f"{runs} of {runs} killed runs: same trace and samples, no gap, no duplicate")


@pytest.mark.gpu
def test_a_run_on_a_card_killed_twenty_times_ends_as_one_that_was_never_stopped(
    tmp_path: Path,
) -> None:
    env = dict(os.environ, OMP_NUM_THREADS="1", CUBLAS_WORKSPACE_CONFIG=":4096:8")
    ganzoo = [sys.executable, "-c", IN_ORDER]
    how = ["--device", "cuda", "--quiet"]
    words = ["train", "dcgan", *how, *(word for each in SETTINGS for word in ("--set", each))]
    subprocess.run([*ganzoo, *words, "--out", str(tmp_path / "whole")], check=True, env=env)
    whole = next((tmp_path / "whole").iterdir())
    chance = random.Random(0)

    process = subprocess.Popen([*ganzoo, *words, "--out", str(tmp_path / "killed")], env=env)
    killed = 0
    while killed < KILLS:
        _wait_for_a_start(tmp_path / "killed", process)
        time.sleep(chance.uniform(0.0, 0.5))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += 1
        run = next((tmp_path / "killed").iterdir())
        process = subprocess.Popen([*ganzoo, "resume", str(run), *how], env=env)
    process.wait()
    run = next((tmp_path / "killed").iterdir())

    assert killed == KILLS
    assert_same(run, whole)


def _wait_for_a_start(root: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a checkpoint newer than before is there, or the process has ended."""
    started = time.monotonic()
    before = _moments(root)
    while process.poll() is None and time.monotonic() - started < 120:
        if _moments(root) - before:
            return
        time.sleep(0.02)


def _moments(root: Path) -> set[str]:
    return {path.name for path in root.glob("*/checkpoints/0*")}
