"""Extractors, metrics and data whose numbers are easy to foresee."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ganzoo.interfaces import DataInfo, Dataset, Embedded, Env, Metric

PLUGIN = """
from ganzoo import Component, hookimpl

@hookimpl
def ganzoo_register():
    return [
        Component("extractor", "mean", "judges:Mean", "the mean of an image"),
        Component("metric", "gap", "judges:Gap", "difference of means"),
        Component("metric", "size", "judges:Size", "how many there are"),
    ]
"""


class Mean:
    digest = "ab" * 32
    known_as = {"gap": "GAP"}  # noqa: RUF012
    looked = 0

    def __init__(self, env: Env) -> None: ...

    def __call__(self, pixels: Tensor) -> Tensor:
        type(self).looked += len(pixels)
        return pixels.float().mean((1, 2, 3))[:, None]


class Gap(Metric):
    higher = frozenset({"gap"})
    protocol = "gap of means"

    def __init__(self, env: Env, *, times: float = 1.0) -> None:
        self.times = times

    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        gap = fake.features.mean() - real.features.mean()
        return {"gap": float(gap) * self.times, "nothing": float("nan")}


class Size(Metric):
    in_pixels = True
    protocol = "size"

    def __init__(self, env: Env) -> None: ...

    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        return {"size": float(len(fake.pixels))}


class Flat(Dataset):
    """Image i is of the value i, and of class i % 2."""

    def __init__(self, count: int = 100, *, held: bool = False) -> None:
        self.count, self.held = count, held

    def describe(self, resolution: int | None = None) -> DataInfo:
        return DataInfo((1, 4, 4), self.count, 2)

    def load(self, resolution: int | None = None) -> tuple[Tensor, Tensor]:
        values = torch.arange(self.count, dtype=torch.uint8)
        return values[:, None, None, None].expand(-1, 1, 4, 4), torch.arange(self.count) % 2

    def held_out(self, resolution: int | None = None) -> tuple[Tensor, Tensor | None] | None:
        if not self.held:
            return None
        return torch.full((5, 1, 4, 4), 250, dtype=torch.uint8), torch.zeros(5, dtype=torch.int64)
