"""How different pictures are from each other: two cheap numbers for the trace."""

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, pdist

from ganzoo.types import Pixels

COUNT, MANY = 64, 256
"""Pictures of which the spread is compared, and among which repetitions are looked for."""

_SIDE = 8


def variety(fake: Pixels, real: UInt8[Tensor, "m c h w"]) -> float:
    """Return the mean distance between generated pictures over that between real ones.

    The first 64 of each are averaged to 8x8 pixels, points stay points. Near 1: as different as
    real ones; 0: all the same. It sees a collapse, but not a missing class.

    Returns:
        NaN where the real pictures are all the same or only one.
    """
    return (_spread(fake) / _spread(real)).item() if _spread(real) > 0 else float("nan")


def distinct(fake: Pixels, real: UInt8[Tensor, "m c h w"]) -> float:
    """Return how far pictures lie from the one most like them, over the same of real ones.

    As many of each, at most 256, are averaged to 8x8 pixels. Near 1: no picture is made twice;
    near 0: the same few are made again and again, however different they are.

    Returns:
        NaN where the real pictures are made twice, or too few.
    """
    count = min(len(fake), len(real), MANY)
    usual = _apart(real[:count]) if count > 1 else torch.zeros(())
    return (_apart(fake[:count]) / usual).item() if usual > 0 else float("nan")


def _apart(pixels: Pixels) -> torch.Tensor:
    pooled = adaptive_avg_pool2d(pixels.float(), _SIDE).flatten(1)
    distances = torch.cdist(pooled, pooled, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.fill_diagonal_(torch.inf).amin(1).mean()


def _spread(pixels: Pixels) -> torch.Tensor:
    pooled = adaptive_avg_pool2d(pixels[:COUNT].float(), _SIDE)
    return pdist(pooled.flatten(1)).mean()
