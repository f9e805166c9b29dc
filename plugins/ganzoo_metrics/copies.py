"""Fakes that repeat the data, or each other, found in pixels."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from jaxtyping import UInt8
from torch import Tensor

from ganzoo.interfaces import Embedded, Metric
from ganzoo.options import Opt
from ganzoo.types import Pixels
from ganzoo_metrics.nearest import drawn, nearest_pixels

COPIED = 0.3
"""Of the median distance of held-out images to the data, what a copy is nearer than."""

DUPLICATE = 0.1
"""Of the median distance of real images to each other, what a duplicate is nearer than."""

_SIDE, _COARSE = 32, 16
_CROWD = 5000


@final
class Copies(Metric):
    """How near fakes are to the data and to each other, beside real images that were kept apart.

    ``nn-ratio``: the median distance of a fake to its nearest image of the data, over that of a
    held-out image; 1 when fakes are as new as those, towards 0 when they repeat the data. Above 1
    is no merit beyond that: noise is far from everything. ``copied``: share of the fakes nearer
    to an image of the data than 0.3 of the held-out median. ``duplicates``: share of the fakes
    nearer to another fake than 0.1 of the median distance of as many real images to their nearest.

    A distance is the root mean square over pixels; images are pooled to at most 32 px, and for
    ``duplicates`` to at most 16 px. A copy that is shifted or recoloured is not found.

    Args:
        size: Fakes that are compared with the data, and as many held-out images.

    References: that held-out images are the measure of copying follows A Non-Parametric Test to
    Detect Data-Copying in Generative Models (Meehan et al., 2020),
    https://arxiv.org/abs/2004.05675
    """

    higher: ClassVar[frozenset[str]] = frozenset({"nn-ratio"})
    in_pixels: ClassVar[bool] = True

    def __init__(
        self, *, size: Annotated[int, Opt("fakes compared with the data", ge=1)] = 1000
    ) -> None:
        self._size = size
        self._known: tuple[Pixels, Pixels, float] | None = None

    @property
    def protocol(self) -> str:
        return (
            f"random {self._size} at {_SIDE} px against every real image, copied < {COPIED:g};"
            f" duplicates < {DUPLICATE:g} of {_CROWD} at {_COARSE} px; seed 0"
        )

    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        return {**self._copied(real, fake, held_out), **_repeated(real, fake)}

    def _copied(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        if 0 in (len(fake.pixels), len(held_out.pixels), len(real.pixels)):
            return {}
        usual = self._usual(real.pixels, held_out.pixels)
        if usual == 0:
            return {}
        apart = nearest_pixels(drawn(fake.pixels, self._size, "judged"), real.pixels, _SIDE)
        return {
            "nn-ratio": float(apart.median() / usual),
            "copied": float((apart < COPIED * usual).double().mean()),
        }

    def _usual(self, real: Pixels, held_out: UInt8[Tensor, "m c h w"]) -> float:
        """The median distance of held-out images, which many fakes are judged by."""
        known = self._known
        if known is None or known[0] is not real or known[1] is not held_out:
            # Other draws than those of fakes, so that held-out images judged as fakes show how
            # far chance goes.
            kept = drawn(held_out, self._size, "kept")
            usual = float(nearest_pixels(kept, real, _SIDE).median())
            self._known = known = (real, held_out, usual)
        return known[2]


def _repeated(real: Embedded, fake: Embedded) -> Mapping[str, float]:
    size = min(_CROWD, len(fake.pixels), len(real.pixels))
    if size < 2:
        return {}
    # The nearest of more is nearer, so both crowds are equally large.
    reals, fakes = (drawn(side.pixels, size, "crowd") for side in (real, fake))
    usual = nearest_pixels(reals, reals, _COARSE, same=True).median()
    if usual == 0:
        return {}
    apart = nearest_pixels(fakes, fakes, _COARSE, same=True)
    return {"duplicates": float((apart < DUPLICATE * usual).double().mean())}
