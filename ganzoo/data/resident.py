"""A whole data set as one tensor on the training device: no workers, no decoding in the loop."""

from hashlib import sha256
from typing import final

import torch

from ganzoo.data.order import Order
from ganzoo.data.pixels import to_images
from ganzoo.types import Images, Labels, Pixels

_SAMPLED_IMAGES, _SAMPLED_BYTES = 256, 1 << 18


@final
class Resident:
    """Every image of a data set, ready to be drawn from.

    Args:
        pixels: All images.
        labels: Their classes; None without classes.
        device: Where training happens.
        seed: Of the run; it decides the order.

    Raises:
        ValueError: There is no image, or not one label an image.
    """

    def __init__(
        self, pixels: Pixels, labels: Labels | None, device: torch.device | str, seed: int
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

    def batch(self, start: int, size: int) -> tuple[Images, Labels | None]:
        """Return images ``start`` to ``start + size`` of the endless order, with their labels.

        Args:
            start: Images shown before (nimg).
            size: Images wanted.
        """
        chosen = self._order.indices(start, size)
        images = to_images(self._rows.index_select(0, chosen).permute(0, 3, 1, 2))
        labels = None if self._labels is None else self._labels.index_select(0, chosen)
        return images, labels

    def fingerprint(self) -> str:
        """Return a sha256 of the shape, a sample of the pixels, and the labels.

        It does not depend on the device or the seed; it tells a resumed run that its data changed.
        """
        count, height, width, channels = self._rows.shape
        sample = self._rows[:: -(-count // _SAMPLED_IMAGES)].flatten()
        # An odd step meets every column and channel of sides that are powers of two.
        step = -(-len(sample) // _SAMPLED_BYTES) | 1
        digest = sha256(repr((count, channels, height, width)).encode())
        digest.update(_raw(sample[::step]))
        digest.update(b"none" if self._labels is None else _raw(self._labels))
        return digest.hexdigest()


def _raw(tensor: torch.Tensor) -> bytes:
    return tensor.cpu().contiguous().numpy().tobytes()
