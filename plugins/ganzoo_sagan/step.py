"""The method in one straight line: what ``sagan`` does in a step, with nothing of ganzoo's.

Tests hold the trainer to it in float64; people read it with ``ganzoo info sagan --code``.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import relu
from torch.optim import Optimizer


def step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[Optimizer, Optimizer],
    batches: Sequence[tuple[Tensor, Tensor | None, Tensor]],
    index: int,
) -> None:
    """Play step number ``index`` in place, on a batch (real, labels, z) a move of D.

    In both networks a map attends to itself, and every pass divides the weights of all layers by
    their largest singular value, which one more power iteration has brought nearer. The two
    optimizers differ in their rate alone: the discriminator's is four times the generator's.
    """
    of_generator, of_discriminator = optimizers
    for real, labels, z in batches:
        fake = generator(z, labels)

        # The discriminator: real logits above 1, fake logits below -1; more teaches it nothing.
        of_discriminator.zero_grad()
        real_logits = discriminator(real, labels)
        fake_logits = discriminator(fake.detach(), labels)
        (relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()).backward()
        of_discriminator.step()

    # The generator: the last fakes, judged by the discriminator as it is now.
    of_generator.zero_grad()
    (-discriminator(fake, labels)).mean().backward()
    of_generator.step()
