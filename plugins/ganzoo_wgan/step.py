"""The methods in one straight line each: ``wgan`` and ``wgan-gp``, with nothing of ganzoo's.

Tests hold the trainer to them in float64; people read them with ``ganzoo info wgan --code``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def wgan(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor | None, Tensor]],
    index: int,
    *,
    limit: float = 0.03,
) -> None:
    """Play step number ``index`` in place, on a batch (real, labels, z) a move of D."""
    of_generator, of_discriminator = optimizers
    for real, labels, z in batches:
        fake = generator(z, labels)

        # The discriminator, here a critic: real logits up, fake logits down.
        of_discriminator.zero_grad()
        real_logits = discriminator(real, labels)
        fake_logits = discriminator(fake.detach(), labels)
        (fake_logits - real_logits).mean().backward()
        of_discriminator.step()

        # Small weights bound its slope.
        with torch.no_grad():
            for parameter in discriminator.parameters():
                parameter.clamp_(-limit, limit)

    # The generator: the last fakes, judged by the discriminator as it is now.
    of_generator.zero_grad()
    (-discriminator(fake, labels)).mean().backward()
    of_generator.step()


def wgan_gp(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor | None, Tensor]],
    index: int,
    *,
    weight: float = 10.0,
) -> None:
    """Play step number ``index`` in place, on a batch (real, labels, z) a move of D."""
    of_generator, of_discriminator = optimizers
    for real, labels, z in batches:
        fake = generator(z, labels)

        # The discriminator, here a critic: real logits up, fake logits down ...
        of_discriminator.zero_grad()
        real_logits = discriminator(real, labels)
        fake_logits = discriminator(fake.detach(), labels)
        loss = (fake_logits - real_logits).mean()

        # ... and a slope of 1 on the lines between real images and fakes.
        share = torch.rand(len(real), 1, 1, 1, dtype=real.dtype)
        between = torch.lerp(real, fake.detach(), share).requires_grad_()
        logits = discriminator(between, labels).sum()
        (slope,) = torch.autograd.grad(logits, between, create_graph=True)
        length = slope.flatten(1).norm(dim=1)  # [n]
        (loss + weight * (length - 1).square().mean()).backward()
        of_discriminator.step()

    # The generator: the last fakes, judged by the discriminator as it is now.
    of_generator.zero_grad()
    (-discriminator(fake, labels)).mean().backward()
    of_generator.step()
