"""Layers with an equalized learning rate: weights are N(0, 1), and scaled at every pass.

Adam moves every stored weight by about as much; the scale, of He's initialization, then makes the
steps of all layers alike, whatever their width.

References: Progressive Growing of GANs for Improved Quality, Stability, and Variation, section 4.1
(Karras et al., 2018), https://arxiv.org/abs/1710.10196
"""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

ROOT_OF_TWO = 2**0.5
"""What a leaky rectifier takes away, and what the gain of the layer before it gives back."""


@final
class EqualizedLinear(nn.Module):
    """A linear layer whose weights are multiplied by ``gain * rate / sqrt(inward)``.

    Args:
        inward: Features that come in.
        outward: Features that go out.
        gain: Of the layer: the root of two before a leaky rectifier that has none of its own.
        rate: Factor of the learning rate of weights and bias; the first outputs stay as they are.
        bias: What it starts from; None for no bias.
    """

    def __init__(
        self,
        inward: int,
        outward: int,
        *,
        gain: float = 1.0,
        rate: float = 1.0,
        bias: float | None = 0.0,
    ) -> None:
        super().__init__()
        self.scale, self.rate = gain * rate / inward**0.5, rate
        self.weight = nn.Parameter(torch.randn(outward, inward) / rate)
        self.bias = None if bias is None else nn.Parameter(torch.full((outward,), bias / rate))

    def forward(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n g"]:
        """Return [n, outward]."""
        bias = self.bias if self.bias is None or self.rate == 1 else self.bias * self.rate
        return linear(features, self.weight * self.scale, bias)


@final
class EqualizedConv2d(nn.Module):
    """A convolution whose weights are multiplied by ``gain / sqrt(inward * size ** 2)``.

    Args:
        inward: Channels that come in.
        outward: Channels that go out.
        size: Pixels per side of the kernel.
        gain: As of :class:`EqualizedLinear`.
        stride: Pixels from one place of the kernel to the next.
        padding: Zeros on each side; None keeps the side of the map.
        bias: Whether there is one; it starts from 0.
    """

    def __init__(
        self,
        inward: int,
        outward: int,
        size: int,
        *,
        gain: float = 1.0,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.scale = gain / (inward * size**2) ** 0.5
        self.stride, self.padding = stride, size // 2 if padding is None else padding
        self.weight = nn.Parameter(torch.randn(outward, inward, size, size))
        self.bias = nn.Parameter(torch.zeros(outward)) if bias else None

    def forward(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d height width"]:
        """Return maps with ``outward`` channels."""
        weight = self.weight * self.scale
        return conv2d(maps, weight, self.bias, stride=self.stride, padding=self.padding)


def pixel_norm(
    features: Float[Tensor, "n c *places"], eps: float = 1e-8
) -> Float[Tensor, "n c *places"]:
    """Return features scaled to a mean square of 1 over the channels, at every place alone.

    References: Progressive Growing of GANs, section 4.2 (Karras et al., 2018),
    https://arxiv.org/abs/1710.10196
    """
    return features * (features.square().mean(1, keepdim=True) + eps).rsqrt()
