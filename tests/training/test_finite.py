"""Numbers that are no longer finite are found before anything is stepped on or saved."""

from collections.abc import Callable

import pytest
import torch
from tape import TapeRecorder
from tiny import BrokenSlope, TinyLoss, experiment
from torch import Tensor

from ganzoo.algorithm import D, G
from ganzoo.errors import DivergedError
from ganzoo.training.finite import check_state
from ganzoo.training.graphs import Graphs
from ganzoo.training.trainer import Trainer

CPU, STEP = torch.device("cpu"), 3


class Breaking(TinyLoss):
    """A loss of one player that is not finite from a step on."""

    def __init__(self, player: str) -> None:
        self.player, self.calls = player, 0

    def _broken(self, player: str, values: Tensor) -> Tensor:
        self.calls += player == self.player
        return values / 0.0 if player == self.player and self.calls > STEP else values

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._broken(D, super().discriminator(real, fake))

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return self._broken(G, super().generator(fake, real))


def by_loss(player: str) -> Trainer:
    return Trainer(experiment(loss=Breaking(player)), CPU)


def by_penalty(player: str) -> Trainer:
    return Trainer(experiment(regularizers={"broken": BrokenSlope(player)}), CPU)


def by_weights(player: str) -> Trainer:
    made = Trainer(experiment(), CPU)
    played = made.play_step

    def play_step() -> None:
        played()
        if made.step == STEP:
            next(iter(made.networks[player].parameters())).data.view(-1)[0] = torch.nan

    made.play_step = play_step  # type: ignore[method-assign]
    return made


def parameters(made: Trainer) -> dict[str, Tensor]:
    nets = made.networks.items()
    return {f"{role}.{name}": each for role, net in nets for name, each in net.named_parameters()}


@pytest.mark.parametrize("player", [D, G])
@pytest.mark.parametrize("way", [by_loss, by_penalty, by_weights])
def test_a_gradient_that_is_not_finite_is_never_stepped_on(
    way: Callable[[str], Trainer], player: str
) -> None:
    made = way(player)
    for _ in range(STEP):
        made.play_step()
    before = {name: each for name, each in parameters(made).items() if each.isfinite().all()}

    with pytest.raises(DivergedError, match=rf"(gradient of|with it).* in step {STEP};"):
        made.play_step()

    assert len(before) >= 5
    assert all(parameters(made)[name].isfinite().all() for name in before)


def test_the_term_and_the_parameter_are_named() -> None:
    made = by_loss(D)
    for _ in range(STEP):
        made.play_step()

    with pytest.raises(
        DivergedError, match=r"D loss, and with it the gradient of discriminator\."
    ):
        made.play_step()


def test_a_recorded_step_raises_a_flag_that_a_tick_reads() -> None:
    broken = experiment(regularizers={"broken": BrokenSlope(G)})  # no reading of that step sees it
    made = Trainer(broken, CPU, graphs=Graphs(TapeRecorder()))

    with pytest.raises(DivergedError, match="the gradient of generator is no longer"):
        list(made.ticks(8, stop=lambda: made.step > 10))

    assert made.step == STEP + 1


@pytest.mark.parametrize("stem", ["generator", "discriminator", "generator_ema", "optimizers"])
def test_a_state_that_is_not_finite_is_refused_by_the_name_of_its_tensor(stem: str) -> None:
    made = Trainer(experiment(), CPU)
    made.play_step()
    state = made.state_dict()
    check_state(state)
    tree = state[stem]
    if stem == "optimizers":
        tree = next(iter(tree[G]["state"].values()))
    name = next(name for name, each in tree.items() if each.is_floating_point())
    tree[name] = tree[name] / 0.0 * 0.0

    with pytest.raises(DivergedError, match=rf"^{stem}\..*{name} is no longer a finite number;"):
        check_state(state)
