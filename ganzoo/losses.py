"""Adversarial losses: pure functions of raw logits, one number a logit.

The trainer takes the mean. Nothing here takes the logarithm of a sigmoid: softplus says the same
and stays finite for any logit.
"""

from collections.abc import Mapping
from typing import ClassVar, final

from torch import Tensor
from torch.nn.functional import relu, softplus

from ganzoo.interfaces import Env, Loss
from ganzoo.types import Logits, Values


@final
class Minimax(Loss):
    """The game as first written; the generator's gradient fades where it is needed most.

    References: Generative Adversarial Nets, eq. 1 (Goodfellow et al., 2014),
    https://arxiv.org/abs/1406.2661
    """

    def __init__(self, env: Env) -> None:
        self.env = env

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return softplus(-real) + softplus(fake)

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return -softplus(fake)

    def readings(self, real: Logits, fake: Logits) -> Mapping[str, Tensor]:
        return _probabilities(real, fake)


@final
class NonSaturating(Loss):
    """The generator maximizes log D(fake), so that its gradient lasts while it loses.

    References: Generative Adversarial Nets, section 3 (Goodfellow et al., 2014),
    https://arxiv.org/abs/1406.2661
    """

    def __init__(self, env: Env) -> None:
        self.env = env

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return softplus(-real) + softplus(fake)

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return softplus(-fake)

    def readings(self, real: Logits, fake: Logits) -> Mapping[str, Tensor]:
        return _probabilities(real, fake)


@final
class LeastSquares(Loss):
    """Logits are pulled to 1 for real and to 0 for fake images.

    References: Least Squares Generative Adversarial Networks, eq. 9 (Mao et al., 2017),
    https://arxiv.org/abs/1611.04076
    """

    def __init__(self, env: Env) -> None:
        self.env = env

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return 0.5 * (real - 1).square() + 0.5 * fake.square()

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return 0.5 * (fake - 1).square()


@final
class Hinge(Loss):
    """The discriminator learns only from logits inside the margin.

    References: Geometric GAN, eq. 16 and 17 (Lim and Ye, 2017),
    https://arxiv.org/abs/1705.02894
    """

    def __init__(self, env: Env) -> None:
        self.env = env

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return relu(1 - real) + relu(1 + fake)

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return -fake


@final
class Wasserstein(Loss):
    """The discriminator's loss is minus a distance, if something bounds its slope.

    References: Wasserstein GAN, eq. 2 (Arjovsky et al., 2017), https://arxiv.org/abs/1701.07875
    """

    needs_bounded_slope: ClassVar[bool] = True

    def __init__(self, env: Env) -> None:
        self.env = env

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return fake - real

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return -fake


def _probabilities(real: Logits, fake: Logits) -> Mapping[str, Tensor]:
    """What logits mean to a logistic loss; accuracy counts both halves alike."""
    right = 0.5 * ((real > 0).to(real).mean() + (fake < 0).to(fake).mean())
    return {"D(real)": real.sigmoid().mean(), "D(fake)": fake.sigmoid().mean(), "D acc": right}
