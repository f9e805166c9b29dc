"""The methods in one straight line each: ``cgan`` and ``acgan``, with nothing of ganzoo's.

Tests hold the trainer to them in float64; people read them with ``ganzoo info cgan --code``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus
from torch.optim import Optimizer


def cgan(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor, Tensor]],
    index: int,
    *,
    gamma: float = 0.1,
    interval: int = 4,
) -> None:
    """Play step number ``index`` in place, on one batch of (real images, labels, latents).

    R1 is due every ``interval`` steps, and then that much stronger.
    """
    of_generator, of_discriminator = optimizers
    ((real, labels, z),) = batches
    due = index % interval == 0
    fake = generator(z, labels)  # fakes take the classes of the real images

    # The discriminator: is the image real, and is it one of its class?
    of_discriminator.zero_grad()
    real = real.detach().requires_grad_(due)
    real_logits, fake_logits = discriminator(real, labels), discriminator(fake.detach(), labels)
    loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    if due:
        (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
        loss = loss + gamma * interval * 0.5 * slope.square().flatten(1).sum(1).mean()
    loss.backward()
    of_discriminator.step()

    # The generator: the same fakes, with the same classes, shall look real.
    of_generator.zero_grad()
    softplus(-discriminator(fake, labels)).mean().backward()
    of_generator.step()


def acgan(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor, Tensor]],
    index: int,
    *,
    gamma: float = 0.1,
    interval: int = 4,
    generator_share: float = 0.1,
) -> None:
    """Play step number ``index`` in place, on one batch of (real images, labels, latents).

    R1 is due every ``interval`` steps, and then that much stronger.
    """
    of_generator, of_discriminator = optimizers
    ((real, labels, z),) = batches
    due = index % interval == 0
    fake = generator(z, labels)

    # The discriminator: is the image real, and which class is it? It is not told.
    of_discriminator.zero_grad()
    real = real.detach().requires_grad_(due)
    of_real, of_fake = discriminator(real), discriminator(fake.detach())
    loss = softplus(-of_real["logits"]).mean() + softplus(of_fake["logits"]).mean()
    if due:
        (slope,) = torch.autograd.grad(of_real["logits"].sum(), real, create_graph=True)
        loss = loss + gamma * interval * 0.5 * slope.square().flatten(1).sum(1).mean()
    (loss + cross_entropy(of_real["class_logits"], labels)).backward()
    of_discriminator.step()

    # The generator: its image shall look real, and its class shall be recognized.
    of_generator.zero_grad()
    of_fake = discriminator(fake)
    loss = softplus(-of_fake["logits"]).mean()
    (loss + generator_share * cross_entropy(of_fake["class_logits"], labels)).backward()
    of_generator.step()
