"""How different pictures are from each other: one cheap number for the trace."""

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, pdist

from ganzoo.types import Pixels

COUNT = 64
"""Pictures that are compared."""

_SIDE = 8


def variety(fake: Pixels, real: UInt8[Tensor, "m c h w"]) -> float:
    """Return the mean distance between generated pictures over that between real ones.

    The first 64 of each are averaged to 8x8 pixels, points stay points. Near 1: as different as
    real ones; 0: all the same. It sees a collapse, but not a missing class.

    Returns:
        NaN where the real pictures are all the same or only one.
    """
    return (_spread(fake) / _spread(real)).item() if _spread(real) > 0 else float("nan")


def _spread(pixels: Pixels) -> torch.Tensor:
    pooled = adaptive_avg_pool2d(pixels[:COUNT].float(), _SIDE)
    return pdist(pooled.flatten(1)).mean()
