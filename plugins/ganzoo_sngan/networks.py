"""Residual networks, 28 to 128 px, that several models share: SNGAN, WGAN-GP and cGANs."""

from itertools import pairwise
from typing import Annotated, Literal, final

import torch
from torch import nn
from torch.nn.functional import relu

from ganzoo.interfaces import BOUNDED, Env
from ganzoo.nn.conditioning import ProjectionHead
from ganzoo.nn.minibatch import Kernels, MinibatchDiscrimination
from ganzoo.nn.residual import (
    UpBlock,
    convolution,
    falling_blocks,
    falling_widths,
    growing_widths,
    initialize,
    smallest_side,
)
from ganzoo.nn.spectral import spectrally_normalize
from ganzoo.options import Opt
from ganzoo.types import Features, Images, Labels, Latents, Logits


@final
class ResNetGenerator(nn.Module):
    """A linear layer to the smallest map, then residual blocks that double it; batch norm, tanh.

    Args:
        env: What is made, and given what; classes have gains and biases of their own in the norms
            of the blocks.
        z_dim: Latent dimensions.
        width: Channels of the largest map; None for the papers' 256 up to 32 px, and 64 above,
            where smaller maps have more.

    References: Spectral Normalization for Generative Adversarial Networks, appendix B.3 (Miyato et
    al., 2018), https://arxiv.org/abs/1802.05957; Improved Training of Wasserstein GANs, appendix F
    (Gulrajani et al., 2017), https://arxiv.org/abs/1704.00028
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 128,
        width: Annotated[
            int | None, Opt("channels of the largest map; none: 256 up to 32 px, else 64", ge=1)
        ] = None,
    ) -> None:
        super().__init__()
        widths = growing_widths("resnet", env.resolution, width)
        side = smallest_side(env.resolution)
        self.z_dim, self.num_classes = z_dim, env.num_classes
        self.linear = nn.Linear(z_dim, widths[0] * side**2)
        self.shape = nn.Unflatten(1, (widths[0], side, side))
        self.blocks = nn.ModuleList(UpBlock(*pair, env.num_classes) for pair in pairwise(widths))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.last = convolution(widths[-1], env.channels, 3)
        initialize(self.linear)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images.

        Raises:
            FitError: It is conditional and got no labels.
        """
        maps = self.shape(self.linear(z))
        for block in self.blocks:
            maps = block(maps, labels)
        images: Images = torch.tanh(self.last(relu(self.norm(maps))))
        return images


@final
class ResNetDiscriminator(nn.Module):
    """Residual blocks without norm, pooled to features, then one logit, projected on the class.

    Args:
        env: What is judged, and given what.
        width: Channels after the first block; None for the papers' 128 up to 32 px, and 64 above,
            where smaller maps have more.
        norm: ``spectral`` bounds the slope by the weights; ``none`` is for penalties.
        pool: How features are gathered from the last map: ``sum`` as in SNGAN, ``mean`` as in
            WGAN-GP.
        minibatch: Kernels of minibatch discrimination before the logit; 0: none. How close an
            image is to the others meets the class too: some classes are closer than others.

    Attributes:
        mixes_samples: Whether minibatch discrimination looks at the batch.
        bounds_slope: Spectral norm bounds it everywhere, and that of minibatch discrimination.

    References: as :class:`ResNetGenerator`; classes: cGANs with Projection Discriminator (Miyato
    and Koyama, 2018), https://arxiv.org/abs/1802.05637
    """

    def __init__(
        self,
        env: Env,
        *,
        width: Annotated[
            int | None, Opt("channels after the first block; none: 128 up to 32 px, else 64", ge=1)
        ] = None,
        norm: Annotated[
            Literal["spectral", "none"], Opt("what bounds the slope; none: a penalty must")
        ] = "spectral",
        pool: Annotated[Literal["sum", "mean"], Opt("how features are gathered")] = "sum",
        minibatch: Kernels = 0,
    ) -> None:
        super().__init__()
        widths = falling_widths("resnet", env.resolution, width)
        self.bounds_slope = BOUNDED if norm == "spectral" else frozenset()
        self.mixes_samples = minibatch > 0
        self.first, *others = falling_blocks(env.channels, widths, env.resolution)
        self.blocks = nn.ModuleList(others)
        self.pools_mean = pool == "mean"
        self.minibatch = MinibatchDiscrimination(widths[-1], minibatch)
        self.head = ProjectionHead(widths[-1] + minibatch, env.num_classes)
        initialize(self.head.linear)
        if norm == "spectral":
            spectrally_normalize(self)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels.
        """
        maps = self.first(images)
        for block in self.blocks:
            maps = block(maps)
        places = relu(maps).flatten(2)  # [n, f, h * w]
        features: Features = places.mean(2) if self.pools_mean else places.sum(2)
        logits: Logits = self.head(self.minibatch(features), labels)
        return logits
