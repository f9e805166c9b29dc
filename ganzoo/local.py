"""Any map-style data set of (image, label) pairs as a ganzoo data set."""

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from ganzoo.data.pixels import fit, to_pixels
from ganzoo.errors import DataError
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.types import Labels, Pixels


@final
class LocalDataset(Dataset):
    """Reads a map-style data set once.

    Args:
        source: ``source[i]`` is an image or (image, label); an image is a PIL image, a uint8
            tensor [c, h, w], or a float tensor [c, h, w] in [0, 1].
    """

    def __init__(self, source: Sequence[Any]) -> None:
        self._source = source

    def describe(self, resolution: int | None = None) -> DataInfo:
        """Return the facts; classes are counted by reading every label.

        Raises:
            DataError: It is empty or holds something else.
        """
        if len(self._source) == 0:
            raise DataError("the data set that was handed in is empty")
        first = _pixels(self._source[0])
        labels = self._labels()
        classes = 0 if labels is None else int(labels.max()) + 1
        side = resolution or min(first.shape[1:])
        return DataInfo((first.shape[0], side, side), len(self._source), classes)

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        """Return every image and label."""
        side = self.describe(resolution).image_shape[-1]
        images = [fit(_pixels(self._source[i])[None], side) for i in range(len(self._source))]
        return torch.cat(images), self._labels()

    def _labels(self) -> Labels | None:
        if not isinstance(self._source[0], tuple | list) or len(self._source[0]) < 2:
            return None
        return torch.tensor([int(self._source[i][1]) for i in range(len(self._source))])


def _pixels(item: Any) -> Tensor:
    image = item[0] if isinstance(item, tuple | list) else item
    if isinstance(image, Tensor) and image.dim() == 3:
        return image if image.dtype == torch.uint8 else to_pixels(image[None] * 2 - 1)[0]
    if hasattr(image, "getbands"):
        found: Tensor = pil_to_tensor(image)
        return found
    raise DataError(
        f"the data set that was handed in gives {type(image).__name__}; it should give a PIL"
        " image or a tensor [c, h, w]"
    )
