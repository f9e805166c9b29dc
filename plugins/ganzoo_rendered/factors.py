"""What both sets share: factors drawn in chunks, pictures drawn in groups, colours.

Every factor of an image is drawn before its resolution is asked for, so an image keeps its content
when it is drawn larger. Factors come in chunks, each a pure function of (seed, split, chunk).
"""

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Annotated, ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ganzoo.data.cache import cached
from ganzoo.data.chance import rng_of
from ganzoo.errors import DataError
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.options import Opt
from ganzoo.types import Images, Labels, Pixels

Factors: TypeAlias = Mapping[str, Tensor]
"""What decides a picture, by name: floats [n] in 0...1, classes int64 [n]."""

_CHUNK = 500
_GROUPS = (20, 10, 5, 4, 2, 1)
"""Sizes of a group of images drawn at once; each divides a chunk."""

_GROUP_PIXELS = 20 * 128 * 128
"""Most pixels of a group, so that its planes stay near the processor."""

_DRAWING = Lock()
"""Held while torch's number of threads is changed, which is one for the whole process."""

_NATIVE, _SMALLEST = 64, 16


class Rendered(Dataset):
    """A set of pictures drawn by formula.

    Args:
        count: Number of images; a smaller set is the beginning of a larger one.
        seed: Another seed, another set.
        split: ``test`` shares no image with ``train``.

    Attributes:
        name: What the set is called.
        version: Raise it with any change of a pixel: old cache files are then left alone.
        class_factor: The factor that is the class.
        class_names: What its values are called.
        fine_from: Pixels per side from which one sample a pixel will do; below, it takes four.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    class_factor: ClassVar[str]
    class_names: ClassVar[tuple[str, ...]]
    fine_from: ClassVar[int]

    def __init__(
        self,
        *,
        count: Annotated[int, Opt("number of images", ge=1)] = 20_000,
        seed: Annotated[int, Opt("another seed, another set")] = 0,
        split: Annotated[Literal["train", "test"], Opt("they share no image")] = "train",
    ) -> None:
        self._count = count
        self._seed = seed
        self._split = split

    @abstractmethod
    def _drawn(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return every factor of ``count`` images but the class."""

    @abstractmethod
    def _pictures(self, factors: Factors, side: int) -> Images:
        """Return pictures [n, 3, side, side] of a few images; values near 0...1."""

    def describe(self, resolution: int | None = None) -> DataInfo:
        side = self._checked(resolution)
        classes = len(self.class_names)
        whole, rest = divmod(self._count, _CHUNK)
        counts = torch.full((classes,), whole * (_CHUNK // classes))
        if rest:
            counts += self._labels(whole)[:rest].bincount(minlength=classes)
        return DataInfo(
            image_shape=(3, side, side),
            count=self._count,
            num_classes=classes,
            class_counts=tuple(counts.tolist()),
            class_names=self.class_names,
        )

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        side = self._checked(resolution)
        if self._count <= _CHUNK:
            return self._made(side)
        key = {
            "dataset": f"{self.name}-{side}",
            "version": self.version,
            "count": self._count,
            "seed": self._seed,
            "split": self._split,
            "resolution": side,
        }
        return cached(key, lambda: self._made(side))

    def factors(self) -> Factors:
        """Return every factor by name, in the order of the images: [count] each."""
        return self._first(self._count)

    def render(self, factors: Factors, resolution: int | None = None) -> Pixels:
        """Return uint8 pictures [n, 3, resolution, resolution] of any factors.

        Args:
            factors: As :meth:`factors` returns them, all of them.
            resolution: Pixels per side; None for the data's own.
        """
        side = self._checked(resolution)
        fine = side if side >= self.fine_from else 2 * side
        size = next((size for size in _GROUPS if size * fine**2 <= _GROUP_PIXELS), 1)
        count = len(factors[self.class_factor])
        pixels = torch.empty(count, 3, side, side, dtype=torch.uint8)

        @torch.no_grad()
        def draw(start: int) -> None:
            place = slice(start, start + size)
            pictures = self._pictures({name: f[place] for name, f in factors.items()}, fine)
            pixels[place] = avg_pool2d(pictures.clamp_(0, 1), fine // side).mul_(255).round_()

        with _a_thread_a_group() as threads, ThreadPoolExecutor(threads) as pool:
            list(pool.map(draw, range(0, count, size)))
        return pixels

    def _made(self, side: int) -> tuple[Pixels, Labels]:
        # Whole groups, so that an image has the same company in a larger set.
        whole = math.ceil(self._count / _GROUPS[0]) * _GROUPS[0]
        pixels = self.render(self._first(whole), side)[: self._count]
        return pixels, self.factors()[self.class_factor]

    def _first(self, count: int) -> dict[str, Tensor]:
        chunks = [self._chunk(chunk) for chunk in range(math.ceil(count / _CHUNK))]
        return {name: torch.cat([chunk[name] for chunk in chunks])[:count] for name in chunks[0]}

    def _chunk(self, chunk: int) -> dict[str, Tensor]:
        rng = rng_of(self.name, self._seed, self._split, chunk, "factors")
        return self._drawn(_CHUNK, rng) | {self.class_factor: self._labels(chunk)}

    def _labels(self, chunk: int) -> Labels:
        """As many of each class, in random order."""
        rng = rng_of(self.name, self._seed, self._split, chunk, "labels")
        return torch.randperm(_CHUNK, generator=rng) % len(self.class_names)

    def _checked(self, resolution: int | None) -> int:
        if resolution is not None and resolution < _SMALLEST:
            raise DataError(
                f"{self.name}: {resolution} px are too few to tell {self.name} apart;"
                f" choose --resolution {_SMALLEST} or more."
            )
        return resolution or _NATIVE


@contextmanager
def _a_thread_a_group() -> Iterator[int]:
    """Give torch's number of threads, and meanwhile let each operation use one.

    A group is small: threads that share its operations wait for each other most of the time.
    """
    with _DRAWING:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield threads
        finally:
            torch.set_num_threads(threads)


def uniform(names: Iterable[str], count: int, rng: torch.Generator) -> dict[str, Tensor]:
    """Return ``count`` draws from 0...1 of each name."""
    return {name: torch.rand(count, generator=rng) for name in names}


def hsv(
    hue: Float[Tensor, " n"], saturation: Tensor | float, value: Tensor | float
) -> Float[Tensor, "n 3"]:
    """Return colours as red, green and blue; a hue goes round once from 0 to 1."""

    def channel(shift: int) -> Tensor:
        place = (shift + hue * 6) % 6
        return value - value * saturation * torch.minimum(place, 4 - place).clamp(0, 1)

    return torch.stack([channel(5), channel(3), channel(1)], dim=-1)
