"""The loss of fgan; imported when it is used."""

from typing import Annotated, Literal

from torch.nn.functional import softplus

from ganzoo.interfaces import Env, Loss
from ganzoo.options import Opt
from ganzoo.types import Logits, Values

Divergence = Literal["pearson", "jensen-shannon", "hellinger", "kl", "reverse-kl"]


class FGAN(Loss):
    """The game whose best discriminator measures a divergence of one's choice.

    A logit v becomes T = g(v), a number that the divergence allows. The discriminator maximizes
    the mean of T over real images, less that of f*(T) over fake ones; the generator maximizes T.
    Nothing bounds the logits of real images, so the discriminator wants a penalty such as r1.

    Args:
        env: Not looked at.
        divergence: Which one. ``hellinger`` and both ``kl`` take the exponential of logits and
            are not finite from about 88 on.

    References: f-GAN: Training Generative Neural Samplers using Variational Divergence
    Minimization, tables 1 and 2, eq. 6 and section 3.2 (Nowozin et al., 2016),
    https://arxiv.org/abs/1606.00709. Constants, which teach nothing, are left out.
    """

    wants_bounded_slope = True

    def __init__(
        self,
        env: Env,
        *,
        divergence: Annotated[Divergence, Opt("that the discriminator measures")] = "pearson",
    ) -> None:
        self.divergence = divergence

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        """T of real images up, f*(T) of fake ones down."""
        return self._conjugate(fake) - self._activation(real)

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        """T of fake images up."""
        return -self._activation(fake)

    def _activation(self, v: Logits) -> Values:
        """Return T = g(v)."""
        if self.divergence == "jensen-shannon":
            return -softplus(-v)
        if self.divergence in ("hellinger", "reverse-kl"):
            return -(-v).exp()
        return v

    def _conjugate(self, v: Logits) -> Values:
        """Return f*(g(v))."""
        match self.divergence:
            case "pearson":
                return v.square() / 4 + v
            case "jensen-shannon":
                return softplus(v)
            case "hellinger":
                return v.exp()
            case "kl":
                return (v - 1).exp()
            case _:
                return v
