"""Residual networks, 28 to 128 px, in which one map attends to itself; spectral norm in both."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, final

import torch
from torch import nn
from torch.nn.functional import relu

from ganzoo.errors import FitError
from ganzoo.interfaces import BOUNDED, Env
from ganzoo.nn.attention import SelfAttention
from ganzoo.nn.conditioning import ProjectionHead
from ganzoo.nn.minibatch import Kernels, MinibatchDiscrimination
from ganzoo.nn.residual import (
    UpBlock,
    convolution,
    falling_blocks,
    falling_sides,
    falling_widths,
    growing_widths,
    initialize,
    smallest_side,
)
from ganzoo.nn.spectral import spectrally_normalize
from ganzoo.options import Opt
from ganzoo.types import Images, Labels, Latents, Logits

_ATTENDING = {28: 14, 32: 16, 64: 32, 128: 32}
"""Side of the map that attends, by resolution: the paper's at 128 px."""

_JUDGING = {**_ATTENDING, 32: 8}
"""The same of the discriminator; at 32 px as in mimicry, https://arxiv.org/abs/2005.02494."""


@final
class SAGANGenerator(nn.Module):
    """A linear layer, residual blocks that double the map, attention after one of them; tanh.

    Every layer has spectral norm, but for the gains and biases of classes in the batch norms.

    Args:
        env: What is made, and given what; classes have gains and biases of their own in the norms
            of the blocks.
        z_dim: Latent dimensions.
        width: Channels of the largest map; None for the paper's: 256 up to 32 px, and 64 above,
            where smaller maps have more.
        attention: Pixels per side of the map that attends; None for 14 at 28 px, 16 at 32, and 32
            above.

    References: Self-Attention Generative Adversarial Networks, sections 3 and 4 (Zhang et al.,
    2019), https://arxiv.org/abs/1805.08318
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 128,
        width: Annotated[
            int | None, Opt("channels of the largest map; none: 256 up to 32 px, else 64", ge=1)
        ] = None,
        attention: Annotated[
            int | None,
            Opt("side of the map that attends; none: 14 at 28 px, 16 at 32, else 32", ge=2),
        ] = None,
    ) -> None:
        super().__init__()
        widths = growing_widths("sagan", env.resolution, width)
        side = smallest_side(env.resolution)
        sides = [side << index for index in range(len(widths))]
        attends = _place("generator", sides, attention or _ATTENDING[env.resolution])
        self.z_dim, self.num_classes = z_dim, env.num_classes
        self.linear = nn.Linear(z_dim, widths[0] * side**2)
        self.shape = nn.Unflatten(1, (widths[0], side, side))
        blocks = [UpBlock(*pair, env.num_classes) for pair in pairwise(widths)]
        self.before = nn.ModuleList(blocks[:attends])
        self.attention = SelfAttention(widths[attends])
        self.after = nn.ModuleList(blocks[attends:])
        self.norm = nn.BatchNorm2d(widths[-1])
        self.last = convolution(widths[-1], env.channels, 3)
        initialize(self.linear)
        spectrally_normalize(self)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images.

        Raises:
            FitError: It is conditional and got no labels.
        """
        maps = self.shape(self.linear(z))
        for block in self.before:
            maps = block(maps, labels)
        maps = self.attention(maps)
        for block in self.after:
            maps = block(maps, labels)
        images: Images = torch.tanh(self.last(relu(self.norm(maps))))
        return images


@final
class SAGANDiscriminator(nn.Module):
    """Residual blocks without norm, attention after one of them, summed, projected on the class.

    Args:
        env: What is judged, and given what.
        width: Channels after the first block; None for the paper's: 128 up to 32 px, and 64
            above, where smaller maps have more.
        attention: Pixels per side of the map that attends; None for 14 at 28 px, 8 at 32, and 32
            above.
        minibatch: Kernels of minibatch discrimination before the logit; 0: none.

    Attributes:
        mixes_samples: Whether minibatch discrimination looks at the batch.
        bounds_slope: Spectral norm bounds every layer; the slope of attention grows with its
            factor, so the bound of the whole is a loose one.

    References: as :class:`SAGANGenerator`; classes: cGANs with Projection Discriminator (Miyato
    and Koyama, 2018), https://arxiv.org/abs/1802.05637
    """

    bounds_slope = BOUNDED

    def __init__(
        self,
        env: Env,
        *,
        width: Annotated[
            int | None, Opt("channels after the first block; none: 128 up to 32 px, else 64", ge=1)
        ] = None,
        attention: Annotated[
            int | None,
            Opt("side of the map that attends; none: 14 at 28 px, 8 at 32, else 32", ge=2),
        ] = None,
        minibatch: Kernels = 0,
    ) -> None:
        super().__init__()
        widths = falling_widths("sagan", env.resolution, width)
        blocks = falling_blocks(env.channels, widths, env.resolution)
        asked = attention or _JUDGING[env.resolution]
        attends = 1 + _place("discriminator", falling_sides(env.resolution), asked)
        self.before = nn.Sequential(*blocks[:attends])
        self.attention = SelfAttention(widths[attends - 1])
        self.after = nn.Sequential(*blocks[attends:])
        self.mixes_samples = minibatch > 0
        self.minibatch = MinibatchDiscrimination(widths[-1], minibatch)
        self.head = ProjectionHead(widths[-1] + minibatch, env.num_classes)
        initialize(self.head.linear)
        spectrally_normalize(self)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels.
        """
        maps = self.after(self.attention(self.before(images)))
        features = relu(maps).flatten(2).sum(2)  # [n, f]
        logits: Logits = self.head(self.minibatch(features), labels)
        return logits


def _place(player: str, sides: Sequence[int], side: int) -> int:
    """Return which map attends: the first of a side.

    Raises:
        FitError: There is none, or its side is odd.
    """
    known = [str(each) for each in sorted(set(sides)) if each % 2 == 0]
    if str(side) in known:
        return sides.index(side)
    raise FitError(
        f"{player}.attention={side}: sagan has no such map at this resolution; its even sides are"
        f" {', '.join(known)}"
    )
