"""The trainer plays exactly the step that a person would write down."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganzoo import build
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.plan import Optimizer, resolve
from ganzoo.registry import Registry
from ganzoo.training.streams import Streams
from ganzoo.training.trainer import Trainer
from ganzoo_dcgan.step import step as dcgan_step
from ganzoo_gan.step import step as gan_step

CPU = torch.device("cpu")


class Sixteen(Dataset):
    count = 16

    def describe(self, resolution: int | None = None) -> DataInfo:
        return DataInfo((1, 32, 32), count=16)

    def load(self, resolution: int | None = None) -> tuple[Tensor, None]:
        raise NotImplementedError

    def batch(self, start: int, size: int) -> tuple[Tensor, None]:
        rng = torch.Generator().manual_seed(start)
        return torch.rand(size, 1, 32, 32, generator=rng, dtype=torch.float64) * 2 - 1, None


def adam(network: nn.Module, said: Optimizer) -> torch.optim.Optimizer:
    return torch.optim.Adam(
        network.parameters(), lr=said.learning_rate, betas=said.betas, eps=said.eps
    )


@pytest.mark.parametrize(
    ("name", "play"),
    [
        ("gan", lambda index, *parts: gan_step(*parts)),
        ("dcgan", lambda index, *parts: dcgan_step(*parts, penalty=index % 4 == 0)),
    ],
)
def test_five_steps_equal_the_straight_line_to_ten_digits(
    name: str, play: Callable[..., None]
) -> None:
    data = Sixteen()
    sets = ["training.batch_size=4", "training.resolution=32"]
    sets += ["generator.width=8", "discriminator.width=8"]
    sets += ["discriminator.dropout=0"] if name == "gan" else []
    plan = resolve(Registry.discover(only=()), name, sets=sets, add={"schedule": ["none"]})
    built = build.outline(plan, Registry.discover(only=()), {"dataset": data})
    for network in built.networks.values():
        network.double()
    ours = {role: copy.deepcopy(network).train() for role, network in built.networks.items()}
    trainer = Trainer(built.with_data(data), CPU)
    latents = Streams(plan.training.seed, CPU).rng("latents")
    optimizers = tuple(adam(ours[role], plan.optimizers[role]) for role in ours)

    for index in range(5):
        trainer.play_step()
        z = torch.randn(4, built.z_dim, generator=latents, dtype=torch.float64)
        play(index, *ours.values(), optimizers, data.batch(4 * index, 4)[0], z)

    for role, network in ours.items():
        theirs = dict(trainer.networks[role].named_parameters())
        for key, parameter in network.named_parameters():
            torch.testing.assert_close(
                theirs[key], parameter, rtol=1e-10, atol=1e-10, msg=f"{role}.{key}"
            )
