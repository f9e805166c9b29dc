"""How close an image is to each of its batch mates: it lets a discriminator see collapse."""

from typing import Annotated, TypeAlias, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganzoo.options import Opt
from ganzoo.types import Features

Kernels: TypeAlias = Annotated[
    int, Opt("kernels of minibatch discrimination before the logit; 0: none", ge=0)
]
"""The setting ``minibatch`` of a discriminator."""

DIMENSIONS = 5
"""Numbers that a kernel measures a distance by, as in the authors' code for small images."""


@final
class MinibatchDiscrimination(nn.Module):
    """Appends to the features of an image how close it is to the others, in every kernel.

    Features f are mapped to M = T f, :data:`DIMENSIONS` numbers for each kernel b. The closeness
    of image i is the mean of exp(-|M_ib - M_jb|_1) over its batch mates j: 1 where all are alike,
    near 0 where none is, and 0 for an image alone. It costs n^2 distances for each kernel.

    T starts from N(0, 1 / width), so a distance is about four times the root mean square of the
    difference of two images' features. It errs on the small side: where all are close there is a
    slope, where all are far there is none.

    With spectral norm of T the sum of what is appended, weighted by a vector of length 1, has at
    most 2 sqrt(:data:`DIMENSIONS`) times the slope of the features, whatever the batch.

    Leaves the paper in the mean, which is a sum there, so that the layers after it need not know
    the size of the batch; and in the scale of T, which the authors' code takes from a first batch.

    Args:
        width: Length of the features.
        kernels: 0: none, and the features pass as they are.

    Attributes:
        added: By how much the features become longer.

    References: Improved Techniques for Training GANs, section 3.2 (Salimans et al., 2016),
    https://arxiv.org/abs/1606.03498
    """

    def __init__(self, width: int, kernels: int) -> None:
        super().__init__()
        self.added = kernels
        self.linear = nn.Linear(width, kernels * DIMENSIONS, bias=False) if kernels else None
        if self.linear is not None:
            nn.init.normal_(self.linear.weight, std=width**-0.5)

    def forward(self, features: Features) -> Float[Tensor, "n g"]:
        """Return [n, width + kernels]."""
        if self.linear is None:
            return features
        with torch.autocast(features.device.type, enabled=False):  # close images differ by little
            wide = features if features.dtype == torch.float64 else features.float()
            places = self.linear(wide).unflatten(1, (self.added, DIMENSIONS))  # [n, b, c]
            close = torch.exp(-(places[:, None] - places).abs().sum(3))  # [n, n, b]
            itself = torch.eye(len(wide), dtype=wide.dtype, device=wide.device)
            others = (close - itself[:, :, None]).sum(1) / max(len(wide) - 1, 1)
        return torch.cat([features, others.to(features)], dim=1)
