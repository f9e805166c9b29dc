"""The method in one straight line: what ``progan`` does in a step, with nothing of ganzoo's.

Tests hold the trainer to it in float64; people read it with ``ganzoo info progan --code``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Optimizer


def step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor | None, Tensor]],
    index: int,
    *,
    gamma: float = 2.0,
    interval: int = 8,
) -> None:
    """Play step number ``index`` in place, on one batch of (real images, labels, latents).

    Both networks know their stage and its fade; the real images have the detail of the stage. R1
    is due every ``interval`` steps, and then that much stronger.
    """
    of_generator, of_discriminator = optimizers
    ((real, labels, z),) = batches
    due = index % interval == 0
    fake = generator(z, labels)

    # The discriminator: real logits up, fake logits down, and flat around real images.
    of_discriminator.zero_grad()
    real = real.detach().requires_grad_(due)
    real_logits, fake_logits = discriminator(real, labels), discriminator(fake.detach(), labels)
    loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    if due:
        (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
        loss = loss + gamma * interval * 0.5 * slope.square().flatten(1).sum(1).mean()
    loss.backward()
    of_discriminator.step()

    # The generator: the same fakes, judged by the discriminator as it is now.
    of_generator.zero_grad()
    softplus(-discriminator(fake, labels)).mean().backward()
    of_generator.step()
