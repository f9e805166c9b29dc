"""StyleGAN2's two networks, 32 to 256 px, at any width.

References: Analyzing and Improving the Image Quality of StyleGAN, sections 2 and 4 (Karras et
al., 2020), https://arxiv.org/abs/1912.04958; classes as in Training Generative Adversarial
Networks with Limited Data, appendix D (Karras et al., 2020), https://arxiv.org/abs/2006.06676
"""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, TypeAlias, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganzoo.interfaces import Env
from ganzoo.nn.equalized import EqualizedConv2d, EqualizedLinear
from ganzoo.nn.filters import Changed, Maps, blurred, downsampled, upsampled
from ganzoo.nn.minibatch import Kernels, MinibatchDiscrimination
from ganzoo.nn.resolution import check_resolution, doubling_widths
from ganzoo.nn.stddev import MinibatchStddev
from ganzoo.options import Opt
from ganzoo.types import Features, Images, Labels, Latents, Logits
from ganzoo_stylegan.layers import Mapping, ModulatedConv2d, StyledLayer, activated

SIZES = (32, 64, 128, 256)
"""Pixels per side."""

SMALLEST = 4
"""Pixels per side of the smallest map."""

Intermediate: TypeAlias = Float[Tensor, "n layers w_dim"]
"""w, a vector for each layer of the synthesis."""

Width: TypeAlias = Annotated[
    int, Opt("channels of the largest map; each smaller one has twice as many", ge=1)
]
MaxWidth: TypeAlias = Annotated[int, Opt("channels that no map exceeds", ge=1)]


@final
class StyleGenerator(nn.Module):
    """Maps a latent to w, and makes a picture whose every layer is styled by it.

    Args:
        env: What is made, and given what.
        z_dim: Dimensions of the latent, and of w.
        width: Channels of the largest map.
        max_width: Channels that no map exceeds.
        mapping_layers: Layers from z to w.
        style_mixing: Share of the training pictures whose last layers have the w of another
            latent; None for 0.9 from 128 px on, where small and large features can be told apart,
            and 0 below.

    Attributes:
        w_mean: Mean of w, [w], tracked while training; truncation pulls w to it.
    """

    w_mean: Tensor

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("dimensions of z and of w", ge=1)] = 256,
        width: Width = 64,
        max_width: MaxWidth = 256,
        mapping_layers: Annotated[int, Opt("layers from z to w", ge=1)] = 2,
        style_mixing: Annotated[
            float | None,
            Opt("share of pictures of two latents; none: 0.9 from 128 px on, 0 below", ge=0, le=1),
        ] = None,
    ) -> None:
        super().__init__()
        check_resolution("stylegan", env.resolution, SIZES)
        widths = doubling_widths(env.resolution, width, max_width)
        usual = 0.9 if env.resolution >= 128 else 0.0
        self.z_dim, self.style_mixing = z_dim, usual if style_mixing is None else style_mixing
        self.map = Mapping(z_dim, env.num_classes, z_dim, mapping_layers)
        self.constant = nn.Parameter(torch.randn(widths[0], SMALLEST, SMALLEST))
        layers = [StyledLayer(widths[0], widths[0], SMALLEST, z_dim)]
        for level, (inward, outward) in enumerate(pairwise(widths), start=1):
            side = SMALLEST << level
            layers.append(StyledLayer(inward, outward, side, z_dim, doubles=True))
            layers.append(StyledLayer(outward, outward, side, z_dim))
        self.layers = nn.ModuleList(layers)
        self.colours = nn.ModuleList(Colours(each, env.channels, z_dim) for each in widths)
        self.register_buffer("w_mean", torch.zeros(z_dim))

    @property
    def num_layers(self) -> int:
        """Layers that w styles: every convolution, and the colours of the largest map."""
        return len(self.layers) + 1

    def forward(self, z: Latents, labels: Labels | None = None) -> dict[str, Tensor]:
        """Return ``image``, and the ``w`` [n, layers, w] that made it.

        Raises:
            FitError: It is conditional and got no labels.
        """
        w = self.mapping(z, labels)
        if self.training:
            with torch.no_grad():
                self.w_mean.lerp_(w[:, 0].mean(0).to(self.w_mean), 0.002)
            if self.style_mixing:
                w = self._mixed(w, self.mapping(torch.randn_like(z), labels))
        return {"image": self.synthesis(w), "w": w}

    def mapping(self, z: Latents, labels: Labels | None = None) -> Intermediate:
        """Return w, the same for every layer.

        Raises:
            FitError: It is conditional and got no labels.
        """
        w: Tensor = self.map(z, labels)
        return w[:, None].repeat(1, self.num_layers, 1)

    def synthesis(self, w: Intermediate) -> Images:
        """Return the pictures of w; they are not bounded, and only saving clamps them."""
        maps = self.constant.expand(len(w), -1, -1, -1)
        maps = self.layers[0](maps, w[:, 0])
        images: Tensor = self.colours[0](maps, w[:, 1])
        for level in range(1, len(self.colours)):
            first = 2 * level - 1
            maps = self.layers[first](maps, w[:, first])
            maps = self.layers[first + 1](maps, w[:, first + 1])
            images = upsampled(images) + self.colours[level](maps, w[:, first + 2])
        return images

    def _mixed(self, w: Intermediate, other: Intermediate) -> Intermediate:
        """Return w whose last layers are another's, from a random layer on; of some pictures."""
        count, device = len(w), w.device
        cut = torch.randint(1, self.num_layers, (count, 1, 1), device=device)
        mixes = torch.rand(count, 1, 1, device=device) < self.style_mixing
        layers = torch.arange(self.num_layers, device=device).view(1, -1, 1)
        return torch.where(mixes & (layers >= cut), other, w)


@final
class Colours(nn.Module):
    """From maps to colours, in a style, without rectifier.

    Args:
        inward: Channels of the maps.
        channels: Of the image.
        w_dim: Length of w.
    """

    def __init__(self, inward: int, channels: int, w_dim: int) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(inward, channels, 1, w_dim, demodulates=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Maps, w: Features) -> Changed:
        """Return images."""
        images: Changed = self.convolution(maps, w, self.bias)
        return images


@final
class StyleDiscriminator(nn.Module):
    """Halves maps by blurred convolutions; minibatch stddev before the last one; no norm.

    Classes are compared with a mapped label, as in a projection.

    Args:
        env: What is judged, and given what.
        width: Channels of the largest map.
        max_width: Channels that no map exceeds.
        arch: ``resnet`` with shortcuts, ``orig`` without.
        group: Images among which minibatch stddev measures how much they differ.
        label_layers: Layers from a label to what the image is compared with.
        minibatch: Kernels of minibatch discrimination before the logit; 0: none.

    Attributes:
        mixes_samples: Minibatch stddev looks at the batch.
    """

    mixes_samples: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        width: Width = 64,
        max_width: MaxWidth = 256,
        arch: Annotated[Literal["resnet", "orig"], Opt("with shortcuts, or without")] = "resnet",
        group: Annotated[int, Opt("images compared by minibatch stddev", ge=1)] = 4,
        label_layers: Annotated[int, Opt("layers that map a label", ge=1)] = 8,
        minibatch: Kernels = 0,
    ) -> None:
        super().__init__()
        check_resolution("stylegan", env.resolution, SIZES)
        widths = doubling_widths(env.resolution, width, max_width)
        most = widths[0]
        self.colours = EqualizedConv2d(env.channels, widths[-1], 1)
        self.blocks = nn.ModuleList(
            HalvingBlock(larger, smaller, shortcut=arch == "resnet")
            for larger, smaller in pairwise(reversed(widths))
        )
        self.stddev = MinibatchStddev(group)
        self.smallest = EqualizedConv2d(most + 1, most, 3)
        self.hidden = EqualizedLinear(most * SMALLEST**2, most)
        self.minibatch = MinibatchDiscrimination(most, minibatch)
        self.last = EqualizedLinear(most + minibatch, most if env.num_classes else 1)
        self.map = Mapping(0, env.num_classes, most, label_layers) if env.num_classes else None

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels, or the batch is no whole number of
                groups.
        """
        maps = activated(self.colours(images))
        for block in self.blocks:
            maps = block(maps)
        maps = activated(self.smallest(self.stddev(maps)))
        features: Tensor = self.last(self.minibatch(activated(self.hidden(maps.flatten(1)))))
        if self.map is None:
            return features[:, 0]
        logits: Logits = (features * self.map(None, labels)).sum(1) / features.shape[1] ** 0.5
        return logits


@final
class HalvingBlock(nn.Module):
    """Two convolutions, the second of which halves the map; with a shortcut or without.

    Args:
        inward: Channels that come in.
        outward: Channels that go out.
        shortcut: Add the maps themselves, halved; both summands then count half.
    """

    def __init__(self, inward: int, outward: int, *, shortcut: bool) -> None:
        super().__init__()
        self.first = EqualizedConv2d(inward, inward, 3)
        self.second = EqualizedConv2d(inward, outward, 3, stride=2, padding=0)
        self.shortcut = EqualizedConv2d(inward, outward, 1, bias=False) if shortcut else None

    def forward(self, maps: Maps) -> Changed:
        """Return maps of half the side."""
        hidden = blurred(activated(self.first(maps)), gain=1.0, padding=2)
        hidden = activated(self.second(hidden))
        if self.shortcut is None:
            return hidden
        both: Tensor = (hidden + self.shortcut(downsampled(maps))) * 0.5**0.5
        return both
