"""The method in one straight line: what ``r3gan`` does in a step, with nothing of ganzoo's.

Tests hold the trainer to it in float64; people read it with ``ganzoo info r3gan --code``.
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
    gamma: float = 0.3,
) -> None:
    """Play step number ``index`` in place, on one batch of (real images, labels, latents).

    A real image and its fake are of one class. Over a run, learning rates fall along half a
    cosine, and the second moments of Adam come to last longer.
    """
    of_generator, of_discriminator = optimizers
    ((real, labels, z),) = batches
    fake = generator(z, labels)

    # The discriminator: each real logit above that of its fake, and flat around both.
    of_discriminator.zero_grad()
    images = [real.detach().requires_grad_(), fake.detach().requires_grad_()]
    real_logits, fake_logits = (discriminator(each, labels) for each in images)
    loss = softplus(fake_logits - real_logits).mean()
    for each, logits in zip(images, (real_logits, fake_logits), strict=True):
        (slope,) = torch.autograd.grad(logits.sum(), each, create_graph=True)
        loss = loss + gamma * 0.5 * slope.square().flatten(1).sum(1).mean()
    loss.backward()
    of_discriminator.step()

    # The generator: the same fakes above the same real images, judged as it is now.
    of_generator.zero_grad()
    real_logits = discriminator(real, labels).detach()
    softplus(real_logits - discriminator(fake, labels)).mean().backward()
    of_generator.step()
