"""R3GAN's two networks, 32 to 256 px, at any width: residual blocks alone, without norm.

Every block begins as the identity: the last of its three convolutions is drawn as zeros.

References: The GAN is dead; long live the GAN! A Modern Baseline GAN, section 3 and appendix
(Huang et al., 2024), https://arxiv.org/abs/2501.05441; how weights are drawn: Fixup
Initialization: Residual Learning Without Normalization (Zhang et al., 2019),
https://arxiv.org/abs/1901.09321
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, TypeAlias, final

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ganzoo.errors import FitError
from ganzoo.interfaces import Env
from ganzoo.nn.conditioning import need_labels
from ganzoo.nn.convolution import convolved
from ganzoo.nn.filters import Changed, Maps, downsampled, upsampled
from ganzoo.nn.minibatch import Kernels, MinibatchDiscrimination
from ganzoo.nn.resolution import check_resolution, doubling_widths
from ganzoo.options import Opt
from ganzoo.types import Features, Images, Labels, Latents, Logits

SIZES = (32, 64, 128, 256)
"""Pixels per side."""

SMALLEST = 4
"""Pixels per side of the smallest map."""

GAIN = (2 / (1 + 0.2**2)) ** 0.5
"""Gives back what a leaky rectifier of slope 0.2 takes from the size of its input."""

Width: TypeAlias = Annotated[
    int, Opt("channels of the largest map; each smaller one has twice as many", ge=1)
]
MaxWidth: TypeAlias = Annotated[int, Opt("channels that no map exceeds", ge=1)]
Blocks: TypeAlias = Annotated[int, Opt("residual blocks for maps of each size", ge=1)]
GroupWidth: TypeAlias = Annotated[
    int | None,
    Opt("channels a group of 3x3 convolutions; 1: each alone; none: all together", ge=1),
]


@final
class R3Generator(nn.Module):
    """A linear layer weighs learned 4x4 maps; residual blocks, blurred doublings, linear colours.

    Args:
        env: What is made, and given what; a vector of the class stands beside the latent.
        z_dim: Latent dimensions, and those of the vector.
        width: Channels of the largest map.
        max_width: Channels that no map exceeds.
        blocks: For maps of each size.
        group_width: As of :class:`Block`.
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 64,
        width: Width = 64,
        max_width: MaxWidth = 256,
        blocks: Blocks = 1,
        group_width: GroupWidth = 16,
    ) -> None:
        super().__init__()
        check_resolution("r3gan", env.resolution, SIZES)
        widths = doubling_widths(env.resolution, width, max_width)
        self.z_dim, self.num_classes = z_dim, env.num_classes
        self.vectors = _embedding(env.num_classes, z_dim)
        inward = 2 * z_dim if env.num_classes else z_dim
        self.linear = _linear(inward, widths[0])
        self.basis = nn.Parameter(torch.randn(widths[0], SMALLEST, SMALLEST))
        self.stages = _stages(widths, blocks, group_width)
        self.doublings = nn.ModuleList(_change(*pair) for pair in pairwise(widths))
        self.colours = Convolution(widths[-1], env.channels)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images; they are not bounded, and only saving clamps them.

        Raises:
            FitError: It is conditional and got no labels.
        """
        if self.vectors is not None:
            z = torch.cat([z, self.vectors(need_labels(labels, self.num_classes))], dim=1)
        maps: Tensor = self.linear(z)[:, :, None, None] * self.basis
        first, *others = self.stages
        maps = first(maps)
        for change, stage in zip(self.doublings, others, strict=True):
            maps = stage(upsampled(change(maps)))
        images: Images = self.colours(maps)
        return images


@final
class R3Discriminator(nn.Module):
    """The generator the other way round: colours to maps, blocks, blurred halvings, one logit.

    Where there are classes, features are compared with a vector of the class.

    Args:
        env: What is judged, and given what.
        width: Channels of the largest map.
        max_width: Channels that no map exceeds.
        blocks: For maps of each size.
        group_width: As of :class:`Block`.
        minibatch: Kernels of minibatch discrimination before the logit; 0: none.

    Attributes:
        mixes_samples: Whether minibatch discrimination looks at the batch.
    """

    def __init__(
        self,
        env: Env,
        *,
        width: Width = 64,
        max_width: MaxWidth = 256,
        blocks: Blocks = 1,
        group_width: GroupWidth = 16,
        minibatch: Kernels = 0,
    ) -> None:
        super().__init__()
        check_resolution("r3gan", env.resolution, SIZES)
        widths = doubling_widths(env.resolution, width, max_width)[::-1]
        most, self.num_classes = widths[-1], env.num_classes
        self.colours = Convolution(env.channels, widths[0])
        self.stages = _stages(widths, blocks, group_width)
        self.halvings = nn.ModuleList(_change(*pair) for pair in pairwise(widths))
        self.basis = nn.Parameter(torch.randn(most, SMALLEST, SMALLEST) / SMALLEST)
        self.mixes_samples = minibatch > 0
        self.minibatch = MinibatchDiscrimination(most, minibatch)
        self.linear = _linear(most + minibatch, most if env.num_classes else 1)
        self.vectors = _embedding(env.num_classes, most, gain=most**-0.5)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels.
        """
        first, *others = self.stages
        maps = first(self.colours(images))
        for change, stage in zip(self.halvings, others, strict=True):
            maps = stage(change(downsampled(maps)))
        features: Features = self.linear(self.minibatch((maps * self.basis).sum((2, 3))))
        if self.vectors is None:
            return features[:, 0]
        logits: Logits = (features * self.vectors(need_labels(labels, self.num_classes))).sum(1)
        return logits


@final
class Block(nn.Module):
    """Convolutions of 1, 3 and 1 pixels a side, the inner maps twice as many, added to its input.

    Args:
        width: Channels that come in and go out.
        group_width: Inner channels of a group of the middle convolution; None for one group. Fewer
            inner channels than that are one group too.
        depth: Blocks of the whole network; the more, the smaller its first weights are drawn.

    Raises:
        FitError: The inner channels are no whole number of groups.
    """

    def __init__(self, width: int, group_width: int | None, depth: int) -> None:
        super().__init__()
        inner = 2 * width
        of_group = min(group_width or inner, inner)
        if inner % of_group:
            raise FitError(
                f"r3gan: {inner} inner channels of a block of width {width} are no whole number of"
                f" groups of {of_group}; choose a width or group_width that fits"
            )
        small = GAIN * depth**-0.25
        self.widen = Convolution(width, inner, bias=True, gain=small)
        self.mix = Convolution(inner, inner, 3, groups=inner // of_group, bias=True, gain=small)
        self.narrow = Convolution(inner, width, gain=0.0)

    def forward(self, maps: Maps) -> Maps:
        """Return maps of the same shape."""
        hidden = leaky_relu(self.widen(maps), 0.2)
        hidden = leaky_relu(self.mix(hidden), 0.2)
        both: Tensor = self.narrow(hidden) + maps  # laid out in memory as the first of them is
        return both


@final
class Convolution(nn.Module):
    """A convolution that keeps the side of maps, and is quick for penalties on slopes.

    Args:
        inward: Channels that come in.
        outward: Channels that go out.
        size: Pixels per side of the kernel, odd.
        groups: Into which channels are divided.
        bias: Add one to every map, 0 at first.
        gain: Size of what comes out of inputs of unit size, at first.
    """

    def __init__(
        self,
        inward: int,
        outward: int,
        size: int = 1,
        *,
        groups: int = 1,
        bias: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.groups, self.padding, fan_in = groups, size // 2, inward // groups * size**2
        self.weight = nn.Parameter(torch.empty(outward, inward // groups, size, size))
        nn.init.normal_(self.weight, std=gain / fan_in**0.5)
        self.bias = nn.Parameter(torch.zeros(outward)) if bias else None

    def forward(self, maps: Maps) -> Changed:
        """Return maps of the same side."""
        made = convolved(maps, self.weight, padding=self.padding, groups=self.groups)
        return made if self.bias is None else made + self.bias.to(made).view(-1, 1, 1)


def _linear(inward: int, outward: int) -> nn.Linear:
    """Return a linear layer that leaves inputs of unit size so, at first."""
    layer = nn.Linear(inward, outward, bias=False)
    nn.init.normal_(layer.weight, std=inward**-0.5)
    return layer


def _embedding(num_classes: int, length: int, *, gain: float = 1.0) -> nn.Embedding | None:
    """Return vectors of classes, drawn as a linear layer of one-hot labels; None without."""
    if num_classes == 0:
        return None
    layer = nn.Embedding(num_classes, length)
    nn.init.normal_(layer.weight, std=gain * num_classes**-0.5)
    return layer


def _stages(widths: Sequence[int], blocks: int, group_width: int | None) -> nn.ModuleList:
    depth = blocks * len(widths)
    return nn.ModuleList(
        nn.Sequential(*(Block(width, group_width, depth) for _ in range(blocks)))
        for width in widths
    )


def _change(inward: int, outward: int) -> nn.Module:
    """Return what changes the number of maps; nothing where it stays."""
    return nn.Identity() if inward == outward else Convolution(inward, outward)
