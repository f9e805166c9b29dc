"""The networks of 28 px that WGAN-GP drew digits with, and what the recipes are made of."""

from typing import Any

import pytest
import torch
from torch import nn
from zoo import REGISTRY, Pictures

from ganzoo import build
from ganzoo.interfaces import Env
from ganzoo.plan import resolve
from ganzoo.training.trainer import Trainer
from ganzoo_wgan.networks import MnistDiscriminator, MnistGenerator


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_networks_have_as_many_parameters_as_their_layers_say() -> None:
    env = Env((1, 28, 28))
    convolutions = 25 * (256 * 128 + 128 * 64 + 64)
    assert _count(MnistGenerator(env)) == 129 * 4096 + convolutions + 128 + 64 + 1
    assert _count(MnistDiscriminator(env)) == convolutions + 64 + 128 + 256 + 4096 + 1


def test_maps_grow_by_four_seven_fourteen_and_twenty_eight() -> None:
    made, sides = MnistGenerator(Env((1, 28, 28))), list[int]()
    for layer in (made.first, made.second, made.last):
        layer.register_forward_hook(lambda _, ins, __: sides.append(ins[0].shape[-1]))
    made(torch.zeros(1, 128))
    assert sides == [4, 7, 14]


def trained(name: str, steps: int, preset: str | None = None, **overrides: Any) -> Trainer:
    said = {"training.batch_size": 8, "training.resolution": 28, **overrides}
    said |= {"generator.width": 4, "discriminator.width": 4}
    plan = resolve(REGISTRY, name, preset=preset, overrides=said)
    built = build.outline(plan, REGISTRY, {"dataset": Pictures()})
    trainer = Trainer(built.with_data(Pictures()), torch.device("cpu"))
    for _ in range(steps):
        trainer.play_step()
    return trainer


def test_every_weight_of_a_clipped_discriminator_is_small_and_none_of_the_generator() -> None:
    trainer = trained("wgan", 3)
    judge, made = trainer.networks["discriminator"], trainer.networks["generator"]
    assert max(p.abs().max().item() for p in judge.parameters()) <= 0.03
    assert max(p.abs().max().item() for p in made.parameters()) > 0.03


def slope_of(trainer: Trainer) -> float:
    """Mean length of the discriminator's slope between real images and fakes."""
    made, judge = trainer.networks["generator"], trainer.networks["discriminator"]
    rng = torch.Generator().manual_seed(0)
    real, _ = Pictures().batch(0, 16)
    fake = made(torch.randn(16, 64, generator=rng)).detach()
    share = torch.rand(16, 1, 1, 1, generator=rng)
    between = torch.lerp(real, fake, share).requires_grad_()
    (slope,) = torch.autograd.grad(judge(between).sum(), between)
    return slope.flatten(1).norm(dim=1).mean().item()


def test_a_gradient_penalty_brings_the_slope_near_one() -> None:
    begun, played = (slope_of(trained("wgan-gp", steps)) for steps in (0, 60))
    free = slope_of(trained("wgan-gp", 60, **{"regularizer.gp.weight": 0.0}))
    assert abs(played - 1) < 0.5 * abs(begun - 1)
    assert abs(played - 1) < 0.5 * abs(free - 1)


@pytest.mark.parametrize(
    ("name", "preset", "moves"),
    [
        ("wgan", "paper", 5),
        ("wgan-gp", "paper", 5),
        ("wgan-gp", "mnist28", 5),
        ("wgan-gp", "quick", 1),
    ],
)
def test_presets_have_as_many_moves_of_the_discriminator_as_they_say(
    name: str, preset: str, moves: int
) -> None:
    plan = resolve(REGISTRY, name, preset=preset, overrides={"training.resolution": 28})
    built = build.outline(plan, REGISTRY, {"dataset": Pictures()})
    assert built.algorithm.batches == moves
    assert not any("mixes images" in note for note in built.notes)  # never BN under a penalty


def test_the_network_of_28_pixels_trains() -> None:
    trainer = trained("wgan-gp", 1, "mnist28")
    assert isinstance(trainer.networks["generator"], MnistGenerator)
    assert trainer.nimg == 5 * 8
