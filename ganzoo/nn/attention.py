"""Self-attention: every place of a map gathers from all others, however far they are."""

from typing import TypeAlias, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from ganzoo.errors import FitError

Maps: TypeAlias = Float[Tensor, "n c h w"]
"""What attends to itself."""

Weights: TypeAlias = Float[Tensor, "n places keys"]
"""How much each place takes from each key; every row sums to 1."""


@final
class SelfAttention(nn.Module):
    """Adds to every place what it gathers from all, each weighted by how well it answers.

    With 1x1 convolutions theta, phi, g and o without bias, and p for the maximum of two by two
    places, ``y_i = x_i + gamma o(sum_j a_ij p(g(x))_j)`` with
    ``a_i = softmax_j(theta(x)_i . p(phi(x))_j)``. The products are not divided by the root of
    their length. The factor gamma starts from 0, so that a network first learns from what is near.

    Softmax and products are written out: torch's own attention has no second derivative, which a
    penalty on a slope needs.

    Args:
        channels: Of the map; theta and phi give an eighth of them, g a half, each at least one.

    References: Self-Attention Generative Adversarial Networks, section 3 (Zhang et al., 2019),
    https://arxiv.org/abs/1805.08318; the pooling is from the authors' code,
    https://github.com/brain-research/self-attention-gan
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        short, half = max(1, channels // 8), max(1, channels // 2)
        self.theta = nn.Conv2d(channels, short, 1, bias=False)
        self.phi = nn.Conv2d(channels, short, 1, bias=False)
        self.g = nn.Conv2d(channels, half, 1, bias=False)
        self.o = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def weights(self, maps: Maps) -> Weights:
        """Return the weights a, [n, h * w, (h / 2) * (w / 2)], places and keys row by row.

        Raises:
            FitError: A side of the map is odd.
        """
        height, width = maps.shape[2:]
        if height % 2 or width % 2:
            raise FitError(
                f"attention at {height}x{width}: places are pooled two by two, so sides must be"
                " even; attend at another map"
            )
        places = self.theta(maps).flatten(2)  # [n, d, places]
        keys = max_pool2d(self.phi(maps), 2).flatten(2)  # [n, d, keys]
        return torch.softmax(places.transpose(1, 2) @ keys, dim=2)

    def forward(self, maps: Maps) -> Maps:
        """Return maps of the same shape.

        Raises:
            FitError: A side of the map is odd.
        """
        weights = self.weights(maps)
        values = max_pool2d(self.g(maps), 2).flatten(2)  # [n, e, keys]
        gathered = (weights @ values.transpose(1, 2)).transpose(1, 2)  # [n, e, places]
        found: Tensor = self.o(gathered.unflatten(2, maps.shape[2:]))
        return maps + self.gamma * found
