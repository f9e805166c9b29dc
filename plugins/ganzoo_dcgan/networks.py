"""Strided convolutions that double or halve the resolution from layer to layer.

The layer between latents and the smallest map is linear: on a 1x1 input a transposed convolution
is the same function, and slower. So is the discriminator's last convolution, which sees one place.
"""

from itertools import pairwise
from typing import Annotated, Literal, final

from torch import nn

from ganzoo.errors import FitError
from ganzoo.interfaces import BOUNDED, Env
from ganzoo.nn.conditioning import append_codes, append_labels
from ganzoo.nn.minibatch import Kernels, MinibatchDiscrimination
from ganzoo.nn.spectral import spectrally_normalize
from ganzoo.nn.strided import (
    falling_layers,
    falling_widths,
    growing_widths,
    initialize_small,
    smallest_map,
    up,
)
from ganzoo.options import Opt
from ganzoo.types import Images, Labels, Latents, Logits


@final
class DCGANGenerator(nn.Module):
    """A linear layer to the smallest map, then transposed convolutions with batch norm.

    Args:
        env: What is made, and given what.
        z_dim: Latent dimensions.
        width: Channels of the last hidden map; each map before has twice as many, up to 16 times.
        codes: Kinds of images that z chooses among (:func:`ganzoo.nn.conditioning.append_codes`),
            which is not of the paper; 0: none.

    Raises:
        FitError: There are more codes than latent dimensions.

    References: Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks, figure 1 (Radford et al., 2015), https://arxiv.org/abs/1511.06434
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 100,
        width: Annotated[int, Opt("channels of the last hidden map", ge=1)] = 64,
        codes: Annotated[
            int, Opt("kinds that z chooses among, for data of separate kinds; 0: none", ge=0)
        ] = 0,
    ) -> None:
        super().__init__()
        if codes > z_dim:
            raise FitError(
                f"generator dcgan: {codes} codes are chosen by as many of z's values, and z_dim is"
                f" {z_dim}; --set generator.codes={z_dim} or fewer"
            )
        side, doublings = smallest_map("dcgan", env.resolution)
        self.z_dim, self.num_classes, self.codes = z_dim, env.num_classes, codes
        widths = growing_widths(width, env.resolution, doublings)
        smallest = (widths[0], side, side)
        self.layers = nn.Sequential(
            nn.Linear(z_dim + codes + env.num_classes, widths[0] * side**2, bias=False),
            *_opening(smallest, per_unit=env.resolution == 28),
        )
        for inward, outward in pairwise(widths):
            self.layers.extend([up(inward, outward), nn.BatchNorm2d(outward), nn.ReLU()])
        self.layers.extend([up(widths[-1], env.channels), nn.Tanh()])
        initialize_small(self)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images.

        Raises:
            FitError: It is conditional and got no labels.
        """
        latents = append_codes(z, self.codes)
        images: Images = self.layers(append_labels(latents, labels, self.num_classes))
        return images


@final
class DCGANDiscriminator(nn.Module):
    """Strided convolutions, then a linear layer to one logit.

    Args:
        env: What is judged, and given what; classes come as one map each.
        width: Channels of the first hidden map; each map after has twice as many, up to 16 times.
        norm: ``batch`` as in the paper. A penalty on the slope needs every image to be judged
            alone: ``none``, or a norm within an image, ``layer``, ``group`` (8 groups) or
            ``instance``. ``spectral`` bounds the slope by the weights themselves. Biases stand
            where no norm follows.
        minibatch: Kernels of minibatch discrimination before the logit; 0: none.

    Attributes:
        mixes_samples: Batch norm and minibatch discrimination make the answer for one image
            depend on the others.
        bounds_slope: Spectral norm bounds it everywhere, and that of minibatch discrimination.

    References: as :class:`DCGANGenerator`, section 3.
    """

    def __init__(
        self,
        env: Env,
        *,
        width: Annotated[int, Opt("channels of the first hidden map", ge=1)] = 64,
        norm: Annotated[
            Literal["batch", "layer", "group", "instance", "spectral", "none"],
            Opt("all but batch judge every image alone, for penalties"),
        ] = "batch",
        minibatch: Kernels = 0,
    ) -> None:
        super().__init__()
        side, halvings = smallest_map("dcgan", env.resolution)
        self.num_classes = env.num_classes
        self.mixes_samples = norm == "batch" or minibatch > 0
        self.bounds_slope = BOUNDED if norm == "spectral" else frozenset()
        widths = falling_widths(width, halvings)
        length = widths[-1] * side**2
        of_maps = "none" if norm == "spectral" else norm
        self.layers = nn.Sequential(
            *falling_layers(env.channels + env.num_classes, widths, of_maps),
            nn.Flatten(),
            nn.Linear(length + minibatch, 1, bias=env.resolution == 28),
        )
        initialize_small(self)
        if minibatch:
            self.layers.insert(-1, MinibatchDiscrimination(length, minibatch))
        if norm == "spectral":
            spectrally_normalize(self)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels.
        """
        logits: Logits = self.layers(append_labels(images, labels, self.num_classes))
        return logits.squeeze(1)  # [n]


def _opening(smallest: tuple[int, int, int], *, per_unit: bool) -> list[nn.Module]:
    """Norm and shape of the first map; at 28 px the norm is of each unit, not of each channel."""
    channels, height, width = smallest
    shape = nn.Unflatten(1, smallest)
    if per_unit:
        return [nn.BatchNorm1d(channels * height * width), nn.ReLU(), shape]
    return [shape, nn.BatchNorm2d(channels), nn.ReLU()]
