"""Stacked MNIST: three digits in one picture, a data set whose 1,000 modes can be counted."""

from typing import Annotated, final

import torch

from ganzoo.data.chance import rng_of
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.options import Opt
from ganzoo.types import Labels, Pixels
from ganzoo_downloads.torchvision_sets import MNIST, ROOT, SPLIT, Split

_HELD_OUT = 10_000
"""Pictures that are made of the digits to test with, whatever the seed of the set."""


@final
class StackedMnist(Dataset):
    """Three random digits of MNIST as the red, green and blue of one picture, 28 px.

    The class is what the three digits spell, red first: 000 to 999. A picture may hold a digit
    twice, and the shares of the classes are products of those of MNIST, nearly even.

    Args:
        root: As :class:`ganzoo_downloads.torchvision_sets.Mnist`.
        split: Digits to train on, or those to test with.
        count: Number of pictures; a smaller set is the beginning of a larger one.
        seed: Another seed, other digits together.

    References: Unrolled Generative Adversarial Networks, section 3.3.1 (Metz et al., 2017),
    https://arxiv.org/abs/1611.02163; of 60,000 digits: PacGAN: The power of two samples in
    generative adversarial networks, section 4.2 (Lin et al., 2018),
    https://arxiv.org/abs/1712.04086
    """

    def __init__(
        self,
        *,
        root: Annotated[str | None, ROOT] = None,
        split: Annotated[Split, SPLIT] = "train",
        count: Annotated[int, Opt("number of pictures", ge=1)] = 60_000,
        seed: Annotated[int, Opt("another seed, other digits together")] = 0,
    ) -> None:
        self._root = root
        self._split = split
        self._count = count
        self._seed = seed

    def describe(self, resolution: int | None = None) -> DataInfo:
        _, height, width = MNIST.describe(self._split, resolution).image_shape
        return DataInfo(
            image_shape=(3, height, width),
            count=self._count,
            num_classes=1000,
            class_names=tuple(f"{spelt:03}" for spelt in range(1000)),
        )

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        digits, classes = MNIST.load(self._split, self._root, resolution)
        rng = rng_of("stacked-mnist", self._seed, self._split)
        chosen = torch.randint(len(digits), (self._count, 3), generator=rng)
        return digits[chosen, 0], classes[chosen] @ torch.tensor([100, 10, 1])

    def held_out(self, resolution: int | None = None) -> tuple[Pixels, Labels | None] | None:
        if self._split == "test":
            return None
        return StackedMnist(root=self._root, split="test", count=_HELD_OUT).load(resolution)
