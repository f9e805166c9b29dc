"""What only a CUDA device can show: run with ``pytest -n0 -m gpu``."""

from pathlib import Path

import pytest
import torch
from tiny import experiment
from torch import Tensor
from zoo import REGISTRY, Pictures

from ganzoo import build, runner
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


class OnCard:
    """Pictures that lie on the card, all of them looked at before."""

    def __init__(self, batches: int) -> None:
        data = Pictures(32)
        self.count = data.count
        self.held = [
            tuple(part.cuda() for part in data.batch(start, 8))
            for start in range(0, 8 * batches, 8)
        ]

    def batch(self, start: int, size: int) -> tuple[Tensor, Tensor]:
        return self.held[start // size]  # type: ignore[return-value]


@pytest.mark.parametrize("name", [entry.name for entry in REGISTRY.recipes()])
@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_no_recipe_waits_for_the_card_or_leaves_finite_numbers(name: str, precision: str) -> None:
    sets = ["training.batch_size=8", "training.resolution=32", f"training.precision={precision}"]
    plan = resolve(REGISTRY, name, sets=sets)
    built = build.outline(plan, REGISTRY, {"dataset": Pictures(32)})
    data = OnCard(8 * built.algorithm.batches)
    trainer = Trainer(built.with_data(data), torch.device("cuda"))
    for _ in range(5):  # a lazy penalty has been due twice
        trainer.play_step()

    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.play_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")

    for network in trainer.networks.values():
        assert all(bool(value.isfinite().all()) for value in network.parameters())


def test_the_card_agrees_with_the_cpu() -> None:
    parts = experiment()

    off = disagreement(parts.networks, parts.env, 3, torch.device("cuda"))

    assert off < TOLERANCE
