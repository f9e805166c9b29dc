"""The main ways in which the reference images differ, pixel by pixel, as a feature space."""

from hashlib import sha256
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo.data.chance import rng_of
from ganzoo.data.pixels import to_images
from ganzoo.types import Features, Pixels

COMPONENTS = 64
"""Length of a feature vector; less of images with fewer values, or of fewer images."""

_MOST = 20_000
_GREY_SIDE, _COLOUR_SIDE = 32, 16
_BATCH = 500
_VERSION = "pca 1"
"""Raise it with any change of the features."""


@final
class Pca:
    """Projections on the 64 principal components of the reference's pixels.

    No label shaped this space: a second opinion beside a classifier's. It sees brightness, blur
    and place, and hardly sees details or a class that is missing. Grey images are pooled to at
    most 32 px and others to at most 16 px; at most 20,000 of the reference, drawn at random, are
    fitted.

    Attributes:
        digest: sha256 of the images that were fitted, and of the version of the code; those decide
            the components, whose last bits differ from machine to machine.

    References: Principal Component Analysis, section 1.1 (Jolliffe, 2002)
    """

    def __init__(self) -> None:
        self.digest = sha256(_VERSION.encode()).hexdigest()
        self._mean: Float[Tensor, " values"] | None = None
        self._basis: Float[Tensor, "values f"] | None = None

    def fit(self, pixels: Pixels) -> None:
        """Learn the components.

        Args:
            pixels: The reference images, at least two.

        Raises:
            ValueError: There are fewer.
        """
        if len(pixels) < 2:
            raise ValueError("components cannot be found in fewer than two images")
        order = torch.randperm(len(pixels), generator=rng_of("pca", 0))
        chosen = pixels[order[:_MOST].sort().values].contiguous()
        shape = f"{_VERSION} {tuple(chosen.shape)}".encode()
        self.digest = sha256(shape + chosen.numpy().tobytes()).hexdigest()
        rows = torch.cat([_flat(part) for part in chosen.split(_BATCH)])
        self._mean = rows.mean(0)
        rows -= self._mean
        vectors = torch.linalg.eigh((rows.T @ rows).double() / (len(rows) - 1)).eigenvectors
        kept = min(COMPONENTS, len(rows) - 1)
        self._basis = vectors[:, -kept:].flip(1).float()

    def __call__(self, pixels: Pixels) -> Features:
        """Return the projections of images of the size that was fitted.

        Raises:
            RuntimeError: Nothing was fitted before.
        """
        if self._basis is None or self._mean is None:
            raise RuntimeError("fit pca to the reference images before it is asked for features")
        made = [(_flat(part) - self._mean) @ self._basis for part in pixels.split(_BATCH)]
        return torch.cat([self._basis.new_empty(0, self._basis.shape[1]), *made])


def _flat(pixels: Pixels) -> Float[Tensor, "n values"]:
    images = to_images(pixels.cpu())
    side = _GREY_SIDE if pixels.shape[1] == 1 else _COLOUR_SIDE
    if pixels.shape[-1] > side:
        images = interpolate(images, (side, side), mode="area")
    return images.flatten(1)
