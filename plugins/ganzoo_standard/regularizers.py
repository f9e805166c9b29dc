"""Penalties that more than one model uses, before their weight.

A slope is the gradient of a logit with respect to its own image. That is per image only where the
discriminator judges every image alone; a part that relies on it says ``per_sample``.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeAlias, final

import torch
from torch import Tensor
from torch.nn.functional import relu

from ganzoo.algorithm import D, Phase, Play, RunView
from ganzoo.hookspecs import hookimpl
from ganzoo.interfaces import Env, Regularizer
from ganzoo.options import Opt
from ganzoo.types import Images, Values

Interval: TypeAlias = Annotated[
    int, Opt("acts every so many steps, and then that much stronger", ge=1)
]
"""How lazy a penalty is."""


@final
class R1(Regularizer):
    """Half the squared slope at real images, [n].

    The weight is the paper's gamma. The paper used 10 on large photographs; what is right grows
    with the number of pixels and falls with the batch, so the default suits 32 px. None is the
    rule of StyleGAN2-ADA for a batch of 32: 0.0002 times the pixels, over the batch.

    References: Which Training Methods for GANs do actually Converge?, eq. 9 (Mescheder et al.,
    2018), https://arxiv.org/abs/1801.04406; the rule is that of the authors' code of Training
    Generative Adversarial Networks with Limited Data (Karras et al., 2020),
    https://arxiv.org/abs/2006.06676
    """

    input_grads: ClassVar[tuple[str, ...]] = ("real",)
    second_order: ClassVar[bool] = True
    bounds_slope: ClassVar[frozenset[str]] = frozenset({"real"})
    per_sample: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[float | None, Opt("gamma; none: 0.0002 x pixels / 32", ge=0)] = 0.1,
        interval: Interval = 1,
    ) -> None:
        usual = 0.0002 * env.resolution**2 / 32
        self.weight, self.interval = usual if weight is None else weight, interval

    def penalty(self, play: Play) -> Values:
        return 0.5 * _squared(play.gradient(play.real_logits, play.real))


@final
class R2(Regularizer):
    """Half the squared slope at fake images, [n]; the weight as in :class:`R1`.

    References: Which Training Methods for GANs do actually Converge?, eq. 10 (Mescheder et al.,
    2018), https://arxiv.org/abs/1801.04406
    """

    input_grads: ClassVar[tuple[str, ...]] = ("fake",)
    second_order: ClassVar[bool] = True
    bounds_slope: ClassVar[frozenset[str]] = frozenset({"fake"})
    per_sample: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[float, Opt("gamma; grows with the number of pixels", ge=0)] = 0.1,
        interval: Interval = 1,
    ) -> None:
        self.weight, self.interval = weight, interval

    def penalty(self, play: Play) -> Values:
        return 0.5 * _squared(play.gradient(play.fake_logits, play.fake))


@final
class GradientPenalty(Regularizer):
    """Pulls the slope between real and fake images to a target, [n].

    A target t other than 1 divides the penalty by t squared.

    References: Improved Training of Wasserstein GANs, eq. 3 (Gulrajani et al., 2017),
    https://arxiv.org/abs/1704.00028; target: Progressive Growing of GANs, appendix A.1 (Karras
    et al., 2018), https://arxiv.org/abs/1710.10196
    """

    second_order: ClassVar[bool] = True
    bounds_slope: ClassVar[frozenset[str]] = frozenset({"real", "fake"})
    per_sample: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[float, Opt("lambda", ge=0)] = 10.0,
        interval: Interval = 1,
        target: Annotated[float, Opt("slope it is pulled to", gt=0)] = 1.0,
    ) -> None:
        self.weight, self.interval, self.target = weight, interval, target

    def penalty(self, play: Play) -> Values:
        between = _between(play.real.detach(), play.fake.detach())
        return (_length_of_slope(play, between) - self.target).square() / self.target**2


@final
class Dragan(Regularizer):
    """Pulls the slope around real images to 1, [n]: at noisy ones, whatever the generator makes.

    The noise is uniform, at most half the standard deviation of all pixels of the batch, of which
    a random share is added.

    References: On Convergence and Stability of GANs, Algorithm 1 (Kodali et al., 2017),
    https://arxiv.org/abs/1705.07215; the noise is that of the authors' code.
    """

    second_order: ClassVar[bool] = True
    bounds_slope: ClassVar[frozenset[str]] = frozenset({"real"})
    per_sample: ClassVar[bool] = True
    mixes_samples: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[float, Opt("lambda", ge=0)] = 10.0,
        interval: Interval = 1,
    ) -> None:
        self.weight, self.interval = weight, interval

    def penalty(self, play: Play) -> Values:
        real = play.real.detach()
        noise = 0.5 * real.std() * torch.rand_like(real)
        around = _between(real, real + noise)
        return (_length_of_slope(play, around) - 1).square()


@final
class Drift(Regularizer):
    """Keeps the logits of real images near 0, where a Wasserstein loss lets them go anywhere.

    References: Progressive Growing of GANs, appendix A.1 (Karras et al., 2018),
    https://arxiv.org/abs/1710.10196
    """

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[float, Opt("epsilon", ge=0)] = 1e-3,
        interval: Interval = 1,
    ) -> None:
        self.weight, self.interval = weight, interval

    def penalty(self, play: Play) -> Values:
        return play.real_logits.square()


@final
class LeCam(Regularizer):
    """Holds logits near the average logits of the other kind, for little data.

    The averages are of past moves and move with each of the discriminator; the first one, before
    which there is none, pays nothing.

    References: Regularizing Generative Adversarial Networks under Limited Data (Tseng et al.,
    2021), https://arxiv.org/abs/2104.03310; one-sided as in the authors' code.
    """

    capturable: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[float, Opt("lambda", ge=0)] = 0.3,
        interval: Interval = 1,
        decay: Annotated[float, Opt("what an average keeps at each move", ge=0, lt=1)] = 0.99,
    ) -> None:
        self.weight, self.interval, self.decay = weight, interval, decay
        self._averages: Tensor | None = None  # [2]: of real and of fake logits

    def penalty(self, play: Play) -> Values:
        if self._averages is None:
            return play.real_logits.new_zeros(())
        real, fake = self._averages.to(play.real_logits).unbind()
        too_real = relu(play.real_logits - fake).square()
        return too_real.mean() + relu(real - play.fake_logits).square().mean()

    @hookimpl
    def phase_end(self, run: RunView, phase: Phase, play: Play) -> None:
        """Move the averages towards the logits of the discriminator's move."""
        if D not in phase.trains:
            return
        now = torch.stack([play.real_logits.detach().mean(), play.fake_logits.detach().mean()])
        kept = now if self._averages is None else self._averages.to(now)
        moved = torch.lerp(now, kept, self.decay)
        if self._averages is kept:  # in place, where a CUDA graph finds it again
            kept.copy_(moved)
        else:
            self._averages = moved

    def state_dict(self) -> dict[str, Any]:
        """Return the averages; None before the first move."""
        return {"averages": self._averages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the averages of :meth:`state_dict`."""
        averages = state["averages"]
        self._averages = None if averages is None else averages.reshape(2)


@final
class WeightClip(Regularizer):
    """Clips every parameter of the discriminator after each of its moves; it penalizes nothing.

    References: Wasserstein GAN, Algorithm 1 (Arjovsky et al., 2017),
    https://arxiv.org/abs/1701.07875
    """

    bounds_slope: ClassVar[frozenset[str]] = frozenset({"real", "fake"})
    capturable: ClassVar[bool] = True

    def __init__(
        self, env: Env, *, limit: Annotated[float, Opt("largest parameter", gt=0)] = 0.01
    ) -> None:
        self.limit = limit

    def penalty(self, play: Play) -> Values:
        return play.draw.real.new_zeros(())

    @hookimpl
    def phase_end(self, run: RunView, phase: Phase, play: Play) -> None:
        """Clip what the phase has just moved."""
        if D not in phase.trains:
            return
        with torch.no_grad():
            for parameter in run.network(D).parameters():
                parameter.clamp_(-self.limit, self.limit)


def _length_of_slope(play: Play, images: Images) -> Values:
    """Length of the discriminator's slope at images that carry a gradient, [n]."""
    slope = play.gradient(play.judge(images, play.labels)["logits"], images)
    # vector_norm, unlike the root of a sum of squares, has the gradient 0 at 0 and not NaN
    length: Values = torch.linalg.vector_norm(slope.flatten(1), dim=1)
    return length


def _squared(slope: Images) -> Values:
    return slope.square().flatten(1).sum(1)  # [n]


def _between(real: Images, other: Images) -> Images:
    """A point on the line from each real image to another; one share for a whole image."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    return torch.lerp(real, other.to(real), share).requires_grad_()
