"""Pictures that look like one before them, told by thumbnails of eight pixels a side."""

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from ganzoo.data.chance import rng_of

SIDE = 8
"""Pixels per side of a thumbnail."""

_NEAR, _STEP = 2.0, 24.0  # levels of 255
_TABLES, _VIEWS = 8, 8


def copies(thumbnails: UInt8[Tensor, "n c 8 8"]) -> Bool[Tensor, " n"]:
    """Return which pictures look like one before them.

    Two do whose thumbnails differ by two levels or less on average. Who is compared with whom
    is found by hashes that near thumbnails share (Similarity Search in High Dimensions via
    Hashing, Gionis et al., 1999), so the time grows with n, and seldom a copy is missed.

    Args:
        thumbnails: Of all pictures.
    """
    values, rng = thumbnails.flatten(1).float(), rng_of("copies")
    order, found = torch.arange(len(values)), torch.zeros(len(values), dtype=torch.bool)
    for _ in range(_TABLES):
        views = torch.randn(values.shape[1], _VIEWS, generator=rng) / values.shape[1] ** 0.5
        shift = torch.rand(_VIEWS, generator=rng)
        _, kind = (values @ views / _STEP + shift).floor().unique(dim=0, return_inverse=True)
        first = torch.full_like(order, len(order)).scatter_reduce(0, kind, order, "amin")[kind]
        near = (values - values[first]).abs().mean(1) <= _NEAR
        found |= near & (first < order)
    return found
