"""The method in one straight line: what ``gan`` does in a step, with nothing of ganzoo's.

Tests hold the trainer to it in float64; people read it with ``ganzoo info gan --code``.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Optimizer


def step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor | None, Tensor]],
    index: int,
) -> None:
    """Play step number ``index`` in place, on one batch of (real images, labels, latents)."""
    of_generator, of_discriminator = optimizers
    ((real, labels, z),) = batches
    fake = generator(z, labels)

    # The discriminator: -log D(real) - log(1 - D(fake)), written with logits.
    of_discriminator.zero_grad()
    real_logits, fake_logits = discriminator(real, labels), discriminator(fake.detach(), labels)
    (softplus(-real_logits).mean() + softplus(fake_logits).mean()).backward()
    of_discriminator.step()

    # The generator: -log D(fake), which does not saturate when the discriminator is sure.
    of_generator.zero_grad()
    softplus(-discriminator(fake, labels)).mean().backward()
    of_generator.step()
