"""The method in one straight line: what ``gan`` does in a step, with nothing of ganzoo's.

A test holds the trainer against it in float64; people read it with ``ganzoo info gan --code``.
"""

from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Optimizer


def step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    real: Tensor,
    z: Tensor,
) -> None:
    """Play one step in place.

    Args:
        generator: Makes images [n, c, h, w] from latents.
        discriminator: Gives logits [n].
        optimizers: Of the generator and of the discriminator.
        real: Real images in [-1, 1], [n, c, h, w].
        z: Latents, [n, z].
    """
    of_generator, of_discriminator = optimizers
    fake = generator(z)

    # The discriminator: -log D(real) - log(1 - D(fake)), written with logits.
    of_discriminator.zero_grad(set_to_none=True)
    real_logits, fake_logits = discriminator(real), discriminator(fake.detach())
    (softplus(-real_logits).mean() + softplus(fake_logits).mean()).backward()
    of_discriminator.step()

    # The generator: -log D(fake), which does not saturate when the discriminator is sure.
    of_generator.zero_grad(set_to_none=True)
    softplus(-discriminator(fake)).mean().backward()
    of_generator.step()
