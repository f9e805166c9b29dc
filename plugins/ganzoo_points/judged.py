"""How generated points are judged: by where they lie, and by the modes that they found."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, ClassVar, final

import torch

from ganzoo.data.chance import rng_of
from ganzoo.data.pixels import to_images
from ganzoo.errors import FitError
from ganzoo.interfaces import Embedded, Metric
from ganzoo.options import Opt
from ganzoo.types import POINT, Features, Pixels
from ganzoo_points.modes import NEAR, modes_found
from ganzoo_points.points import GRID_STD, RING_STD, Plane, grid_centres, ring_centres

_MIXTURE = 0.9
"""Share of the reference that must lie near the centres of a mixture that it is of."""


@final
class Coordinates:
    """The features of a point: its x and its y, in the square from -1 to 1."""

    digest = sha256(b"coordinates 1").hexdigest()

    def __call__(self, pixels: Pixels) -> Features:
        """Return the coordinates of points.

        Raises:
            FitError: The images are no points.
        """
        if tuple(pixels.shape[1:]) != POINT:
            shape = "x".join(map(str, pixels.shape[1:]))
            raise FitError(
                f"extractor coordinates reads points (2x1x1), not images of {shape}; take lenet,"
                " colour or pca"
            )
        return _plane(pixels)


@final
class ModesFound(Metric):
    """Modes of ``ring2d`` or ``grid2d`` that were found, and the share of points near one.

    ``modes`` counts centres with a point within three standard deviations, ``high-quality`` is the
    share of points that are within three of one. Which of the two sets it is, is seen from the
    reference; of others nothing is said.

    Args:
        size: Points that are judged, drawn at random; more would find more modes by chance.

    References: VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning, section
    4.1 (Srivastava et al., 2017), https://arxiv.org/abs/1705.07761
    """

    higher: ClassVar[frozenset[str]] = frozenset({"modes", "high-quality"})
    in_pixels: ClassVar[bool] = True

    def __init__(
        self, *, size: Annotated[int, Opt("points that are judged", ge=1)] = 2500
    ) -> None:
        self._size = size

    @property
    def protocol(self) -> str:
        return f"modes within {NEAR:g} standard deviations, random {self._size} points, seed 0"

    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        if tuple(real.pixels.shape[1:]) != POINT or min(len(real.pixels), len(fake.pixels)) == 0:
            return {}
        order = torch.randperm(len(fake.pixels), generator=rng_of("modes", 0))
        judged, reference = _plane(fake.pixels[order[: self._size]]), _plane(real.pixels)
        for centres, std in ((ring_centres(), RING_STD), (grid_centres(), GRID_STD)):
            if modes_found(reference, centres, std).quality > _MIXTURE:
                found = modes_found(judged, centres, std)
                return {"modes": float(found.found), "high-quality": found.quality}
        return {}


def _plane(pixels: Pixels) -> Plane:
    return to_images(pixels.cpu()).flatten(1)
