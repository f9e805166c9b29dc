"""The penalty that makes a step in w a step of constant size in the picture."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, final

import torch
from torch import Tensor

from ganzoo.algorithm import G, Play, widened
from ganzoo.errors import FitError
from ganzoo.interfaces import Env, Regularizer
from ganzoo.options import Opt
from ganzoo.types import Values


@final
class PathLength(Regularizer):
    """Pulls the length of d (image * noise) / d w to its running mean, [n / shrink].

    The generator runs once more, on the first part of the batch: that bounds the memory. The
    noise is N(0, 1) divided by the root of the pixels; the length is the root of the mean over the
    layers of the squares.

    Args:
        env: What is made.
        weight: Factor; None for 2 from 128 px on, and 0 below, where it does not pay.
        interval: Steps from one time to the next.
        shrink: The batch is divided by it.
        decay: How far the mean goes to the lengths of each time.

    References: Analyzing and Improving the Image Quality of StyleGAN, section 3.2 and appendix B
    (Karras et al., 2020), https://arxiv.org/abs/1912.04958
    """

    on: ClassVar[tuple[str, ...]] = (G,)
    second_order: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[
            float | None, Opt("factor; none: 2 from 128 px on, 0 below", ge=0)
        ] = None,
        interval: Annotated[
            int, Opt("acts every so many steps, and then that much stronger", ge=1)
        ] = 4,
        shrink: Annotated[int, Opt("divides the batch", ge=1)] = 2,
        decay: Annotated[float, Opt("of the mean, at each time", gt=0, le=1)] = 0.01,
    ) -> None:
        usual = 2.0 if env.resolution >= 128 else 0.0
        self.weight, self.interval = usual if weight is None else weight, interval
        self.shrink, self.decay = shrink, decay
        self._mean: Tensor | None = None

    def penalty(self, play: Play) -> Values:
        count = max(1, len(play.draw.z) // self.shrink)
        labels = None if play.labels is None else play.labels[:count]
        made = play.networks[G](play.draw.z[:count], labels)
        if not isinstance(made, Mapping) or "w" not in made:
            raise FitError("path length needs 'w' from the generator, which gives none")
        image, w = made["image"], made["w"]
        noise = torch.randn_like(image) / (image.shape[2] * image.shape[3]) ** 0.5
        slope = widened(play.gradient(image * noise, w))  # [n, layers, w]
        # vector_norm, unlike the root of a sum of squares, has the gradient 0 at 0 and not NaN
        lengths: Values = torch.linalg.vector_norm(slope.flatten(1), dim=1) / slope.shape[1] ** 0.5
        before = lengths.new_zeros(()) if self._mean is None else self._mean.to(lengths)
        mean = before.lerp(lengths.mean(), self.decay)
        self._mean = mean.detach()
        return (lengths - mean).square()

    def state_dict(self) -> dict[str, Any]:
        """Return the mean; None before the first time."""
        return {"mean": self._mean}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the mean of :meth:`state_dict`."""
        self._mean = None if state["mean"] is None else state["mean"].reshape(())
