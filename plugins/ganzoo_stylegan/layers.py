"""The layers of StyleGAN2: mapping, modulated convolution, and a layer in a style.

References: Analyzing and Improving the Image Quality of StyleGAN, sections 2 and 4 and appendix B
(Karras et al., 2020), https://arxiv.org/abs/1912.04958
"""

from itertools import pairwise
from typing import TypeAlias, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, one_hot

from ganzoo.nn.conditioning import need_labels
from ganzoo.nn.equalized import ROOT_OF_TWO, EqualizedLinear, pixel_norm
from ganzoo.nn.filters import Changed, Maps, blurred
from ganzoo.types import Features, Labels

Bias: TypeAlias = Float[Tensor, "d"]
"""What is added to the channels of a layer."""


def activated(features: Float[Tensor, "n *shape"]) -> Float[Tensor, "n *shape"]:
    """Return features after a leaky rectifier that keeps their size: times the root of two."""
    return leaky_relu(features, 0.2) * ROOT_OF_TWO


@final
class Mapping(nn.Module):
    """From a latent, a label or both to one vector: linear layers that learn a hundredth as fast.

    Args:
        z_dim: Of the latent; 0 for none.
        num_classes: Of the label; 0 for none.
        out_dim: Of the vector, and of all layers before it.
        layers: How many.
    """

    def __init__(self, z_dim: int, num_classes: int, out_dim: int, layers: int) -> None:
        super().__init__()
        self.z_dim, self.num_classes = z_dim, num_classes
        self.embedding = EqualizedLinear(num_classes, out_dim) if num_classes else None
        inward = z_dim + (out_dim if num_classes else 0)
        sizes = [inward, *[out_dim] * layers]
        self.layers = nn.ModuleList(
            EqualizedLinear(before, after, rate=0.01) for before, after in pairwise(sizes)
        )

    def forward(self, z: Features | None, labels: Labels | None) -> Features:
        """Return [n, out_dim].

        Raises:
            FitError: There are classes, and no labels were given.
        """
        parts = [] if z is None else [pixel_norm(z)]
        if self.embedding is not None:
            marks = one_hot(need_labels(labels, self.num_classes), self.num_classes)
            parts.append(pixel_norm(self.embedding(marks.to(self.embedding.weight))))
        features = torch.cat(parts, dim=1)
        for layer in self.layers:
            features = activated(layer(features))
        return features


@final
class ModulatedConv2d(nn.Module):
    """A convolution whose channels a style multiplies, and whose output has unit size again.

    It multiplies maps and not weights, which is the same function and one convolution a batch.

    Args:
        inward: Channels that come in.
        outward: Channels that go out.
        size: Pixels per side of the kernel.
        w_dim: Length of w.
        doubles: Give maps of twice the side, blurred.
        demodulates: Divide by the size that the style gives its output.
        gain: Of what comes out, bias included: the root of two before a leaky rectifier.
    """

    def __init__(
        self,
        inward: int,
        outward: int,
        size: int,
        w_dim: int,
        *,
        doubles: bool = False,
        demodulates: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.doubles, self.demodulates, self.padding = doubles, demodulates, size // 2
        self.styles = EqualizedLinear(w_dim, inward, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outward, inward, size, size))
        self.scale, self.gain = 1 / (inward * size**2) ** 0.5, gain

    def forward(self, maps: Maps, w: Features, bias: Bias) -> Changed:
        """Return maps of the style that w [n, w_dim] asks for, and a bias added to them."""
        styles = self.styles(w)
        if not self.demodulates:
            styles = styles * (self.scale * self.gain)
            maps = self._convolved(maps * styles[:, :, None, None])
            return maps + self._shift(maps, bias)
        squares = self.weight.square().sum((2, 3))  # [outward, inward]
        sizes: Tensor = (styles.square() @ squares.T + 1e-8).rsqrt() * self.gain  # [n, outward]
        maps = self._convolved(maps * styles[:, :, None, None])
        # one pass over the maps, in their own number format
        return torch.addcmul(self._shift(maps, bias), maps, sizes.to(maps)[:, :, None, None])

    def _shift(self, maps: Maps, bias: Bias) -> Float[Tensor, "d 1 1"]:
        return (bias * self.gain).to(maps).view(-1, 1, 1)

    def _convolved(self, maps: Maps) -> Changed:
        if not self.doubles:
            return conv2d(maps, self.weight, padding=self.padding)
        raised = conv_transpose2d(maps, self.weight.transpose(0, 1), stride=2)
        return blurred(raised, gain=4.0, padding=1)


@final
class StyledLayer(nn.Module):
    """A modulated convolution, noise for every pixel, bias and rectifier.

    While training, noise is drawn from torch's global generator; in evaluation it is always the
    same, so that a picture depends on its latent alone.

    Args:
        inward: Channels that come in.
        outward: Channels that go out.
        side: Pixels per side of what goes out.
        w_dim: Length of w.
        doubles: As of :class:`ModulatedConv2d`.
    """

    noise: Tensor

    def __init__(
        self, inward: int, outward: int, side: int, w_dim: int, *, doubles: bool = False
    ) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(
            inward, outward, 3, w_dim, doubles=doubles, gain=ROOT_OF_TWO
        )
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outward))
        self.register_buffer("noise", torch.randn(side, side))

    def forward(self, maps: Maps, w: Features) -> Changed:
        """Return maps of the style that w [n, w_dim] asks for."""
        maps = self.convolution(maps, w, self.bias)
        noise = self.noise.to(maps)
        if self.training:
            noise = torch.randn(
                len(maps), 1, *self.noise.shape, device=maps.device, dtype=maps.dtype
            )
        return leaky_relu(maps + noise * (self.noise_strength * ROOT_OF_TWO), 0.2)
