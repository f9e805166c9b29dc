"""Residual blocks of generators, with batch norm, and of discriminators, without; their widths.

A convolution of one pixel and a change of resolution commute, so shortcuts convolve the smaller
map: the same function as in the papers, for a quarter of the work.

References: Improved Training of Wasserstein GANs, appendix F (Gulrajani et al., 2017),
https://arxiv.org/abs/1704.00028; Spectral Normalization for Generative Adversarial Networks,
appendix B.3 (Miyato et al., 2018), https://arxiv.org/abs/1802.05957
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias, final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from ganzoo.nn.conditioning import ConditionalBatchNorm2d
from ganzoo.nn.resolution import check_resolution
from ganzoo.types import Labels

Maps: TypeAlias = Float[Tensor, "n c h w"]
"""What a block takes."""

Doubled: TypeAlias = Float[Tensor, "n d 2*h 2*w"]
"""What a block that doubles gives."""

Judged: TypeAlias = Float[Tensor, "n d side side"]
"""What a block that judges gives: maps of the same side, or of half of it."""

_GROWING = {28: (1, 1, 1), 32: (1, 1, 1, 1), 64: (16, 8, 4, 2, 1), 128: (16, 16, 8, 4, 2, 1)}
"""Channels from the smallest map to the largest, as multiples of the last, by resolution."""

_HALVINGS = {28: 2, 32: 2, 64: 5, 128: 5}
"""Blocks of a discriminator that halve the map; those after them keep its side."""

_ROOT = 2**0.5  # what a rectifier takes away


def growing_widths(network: str, resolution: int, width: int | None) -> list[int]:
    """Return the channels of a generator's maps, the smallest map first.

    Args:
        network: What people call it.
        resolution: Pixels per side of the largest map.
        width: Channels of the largest map; None for the papers' 256 up to 32 px, and 64 above,
            where smaller maps have more.

    Raises:
        FitError: The network does not make that resolution.
    """
    check_resolution(network, resolution, tuple(_GROWING))
    unit = width or (256 if resolution <= 32 else 64)
    return [unit * multiple for multiple in _GROWING[resolution]]


def falling_widths(network: str, resolution: int, width: int | None) -> list[int]:
    """Return the channels after each block of a discriminator, the largest map first.

    Args:
        network: What people call it.
        resolution: Pixels per side of the image.
        width: Channels after the first block; None for the papers' 128 up to 32 px, and 64 above,
            where smaller maps have more.

    Raises:
        FitError: The network does not judge that resolution.
    """
    unit = width or (128 if resolution <= 32 else 64)
    return growing_widths(network, resolution, unit)[::-1]


def falling_sides(resolution: int) -> list[int]:
    """Return the side of the map after each block of a discriminator."""
    most = _HALVINGS[resolution]
    return [resolution >> min(done, most) for done in range(1, len(_GROWING[resolution]) + 1)]


def smallest_side(resolution: int) -> int:
    """Return the side of the map that a generator grows from."""
    return 7 if resolution == 28 else 4


def initialize(layer: nn.Linear) -> None:
    """Draw weights uniformly after Glorot, in place; biases are 0."""
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)


def convolution(inward: int, outward: int, size: int, *, gain: float = 1.0) -> nn.Conv2d:
    """Return a convolution that keeps the side, drawn uniformly after Glorot; its bias is 0."""
    layer = nn.Conv2d(inward, outward, size, padding=size // 2)
    nn.init.xavier_uniform_(layer.weight, gain)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


@final
class UpBlock(nn.Module):
    """Doubles a map: norm, rectifier, nearest neighbour, 3x3, norm, rectifier, 3x3, and shortcut.

    Args:
        inward: Channels that come in.
        outward: Channels that go out.
        num_classes: Of the norms; 0 for plain ones.
    """

    def __init__(self, inward: int, outward: int, num_classes: int) -> None:
        super().__init__()
        self.first_norm = ConditionalBatchNorm2d(inward, num_classes)
        self.first = convolution(inward, outward, 3, gain=_ROOT)
        self.second_norm = ConditionalBatchNorm2d(outward, num_classes)
        self.second = convolution(outward, outward, 3, gain=_ROOT)
        self.shortcut = convolution(inward, outward, 1)

    def forward(self, maps: Maps, labels: Labels | None) -> Doubled:
        """Return maps of twice the side."""
        hidden = _doubled(relu(self.first_norm(maps, labels)))
        hidden = relu(self.second_norm(self.first(hidden), labels))
        both: Tensor = self.second(hidden) + _doubled(self.shortcut(maps))
        return both


@final
class DownBlock(nn.Module):
    """Judges a map: rectifier, 3x3, rectifier, 3x3, perhaps halved, and shortcut; no norm.

    Args:
        inward: Channels that come in.
        outward: Channels that go out.
        halves: Give a map of half the side.
        first: It sees the image itself, which no rectifier may touch; it then has ``outward``
            hidden channels, else ``inward``.
    """

    def __init__(self, inward: int, outward: int, *, halves: bool, first: bool = False) -> None:
        super().__init__()
        hidden = outward if first else inward
        self.first = convolution(inward, hidden, 3, gain=_ROOT)
        self.second = convolution(hidden, outward, 3, gain=_ROOT)
        changes = halves or inward != outward
        self.shortcut = convolution(inward, outward, 1) if changes else nn.Identity()
        self._halves, self._sees_image = halves, first

    def forward(self, maps: Maps) -> Judged:
        """Return maps of the same side, or of half of it."""
        hidden = self.first(maps if self._sees_image else relu(maps))
        hidden = self.second(relu(hidden))
        if self._halves:
            hidden, maps = avg_pool2d(hidden, 2), avg_pool2d(maps, 2)
        both: Tensor = hidden + self.shortcut(maps)
        return both


def falling_blocks(channels: int, widths: Sequence[int], resolution: int) -> list[DownBlock]:
    """Return a discriminator's blocks: they halve the image, the last may keep the side.

    Args:
        channels: Of the image.
        widths: Channels after each block, of :func:`falling_widths`.
        resolution: Pixels per side of the image; at 28 and 32 px only two blocks halve.
    """
    pairs = pairwise([channels, *widths])
    return [
        DownBlock(*pair, halves=index < _HALVINGS[resolution], first=index == 0)
        for index, pair in enumerate(pairs)
    ]


def _doubled(maps: Maps) -> Doubled:
    return interpolate(maps, scale_factor=2.0, mode="nearest")
