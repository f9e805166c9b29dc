"""Pictures of another data set, each with an image that can be made of it."""

from abc import abstractmethod
from dataclasses import replace
from typing import Annotated, final

import torch
from torch.nn.functional import interpolate, max_pool2d
from torchvision.transforms.functional import rgb_to_grayscale

import ganzoo
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.options import Opt
from ganzoo.types import GivenPixels, Pixels

_DARK = 1.2  # how much darker a line is than its edge is strong


class _Paired(Dataset):
    """A data set whose images are to be made of others, which are made of them."""

    def __init__(
        self,
        *,
        of: Annotated[str, Opt("the data set of the pictures, by name")] = "critters",
        count: Annotated[int, Opt("pictures of it", ge=1)] = 5000,
        path: Annotated[str, Opt("a folder or zip, in place of a name")] = "",
    ) -> None:
        named = ganzoo.dataset("folder", path=path) if path else ganzoo.dataset(of, count=count)
        self._source: Dataset = named

    @abstractmethod
    def _given(self, pixels: Pixels) -> GivenPixels:
        """Return the images of which pictures are to be made."""

    def describe(self, resolution: int | None = None) -> DataInfo:
        """Return the facts of the pictures, and the shape of what is given."""
        info = self._source.describe(resolution)
        given = self._given(torch.zeros(1, *info.image_shape, dtype=torch.uint8))
        channels, height, width = given.shape[1:]
        return replace(
            info,
            count=self._kept(info.count),
            given_shape=(channels, height, width),
            num_classes=0,
            class_counts=(),
            class_names=(),
        )

    def load(self, resolution: int | None = None) -> tuple[Pixels, GivenPixels]:
        """Return every picture, with what it is to be made of."""
        pixels = self._source.load(resolution)[0]
        pixels = pixels[: self._kept(len(pixels))]
        return pixels, self._given(pixels)

    def held_out(self, resolution: int | None = None) -> tuple[Pixels, GivenPixels]:
        """Return the last tenth of the pictures, which :meth:`load` does not give."""
        pixels = self._source.load(resolution)[0]
        pixels = pixels[self._kept(len(pixels)) :]
        return pixels, self._given(pixels)

    def _kept(self, count: int) -> int:
        return count - count // 10


@final
class Outlines(_Paired):
    """Pictures and their outlines: dark lines on white, where grey values change."""

    def _given(self, pixels: Pixels) -> GivenPixels:
        grey = (rgb_to_grayscale(pixels) if pixels.shape[1] == 3 else pixels).float()
        edges = max_pool2d(grey, 3, 1, 1) + max_pool2d(-grey, 3, 1, 1)
        return (255 - _DARK * edges).clamp(0, 255).byte()


@final
class Halved(_Paired):
    """Pictures and the same at half the resolution, each of whose pixels is a mean of four."""

    def _given(self, pixels: Pixels) -> GivenPixels:
        small = interpolate(pixels.float(), scale_factor=0.5, mode="area")
        return small.round().byte()
