"""The two networks that Gulrajani et al. drew MNIST digits with, at 28 px, without norm."""

from typing import Annotated, final

import torch
from torch import nn
from torch.nn.functional import leaky_relu, relu

from ganzoo.interfaces import Env
from ganzoo.nn.conditioning import append_labels
from ganzoo.nn.minibatch import Kernels, MinibatchDiscrimination
from ganzoo.nn.resolution import check_resolution
from ganzoo.options import Opt
from ganzoo.types import Images, Labels, Latents, Logits

SIZES = (28,)

Width = Annotated[int, Opt("channels of the map next to the image", ge=1)]
"""Of both; smaller maps have two and four times as many."""


@final
class MnistGenerator(nn.Module):
    """A linear layer to 4x4, then transposed convolutions of 5x5 to 7x7, 14x14 and 28x28.

    The paper's sigmoid for images in [0, 1] is here ``tanh(x / 2)`` for images in [-1, 1], which
    is the same function.

    Args:
        env: What is made, and given what; classes come one-hot beside the latents.
        z_dim: Latent dimensions.
        width: Channels of the map next to the image.

    References: Improved Training of Wasserstein GANs, the authors' code for MNIST (Gulrajani et
    al., 2017), https://arxiv.org/abs/1704.00028
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 128,
        width: Width = 64,
    ) -> None:
        super().__init__()
        check_resolution("mnist28", env.resolution, SIZES)
        self.z_dim, self.num_classes = z_dim, env.num_classes
        self.linear = nn.Linear(z_dim + env.num_classes, 4 * width * 16)
        self.shape = nn.Unflatten(1, (4 * width, 4, 4))
        self.first = _up(4 * width, 2 * width)
        self.second = _up(2 * width, width)
        self.last = _up(width, env.channels)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images.

        Raises:
            FitError: It is conditional and got no labels.
        """
        maps = self.shape(relu(self.linear(append_labels(z, labels, self.num_classes))))
        maps = relu(self.first(maps))[:, :, :7, :7]
        images: Images = torch.tanh(self.last(relu(self.second(maps))) / 2)
        return images


@final
class MnistDiscriminator(nn.Module):
    """Three strided convolutions of 5x5 to 4x4, then a linear layer to one logit.

    Args:
        env: What is judged, and given what; classes come as one map each.
        width: Channels of the map next to the image.
        minibatch: Kernels of minibatch discrimination before the logit; 0: none.

    Attributes:
        mixes_samples: Whether minibatch discrimination looks at the batch.

    References: as :class:`MnistGenerator`.
    """

    def __init__(
        self,
        env: Env,
        *,
        width: Width = 64,
        minibatch: Kernels = 0,
    ) -> None:
        super().__init__()
        check_resolution("mnist28", env.resolution, SIZES)
        self.num_classes = env.num_classes
        self.first = _down(env.channels + env.num_classes, width)
        self.second = _down(width, 2 * width)
        self.third = _down(2 * width, 4 * width)
        self.mixes_samples = minibatch > 0
        self.minibatch = MinibatchDiscrimination(4 * width * 16, minibatch)
        self.linear = nn.Linear(4 * width * 16 + minibatch, 1)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels.
        """
        maps = append_labels(images, labels, self.num_classes)
        for layer in (self.first, self.second, self.third):
            maps = leaky_relu(layer(maps), 0.2)
        logits: Logits = self.linear(self.minibatch(maps.flatten(1))).squeeze(1)  # [n]
        return logits


def _up(inward: int, outward: int) -> nn.Module:
    return nn.ConvTranspose2d(inward, outward, 5, stride=2, padding=2, output_padding=1)


def _down(inward: int, outward: int) -> nn.Module:
    return nn.Conv2d(inward, outward, 5, stride=2, padding=2)
