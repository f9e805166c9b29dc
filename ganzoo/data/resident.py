"""A whole data set as one tensor on the training device: no workers, no decoding in the loop."""

from collections.abc import Sequence
from hashlib import sha256
from typing import final

import torch
from jaxtyping import Shaped
from torch import Tensor

from ganzoo.data.order import Order
from ganzoo.data.pixels import to_images
from ganzoo.types import GivenPixels, Images, Labels, Pixels, Told

_SAMPLED_IMAGES, _SAMPLED_BYTES = 256, 1 << 18


@final
class Resident:
    """Every image of a data set, ready to be drawn from.

    Args:
        pixels: All images.
        labels: Their classes, or the images that they are to be made of; None without either.
        device: Where training happens.
        seed: Of the run; it decides the order.

    Raises:
        ValueError: There is no image, or not one label an image.
    """

    def __init__(
        self,
        pixels: Pixels,
        labels: Labels | GivenPixels | None,
        device: torch.device | str,
        seed: int,
    ) -> None:
        if len(pixels) == 0:
            raise ValueError("a data set without images cannot be drawn from")
        if labels is not None and len(labels) != len(pixels):
            raise ValueError(f"{len(labels):,} labels for {len(pixels):,} images")
        # Channels last: a gathered batch is then in the format convolutions like.
        self._rows = pixels.permute(0, 2, 3, 1).contiguous().to(device)  # [n, h, w, c]
        self._labels = None if labels is None else labels.to(device)
        self._order = Order(seed=seed, count=len(pixels), device=device)

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self._rows)

    def batch(self, start: int, size: int) -> tuple[Images, Told | None]:
        """Return images ``start`` to ``start + size`` of the endless order, with their labels.

        Args:
            start: Images shown before (nimg).
            size: Images wanted.
        """
        chosen = self._order.indices(start, size)
        images = to_images(self._rows.index_select(0, chosen).permute(0, 3, 1, 2))
        labels = None if self._labels is None else self._labels.index_select(0, chosen)
        return images, told_of(labels)

    def fingerprint(self) -> str:
        """Return a sha256 of the shape, a sample of the pixels, and the labels.

        It does not depend on the device or the seed; it tells a resumed run that its data changed.
        """
        return fingerprint(self.pixels(sampled(self.count)), self._labels, self.count)

    def pixels(self, indices: Sequence[int]) -> Pixels:
        """Return some images as they are stored."""
        rows = self._rows[torch.tensor(indices, device=self._rows.device)]
        return rows.permute(0, 3, 1, 2)


def told_of(kept: Shaped[Tensor, "n *any"] | None) -> Told | None:
    """Return what players are told of what a data set keeps: classes, or images in [-1, 1]."""
    return kept if kept is None or kept.dim() == 1 else to_images(kept)


def sampled(count: int) -> range:
    """Return the numbers of some images, evenly spread over all."""
    return range(0, count, -(-count // _SAMPLED_IMAGES))


def fingerprint(sample: Pixels, labels: Shaped[Tensor, "all *any"] | None, count: int) -> str:
    """Return a sha256 of a data set's shape, of every so many values of a sample, and labels.

    Args:
        sample: The images that :func:`sampled` names.
        labels: Of all images; None without classes.
        count: Number of all images.
    """
    values = sample.permute(0, 2, 3, 1).flatten()
    # An odd step meets every column and channel of sides that are powers of two.
    step = -(-len(values) // _SAMPLED_BYTES) | 1
    digest = sha256(repr((count, *sample.shape[1:])).encode())
    digest.update(_raw(values[::step]))
    digest.update(b"none" if labels is None else _raw(labels))
    return digest.hexdigest()


def _raw(tensor: torch.Tensor) -> bytes:
    return tensor.cpu().contiguous().numpy().tobytes()
