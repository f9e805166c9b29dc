"""Residual networks against the counts of the reference, and a written-out discriminator."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, relu

from ganzoo.interfaces import BOUNDED, Env
from ganzoo_sngan.networks import ResNetDiscriminator, ResNetGenerator


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("resolution", "classes", "generator", "discriminator"),
    [
        (32, 0, 4_276_739, 1_053_825),
        (32, 10, 4_304_387, 1_055_105),
        (64, 0, 12_220_675, 10_141_441),
        (128, 0, 32_150_787, 29_017_857),
    ],
)
@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_the_networks_have_as_many_parameters_as_the_reference(
    resolution: int, classes: int, generator: int, discriminator: int, norm: str
) -> None:
    env = Env.classes((3, resolution, resolution), classes)
    with torch.device("meta"):
        assert _count(ResNetGenerator(env)) == generator
        assert _count(ResNetDiscriminator(env, norm=norm)) == discriminator  # type: ignore[arg-type]


def test_at_28_pixels_maps_grow_from_seven_in_two_blocks() -> None:
    env = Env((1, 28, 28))
    made, judge = ResNetGenerator(env, width=4), ResNetDiscriminator(env, width=4)
    assert made.shape(torch.zeros(2, 4 * 49)).shape == (2, 4, 7, 7)
    assert (len(made.blocks), 1 + len(judge.blocks)) == (2, 3)


@pytest.mark.parametrize(
    ("resolution", "sides"),
    [(28, [14, 7, 7]), (32, [16, 8, 8, 8]), (64, [32, 16, 8, 4, 2]), (128, [64, 32, 16, 8, 4, 4])],
)
def test_maps_shrink_block_by_block_as_in_the_reference(resolution: int, sides: list[int]) -> None:
    judge = ResNetDiscriminator(Env((3, resolution, resolution)), width=1)
    seen: list[int] = []
    for block in (judge.first, *judge.blocks):
        block.register_forward_hook(lambda _, __, out: seen.append(out.shape[-1]))
    judge(torch.zeros(1, 3, resolution, resolution))
    assert seen == sides


@pytest.mark.parametrize("pool", ["sum", "mean"])
def test_the_discriminator_pools_places_before_its_logit(pool: str) -> None:
    torch.manual_seed(0)
    env = Env((1, 32, 32))
    judge = ResNetDiscriminator(env, width=3, norm="none", pool=pool).double()  # type: ignore[arg-type]
    images = torch.randn(2, 1, 32, 32, dtype=torch.float64)
    maps = images
    for block in (judge.first, *judge.blocks):
        maps = block(maps)
    features = 64 * avg_pool2d(relu(maps), 8).flatten(1) / (64 if pool == "mean" else 1)
    expected = features @ judge.head.linear.weight.T + judge.head.linear.bias
    torch.testing.assert_close(judge(images), expected.squeeze(1))


def test_only_spectral_norm_bounds_the_slope_and_no_norm_mixes_images() -> None:
    env = Env((1, 32, 32))
    bounded, free = (
        ResNetDiscriminator(env, width=2),
        ResNetDiscriminator(env, width=2, norm="none"),
    )
    assert bounded.bounds_slope == BOUNDED
    assert not free.bounds_slope
    assert not any(isinstance(m, nn.BatchNorm2d) for m in bounded.modules())


def test_every_layer_of_the_discriminator_is_bounded_and_none_of_the_generator() -> None:
    env = Env.classes((1, 32, 32), 3)
    judge, made = ResNetDiscriminator(env, width=2), ResNetGenerator(env, width=2, z_dim=3)
    layers = (nn.Conv2d, nn.Linear, nn.Embedding)
    assert all(hasattr(m, "parametrizations") for m in judge.modules() if isinstance(m, layers))
    assert not any(hasattr(m, "parametrizations") for m in made.modules())
