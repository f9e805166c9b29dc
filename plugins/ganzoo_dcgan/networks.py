"""Strided convolutions that double or halve the resolution from layer to layer.

The layer between latents and the smallest map is linear: on a 1x1 input a transposed convolution
is the same function, and slower. So is the discriminator's last convolution, which sees one place.
"""

from itertools import pairwise
from typing import Annotated, Literal, final

from torch import nn

from ganzoo.interfaces import Env
from ganzoo.nn.conditioning import append_labels
from ganzoo.nn.resolution import check_resolution
from ganzoo.options import Opt
from ganzoo.types import Images, Labels, Latents, Logits

SIZES = (28, 32, 64, 128, 256)
"""Pixels per side: powers of two grow from 4x4, 28 from 7x7."""

_STD = 0.02  # of every initial weight, section 4 of the paper


@final
class DCGANGenerator(nn.Module):
    """A linear layer to the smallest map, then transposed convolutions with batch norm.

    Args:
        env: What is made, and given what.
        z_dim: Latent dimensions.
        width: Channels of the last hidden map; each map before has twice as many, up to 16 times.

    References: Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks, figure 1 (Radford et al., 2015), https://arxiv.org/abs/1511.06434
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 100,
        width: Annotated[int, Opt("channels of the last hidden map", ge=1)] = 64,
    ) -> None:
        super().__init__()
        side, doublings = _plan(env.resolution)
        self.z_dim, self.num_classes = z_dim, env.num_classes
        first = doublings if env.resolution == 28 else doublings - 1
        widths = [min(width << (first - stage), 16 * width) for stage in range(doublings)]
        smallest = (widths[0], side, side)
        self.layers = nn.Sequential(
            nn.Linear(z_dim + env.num_classes, widths[0] * side**2, bias=False),
            *_opening(smallest, per_unit=env.resolution == 28),
        )
        for inward, outward in pairwise(widths):
            self.layers.extend([_up(inward, outward), nn.BatchNorm2d(outward), nn.ReLU()])
        self.layers.extend([_up(widths[-1], env.channels), nn.Tanh()])
        _initialize(self)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images.

        Raises:
            FitError: It is conditional and got no labels.
        """
        images: Images = self.layers(append_labels(z, labels, self.num_classes))
        return images


@final
class DCGANDiscriminator(nn.Module):
    """Strided convolutions, then a linear layer to one logit.

    Args:
        env: What is judged, and given what; classes come as one map each.
        width: Channels of the first hidden map; each map after has twice as many, up to 16 times.
        norm: ``batch`` as in the paper; ``none`` for penalties on the slope, which need every
            image to be judged alone. Biases stand where batch norm was taken away.

    Attributes:
        mixes_samples: Batch norm makes the answer for one image depend on the others.

    References: as :class:`DCGANGenerator`, section 3.
    """

    def __init__(
        self,
        env: Env,
        *,
        width: Annotated[int, Opt("channels of the first hidden map", ge=1)] = 64,
        norm: Annotated[
            Literal["batch", "none"], Opt("none: every image is judged alone, for penalties")
        ] = "batch",
    ) -> None:
        super().__init__()
        side, halvings = _plan(env.resolution)
        self.num_classes, self.mixes_samples = env.num_classes, norm == "batch"
        widths = [min(width << stage, 16 * width) for stage in range(halvings)]
        self.layers = nn.Sequential(
            _down(env.channels + env.num_classes, widths[0]), nn.LeakyReLU(0.2)
        )
        for inward, outward in pairwise(widths):
            self.layers.append(_down(inward, outward, bias=norm == "none"))
            self.layers.extend([nn.BatchNorm2d(outward)] if norm == "batch" else [])
            self.layers.append(nn.LeakyReLU(0.2))
        last = nn.Linear(widths[-1] * side**2, 1, bias=env.resolution == 28)
        self.layers.extend([nn.Flatten(), last])
        _initialize(self)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels.
        """
        logits: Logits = self.layers(append_labels(images, labels, self.num_classes))
        return logits.squeeze(1)  # [n]


def _plan(resolution: int) -> tuple[int, int]:
    """Side of the smallest map, and how many doublings lead from it to the image."""
    check_resolution("dcgan", resolution, SIZES)
    side = 7 if resolution == 28 else 4
    return side, (resolution // side).bit_length() - 1


def _opening(smallest: tuple[int, int, int], *, per_unit: bool) -> list[nn.Module]:
    """Norm and shape of the first map; at 28 px the norm is of each unit, not of each channel."""
    channels, height, width = smallest
    shape = nn.Unflatten(1, smallest)
    if per_unit:
        return [nn.BatchNorm1d(channels * height * width), nn.ReLU(), shape]
    return [shape, nn.BatchNorm2d(channels), nn.ReLU()]


def _up(inward: int, outward: int) -> nn.Module:
    return nn.ConvTranspose2d(inward, outward, 4, stride=2, padding=1, bias=False)


def _down(inward: int, outward: int, *, bias: bool = False) -> nn.Module:
    return nn.Conv2d(inward, outward, 4, stride=2, padding=1, bias=bias)


def _initialize(network: nn.Module) -> None:
    """Weights from N(0, .02), gains of norms from N(1, .02), biases 0."""
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:  # of all weights, only gains of norms are vectors
            nn.init.normal_(parameter, mean=float(parameter.ndim == 1), std=_STD)
