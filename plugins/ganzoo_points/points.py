"""Points in the plane: data so small that a GAN learns it in seconds and its modes can be counted.

A point is an image of two channels, x and y, and one pixel. Its values are bytes, as those of any
image, so it lies on a grid of 256 x 256 places, 0.0078 apart in the square from -1 to 1.

Points are made in chunks, each a pure function of (name, seed, split, chunk).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, final

import torch
from jaxtyping import Float
from torch import Tensor

from ganzoo.data.chance import rng_of
from ganzoo.data.pixels import to_pixels
from ganzoo.errors import DataError
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.options import Opt
from ganzoo.types import POINT, Labels, Pixels

Split: TypeAlias = Literal["train", "test"]
Plane: TypeAlias = Float[Tensor, "n 2"]
"""Points as x and y, both about -1 to 1; y points up."""

_COUNT = Opt("number of points", ge=1)
_SEED = Opt("another seed, another set")
_SPLIT = Opt("they share no draw")

_CHUNK = 1000

RING_RADIUS, RING_STD = 0.8, 0.008
GRID_STEP, GRID_STD = 0.4, 0.01
SPIRAL_STD = 0.01
"""Standard deviation of the Gaussians of each set; all are more than the 0.0078 between places."""


def ring_centres() -> Plane:
    """Return the centres of ``ring2d``, from the right counterclockwise, [8, 2]."""
    return _circle(torch.arange(8) / 8, RING_RADIUS)


def grid_centres() -> Plane:
    """Return the centres of ``grid2d``, row by row from the lower left, [25, 2]."""
    places = GRID_STEP * torch.arange(-2, 3)
    y, x = torch.meshgrid(places, places, indexing="ij")
    return torch.stack([x, y], dim=-1).flatten(0, 1)


@final
class Ring2d(Dataset):
    """Eight Gaussians on a circle; the class of a point is its Gaussian.

    The radius is 0.8 and the standard deviation 0.008: the customary 2 and 0.02, scaled by 0.4.

    Args:
        count: Number of points; a smaller set is the beginning of a larger one.
        seed: Another seed, another set.
        split: ``test`` shares no draw with ``train``.

    References: Unrolled Generative Adversarial Networks, section 3.1 (Metz et al., 2017),
    https://arxiv.org/abs/1611.02163
    """

    def __init__(
        self,
        *,
        count: Annotated[int, _COUNT] = 50_000,
        seed: Annotated[int, _SEED] = 0,
        split: Annotated[Split, _SPLIT] = "train",
    ) -> None:
        names = tuple(f"{45 * index} degrees" for index in range(8))
        self._drawn = _Drawn("ring2d", names, count, seed, split)

    def describe(self, resolution: int | None = None) -> DataInfo:
        return self._drawn.describe(resolution)

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        return self._drawn.load(resolution, _around(ring_centres(), RING_STD))


@final
class Grid2d(Dataset):
    """Five by five Gaussians; the class of a point is its Gaussian.

    Centres are 0.4 apart and the standard deviation is 0.01: the customary 2 and 0.05, scaled by
    0.2.

    Args:
        count: Number of points; a smaller set is the beginning of a larger one.
        seed: Another seed, another set.
        split: ``test`` shares no draw with ``train``.

    References: VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning, section
    4.1 (Srivastava et al., 2017), https://arxiv.org/abs/1705.07761
    """

    def __init__(
        self,
        *,
        count: Annotated[int, _COUNT] = 50_000,
        seed: Annotated[int, _SEED] = 0,
        split: Annotated[Split, _SPLIT] = "train",
    ) -> None:
        names = tuple(f"row {row} column {column}" for row in range(5) for column in range(5))
        self._drawn = _Drawn("grid2d", names, count, seed, split)

    def describe(self, resolution: int | None = None) -> DataInfo:
        return self._drawn.describe(resolution)

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        return self._drawn.load(resolution, _around(grid_centres(), GRID_STD))


@final
class Spiral2d(Dataset):
    """Two arms that wind around the middle; the class of a point is its arm.

    Each arm goes round one and a half times, and points lie evenly along it. There is no mode to
    count: what is to be seen is whether the arms are whole and stay apart.

    Args:
        count: Number of points; a smaller set is the beginning of a larger one.
        seed: Another seed, another set.
        split: ``test`` shares no draw with ``train``.
    """

    def __init__(
        self,
        *,
        count: Annotated[int, _COUNT] = 50_000,
        seed: Annotated[int, _SEED] = 0,
        split: Annotated[Split, _SPLIT] = "train",
    ) -> None:
        self._drawn = _Drawn("spiral2d", ("first arm", "second arm"), count, seed, split)

    def describe(self, resolution: int | None = None) -> DataInfo:
        return self._drawn.describe(resolution)

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        return self._drawn.load(resolution, _on_arms)


_Place: TypeAlias = Callable[[Labels, torch.Generator], Plane]
"""Draws a point of each class."""


@dataclass(frozen=True)
class _Drawn:
    """What is common to the sets: as many points of each class, in random order."""

    name: str
    class_names: tuple[str, ...]
    count: int
    seed: int
    split: Split

    def describe(self, resolution: int | None) -> DataInfo:
        self._check(resolution)
        classes = len(self.class_names)
        whole, rest = divmod(self.count, _CHUNK)
        counts = torch.full((classes,), whole * (_CHUNK // classes))
        counts += self._labels(whole)[:rest].bincount(minlength=classes)
        return DataInfo(POINT, self.count, classes, tuple(counts.tolist()), self.class_names)

    def load(self, resolution: int | None, place: _Place) -> tuple[Pixels, Labels]:
        self._check(resolution)
        chunks = range(math.ceil(self.count / _CHUNK))
        labels = [self._labels(chunk) for chunk in chunks]
        points = [place(labels[chunk], self._rng(chunk, "place")) for chunk in chunks]
        pixels = to_pixels(torch.cat(points)[: self.count, :, None, None])
        return pixels, torch.cat(labels)[: self.count]

    def _labels(self, chunk: int) -> Labels:
        order = torch.randperm(_CHUNK, generator=self._rng(chunk, "labels"))
        return order % len(self.class_names)

    def _rng(self, chunk: int, what: str) -> torch.Generator:
        return rng_of(self.name, self.seed, self.split, chunk, what)

    def _check(self, resolution: int | None) -> None:
        if resolution not in (None, 1):
            raise DataError(
                f"{self.name}: a point has 1 pixel, not {resolution}; take a model for points,"
                " such as `ganzoo train gan --preset points`, and leave --resolution out."
            )


def _around(centres: Plane, std: float) -> _Place:
    """Return what draws from a Gaussian around the centre of each class."""

    def place(labels: Labels, rng: torch.Generator) -> Plane:
        return centres[labels] + std * torch.randn(len(labels), 2, generator=rng)

    return place


def _on_arms(labels: Labels, rng: torch.Generator) -> Plane:
    # Length grows with the square of the turn, so the root of an even draw is even along an arm.
    way = (0.02 + 0.98 * torch.rand(len(labels), generator=rng)).sqrt()
    arms = _circle(1.5 * way + labels / 2, 0.9 * way)
    return arms + SPIRAL_STD * torch.randn(len(labels), 2, generator=rng)


def _circle(turns: Float[Tensor, " n"], radius: float | Float[Tensor, " n"]) -> Plane:
    """Return points at an angle, in whole turns, and at a distance from the middle."""
    angles = math.tau * turns
    return torch.stack([radius * angles.cos(), radius * angles.sin()], dim=-1)
