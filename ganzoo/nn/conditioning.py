"""How labels enter a network: beside its input, in its norms, or in its last layer."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from ganzoo.errors import FitError
from ganzoo.types import Features, Labels, Latents, Logits

_STEEPNESS, _STRENGTH = 5.0, 3.0
"""Of the choice among codes: nearly one of them, and louder than any other latent value."""


def need_labels(labels: Labels | None, num_classes: int) -> Labels:
    """Return the labels that a conditional network needs.

    Raises:
        FitError: There are none.
    """
    if labels is None:
        raise FitError(
            f"a network for {num_classes} classes was given no labels; say which class to make,"
            " or train with --no-conditional"
        )
    return labels


def append_labels(
    inputs: Float[Tensor, "n c *size"], labels: Labels | None, num_classes: int
) -> Float[Tensor, "n d *size"]:
    """Return inputs with ``num_classes`` more channels, 1 in that of the label and 0 elsewhere.

    Latents become longer; images get a map for every class.

    Args:
        inputs: [n, c] or [n, c, h, w].
        labels: Class of each; not looked at when unconditional.
        num_classes: 0: unconditional, and the inputs come back as they are.

    Raises:
        FitError: A conditional network was given no labels.

    References: Conditional Generative Adversarial Nets, section 3.2 (Mirza and Osindero, 2014),
    https://arxiv.org/abs/1411.1784
    """
    if num_classes == 0:
        return inputs
    marks = one_hot(need_labels(labels, num_classes), num_classes).to(inputs)  # [n, k]
    maps = marks.view(*marks.shape, *[1] * (inputs.ndim - 2)).expand(-1, -1, *inputs.shape[2:])
    return torch.cat([inputs, maps], dim=1)


def append_codes(z: Latents, codes: int) -> Float[Tensor, "n d"]:
    """Return latents with a soft choice of one of ``codes`` kinds beside them, made from z itself.

    A generator is continuous, so it draws what lies between two kinds of images where nothing
    does. The choice is a steep softmax of the first values of z: nearly always one kind, and still
    continuous, so that a walk through the latents has no jumps.

    Args:
        z: Latents of at least so many dimensions.
        codes: 0: latents come back as they are.

    References: the trouble and mixtures against it, Disconnected Manifold Learning for Generative
    Adversarial Networks (Khayatkhoei et al., 2018), https://arxiv.org/abs/1806.00880
    """
    if codes == 0:
        return z
    chosen = torch.softmax(_STEEPNESS * z[:, :codes], dim=1)
    return torch.cat([z, _STRENGTH * chosen], dim=1)


@final
class LabelEmbedding(nn.Module):
    """Appends a learned vector of the class to latents, both scaled to a mean square of 1.

    Args:
        num_classes: 0: unconditional, and latents pass as they are.
        z_dim: Latent dimensions, and those of the vector.

    Attributes:
        out_dim: Length of what comes out.

    References: Training Generative Adversarial Networks with Limited Data, whose mapping network
    takes labels so (Karras et al., 2020), https://arxiv.org/abs/2006.06676
    """

    def __init__(self, num_classes: int, z_dim: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.out_dim = 2 * z_dim if num_classes else z_dim
        self.vectors = nn.Embedding(num_classes, z_dim) if num_classes else None

    def forward(self, z: Latents, labels: Labels | None) -> Features:
        """Return latents [n, z] or [n, 2 z].

        Raises:
            FitError: It is conditional and got no labels.
        """
        if self.vectors is None:
            return z
        vectors = self.vectors(need_labels(labels, self.num_classes))
        root = z.shape[1] ** 0.5
        return torch.cat([normalize(z) * root, normalize(vectors) * root], dim=1)


@final
class ConditionalBatchNorm2d(nn.Module):
    """Batch norm whose gains and biases belong to the class: BN(x) * (1 + gain_y) + bias_y.

    Args:
        channels: Of the map.
        num_classes: 0: unconditional, plain batch norm with gains and biases of its own.

    References: A Learned Representation For Artistic Style (Dumoulin et al., 2017),
    https://arxiv.org/abs/1610.07629; in a GAN: cGANs with Projection Discriminator
    (Miyato and Koyama, 2018), https://arxiv.org/abs/1802.05637
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.norm = nn.BatchNorm2d(channels, affine=num_classes == 0)
        if num_classes:
            self.gains = nn.Embedding(num_classes, channels)  # around the 1 of the formula
            self.biases = nn.Embedding(num_classes, channels)
            nn.init.normal_(self.gains.weight, std=0.02)
            nn.init.zeros_(self.biases.weight)

    def forward(
        self, maps: Float[Tensor, "n c h w"], labels: Labels | None
    ) -> Float[Tensor, "n c h w"]:
        """Return normed maps.

        Raises:
            FitError: It is conditional and got no labels.
        """
        normed: Tensor = self.norm(maps)
        if self.num_classes == 0:
            return normed
        told = need_labels(labels, self.num_classes)
        gains, biases = self.gains(told), self.biases(told)  # [n, c]
        return torch.addcmul(biases[:, :, None, None], normed, 1 + gains[:, :, None, None])


@final
class ProjectionHead(nn.Module):
    """A logit from features: how real they are, and how well they go with the class.

    The logit is ``l(h) + <v_y, h>`` with features h, a linear function l and a vector v of each
    class. Without classes it is l alone.

    Args:
        features: Length of h.
        num_classes: 0: unconditional.

    References: cGANs with Projection Discriminator, section 3 (Miyato and Koyama, 2018),
    https://arxiv.org/abs/1802.05637
    """

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.linear = nn.Linear(features, 1)
        self.vectors = nn.Embedding(num_classes, features) if num_classes else None
        if self.vectors is not None:  # unlike torch's N(0, 1), whose inner products would explode
            nn.init.normal_(self.vectors.weight, std=0.02)

    def forward(self, features: Features, labels: Labels | None) -> Logits:
        """Return one logit an image.

        Raises:
            FitError: It is conditional and got no labels.
        """
        logits: Tensor = self.linear(features).squeeze(1)  # [n]
        if self.vectors is None:
            return logits
        vectors = self.vectors(need_labels(labels, self.num_classes))  # [n, f]
        both: Tensor = logits + (vectors * features).sum(1)
        return both
