"""Distances between two sets of features, each taken for draws from a distribution."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias, final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ganzoo.data.chance import rng_of
from ganzoo.interfaces import Embedded, Metric
from ganzoo.options import Opt
from ganzoo.types import Features

Moments: TypeAlias = tuple[Float64[Tensor, " f"], Float64[Tensor, "f f"]]
"""Mean and covariance."""


def moments(features: Features) -> Moments:
    """Return mean and unbiased covariance, in double precision; at least two features."""
    wide = features.double()
    mean = wide.mean(0)
    centred = wide - mean
    return mean, centred.T @ centred / (len(wide) - 1)


def frechet(first: Moments, second: Moments) -> float:
    """Return the squared Frechet distance of two Gaussians.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)``: both roots are of symmetric matrices,
    so eigenvalues do, and those that rounding made negative count as 0.

    References: The Frechet distance between multivariate normal distributions (Dowson and Landau,
    1982); GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, eq. 6
    (Heusel et al., 2017), https://arxiv.org/abs/1706.08500
    """
    (mean1, cov1), (mean2, cov2) = first, second
    values, vectors = torch.linalg.eigh(cov1)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    inner = root @ cov2 @ root
    cross = torch.linalg.eigvalsh((inner + inner.T) / 2).clamp_min(0).sqrt().sum()
    means = (mean1 - mean2).square().sum()
    return float((means + cov1.trace() + cov2.trace() - 2 * cross).clamp_min(0))


@final
class Frechet(Metric):
    """The squared distance of two Gaussians with the moments of both sets, ``FD``.

    It falls with the number of images: of two sets alike, with N and many features of length d, it
    is about ``d/N + d(d+1)/4N`` over Gaussian features. So compare values of equal numbers only.
    """

    def __init__(self) -> None:
        self._known: tuple[Features, Moments] | None = None

    @property
    def protocol(self) -> str:
        return "FD, unbiased covariance, every image"

    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        if min(len(real.features), len(fake.features)) < 2:
            return {}
        return {"FD": frechet(self._of(real.features), moments(fake.features))}

    def _of(self, features: Features) -> Moments:
        """The moments of the reference, which is judged against more than once."""
        if self._known is None or self._known[0] is not features:
            self._known = (features, moments(features))
        return self._known[1]


def squared_discrepancy(first: Features, second: Float[Tensor, "m f"]) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel (x.y / f + 1)^3.

    References: A Kernel Two-Sample Test, eq. 3 (Gretton et al., 2012); the kernel is that of
    Demystifying MMD GANs (Binkowski et al., 2018), https://arxiv.org/abs/1801.01401
    """
    x, y = first.double(), second.double()
    within = [(kernel.sum() - kernel.trace()) / (len(kernel) * (len(kernel) - 1))
              for kernel in (_kernel(x, x), _kernel(y, y))]  # fmt: skip
    return float(within[0] + within[1] - 2 * _kernel(x, y).mean())


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


@final
class Kernel(Metric):
    """The mean squared discrepancy of random subsets, ``KD``; unbiased whatever their size.

    It may be below 0, where the sets are nearer than two draws of one set usually are.

    Args:
        subsets: How many pairs of subsets are compared.
        size: Images of each subset, drawn without repeats; fewer where a side has fewer.

    References: Demystifying MMD GANs (Binkowski et al., 2018),
    https://arxiv.org/abs/1801.01401
    """

    def __init__(
        self,
        *,
        subsets: Annotated[int, Opt("pairs of subsets", ge=1)] = 50,
        size: Annotated[int, Opt("images of each subset", ge=2)] = 1000,
    ) -> None:
        self._subsets = subsets
        self._size = size

    @property
    def protocol(self) -> str:
        return f"KD, cubic kernel, {self._subsets} x {self._size}, seed 0"

    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        size = min(self._size, len(real.features), len(fake.features))
        if size < 2:
            return {}
        rng = rng_of("kernel", 0)

        def drawn(features: Features) -> Float[Tensor, "m f"]:
            return features[torch.randperm(len(features), generator=rng)[:size]]

        pairs = [(drawn(real.features), drawn(fake.features)) for _ in range(self._subsets)]
        return {"KD": sum(squared_discrepancy(*pair) for pair in pairs) / self._subsets}
