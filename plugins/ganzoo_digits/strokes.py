"""How the ten digits are written: pen strokes through key points, and splines through those.

A Catmull-Rom spline is linear in its key points, so a whole batch of moved key points becomes
poly-lines by one matrix product.

References:
    A class of local interpolating splines (Catmull and Rom, 1974).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor

SEGMENTS = 48
"""Straight pieces that a digit is drawn with."""

_Point = tuple[float, float]

_WRITTEN: Sequence[Sequence[str]] = (
    (  # 0
        "50,08 24,26 20,55 32,86 55,92 76,72 78,40 66,14 48,08",
        "62,12 36,12 20,42 26,80 50,92 74,74 78,40 64,16 46,14",
    ),
    (  # 1
        "50,08 50,36 49,64 48,92",
        "34,26 44,18 53,07 53,07 52,36 51,64 50,92",
        "36,25 46,17 53,07 53,07 52,48 51,90 / 30,91 50,90 72,89",
    ),
    (  # 2
        "24,28 36,12 56,08 72,22 66,44 44,68 22,90 22,90 50,88 80,86",
        "26,24 42,09 64,14 68,34 54,58 34,80 22,84 24,72 40,74 58,88 80,84",
        "22,34 30,14 52,08 70,18 70,38 50,62 20,92 20,92 46,86 66,92 82,84",
    ),
    (  # 3
        "26,18 42,08 64,12 70,28 58,42 42,46 42,46 62,50 76,66 66,86 44,92 24,82",
        "24,10 46,10 70,10 70,10 56,28 44,42 44,42 64,48 74,68 60,88 40,92 22,84",
        "28,14 52,08 66,22 54,40 38,45 54,46 72,62 66,84 44,93 24,84",
    ),
    (  # 4
        "34,10 30,32 24,54 24,54 48,56 78,54 / 66,10 62,40 60,68 58,93",
        "62,08 44,30 20,60 20,60 48,62 82,60 / 62,08 62,36 61,64 60,93",
        "28,12 24,34 32,50 52,50 70,40 / 72,10 70,40 66,68 62,93",
    ),
    (  # 5
        "72,10 52,10 32,12 32,12 30,28 28,44 28,44 46,38 68,46 74,66 60,86 40,92 22,84",
        "32,12 30,28 28,46 28,46 46,40 66,48 72,66 60,86 40,92 22,84 / 30,12 52,11 76,09",
        "74,10 50,12 38,16 32,32 32,42 48,44 64,56 66,74 50,90 24,88",
    ),
    (  # 6
        "66,08 44,22 28,46 24,70 36,90 58,90 72,74 64,56 46,54 28,68",
        "56,07 36,30 26,58 30,82 48,93 66,84 70,66 56,54 38,60 28,74",
        "46,07 34,34 28,62 36,86 54,92 70,80 66,62 48,58 32,72",
    ),
    (  # 7
        "22,12 48,11 76,10 76,10 64,36 52,64 44,93",
        "22,14 48,11 76,10 76,10 62,38 50,66 42,93 / 34,52 54,50 74,48",
        "22,26 24,12 24,12 50,12 76,10 72,28 58,52 50,92",
    ),
    (  # 8
        "66,18 50,08 32,18 36,36 56,50 72,68 64,88 44,92 28,78 36,60 56,46 70,30 64,14",
        "52,48 34,34 34,16 52,08 68,18 64,36 50,48 32,62 28,80 46,93 68,86 72,68 54,50",
    ),
    (  # 9
        "70,30 60,12 40,10 28,26 34,44 52,48 68,34 70,24 70,24 68,48 64,70 60,93",
        "68,22 50,10 32,20 30,40 46,50 64,40 70,22 70,46 64,74 46,92 30,88",
        "66,16 46,10 30,24 34,42 52,44 66,30 68,18 66,18 62,54 56,93",
    ),
)
"""Ways to write each digit, in hundredths of a box, x to the right and y down.

``/`` lifts the pen; a point written twice is a corner.
"""


@dataclass(frozen=True)
class Alphabet:
    """Every way to write a digit, as tensors over v ways and k key points.

    Attributes:
        points: Key points [v, k, 2] in a unit box.
        starts: Weights [v, SEGMENTS, k] that make the first end of each segment of key points.
        ends: The same for the second end.
        first: The first way of each digit [10].
        ways: Number of ways of each digit [10].
    """

    points: Tensor
    starts: Tensor
    ends: Tensor
    first: Tensor
    ways: Tensor


@cache
def alphabet() -> Alphabet:
    """Return all ways to write the ten digits."""
    written = [_runs(way) for ways in _WRITTEN for way in ways]
    most = max(len(points) for points, _ in written)
    points = torch.zeros(len(written), most, 2)
    starts = torch.zeros(len(written), SEGMENTS, most)
    ends = torch.zeros_like(starts)
    for way, (key_points, runs) in enumerate(written):
        points[way, : len(key_points)] = torch.tensor(key_points)
        segment = 0
        for run, pieces in zip(runs, _shares(key_points, runs), strict=True):
            weights = _spline(len(run), pieces)
            place = slice(segment, segment + pieces)
            starts[way, place, run] = weights[:-1]
            ends[way, place, run] = weights[1:]
            segment += pieces
    ways = torch.tensor([len(ways) for ways in _WRITTEN])
    return Alphabet(points, starts, ends, first=ways.cumsum(0) - ways, ways=ways)


def _runs(way: str) -> tuple[list[_Point], list[list[int]]]:
    """Return key points, and for each smooth run the indices of its key points."""
    points: list[_Point] = []
    runs: list[list[int]] = []
    for stroke in way.split("/"):
        runs.append([])
        for x, y in (word.split(",") for word in stroke.split()):
            point = (int(x) / 100, int(y) / 100)
            if runs[-1] and point == points[-1]:
                runs.append([len(points) - 1])
                continue
            points.append(point)
            runs[-1].append(len(points) - 1)
    return points, runs


def _shares(points: Sequence[_Point], runs: Sequence[Sequence[int]]) -> list[int]:
    """Return how many of the segments each run gets, by its length."""
    lengths = [sum(math.dist(points[a], points[b]) for a, b in pairwise(run)) for run in runs]
    shares = [max(2, round(SEGMENTS * length / sum(lengths))) for length in lengths]
    shares[shares.index(max(shares))] += SEGMENTS - sum(shares)
    return shares


def _spline(num_points: int, pieces: int) -> Tensor:
    """Return weights [pieces + 1, num_points] of a Catmull-Rom spline through its points."""
    weights = torch.zeros(pieces + 1, num_points)
    for row in range(pieces + 1):
        place = row / pieces * (num_points - 1)
        near = min(int(place), num_points - 2)
        t = place - near
        basis = (
            (-t + 2 * t**2 - t**3) / 2,
            (2 - 5 * t**2 + 3 * t**3) / 2,
            (t + 4 * t**2 - 3 * t**3) / 2,
            (t**3 - t**2) / 2,
        )
        for offset, weight in enumerate(basis, start=-1):
            weights[row, min(max(near + offset, 0), num_points - 1)] += weight
    return weights
