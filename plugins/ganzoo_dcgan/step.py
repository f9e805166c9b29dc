"""The method in one straight line: what ``dcgan`` does in a step, with nothing of ganzoo's.

A test holds the trainer against it in float64; people read it with ``ganzoo info dcgan --code``.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Optimizer


def step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    real: Tensor,
    z: Tensor,
    *,
    penalty: bool,
    weight: float = 0.1,
    interval: int = 4,
) -> None:
    """Play one step in place.

    Args:
        generator: Makes images [n, c, h, w] from latents.
        discriminator: Gives logits [n].
        optimizers: Of the generator and of the discriminator.
        real: Real images in [-1, 1], [n, c, h, w].
        z: Latents, [n, z].
        penalty: Whether R1 is due: every ``interval``-th step.
        weight: Of R1, the paper's gamma.
        interval: Of R1; when due, it counts that much more.
    """
    of_generator, of_discriminator = optimizers
    fake = generator(z)

    # The discriminator: real logits up, fake logits down, and flat around real images.
    of_discriminator.zero_grad(set_to_none=True)
    real = real.detach().requires_grad_(penalty)
    real_logits, fake_logits = discriminator(real), discriminator(fake.detach())
    loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    if penalty:
        (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
        r1 = 0.5 * slope.square().flatten(1).sum(1).mean()
        loss = loss + weight * interval * r1
    loss.backward()
    of_discriminator.step()

    # The generator: the same fakes, judged by the discriminator as it is now.
    of_generator.zero_grad(set_to_none=True)
    softplus(-discriminator(fake)).mean().backward()
    of_generator.step()
