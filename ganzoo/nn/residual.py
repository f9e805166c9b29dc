"""Residual blocks of generators, with batch norm, and of discriminators, without.

A convolution of one pixel and a change of resolution commute, so shortcuts convolve the smaller
map: the same function as in the papers, for a quarter of the work.

References: Improved Training of Wasserstein GANs, appendix F (Gulrajani et al., 2017),
https://arxiv.org/abs/1704.00028; Spectral Normalization for Generative Adversarial Networks,
appendix B.3 (Miyato et al., 2018), https://arxiv.org/abs/1802.05957
"""

from typing import TypeAlias, final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from ganzoo.nn.conditioning import ConditionalBatchNorm2d
from ganzoo.types import Labels

Maps: TypeAlias = Float[Tensor, "n c h w"]
"""What a block takes."""

Doubled: TypeAlias = Float[Tensor, "n d 2*h 2*w"]
"""What a block that doubles gives."""

Judged: TypeAlias = Float[Tensor, "n d side side"]
"""What a block that judges gives: maps of the same side, or of half of it."""

_ROOT = 2**0.5  # what a rectifier takes away


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


def _doubled(maps: Maps) -> Doubled:
    return interpolate(maps, scale_factor=2.0, mode="nearest")
