"""Multilayer perceptrons: an image is a vector, and pixels know no neighbours."""

from itertools import pairwise
from typing import Annotated, final

from torch import nn

from ganzoo.interfaces import Env
from ganzoo.nn.conditioning import append_labels
from ganzoo.nn.minibatch import Kernels, MinibatchDiscrimination
from ganzoo.nn.resolution import check_resolution
from ganzoo.options import Opt
from ganzoo.types import Images, Labels, Latents, Logits

SIZES = (28, 32, 64, 1)
"""Pixels per side; above, almost all parameters would sit in one layer. 1 is for points."""


@final
class MLPGenerator(nn.Module):
    """Four linear layers, each hidden one twice as wide as the one before.

    Leaves the paper in its hidden units (leaky instead of plain rectifiers), its output (tanh
    instead of sigmoid, for images in [-1, 1]) and its latents (normal instead of uniform).

    References: Generative Adversarial Nets, section 5 (Goodfellow et al., 2014),
    https://arxiv.org/abs/1406.2661; labels: Conditional Generative Adversarial Nets, section 4.1
    (Mirza and Osindero, 2014), https://arxiv.org/abs/1411.1784
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 100,
        width: Annotated[int, Opt("units of the first hidden layer", ge=1)] = 256,
    ) -> None:
        super().__init__()
        check_resolution("gan", env.resolution, SIZES)
        self.z_dim, self.num_classes = z_dim, env.num_classes
        pixels = env.channels * env.resolution**2
        widths = (z_dim + env.num_classes, width, 2 * width, 4 * width)
        self.layers = nn.Sequential(
            *_hidden(widths),
            nn.Linear(widths[-1], pixels),
            nn.Tanh(),
            nn.Unflatten(1, env.image_shape),
        )

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images.

        Raises:
            FitError: It is conditional and got no labels.
        """
        images: Images = self.layers(append_labels(z, labels, self.num_classes))
        return images


@final
class MLPDiscriminator(nn.Module):
    """Four linear layers, each hidden one half as wide as the one before.

    Leaves the paper in its hidden units (leaky rectifiers instead of maxout).

    Attributes:
        mixes_samples: Whether minibatch discrimination looks at the batch.

    References: as :class:`MLPGenerator`.
    """

    def __init__(
        self,
        env: Env,
        *,
        width: Annotated[int, Opt("units of the last hidden layer", ge=1)] = 256,
        dropout: Annotated[
            float, Opt("share of the first two hidden layers left out in training", ge=0, lt=1)
        ] = 0.3,
        minibatch: Kernels = 0,
    ) -> None:
        super().__init__()
        check_resolution("gan", env.resolution, SIZES)
        self.num_classes = env.num_classes
        pixels = env.channels * env.resolution**2
        widths = (pixels + env.num_classes, 4 * width, 2 * width, width)
        self.mixes_samples = minibatch > 0
        self.layers = nn.Sequential(*_hidden(widths, dropout), nn.Linear(width + minibatch, 1))
        if minibatch:
            self.layers.insert(-1, MinibatchDiscrimination(width, minibatch))

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels.
        """
        logits: Logits = self.layers(append_labels(images.flatten(1), labels, self.num_classes))
        return logits.squeeze(1)  # [n]


def _hidden(widths: tuple[int, ...], dropout: float = 0.0) -> list[nn.Module]:
    """Linear layers between the widths; all but the last drop units where that is wanted."""
    layers: list[nn.Module] = []
    for index, (inward, outward) in enumerate(pairwise(widths)):
        layers += [nn.Linear(inward, outward), nn.LeakyReLU(0.2)]
        if dropout and index < len(widths) - 2:
            layers.append(nn.Dropout(dropout))
    return layers
