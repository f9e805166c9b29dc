"""Handwriting that nobody wrote: digits drawn from strokes, at any resolution, alike everywhere.

Every draw of an image comes before its resolution is asked for, so a digit keeps its hand when it
is drawn larger. Images are made in chunks, each a pure function of (seed, split, chunk).
"""

import math
from typing import Annotated, Literal, final

import torch
from torch import Tensor

from ganzoo.data.cache import cached
from ganzoo.data.chance import rng_of
from ganzoo.errors import DataError
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.options import Opt
from ganzoo.types import Labels, Pixels
from ganzoo_digits.strokes import SEGMENTS, alphabet

_VERSION = 1
"""Raise it with any change of a pixel: old cache files are then left alone."""

_CHUNK = 500
_HELD_OUT = 10_000  # drawn with seed 0, whatever the seed of the set
_NUM_CLASSES = 10
_NATIVE, _SMALLEST = 28, 8
_INK_BOX = 20 / 28 - 0.05
"""Longer side of the ink as a share of the image; MNIST fits its ink into 20 of 28 px."""

_SOFT = 0.026
"""Width of the Gaussian that measures how far a pixel is from the stroke, as a share of a side."""


@final
class Digits(Dataset):
    """Synthetic handwriting of the digits 0 to 9, white on black.

    Args:
        count: Number of images; a smaller set is the beginning of a larger one.
        seed: Another seed, another set.
        split: ``test`` shares no image with ``train``.
    """

    def __init__(
        self,
        *,
        count: Annotated[int, Opt("number of images", ge=1)] = 60_000,
        seed: Annotated[int, Opt("another seed, another set")] = 0,
        split: Annotated[Literal["train", "test"], Opt("they share no image")] = "train",
    ) -> None:
        self._count = count
        self._seed = seed
        self._split = split

    def describe(self, resolution: int | None = None) -> DataInfo:
        side = _checked(resolution)
        whole, rest = divmod(self._count, _CHUNK)
        counts = torch.full((_NUM_CLASSES,), whole * (_CHUNK // _NUM_CLASSES))
        if rest:
            counts += self._labels(whole)[:rest].bincount(minlength=_NUM_CLASSES)
        return DataInfo(
            image_shape=(1, side, side),
            count=self._count,
            num_classes=_NUM_CLASSES,
            class_counts=tuple(counts.tolist()),
            class_names=tuple(map(str, range(_NUM_CLASSES))),
        )

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        side = _checked(resolution)
        if self._count <= _CHUNK:
            return self._draw(side)
        key = {
            "dataset": f"digits-{side}",
            "version": _VERSION,
            "count": self._count,
            "seed": self._seed,
            "split": self._split,
            "resolution": side,
        }
        return cached(key, lambda: self._draw(side))

    def held_out(self, resolution: int | None = None) -> tuple[Pixels, Labels | None] | None:
        if self._split == "test":
            return None
        return Digits(count=_HELD_OUT, split="test").load(resolution)

    def _draw(self, side: int) -> tuple[Pixels, Labels]:
        chunks = range(math.ceil(self._count / _CHUNK))
        labels = torch.cat([self._labels(chunk) for chunk in chunks])
        pixels = torch.empty(len(labels), 1, side, side, dtype=torch.uint8)
        for chunk in chunks:
            place = slice(chunk * _CHUNK, (chunk + 1) * _CHUNK)
            rng = rng_of("digits", self._seed, self._split, chunk, "hand")
            pixels[place, 0] = _drawn(labels[place], resolution=side, rng=rng)
        return pixels[: self._count], labels[: self._count]

    def _labels(self, chunk: int) -> Labels:
        """As many of each class, in random order."""
        rng = rng_of("digits", self._seed, self._split, chunk, "labels")
        return torch.randperm(_CHUNK, generator=rng) % _NUM_CLASSES


def _checked(resolution: int | None) -> int:
    if resolution is not None and resolution < _SMALLEST:
        raise DataError(
            f"digits: {resolution} px are too few to tell digits apart;"
            f" choose --resolution {_SMALLEST} or more."
        )
    return resolution or _NATIVE


@torch.no_grad()
def _drawn(labels: Labels, *, resolution: int, rng: torch.Generator) -> Tensor:
    """Return uint8 pictures [n, resolution, resolution] of one digit each."""
    count = len(labels)
    lines = _centred(_bent(_written(labels, rng), rng), rng)
    pen = _pen(count, rng)
    soft = 0.8 + 0.5 * torch.rand(count, 1, 1, generator=rng)
    ink = _inked(lines, pen, resolution=resolution, soft=soft)
    return ink.mul_(255).round_().byte()


def _written(labels: Labels, rng: torch.Generator) -> Tensor:
    """Return both ends of each segment [n, SEGMENTS, 2, (x, y)], each digit in its own hand."""
    letters, count = alphabet(), len(labels)
    share = torch.rand(count, generator=rng)
    way = letters.first[labels] + (share * letters.ways[labels]).long()
    points = letters.points[way]  # [n, k, 2]
    points = points + 0.034 * torch.randn(points.shape, generator=rng)
    starts, ends = letters.starts[way] @ points, letters.ends[way] @ points
    return torch.stack([starts, ends], dim=2) - 0.5


def _bent(lines: Tensor, rng: torch.Generator) -> Tensor:
    """Return lines stretched, waved, slanted and turned as a hand would."""
    count = len(lines)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=rng)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=rng)

    x = lines[..., 0] * (0.62 + 0.40 * uniform(1, 1))
    y = lines[..., 1] * (0.80 + 0.16 * uniform(1, 1))
    for _ in range(2):
        frequency = 3.1 * (1.6 * normal(2, 1, 1)).clamp(-3, 3)
        phase, height = math.tau * uniform(2, 1, 1), 0.030 * normal(2, 1, 1)
        x, y = (
            x + height[:, 0] * torch.sin(frequency[:, 0] * y + phase[:, 0]),
            y + height[:, 1] * torch.sin(frequency[:, 1] * x + phase[:, 1]),
        )
    x = x - (0.18 + 0.32 * normal(1, 1)) * y
    angle = 0.05 * normal(1, 1)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1)


def _centred(lines: Tensor, rng: torch.Generator) -> Tensor:
    """Return lines as MNIST places them: the longer side of one length, the mean in the middle."""
    extent = (lines.amax((1, 2)) - lines.amin((1, 2))).amax(-1)  # [n]
    scale = _INK_BOX / extent * (0.94 + 0.10 * torch.rand(len(lines), generator=rng))
    lines = lines * scale.view(-1, 1, 1, 1)
    return lines - lines.mean((1, 2), keepdim=True)


def _pen(count: int, rng: torch.Generator) -> Tensor:
    """Return half the width of the stroke along each digit [n, SEGMENTS]."""
    width, speed, phase = (torch.rand(count, 1, generator=rng) for _ in range(3))
    along = torch.arange(SEGMENTS) / SEGMENTS
    pressure = torch.sin(math.tau * (along * (0.6 + 1.2 * speed) + phase))
    return (0.034 + 0.036 * width**1.3) * (1 + 0.22 * pressure)


def _inked(lines: Tensor, pen: Tensor, *, resolution: int, soft: Tensor) -> Tensor:
    """Return how much ink is on each pixel [n, resolution, resolution], 0 to 1.

    A sum over the segments of Gaussians around them, each weighted by its length and by
    ``exp(pen ** 2 / (2 * _SOFT ** 2))``, is ``exp((pen ** 2 - distance ** 2) / (2 * _SOFT ** 2))``
    along a stroke; its logarithm gives the distance to the edge of the ink. The Gaussian is
    separable, so the sum is one matrix product an image.

    Args:
        lines: Ends of the segments [n, s, 2, (x, y)], 0 in the middle of a picture of side 1.
        pen: Half the width of the stroke [n, s].
        resolution: Pixels per side.
        soft: How blurred the edge is [n, 1, 1]; 1 is about a pixel.
    """
    sharpness = 1 / (2 * _SOFT**2)
    grid = (torch.arange(resolution) + 0.5) / resolution - 0.5
    # One Gaussian a segment: they lie closer than two widths, so the sum is even to 1.5 %.
    middle = lines.mean(2)
    length = (lines[:, :, 1] - lines[:, :, 0]).norm(dim=-1)
    weight = length * torch.exp(sharpness * pen**2) / (_SOFT * math.sqrt(math.tau))
    across = torch.exp(-sharpness * (grid - middle[..., :1]) ** 2) * weight.unsqueeze(-1)
    down = torch.exp(-sharpness * (grid - middle[..., 1:]) ** 2)  # [n, s, resolution]
    density = down.transpose(1, 2) @ across
    inside = density.clamp_min_(1e-12).log_() / (sharpness * 2 * pen.mean(1).view(-1, 1, 1))
    edge = (0.38 / resolution + 0.001) * soft
    ink: Tensor = inside.div_(2 * edge).add_(0.5).clamp_(0, 1)
    return ink
