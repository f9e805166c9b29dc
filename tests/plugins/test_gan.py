"""The two perceptrons of the first GAN."""

import pytest
import torch
from torch import Tensor, nn
from zoo import REGISTRY

from ganzoo import build
from ganzoo.interfaces import DataInfo, Dataset, Env
from ganzoo.plan import resolve
from ganzoo_gan.networks import MLPDiscriminator, MLPGenerator


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("resolution", "classes", "generator", "discriminator"),
    [
        (28, 0, 1_486_352, 1_460_225),
        (32, 0, 1_732_352, 1_705_985),
        (28, 10, 1_488_912, 1_470_465),
    ],
)
def test_the_networks_have_as_many_parameters_as_the_reference(
    resolution: int, classes: int, generator: int, discriminator: int
) -> None:
    env = Env.classes((1, resolution, resolution), classes)
    assert _count(MLPGenerator(env)) == generator
    assert _count(MLPDiscriminator(env)) == discriminator


def test_units_are_dropped_in_training_only() -> None:
    torch.manual_seed(0)
    judge = MLPDiscriminator(Env((1, 28, 28)), width=16)
    images = torch.randn(2, 1, 28, 28)
    assert not torch.equal(judge(images), judge(images))
    judge.eval()
    assert torch.equal(judge(images), judge(images))
    assert sum(isinstance(layer, nn.Dropout) for layer in judge.modules()) == 2


@pytest.mark.parametrize(("side", "chosen"), [(12, 28), (28, 28), (45, 32), (46, 64), (1, 1)])
def test_pictures_are_trained_at_the_size_that_changes_them_least_and_never_as_points(
    side: int, chosen: int
) -> None:
    plan = resolve(REGISTRY, "gan", sets=["generator.width=2", "discriminator.width=2"])
    built = build.outline(plan, REGISTRY, {"dataset": Plain(side)})
    assert built.env.resolution == chosen


class Plain(Dataset):
    """Pictures of one size, or of the size that is asked for."""

    def __init__(self, side: int) -> None:
        self._side = side

    def describe(self, resolution: int | None = None) -> DataInfo:
        side = resolution or self._side
        return DataInfo((1, side, side), count=4)

    def load(self, resolution: int | None = None) -> tuple[Tensor, None]:
        raise NotImplementedError
