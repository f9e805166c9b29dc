"""The method in one straight line: what ``progan`` does in a step, with nothing of ganzoo's.

Tests hold the trainer to it in float64; people read it with ``ganzoo info progan --code``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor | None, Tensor]],
    index: int,
    *,
    weight: float = 10.0,
    drift: float = 1e-3,
) -> None:
    """Play step number ``index`` in place, on one batch of (real images, labels, latents).

    Both networks know their stage and its fade, and the real images are those of the stage.
    """
    of_generator, of_discriminator = optimizers
    ((real, labels, z),) = batches
    fake = generator(z, labels)

    # The discriminator, here a critic: real logits up, fake logits down ...
    of_discriminator.zero_grad()
    real_logits = discriminator(real, labels)
    fake_logits = discriminator(fake.detach(), labels)
    loss = (fake_logits - real_logits).mean() + drift * real_logits.square().mean()

    # ... and a slope of 1 on the lines between real images and fakes.
    share = torch.rand(len(real), 1, 1, 1, dtype=real.dtype)
    between = torch.lerp(real, fake.detach(), share).requires_grad_()
    logits = discriminator(between, labels).sum()
    (slope,) = torch.autograd.grad(logits, between, create_graph=True)
    length = slope.flatten(1).norm(dim=1)  # [n]
    (loss + weight * (length - 1).square().mean()).backward()
    of_discriminator.step()

    # The generator: the same fakes, judged by the discriminator as it is now.
    of_generator.zero_grad()
    (-discriminator(fake, labels)).mean().backward()
    of_generator.step()
