"""The blur [1, 3, 3, 1]: maps of twice and of half the side, without the jagged edges of a grid.

References: Making Convolutional Networks Shift-Invariant Again (Zhang, 2019),
https://arxiv.org/abs/1904.11486; in a GAN: Analyzing and Improving the Image Quality of StyleGAN,
appendix B (Karras et al., 2020), https://arxiv.org/abs/1912.04958
"""

from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv_transpose2d

from ganzoo.nn.convolution import convolved

Maps: TypeAlias = Float[Tensor, "n c h w"]
"""What a layer takes."""

Changed: TypeAlias = Float[Tensor, "n d height width"]
"""What a layer gives: other channels, perhaps another side."""

Doubled: TypeAlias = Float[Tensor, "n c 2*h 2*w"]
"""Maps of twice the side."""

Filtered: TypeAlias = Float[Tensor, "n c height width"]
"""Maps of as many channels, perhaps of another side."""


def blurred(maps: Maps, *, gain: float, padding: int, stride: int = 1) -> Filtered:
    """Return every map convolved with the outer product of [1, 3, 3, 1], whose sum is ``gain``.

    Args:
        maps: Of any number of channels, each alone.
        gain: Sum of the kernel.
        padding: Zeros on each side.
        stride: Pixels from one place of the kernel to the next.
    """
    kernel = _kernel(maps, gain)
    return convolved(maps, kernel, stride=stride, padding=padding, groups=maps.shape[1])


def upsampled(maps: Maps) -> Doubled:
    """Return maps of twice the side: zeros between their pixels, then the blur, gain 4."""
    kernel = _kernel(maps, 4.0)
    return conv_transpose2d(maps, kernel, stride=2, padding=1, groups=maps.shape[1])


def downsampled(maps: Maps) -> Filtered:
    """Return maps of half the side: the blur, then every second pixel."""
    return blurred(maps, gain=1.0, padding=1, stride=2)


def _kernel(maps: Maps, gain: float) -> Float[Tensor, "c 1 4 4"]:
    """Return the blur for every map; it is made where they lie, without a copy from the host."""
    line = 4 - 2 * (torch.arange(4, dtype=maps.dtype, device=maps.device) - 1.5).abs()
    return (torch.outer(line, line) * (gain / 64)).expand(maps.shape[1], 1, 4, 4)
