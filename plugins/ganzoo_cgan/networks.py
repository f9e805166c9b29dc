"""DCGAN's convolutions, told the class, or made to name it.

Without classes each of them is the plain network.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal, final

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ganzoo.interfaces import Env
from ganzoo.nn.conditioning import (
    ConditionalBatchNorm2d,
    LabelEmbedding,
    ProjectionHead,
    append_labels,
)
from ganzoo.nn.minibatch import Kernels, MinibatchDiscrimination
from ganzoo.nn.strided import (
    falling_layers,
    falling_widths,
    growing_widths,
    initialize_small,
    smallest_map,
    up,
)
from ganzoo.options import Opt
from ganzoo.types import Features, Images, Labels, Latents, Logits

Width = Annotated[int, Opt("channels of the first hidden map", ge=1)]
"""Of a discriminator."""


@final
class ConditionalGenerator(nn.Module):
    """A linear layer to the smallest map, then transposed convolutions with batch norm.

    Args:
        env: What is made, and given what.
        z_dim: Latent dimensions.
        width: Channels of the last hidden map; each map before has twice as many, up to 16 times.
        labels: How the class enters: ``onehot`` beside the latents; ``embed``, a learned vector
            beside the latents; ``norm``, gains and biases of every batch norm.

    References: Conditional Generative Adversarial Nets, section 3.2 (Mirza and Osindero, 2014),
    https://arxiv.org/abs/1411.1784; ``norm``: cGANs with Projection Discriminator (Miyato and
    Koyama, 2018), https://arxiv.org/abs/1802.05637
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 100,
        width: Annotated[int, Opt("channels of the last hidden map", ge=1)] = 64,
        labels: Annotated[
            Literal["onehot", "embed", "norm"],
            Opt("how the class enters: beside z, as a learned vector, or in every batch norm"),
        ] = "onehot",
    ) -> None:
        super().__init__()
        side, doublings = smallest_map("cgan", env.resolution)
        self.z_dim, self.num_classes = z_dim, env.num_classes
        self.one_hot_classes = env.num_classes if labels == "onehot" else 0
        of_norms = env.num_classes if labels == "norm" else 0
        self.embed = LabelEmbedding(env.num_classes if labels == "embed" else 0, z_dim)
        widths = growing_widths(width, env.resolution, doublings)
        inward = self.embed.out_dim + self.one_hot_classes
        self.linear = nn.Linear(inward, widths[0] * side**2, bias=False)
        self.shape = nn.Unflatten(1, (widths[0], side, side))
        self.ups = nn.ModuleList(up(*pair) for pair in pairwise(widths))
        self.last = up(widths[-1], env.channels)
        self.norms = nn.ModuleList(ConditionalBatchNorm2d(each, of_norms) for each in widths)
        initialize_small(self)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images.

        Raises:
            FitError: It is conditional and got no labels.
        """
        told = append_labels(self.embed(z, labels), labels, self.one_hot_classes)
        first, *others = self.norms
        maps = relu(first(self.shape(self.linear(told)), labels))
        for layer, norm in zip(self.ups, others, strict=True):
            maps = relu(norm(layer(maps), labels))
        images: Images = torch.tanh(self.last(maps))
        return images


@final
class ProjectionDiscriminator(nn.Module):
    """Strided convolutions to features, then a logit that is also an inner product with the class.

    No norm, as penalties on the slope need it.

    Args:
        env: What is judged, and given what.
        width: Channels of the first hidden map; each map after has twice as many, up to 16 times.
        minibatch: Kernels of minibatch discrimination before the logit; 0: none. How close an
            image is to the others meets the class too: some classes are closer than others.

    Attributes:
        mixes_samples: Whether minibatch discrimination looks at the batch.

    References: cGANs with Projection Discriminator, section 3 (Miyato and Koyama, 2018),
    https://arxiv.org/abs/1802.05637
    """

    def __init__(self, env: Env, *, width: Width = 64, minibatch: Kernels = 0) -> None:
        super().__init__()
        self.mixes_samples = minibatch > 0
        self.trunk, length = _trunk(env, width)
        self.head = ProjectionHead(length + minibatch, env.num_classes)
        initialize_small(self)
        self.minibatch = MinibatchDiscrimination(length, minibatch)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels.
        """
        features: Features = self.minibatch(self.trunk(images))
        logits: Logits = self.head(features, labels)
        return logits


@final
class AuxiliaryClassifierDiscriminator(nn.Module):
    """Strided convolutions to features, then one logit, and one more for each class.

    It is not told the class; the regularizer ``auxiliary`` teaches it to name it. No norm.

    Args:
        env: What is judged, and which classes there are.
        width: Channels of the first hidden map; each map after has twice as many, up to 16 times.
        minibatch: Kernels of minibatch discrimination before the logit; 0: none. The class is
            named by the image alone.

    Attributes:
        mixes_samples: Whether minibatch discrimination looks at the batch.

    References: Conditional Image Synthesis with Auxiliary Classifier GANs, section 3 (Odena et
    al., 2017), https://arxiv.org/abs/1610.09585
    """

    def __init__(self, env: Env, *, width: Width = 64, minibatch: Kernels = 0) -> None:
        super().__init__()
        self.mixes_samples = minibatch > 0
        self.trunk, length = _trunk(env, width)
        self.real = nn.Linear(length + minibatch, 1)
        self.classes = nn.Linear(length, env.num_classes) if env.num_classes else None
        initialize_small(self)
        self.minibatch = MinibatchDiscrimination(length, minibatch)

    def forward(self, images: Images, labels: Labels | None = None) -> Mapping[str, Tensor]:
        """Return ``logits`` [n] and, where there are classes, ``class_logits`` [n, k]."""
        features: Features = self.trunk(images)
        out = {"logits": self.real(self.minibatch(features)).squeeze(1)}
        return out if self.classes is None else {**out, "class_logits": self.classes(features)}


def _trunk(env: Env, width: int) -> tuple[nn.Sequential, int]:
    """Layers from images to features, and how many features there are."""
    side, halvings = smallest_map("cgan", env.resolution)
    widths = falling_widths(width, halvings)
    layers = falling_layers(env.channels, widths, "none")
    return nn.Sequential(*layers, nn.Flatten()), widths[-1] * side**2
