"""The smallest game that a trainer can play: linear networks on random pictures."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.adversarial import Adversarial
from ganzoo.interfaces import Env, Loss, Regularizer
from ganzoo.play import Play
from ganzoo.settings import Optimizer, Training
from ganzoo.training.experiment import Experiment

SHAPE = (1, 4, 4)


class TinyGenerator(nn.Module):
    z_dim = 3

    def __init__(self, classes: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(3 + classes, 16)
        self.norm = nn.BatchNorm1d(16)
        self.classes = classes
        self.passes = 0

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        self.passes += 1
        if labels is not None:
            z = torch.cat([z, nn.functional.one_hot(labels, self.classes).to(z)], 1)
        return torch.tanh(self.norm(self.linear(z))).view(-1, *SHAPE)


class TinyDiscriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 8)
        self.out = nn.Linear(8, 1)
        self.passes = 0

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        self.passes += 1
        return self.out(nn.functional.leaky_relu(self.linear(images.flatten(1)), 0.2)).squeeze(1)


class TinyLoss(Loss):
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return nn.functional.softplus(-real) + nn.functional.softplus(fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return nn.functional.softplus(-fake)


class BrokenSlope(Regularizer):
    """A penalty that is finite, and whose gradient is not."""

    def __init__(self, player: str, after: int = 3) -> None:
        self.on, self.calls, self.after = (player,), 0, after

    def penalty(self, play: Play) -> Tensor:
        self.calls += 1
        zero = play.fake_logits.float() * 0.0
        return zero.sqrt() if self.calls > self.after else zero


class TinyData:
    """Pictures that are a function of their position."""

    def __init__(self, count: int = 40, dtype: torch.dtype = torch.float32) -> None:
        self.count = count
        rng = torch.Generator().manual_seed(1)
        self.images = torch.rand(count, *SHAPE, generator=rng).to(dtype) * 2 - 1

    def batch(self, start: int, size: int) -> tuple[Tensor, Tensor | None]:
        where = torch.arange(start, start + size) % self.count
        return self.images[where], where % 2


def experiment(
    *,
    training: Mapping[str, Any] | None = None,
    d_steps: int = 1,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    **parts: Any,
) -> Experiment:
    torch.manual_seed(seed)
    env = Env(SHAPE)
    networks = {"generator": TinyGenerator(), "discriminator": TinyDiscriminator()}
    made = Experiment(
        env=env,
        networks={role: net.to(dtype) for role, net in networks.items()},
        algorithm=Adversarial(env, d_steps=d_steps),
        loss=TinyLoss(),
        regularizers={},
        augments={},
        schedules={},
        data=TinyData(dtype=dtype),
        training=Training(**{"batch_size": 8, "ema_halflife_kimg": 0.05, **(training or {})}),
        optimizers=dict.fromkeys(("generator", "discriminator"), Optimizer(learning_rate=1e-2)),
    )
    return replace(made, **parts)
