"""Pixels to images and back, and pixels to the wanted resolution: one law for every data set."""

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from ganzoo.types import Images, Pixels

_DIGIT_SIDE, _DIGIT_PADDED = 28, 32


def to_images(pixels: Pixels) -> Images:
    """Return images in [-1, 1], float32: 0 becomes -1 and 255 becomes 1."""
    return pixels.float().div_(127.5).sub_(1)


def to_pixels(images: Images) -> Pixels:
    """Return the nearest pixels of images; values outside [-1, 1] are clamped."""
    return (images * 127.5 + 128).clamp(0, 255).byte()


def fit(pixels: Pixels, resolution: int) -> UInt8[Tensor, "n c side side"]:
    """Return pixels cut to the square in their middle and brought to ``resolution``.

    Grey 28 px (the MNIST family) becomes 32 px by two rows and columns of 0 on each side, so that
    no stroke is blurred. Everything else is resized with an antialiased bicubic filter.

    Args:
        pixels: Of one size, any shape of rectangle.
        resolution: Pixels per side.

    Raises:
        ValueError: The resolution is less than one pixel.

    References:
        On Aliased Resizing and Surprising Subtleties in GAN Evaluation, section 3 (Parmar et al.,
        2022), https://arxiv.org/abs/2104.11222
    """
    if resolution < 1:
        raise ValueError(f"images need at least one pixel per side, not {resolution}")
    square = _cropped(pixels)
    side = square.shape[-1]
    if side == resolution:
        return square.contiguous()
    if (square.shape[1], side, resolution) == (1, _DIGIT_SIDE, _DIGIT_PADDED):
        border = (_DIGIT_PADDED - _DIGIT_SIDE) // 2
        return functional.pad(square, (border, border, border, border), value=0)
    # Channels last is ten times as fast, and bytes are rounded and clamped on the way.
    square = square.contiguous(memory_format=torch.channels_last)
    size = (resolution, resolution)
    return functional.interpolate(square, size, mode="bicubic", antialias=True).contiguous()


def _cropped(pixels: Tensor) -> Tensor:
    height, width = pixels.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[..., top : top + side, left : left + side]
