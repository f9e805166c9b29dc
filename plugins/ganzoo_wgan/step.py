"""The methods in one straight line each: ``wgan`` and ``wgan-gp``, with nothing of ganzoo's.

Tests hold the trainer to them in float64; people read them with ``ganzoo info wgan --code``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def wgan(
    generator: nn.Module,
    critic: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor | None, Tensor]],
    index: int,
    *,
    limit: float = 0.01,
) -> None:
    """Play step number ``index`` in place, on a batch (real, labels, z) a move of the critic."""
    of_generator, of_critic = optimizers
    for real, labels, z in batches:
        fake = generator(z, labels)

        # The critic: real scores up, fake scores down; small weights bound its slope.
        of_critic.zero_grad()
        real_score, fake_score = critic(real, labels), critic(fake.detach(), labels)
        (fake_score - real_score).mean().backward()
        of_critic.step()
        with torch.no_grad():
            for parameter in critic.parameters():
                parameter.clamp_(-limit, limit)

    # The generator: the last fakes, scored by the critic as it is now.
    of_generator.zero_grad()
    (-critic(fake, labels)).mean().backward()
    of_generator.step()


def wgan_gp(
    generator: nn.Module,
    critic: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor | None, Tensor]],
    index: int,
    *,
    weight: float = 10.0,
) -> None:
    """Play step number ``index`` in place, on a batch (real, labels, z) a move of the critic."""
    of_generator, of_critic = optimizers
    for real, labels, z in batches:
        fake = generator(z, labels)

        # The critic: real scores up, fake scores down ...
        of_critic.zero_grad()
        real_score, fake_score = critic(real, labels), critic(fake.detach(), labels)
        loss = (fake_score - real_score).mean()

        # ... and a slope of 1 on the lines between real images and fakes.
        share = torch.rand(len(real), 1, 1, 1, dtype=real.dtype)
        between = torch.lerp(real, fake.detach(), share).requires_grad_()
        score = critic(between, labels).sum()
        (slope,) = torch.autograd.grad(score, between, create_graph=True)
        length = slope.flatten(1).norm(dim=1)  # [n]
        (loss + weight * (length - 1).square().mean()).backward()
        of_critic.step()

    # The generator: the last fakes, scored by the critic as it is now.
    of_generator.zero_grad()
    (-critic(fake, labels)).mean().backward()
    of_generator.step()
