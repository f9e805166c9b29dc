"""Killed at any instant, a run goes on as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganzoo.training import checkpoint
from ganzoo.training.skeleton import digest

KILLS = 20
SETTINGS = [
    "dataset.count=512",
    "training.kimg=16",
    "training.tick_kimg=0.25",
    "training.checkpoint_kimg=0.25",
    "training.sample_kimg=1",
    "training.batch_size=32",
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


def ganzoo(device: str, *words: str) -> list[str]:
    how = ["-m", "ganzoo"] if device == "cpu" else ["-c", IN_ORDER]
    return [sys.executable, *how, *words, "--device", device, "--quiet"]


def train(device: str, out: Path) -> list[str]:
    graphs = "training.cuda_graph=auto" if device == "cpu" else "training.cuda_graph=on"
    sets = [word for setting in (*SETTINGS, graphs) for word in ("--set", setting)]
    return ganzoo(device, "train", "dcgan", "--out", str(out), *sets)


def final_digest(run: Path) -> str:
    groups = dict(checkpoint.load(run / "checkpoints").groups)
    del groups["clock"]
    return digest(groups)


def rows(run: Path) -> list[tuple[float, float]]:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["nimg"], row["d_loss"]) for row in map(json.loads, lines)]


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_run_killed_twenty_times_ends_as_one_that_was_never_stopped(
    tmp_path: Path, device: str
) -> None:
    env = dict(os.environ, OMP_NUM_THREADS="1", CUBLAS_WORKSPACE_CONFIG=":4096:8")
    subprocess.run(train(device, tmp_path / "whole"), check=True, env=env)
    whole = next((tmp_path / "whole").iterdir())
    chance = random.Random(0)

    process = subprocess.Popen(train(device, tmp_path / "killed"), env=env)
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
        process = subprocess.Popen(ganzoo(device, "resume", str(run)), env=env)
    process.wait()
    run = next((tmp_path / "killed").iterdir())

    assert json.loads((run / "run.json").read_text())["status"] == "done"
    assert killed == KILLS
    assert final_digest(run) == final_digest(whole)
    assert rows(run) == rows(whole)


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
