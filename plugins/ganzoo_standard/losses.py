"""Adversarial losses: pure functions of raw logits, one number a logit.

The trainer takes the mean. Nothing here takes the logarithm of a sigmoid: softplus says the same
and stays finite for any logit.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from torch import Tensor
from torch.nn.functional import relu, softplus

from ganzoo.errors import FitError
from ganzoo.interfaces import Env, Loss
from ganzoo.options import Opt
from ganzoo.types import Logits, Values

_JUDGE = {
    "winning": {"D acc": (0.98, 1.0), "D(fake)": (0.0, 0.02)},
    "blind": {"D acc": (0.0, 0.55)},
}
"""Symptoms of losses whose logits are those of probabilities."""

_MARGIN = {"winning": {"D loss": (0.0, 0.02)}}
"""Symptoms where a loss near 0 means that hardly a logit is left to learn from."""


@final
class Minimax(Loss):
    """The game as first written; the generator's gradient fades where it is needed most.

    References: Generative Adversarial Nets, eq. 1 (Goodfellow et al., 2014),
    https://arxiv.org/abs/1406.2661
    """

    symptoms: ClassVar[Mapping[str, Mapping[str, tuple[float, float]]]] = _JUDGE

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

    Args:
        env: Not looked at.
        real_target: Probability that the discriminator is taught for real images; below 1, a
            discriminator that is too sure of them is held back (one-sided label smoothing).

    References: Generative Adversarial Nets, section 3 (Goodfellow et al., 2014),
    https://arxiv.org/abs/1406.2661; smoothing: Improved Techniques for Training GANs, section 3.4
    (Salimans et al., 2016), https://arxiv.org/abs/1606.03498
    """

    symptoms: ClassVar[Mapping[str, Mapping[str, tuple[float, float]]]] = _JUDGE

    def __init__(
        self,
        env: Env,
        *,
        real_target: Annotated[
            float, Opt("probability taught for real images; 0.9: label smoothing", gt=0.5, le=1)
        ] = 1.0,
    ) -> None:
        self.real_target = real_target

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        # s * softplus(-r) + (1 - s) * softplus(r), with softplus(r) = r + softplus(-r)
        return softplus(-real) + (1 - self.real_target) * real + softplus(fake)

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

    symptoms: ClassVar[Mapping[str, Mapping[str, tuple[float, float]]]] = _MARGIN

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

    symptoms: ClassVar[Mapping[str, Mapping[str, tuple[float, float]]]] = _MARGIN

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


@final
class RelativisticPairing(Loss):
    """Each real image shall look more real than its fake; only differences of logits count.

    Without a penalty on the slope at both kinds of images it swings or diverges.

    References: The relativistic discriminator: a key element missing from standard GAN, RSGAN
    (Jolicoeur-Martineau, 2018), https://arxiv.org/abs/1807.00734; with both penalties: The GAN is
    dead; long live the GAN!, section 2 (Huang et al., 2024), https://arxiv.org/abs/2501.05441
    """

    paired: ClassVar[bool] = True
    wants_bounded_slope: ClassVar[bool] = True
    symptoms: ClassVar[Mapping[str, Mapping[str, tuple[float, float]]]] = {
        **_MARGIN,
        "blind": {"D acc": (0.0, 0.55)},
    }

    def __init__(self, env: Env) -> None:
        self.env = env

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return softplus(fake - real)

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return softplus(_given(real) - fake)

    def readings(self, real: Logits, fake: Logits) -> Mapping[str, Tensor]:
        return {**super().readings(real, fake), "D acc": (real > fake).to(real).mean()}


@final
class RelativisticAverage(Loss):
    """Each real image shall look more real than the average fake, and the other way round.

    References: The relativistic discriminator: a key element missing from standard GAN, RaSGAN
    (Jolicoeur-Martineau, 2018), https://arxiv.org/abs/1807.00734; the author's code halves both
    sides, the paper does not.
    """

    paired: ClassVar[bool] = True
    mixes_samples: ClassVar[bool] = True
    symptoms: ClassVar[Mapping[str, Mapping[str, tuple[float, float]]]] = _MARGIN

    def __init__(self, env: Env) -> None:
        self.env = env

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return softplus(fake.mean() - real) + softplus(fake - real.mean())

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return self.discriminator(fake, _given(real))


@final
class RelativisticAverageHinge(Loss):
    """The hinge on logits relative to the average of the other kind.

    References: The relativistic discriminator: a key element missing from standard GAN, RaHingeGAN
    (Jolicoeur-Martineau, 2018), https://arxiv.org/abs/1807.00734
    """

    paired: ClassVar[bool] = True
    mixes_samples: ClassVar[bool] = True
    symptoms: ClassVar[Mapping[str, Mapping[str, tuple[float, float]]]] = _MARGIN

    def __init__(self, env: Env) -> None:
        self.env = env

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return relu(1 - (real - fake.mean())) + relu(1 + (fake - real.mean()))

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return self.discriminator(fake, _given(real))


def _given(real: Logits | None) -> Logits:
    if real is None:
        raise FitError("a relativistic loss compares with real logits; the algorithm gives none")
    return real


def _probabilities(real: Logits, fake: Logits) -> Mapping[str, Tensor]:
    """What logits mean to a logistic loss; accuracy counts both halves alike."""
    right = 0.5 * ((real > 0).to(real).mean() + (fake < 0).to(fake).mean())
    return {"D(real)": real.sigmoid().mean(), "D(fake)": fake.sigmoid().mean(), "D acc": right}
