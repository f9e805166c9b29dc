"""What makes a step fast changes nothing about it: one float64 step with it is the plain step.

The straight line of tests/plugins/test_steps.py is plain; the trainer beside it runs channels
last, freezes whom a phase does not train, makes shared fakes once and updates with fused kernels.
Here are the levers that are off by default, and the one that lies in a network.
"""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d
from zoo import REGISTRY, Pictures

from ganzoo import build
from ganzoo.algorithm import Play
from ganzoo.errors import FitError
from ganzoo.interfaces import Regularizer
from ganzoo.plan import resolve
from ganzoo.training.precision import Precision
from ganzoo.training.trainer import Trainer

CPU = torch.device("cpu")


def played(steps: int, *sets: str, regularizer: Regularizer | None = None) -> Trainer:
    """Return a trainer after some float64 steps of a small dcgan."""
    torch.manual_seed(0)
    size = ["training.batch_size=4", "generator.width=4", "discriminator.width=4"]
    plan = resolve(
        REGISTRY,
        "dcgan",
        sets=[*size, "training.resolution=32", "regularizer.r1.interval=4", *sets],
        add={"schedule": ["none"]},
    )
    pictures = Pictures(32, dtype=torch.float64)
    built = build.outline(plan, REGISTRY, {"dataset": pictures})
    for network in built.networks.values():
        network.double()
    game = built.with_data(pictures)
    if regularizer is not None:
        game.regularizers["added"] = regularizer  # type: ignore[index]
    made = Trainer(game, CPU)
    for _ in range(steps):
        made.play_step()
    return made


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile without a code generator, which needs a C++ compiler and minutes."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of torch's own, while it traces
@pytest.mark.usefixtures("traced")
def test_a_compiled_step_is_the_plain_one() -> None:
    plain, compiled = played(3), played(3, "training.compile=true")

    for role, network in plain.networks.items():
        theirs = compiled.networks[role].state_dict()
        for key, value in network.state_dict().items():
            torch.testing.assert_close(theirs[key], value, rtol=1e-10, atol=1e-10)


class Nosy(Regularizer):
    """Differentiates a gradient and does not say so."""

    input_grads = ("real",)

    def penalty(self, play: Play) -> Tensor:
        return play.gradient(play.real_logits, play.real).square().flatten(1).sum(1)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of torch's own, while it traces
@pytest.mark.usefixtures("traced")
def test_a_penalty_is_never_given_a_compiled_network() -> None:
    sets = ("training.compile=true", "regularizer.r1.interval=1")
    made = played(1, *sets)
    assert made._called is made.networks  # r1 is due in every step

    played(1, regularizer=Nosy())
    with pytest.raises(FitError, match="say second_order = True"):
        played(2, "training.compile=true", regularizer=Nosy())


def test_a_linear_layer_is_the_convolution_from_one_pixel_and_to_one() -> None:
    up, down = nn.Linear(5, 3 * 16, bias=False).double(), nn.Linear(3 * 16, 1).double()
    z, maps = torch.randn(2, 5).double(), torch.randn(2, 3, 4, 4).double()

    grown = conv_transpose2d(z.view(2, 5, 1, 1), up.weight.T.reshape(5, 3, 4, 4))
    judged = conv2d(maps, down.weight.view(1, 3, 4, 4), down.bias)

    torch.testing.assert_close(up(z).view(2, 3, 4, 4), grown, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(down(maps.flatten(1)), judged.flatten(1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("able", [False, True])
def test_a_cpu_that_would_emulate_bf16_trains_in_fp32_and_says_so(
    able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: able, raising=False)

    chosen = Precision.choose("bf16", CPU)

    assert (chosen.name, bool(chosen.note)) == (("bf16", False) if able else ("fp32", True))
    assert played(0, "training.precision=bf16").notes == ([chosen.note] if chosen.note else [])
