"""Steps that are recorded once and replayed: what a CPU can show; the rest is in tests/gpu."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from tape import NeverRecorder, TapeRecorder
from tiny import experiment
from torch import Tensor
from torch.nn.functional import dropout
from zoo import REGISTRY, Pictures

from ganzoo import build
from ganzoo.adversarial import Adversarial
from ganzoo.algorithm import Phase, Play, RunView
from ganzoo.errors import FitError, MachineError
from ganzoo.hookspecs import hookimpl
from ganzoo.interfaces import Augment, Loss, Regularizer, Schedule
from ganzoo.plan import resolve
from ganzoo.training.experiment import Experiment, acting, hooks_of
from ganzoo.training.graphs import Graphs, choose_graphs
from ganzoo.training.skeleton import digest
from ganzoo.training.trainer import Trainer

CPU = torch.device("cpu")


def trained(game: Experiment, recorder: TapeRecorder, total: int = 400) -> Trainer:
    """Train to the end; a tick's readings are kept by its images."""
    torch.manual_seed(1)
    made = Trainer(game, CPU, total_nimg=total, graphs=Graphs(recorder))
    ticks = list(made.ticks(100))
    made.said = {tick.nimg: dict(tick.readings) for tick in ticks}  # type: ignore[attr-defined]
    made.notes_said = [tick.note for tick in ticks if tick.note]  # type: ignore[attr-defined]
    return made


def state(made: Trainer) -> dict[str, Any]:
    return {name: group for name, group in made.state_dict().items() if name != "clock"}


def result(made: Trainer) -> tuple[object, str]:
    return made.said, digest(state(made))  # type: ignore[attr-defined]


def of_recipe(name: str, *sets: str) -> Experiment:
    """Return a recipe, small enough for a CPU, on pictures that are a function of position."""
    torch.manual_seed(0)
    size = ["training.batch_size=8", "generator.width=4", "discriminator.width=4"]
    plan = resolve(REGISTRY, name, sets=[*size, "training.resolution=32", *sets])
    pictures = Pictures(32)
    return build.outline(plan, REGISTRY, {"dataset": pictures}).with_data(pictures)


class Slope(Regularizer):
    on = ("discriminator",)
    input_grads = ("real",)
    second_order = True
    interval = 2

    def penalty(self, play: Play) -> Tensor:
        return play.gradient(play.real_logits, play.real).square().flatten(1).sum(1)


class Noise(Augment):
    def __call__(self, images: Tensor, rng: torch.Generator) -> Tensor:
        own = torch.randn(images.shape, generator=rng, dtype=images.dtype)
        return dropout(images + 0.1 * own, 0.2)  # and of the global stream


class Change(Schedule):
    """Everything a schedule may change, in every step."""

    @hookimpl
    def step_start(self, run: RunView) -> None:
        share = run.nimg / 400
        run.set_rate("generator", 1 - share)
        run.set_weight("slope", 1 + share)
        run.set_ema_halflife(share)


def test_a_replayed_step_is_the_step_bit_for_bit() -> None:
    parts: dict[str, Any] = {
        "regularizers": {"slope": Slope()},
        "augments": {"noise": Noise()},
        "schedules": {"change": Change()},
        "d_steps": 2,
    }
    made = trained(experiment(**parts), TapeRecorder())
    plain = trained(experiment(**parts), NeverRecorder())

    assert made.graphs is not None
    assert made.graphs.count == 2  # with the penalty and without
    assert result(made) == result(plain)


class Growing(Schedule):
    """A batch that doubles half way."""

    @hookimpl
    def step_start(self, run: RunView) -> None:
        run.set_batch_size(8 if run.nimg < 200 else 16)


def test_another_batch_has_other_graphs_and_the_old_ones_go() -> None:
    games = [experiment(schedules={"growing": Growing()}) for _ in range(2)]
    recorder = TapeRecorder()
    made = trained(games[0], recorder)

    assert made.graphs is not None
    assert (recorder.recorded, made.graphs.count) == (2, 1)
    assert result(made) == result(trained(games[1], NeverRecorder()))


class Counts(Adversarial):
    """Says another number of batches than it takes."""

    says = 1

    @property
    def batches(self) -> int:  # type: ignore[override]
        return self.says

    @batches.setter
    def batches(self, count: int) -> None:
        self.takes = count

    def bind(self, loss: Loss | None, regularizers: Mapping[str, Regularizer]) -> None:
        self.says, said = self.takes, self.says
        super().bind(loss, regularizers)
        self.says = said


@pytest.mark.parametrize(
    ("says", "takes", "error", "why"),
    [(1, 2, MachineError, "takes more batches"), (2, 1, FitError, "takes fewer batches")],
)
def test_an_algorithm_that_miscounts_its_batches_is_found_out(
    says: int, takes: int, error: type[Exception], why: str
) -> None:
    game = experiment()
    algorithm = Counts(game.env, d_steps=takes)
    algorithm.says = says
    graphs = Graphs(TapeRecorder(), required=True)
    made = Trainer(replace(game, algorithm=algorithm), CPU, total_nimg=200, graphs=graphs)

    with pytest.raises(error, match=why):
        list(made.ticks(100))


# Every recipe whose steps can be recorded, with what changes in its steps: lazy terms, stages.
_RECIPES: dict[str, tuple[str, ...]] = {
    "gan": (),
    "dcgan": ("augment=ada", "augment.ada.interval=2"),
    "cgan": (),
    "acgan": (),
    "wgan": (),
    "wgan-gp": (),
    "sngan": (),
    "sagan": (),
    "progan": ("schedule.progressive.stage_kimg=0.064", "schedule.progressive.fade_kimg=0.064"),
    "stylegan-lite": ("regularizer.r1.interval=3",),
}


def _unchecked(labels: Tensor, num_classes: int) -> Tensor:
    """Be torch's ``one_hot`` as it is on CUDA: it does not look whether labels are in range."""
    return (labels.unsqueeze(-1) == torch.arange(num_classes)).long()


@pytest.mark.parametrize("name", _RECIPES)
def test_a_recipe_replays_its_steps_bit_for_bit(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganzoo.nn.conditioning.one_hot", _unchecked)
    games = [of_recipe(name, *_RECIPES[name]) for _ in range(2)]
    total = 20 * 8 * games[0].algorithm.batches
    recorder = TapeRecorder()
    made = trained(games[0], recorder, total)
    plain = trained(games[1], NeverRecorder(), total)

    assert made.graphs is not None
    assert made.graphs.refusal == ""
    assert recorder.recorded > 0
    assert result(made) == result(plain)


def test_what_changes_in_every_step_is_played_as_ever() -> None:
    """r3gan's schedule moves beta2, which torch's Adam takes as a number."""
    games = [of_recipe("r3gan") for _ in range(2)]
    made = trained(games[0], TapeRecorder(), 8 * 20)

    assert made.graphs is not None
    assert made.graphs.refusal == "its settings change too often"
    assert result(made) == result(trained(games[1], NeverRecorder(), 8 * 20))


def test_a_resumed_run_ends_where_the_whole_one_does() -> None:
    def game() -> Experiment:
        return experiment(regularizers={"slope": Slope()}, augments={"noise": Noise()})

    whole = trained(game(), TapeRecorder())
    first = Trainer(game(), CPU, total_nimg=400, graphs=Graphs(TapeRecorder()))
    torch.manual_seed(1)
    ticks = first.ticks(100)
    assert [next(ticks).nimg, next(ticks).nimg] == [104, 200]
    saved = first.state_dict()
    second = Trainer(game(), CPU, total_nimg=400, graphs=Graphs(TapeRecorder()))
    second.load_state_dict(saved)
    list(second.ticks(100))

    assert digest(state(second)) == digest(state(whole))


def test_a_run_goes_on_without_graphs_and_with_them() -> None:
    """The rate of an optimizer is a tensor in one and a number in the other."""
    with_graphs = trained(experiment(), TapeRecorder(), 200)
    plain = Trainer(experiment(), CPU, total_nimg=400)
    plain.load_state_dict(with_graphs.state_dict())
    list(plain.ticks(100))
    back = Trainer(experiment(), CPU, total_nimg=480, graphs=Graphs(TapeRecorder()))
    back.load_state_dict(plain.state_dict())
    list(back.ticks(80))

    assert plain.optimizers["generator"].param_groups[0]["lr"] == 1e-2
    assert torch.is_tensor(back.optimizers["generator"].param_groups[0]["lr"])
    assert back.nimg == 480


class Chatty(Regularizer):
    """Logs a column in some steps only."""

    def penalty(self, play: Play) -> Tensor:
        return play.real_logits.new_zeros(())

    @hookimpl
    def phase_end(self, run: RunView, phase: Phase, play: Play) -> None:
        if run.step == 3:
            run.log("odd", torch.ones(()))


def test_a_step_that_cannot_be_recorded_is_played_all_the_same() -> None:
    made = trained(experiment(regularizers={"chatty": Chatty()}), TapeRecorder())

    assert made.graphs is not None
    assert made.graphs.refusal == "'odd' is logged in some steps only"
    assert made.notes_said == [  # type: ignore[attr-defined]
        "steps are played without CUDA graphs: 'odd' is logged in some steps only"
    ]
    plain = trained(experiment(regularizers={"chatty": Chatty()}), NeverRecorder())
    assert result(made) == result(plain)
    assert plain.graphs is not None
    assert plain.graphs.refusal == "operation not permitted"


def test_where_graphs_are_required_such_a_step_is_an_error() -> None:
    made = Trainer(experiment(), CPU, total_nimg=80, graphs=Graphs(NeverRecorder(), required=True))
    with pytest.raises(MachineError, match="operation not permitted; leave it at auto"):
        list(made.ticks(100))


def test_graphs_need_a_card_and_parts_that_say_so() -> None:
    game = experiment(regularizers={"chatty": Chatty()})
    inside = acting(game, hooks_of(game))
    assert list(inside) == ["regularizer.chatty"]
    assert choose_graphs("auto", CPU, 1, {}) == (None, "")
    card = torch.device("cuda")
    assert choose_graphs("off", card, 1, {}) == (None, "")
    silent = "regularizer.chatty acts inside of a step and does not say capturable"
    assert choose_graphs("auto", card, 1, inside) == (
        None,
        f"steps are played without CUDA graphs: {silent}",
    )
    with pytest.raises(MachineError, match="needs a CUDA device, not cpu"):
        choose_graphs("on", CPU, 1, {})
    with pytest.raises(MachineError, match=r"regularizer\.chatty acts inside of a step"):
        choose_graphs("on", card, 1, inside)
    with pytest.raises(MachineError, match="2 processes share each step"):
        choose_graphs("on", card, 2, {})


def test_every_part_of_ours_that_acts_inside_of_a_step_can_be_recorded() -> None:
    hooked = [
        part
        for kind in ("regularizer", "augment", "schedule")
        for entry in REGISTRY.components(kind)
        for part in [REGISTRY.load(entry)]
        if hasattr(part, "phase_end") or getattr(part, "calls", None)
    ]
    assert len(hooked) >= 4
    assert all(part.capturable for part in hooked)
