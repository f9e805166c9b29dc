"""Modes that a generator of points found, counted as the literature counts them."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

NEAR = 3.0
"""Standard deviations from a centre within which a point is of high quality."""


class Modes(NamedTuple):
    """What became of the modes of a mixture.

    Attributes:
        found: Modes with at least one point of high quality.
        quality: Share of the points that are of high quality.
        kl: KL divergence from the uniform distribution, in nats, of the modes that the points are
            nearest to; 0 when all have as many, the logarithm of their number when one has all.
    """

    found: int
    quality: float
    kl: float


def modes_found(
    points: Float[Tensor, "n 2"], centres: Float[Tensor, "modes 2"], std: float
) -> Modes:
    """Count the modes of a mixture of equal Gaussians that points were found in.

    A point is of high quality within three standard deviations of a centre, and a mode is found
    with one such point. That is lenient with many points; 2,500 are customary.

    Args:
        points: In the square from -1 to 1. ``ganzoo sample`` rounds them by up to 0.004.
        centres: Of the Gaussians, in the same square.
        std: Of every Gaussian.

    Raises:
        ValueError: There is no point.

    References: VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning, section
    4.1 (Srivastava et al., 2017), https://arxiv.org/abs/1705.07761; PacGAN: The power of two
    samples in generative adversarial networks, section 4.1 (Lin et al., 2018),
    https://arxiv.org/abs/1712.04086
    """
    if len(points) == 0:
        raise ValueError("modes cannot be counted without a point")
    # Matrix products would be quicker and lose the digits that matter near a centre.
    distances = torch.cdist(
        points, centres.to(points), compute_mode="donot_use_mm_for_euclid_dist"
    )
    distance, nearest = distances.min(1)
    good = distance <= NEAR * std
    counts = nearest.bincount(minlength=len(centres)).double()
    shares = counts / counts.sum()
    return Modes(
        found=len(nearest[good].unique()),
        quality=good.double().mean().item(),
        kl=torch.special.xlogy(shares, shares * len(centres)).sum().item(),
    )
