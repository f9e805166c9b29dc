"""What only a CUDA device can show: run with ``pytest -n0 -m gpu``."""

from pathlib import Path

import pytest
import torch
from tiny import experiment

from ganzoo import runner
from ganzoo.made import make_pictures
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint
from ganzoo.training.device import TOLERANCE, disagreement
from ganzoo.training.skeleton import digest
from ganzoo.training.trainer import Trainer

pytestmark = pytest.mark.gpu

SETS = ("dataset.count=2048", "training.kimg=4", "training.tick_kimg=1")


def train(out: Path, *sets: str) -> RunDir:
    registry = Registry.discover(only=())
    plan = resolve(registry, "dcgan", sets=[*SETS, *sets])
    return RunDir.open(runner.train(plan, registry, out=out, device="cuda").run)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_the_main_job_trains_and_samples_on_the_card(tmp_path: Path, precision: str) -> None:
    run = train(tmp_path, f"training.precision={precision}")

    path = make_pictures(run, Registry.discover(only=()), seeds=range(64), device="cuda")

    assert path.exists()
    assert run.read_info()["status"] == "done"
    assert "cuda" in run.read_info()["environment"]["device"]


def test_a_resumed_run_on_the_card_ends_in_the_same_state(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", "training.checkpoint_kimg=2")
    part = train(tmp_path / "part", "training.checkpoint_kimg=2")

    runner.resume(part, Registry.discover(only=()), device="cuda", start=2048)

    states = [dict(checkpoint.load(run.checkpoints).groups) for run in (whole, part)]
    for state in states:
        del state["clock"]
    assert digest(states[0]) == digest(states[1])


def test_nothing_inside_the_loop_waits_for_the_card() -> None:
    trainer = Trainer(experiment(), torch.device("cuda"))
    data = trainer.experiment.data
    object.__setattr__(data, "images", data.images.cuda())  # type: ignore[attr-defined]
    for _ in range(3):
        trainer.play_step()

    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.play_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_card_agrees_with_the_cpu() -> None:
    parts = experiment()

    off = disagreement(parts.networks, parts.env, 3, torch.device("cuda"))

    assert off < TOLERANCE
