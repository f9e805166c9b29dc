"""Precision, recall, density and coverage: who lies within whose k-th neighbour."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ganzoo.interfaces import Embedded, Metric
from ganzoo.options import Opt
from ganzoo.types import Features
from ganzoo_metrics.nearest import distances, drawn


@final
class Neighbours(Metric):
    """Shares of one set within the neighbourhoods of the other, in features.

    The neighbourhood of a point reaches, without its edge, to the k-th nearest point of its own
    set. ``precision``: fakes within one of a real; ``recall``: reals within one of a fake;
    ``density``: neighbourhoods of reals that a fake is within, over k; ``coverage``: reals with a
    fake in theirs.

    Args:
        k: The neighbour whose distance is the radius.
        size: Images of each side, drawn at random; all where a side has fewer.

    References: Improved Precision and Recall Metric for Assessing Generative Models, eq. 1 and 2
    (Kynkaanniemi et al., 2019), https://arxiv.org/abs/1904.06991; Reliable Fidelity and Diversity
    Metrics for Generative Models, section 3 (Naeem et al., 2020),
    https://arxiv.org/abs/2002.09797
    """

    higher: ClassVar[frozenset[str]] = frozenset({"precision", "recall", "density", "coverage"})

    def __init__(
        self,
        *,
        k: Annotated[int, Opt("the neighbour whose distance is the radius", ge=1)] = 5,
        size: Annotated[int, Opt("images of each side", ge=2)] = 5000,
    ) -> None:
        self._k = k
        self._size = size
        self._known: tuple[Features, Features, Float64[Tensor, " n"]] | None = None

    @property
    def protocol(self) -> str:
        return f"k = {self._k}, random {self._size} of each side, seed 0"

    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        if min(len(real.features), len(fake.features), self._size) <= self._k:
            return {}
        reals, real_radii = self._of(real.features)
        fakes = drawn(fake.features, self._size, "neighbours")
        fake_radii = _radii(fakes, self._k)
        precise = torch.zeros(len(fakes), dtype=torch.long)
        recalled, covered, done = [], [], 0
        for apart in distances(reals, fakes):
            radii = real_radii[done : done + len(apart)]
            done += len(apart)
            within = apart < radii[:, None]
            precise += within.sum(0)
            recalled.append((apart < fake_radii).any(1))
            covered.append(within.any(1))
        return {
            "precision": _share(precise > 0),
            "recall": _share(torch.cat(recalled)),
            "density": float(precise.double().mean() / self._k),
            "coverage": _share(torch.cat(covered)),
        }

    def _of(self, features: Features) -> tuple[Float[Tensor, "m f"], Float64[Tensor, " m"]]:
        """The reference's draw and radii; it is judged against more than once."""
        if self._known is None or self._known[0] is not features:
            reals = drawn(features, self._size, "neighbours")
            self._known = (features, reals, _radii(reals, self._k))
        return self._known[1:]


def _radii(features: Features, k: int) -> Float64[Tensor, " n"]:
    """Return the distance of each to its k-th neighbour; the nearest of all is itself."""
    least = [
        part.topk(k + 1, largest=False).values[:, -1] for part in distances(features, features)
    ]
    return torch.cat(least)


def _share(found: Tensor) -> float:
    return float(found.double().mean())
