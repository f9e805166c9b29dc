"""What only a CUDA device can show: run with ``pytest -n0 -m gpu``."""

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tape import NeverRecorder
from tiny import BrokenSlope, experiment
from torch import Tensor
from zoo import REGISTRY, Pictures

from ganzoo import build, runner
from ganzoo.algorithm import G, Play
from ganzoo.data.resident import Resident
from ganzoo.errors import DivergedError
from ganzoo.interfaces import Regularizer
from ganzoo.made import make_pictures
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint
from ganzoo.training.device import TOLERANCE, disagreement
from ganzoo.training.finite import EVERY
from ganzoo.training.graphs import Graphs
from ganzoo.training.rehearsal import memory, rehearse
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


def tiny_on_card(**parts: Any) -> Trainer:
    """Return a trainer of the smallest game, with its pictures on the card."""
    game = experiment(**parts)
    object.__setattr__(game.data, "images", game.data.images.cuda())  # type: ignore[attr-defined]
    return Trainer(game, torch.device("cuda"))


def test_nothing_inside_the_loop_waits_for_the_card() -> None:
    trainer = tiny_on_card(training={"cuda_graph": "off"})
    for _ in range(3):
        trainer.play_step()

    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.play_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_gradient_that_is_not_finite_is_found_without_waiting_for_the_card() -> None:
    parts = {"regularizers": {"broken": BrokenSlope(G)}, "training": {"cuda_graph": "off"}}
    trainer = tiny_on_card(**parts)
    trainer.play_step()

    def play() -> None:
        while trainer.step < 10 * EVERY:
            trainer.play_step()

    torch.cuda.set_sync_debug_mode("error")
    try:
        with pytest.raises(DivergedError, match="the gradient of generator"):
            play()
    finally:
        torch.cuda.set_sync_debug_mode("default")

    assert trainer.step <= 4 * EVERY


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


def on_card(name: str, steps: int, *sets: str) -> Trainer:
    """Return a trainer of a recipe, with pictures for so many steps on the card."""
    torch.manual_seed(0)
    size = ("training.batch_size=8", "training.resolution=32")
    plan = resolve(REGISTRY, name, sets=[*size, *sets])
    built = build.outline(plan, REGISTRY, {"dataset": Pictures(32)})
    data = OnCard(steps * built.algorithm.batches)
    return Trainer(built.with_data(data), torch.device("cuda"))


@pytest.mark.parametrize("name", [entry.name for entry in REGISTRY.recipes()])
@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_no_recipe_waits_for_the_card_or_leaves_finite_numbers(name: str, precision: str) -> None:
    trainer = on_card(name, 8, f"training.precision={precision}", "training.cuda_graph=off")
    for _ in range(5):  # a lazy penalty has been due twice
        trainer.play_step()

    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.play_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")

    for network in trainer.networks.values():
        assert all(bool(value.isfinite().all()) for value in network.parameters())


@pytest.fixture
def deterministic() -> Iterator[None]:
    """Let the card add in one order."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


RECORDED = [entry.name for entry in REGISTRY.recipes() if entry.name != "r3gan"]
"""Recipes whose steps can be recorded; beta2 of r3gan moves in every step."""


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_a_replayed_step_is_the_step(name: str, precision: str) -> None:
    sets = (f"training.precision={precision}", "regularizer.r1.interval=4")
    known = sets if name in ("dcgan", "stylegan-lite") else sets[:1]
    replayed = on_card(name, 40, *known, "training.cuda_graph=on")
    played = on_card(name, 40, *known)
    played.graphs = Graphs(NeverRecorder())
    states = []
    for made in (replayed, played):
        torch.cuda.manual_seed(1)
        for _ in range(40):
            made.play_step()
        torch.cuda.synchronize()
        state = made.state_dict()
        del state["clock"]
        states.append(digest(state))

    assert replayed.graphs is not None
    assert replayed.graphs.count > 0
    assert states[0] == states[1]


@pytest.mark.parametrize("name", RECORDED)
def test_a_replay_does_not_wait_for_the_card(name: str) -> None:
    trainer = on_card(name, 26, "training.cuda_graph=on")
    for _ in range(24):
        trainer.play_step()

    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.play_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_nothing_waits_where_an_epoch_ends() -> None:
    pixels = torch.zeros(100, 1, 8, 8, dtype=torch.uint8)
    data = Resident(pixels, torch.zeros(100, dtype=torch.long), "cuda", seed=0)
    data.batch(0, 64)

    torch.cuda.set_sync_debug_mode("error")
    try:
        images, _ = data.batch(64, 64)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert images.shape == (64, 1, 8, 8)


class Asks(Regularizer):
    """Waits for the card in every step, which no graph can hold."""

    def penalty(self, play: Play) -> Tensor:
        return play.real_logits * float(play.real_logits.mean())


def test_what_cannot_be_recorded_is_played_and_leaves_every_stream_in_order() -> None:
    made, plain = (tiny_on_card(regularizers={"asks": Asks()}) for _ in range(2))
    plain.graphs = Graphs(NeverRecorder())
    for each in (made, plain):
        torch.cuda.manual_seed(1)
        for _ in range(12):
            each.play_step()

    assert made.graphs is not None
    assert made.graphs.refusal
    torch.testing.assert_close(
        made.networks["generator"].state_dict(), plain.networks["generator"].state_dict()
    )
    assert torch.randn(3, device="cuda").isfinite().all()  # the broken recording is forgotten


def test_the_card_agrees_with_the_cpu() -> None:
    parts = experiment()

    off = disagreement(parts.networks, parts.env, 3, torch.device("cuda"))

    assert off < TOLERANCE


GIB = 2**30


@pytest.fixture
def eight_gib() -> Iterator[None]:
    """Let this process use no more than a card of 8 GiB has."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, 8 * GIB / total))
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    gc.collect()
    torch.cuda.empty_cache()


class LargePictures(Pictures):
    """Pictures that come to the card one batch at a time."""

    def batch(self, start: int, size: int) -> tuple[Tensor, Tensor]:
        images, labels = super().batch(start, size)
        return images.cuda(), labels.cuda()


@pytest.mark.usefixtures("eight_gib")
@pytest.mark.parametrize(
    ("name", "sets"),
    [
        ("stylegan-lite", ()),
        ("stylegan-lite", ("training.batch_size=64",)),
        ("progan", ("schedule.progressive.stage_kimg=1", "schedule.progressive.fade_kimg=1")),
        (
            "progan",
            (
                "schedule.progressive.stage_kimg=1",
                "schedule.progressive.fade_kimg=1",
                "schedule.progressive.halve_above=256",
            ),
        ),
    ],
)
def test_a_run_planned_for_eight_gib_stays_within_nine_tenths_of_them(
    name: str, sets: tuple[str, ...]
) -> None:
    sets = (*sets, "training.resolution=256", "training.kimg=40")
    data, card = LargePictures(256), torch.device("cuda")
    built = build.outline(resolve(REGISTRY, name, sets=sets), REGISTRY, {"dataset": data})
    made = built.with_data(data)  # type: ignore[arg-type]

    assert memory(card)[1] == pytest.approx(8 * GIB, rel=1e-3)
    training, note = rehearse(made, card)
    trainer = Trainer(replace(made, training=training), card, total_nimg=40_000)
    trainer.nimg = 39_999
    torch.cuda.reset_peak_memory_stats()
    for _ in range(3):
        trainer.play_step()
        trainer.nimg = 39_999

    assert "kimg take about" in note
    assert torch.cuda.max_memory_allocated() <= 7.2 * GIB
    assert torch.cuda.max_memory_reserved() <= 8 * GIB


def test_a_rehearsal_changes_nothing_of_a_run_on_the_card() -> None:
    states = []
    for rehearsed in (False, True):
        torch.manual_seed(0)
        made = experiment()
        made.data.images = made.data.images.cuda()  # type: ignore[attr-defined]
        torch.manual_seed(0)
        if rehearsed:
            assert "kimg take about" in rehearse(made, torch.device("cuda"))[1]
        trainer = Trainer(made, torch.device("cuda"), total_nimg=80)
        for _ in range(5):
            trainer.play_step()
        states.append({k: v for k, v in trainer.state_dict().items() if k != "clock"})

    assert digest(states[0]) == digest(states[1])
