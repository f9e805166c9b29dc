"""Images that are made of images, for people: what was given, what was made, what it should be."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from ganzoo.data.pixels import to_images
from ganzoo.interfaces import Dataset
from ganzoo.types import Given, GivenPixels, Pixels

SHOWN = 32
"""Pairs of a sheet that nobody gave a number for."""

_IN_A_ROW = 4
_MOST = 1024


@final
@dataclass(frozen=True)
class Pairs:
    """Images to make others of, and what these should be.

    Attributes:
        given: What is given.
        real: What should be made of each; None where nobody knows.
    """

    given: GivenPixels
    real: Pixels | None = None

    @staticmethod
    def of(dataset: Dataset, resolution: int) -> "Pairs":
        """Return some pairs of a data set, evenly spread; of its test split, where it has one.

        Raises:
            DataError: They cannot be read.
        """
        real, given = dataset.held_out(resolution) or dataset.load(resolution)
        assert given is not None
        step = -(-len(real) // _MOST)
        return Pairs(given[::step], real[::step])

    def told(self, count: int) -> Given:
        """Return what a generator is told of ``count`` images; after the last the first again."""
        return to_images(self.first(count))

    def first(self, count: int) -> GivenPixels:
        """Return what is given of ``count`` images, as it is stored."""
        return self.given[torch.arange(count) % len(self.given)]

    def beside(self, made: Pixels) -> tuple[UInt8[Tensor, "shown rgb h w"], int]:
        """Return what was made beside what was given and what is real, and the columns of a grid.

        Args:
            made: Of the first images that are given, in their order.
        """
        shown = [self.first(len(made)), made]
        if self.real is not None:
            shown.append(self.real[torch.arange(len(made)) % len(self.real)])
        channels = max(each.shape[1] for each in shown)
        size = made.shape[2:]
        alike = [functional.interpolate(each, size).expand(-1, channels, -1, -1) for each in shown]
        return torch.stack(alike, 1).flatten(0, 1), _IN_A_ROW * len(shown)
