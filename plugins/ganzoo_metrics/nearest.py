"""Random draws, and nearest neighbours in memory that does not grow with the sets."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int64, Shaped, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo.data.chance import rng_of
from ganzoo.types import Features, Pixels

ROWS = 4096
"""Images that are compared with others at a time, at most."""


def drawn(rows: Shaped[Tensor, "n ..."], size: int, side: str) -> Shaped[Tensor, "m ..."]:
    """Return some rows without repeats, always the same of as many; all, in order, of fewer.

    Args:
        rows: What is drawn from.
        size: How many at most.
        side: What they are; other words, other draws.
    """
    if len(rows) <= size:
        return rows
    index = torch.randperm(len(rows), generator=rng_of("drawn", side, 0))[:size]
    return rows[index]


def distances(first: Features, second: Float[Tensor, "m f"]) -> Iterator[Float[Tensor, "rows m"]]:
    """Yield the distances of all pairs in double precision, some rows of ``first`` at a time."""
    other = second.double()
    squares = other.square().sum(1)
    for part in first.double().split(max(1, ROWS // 4)):
        squared = part.square().sum(1, keepdim=True) + squares - 2 * (part @ other.T)
        yield squared.clamp_min_(0).sqrt_()


def flat(pixels: Pixels, side: int) -> Float[Tensor, "n values"]:
    """Return pixels as rows of 0 to 1, pooled to at most ``side`` places a side."""
    images = pixels.float().div_(255)
    if pixels.shape[-1] > side:
        images = interpolate(images, (side, side), mode="area")
    return images.flatten(1)


def nearest_pixels(
    judged: Pixels, others: UInt8[Tensor, "m c h w"], side: int, *, same: bool = False
) -> Float[Tensor, " n"]:
    """Return how far each image is from its nearest among others, as a root mean square.

    One matrix product finds the nearest; its distance is then taken from the difference itself, so
    that of a copy is exactly 0.

    Args:
        judged: Images.
        others: Images of the same shape.
        side: Both are pooled to at most so many pixels a side.
        same: They are the same images, and none is its own neighbour.
    """
    rows = flat(judged, side)
    best = torch.full((len(rows),), torch.inf)
    where = torch.zeros(len(rows), dtype=torch.long)
    for start in range(0, len(others), ROWS):
        part = flat(others[start : start + ROWS], side)
        # The squared norm of the judged image is the same for every pair, so it is left out.
        partial = part.square().sum(1) - 2 * (rows @ part.T)
        if same:
            own = torch.arange(start, start + len(part))
            partial[own, own - start] = torch.inf
        least, index = partial.min(1)
        where = torch.where(least < best, index + start, where)
        best = torch.minimum(least, best)
    return _apart(judged, others, where, side)


def _apart(
    judged: Pixels, others: UInt8[Tensor, "m c h w"], where: Int64[Tensor, " n"], side: int
) -> Float[Tensor, " n"]:
    parts = zip(judged.split(ROWS), where.split(ROWS), strict=True)
    return torch.cat(
        [(flat(a, side) - flat(others[i], side)).square().mean(1).sqrt() for a, i in parts]
    )
