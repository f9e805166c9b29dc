"""Strided convolutions that double or halve the resolution from layer to layer, as in DCGAN.

References: Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks, section 3 (Radford et al., 2015), https://arxiv.org/abs/1511.06434
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import gcd
from types import MappingProxyType

from torch import nn

from ganzoo.nn.resolution import check_resolution

SIZES = (28, 32, 64, 128, 256)
"""Pixels per side: powers of two grow from 4x4, 28 from 7x7."""

NORMS: Mapping[str, Callable[[int], nn.Module] | None] = MappingProxyType(
    {
        "batch": nn.BatchNorm2d,
        "layer": lambda channels: nn.GroupNorm(1, channels),
        "group": lambda channels: nn.GroupNorm(gcd(8, channels), channels),
        "instance": lambda channels: nn.GroupNorm(channels, channels),
        "none": None,
    }
)
"""Norms of a map by name; all but ``batch`` look at one image alone."""

_STD = 0.02  # of every initial weight, section 4 of the paper


def smallest_map(network: str, resolution: int) -> tuple[int, int]:
    """Return the side of the smallest map, and how many doublings lead from it to the image.

    Raises:
        FitError: The network does not make that resolution.
    """
    check_resolution(network, resolution, SIZES)
    side = 7 if resolution == 28 else 4
    return side, (resolution // side).bit_length() - 1


def growing_widths(width: int, resolution: int, doublings: int) -> list[int]:
    """Return the channels of a generator's maps, the smallest map first, at most 16 ``width``.

    The last hidden map has ``width`` channels (at 28 px, where it is small, twice as many), and
    each map before it has twice as many as the next.
    """
    first = doublings if resolution == 28 else doublings - 1
    return [min(width << (first - stage), 16 * width) for stage in range(doublings)]


def falling_widths(width: int, halvings: int) -> list[int]:
    """Return the channels of a discriminator's maps: ``width``, then doubled, at most 16 times."""
    return [min(width << stage, 16 * width) for stage in range(halvings)]


def up(inward: int, outward: int) -> nn.Module:
    """Return the transposed convolution that doubles a map."""
    return nn.ConvTranspose2d(inward, outward, 4, stride=2, padding=1, bias=False)


def down(inward: int, outward: int, *, bias: bool = False) -> nn.Module:
    """Return the convolution that halves a map."""
    return nn.Conv2d(inward, outward, 4, stride=2, padding=1, bias=bias)


def falling_layers(channels: int, widths: list[int], norm: str) -> list[nn.Module]:
    """Return a discriminator's layers from the image to the smallest map.

    The first convolution is never followed by a norm; biases stand where there is none.

    Args:
        channels: Of the image, with the maps of its classes.
        widths: Channels of each map.
        norm: A name in :data:`NORMS`.
    """
    make = NORMS[norm]
    layers: list[nn.Module] = [down(channels, widths[0]), nn.LeakyReLU(0.2)]
    for inward, outward in pairwise(widths):
        layers.append(down(inward, outward, bias=make is None))
        layers += [make(outward)] if make is not None else []
        layers.append(nn.LeakyReLU(0.2))
    return layers


def initialize_small(network: nn.Module) -> None:
    """Draw weights from N(0, .02) and gains of norms from N(1, .02), in place; biases are 0.

    Embeddings stay as they are.
    """
    for layer in network.modules():
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if weight is not None and not isinstance(layer, nn.Embedding):
            nn.init.normal_(weight, mean=float(weight.ndim == 1), std=_STD)  # gains are vectors
        if bias is not None:
            nn.init.zeros_(bias)
