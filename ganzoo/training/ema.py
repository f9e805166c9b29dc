"""The averaged generator: samples come from it, not from the network that still moves."""

import copy
from typing import final

import torch
from torch import Tensor, nn


def half_life_decay(batch_size: int, halflife_kimg: float, nimg: int, ramp: float | None) -> float:
    """Return the weight that the average keeps over one step.

    Args:
        batch_size: Images of the step.
        halflife_kimg: Thousands of images in which an old weight loses half its say.
        nimg: Images so far; with ``ramp`` the half-life is at most ``ramp * nimg``.
        ramp: Share of the run so far; None for no ramp.

    References: Training Generative Adversarial Networks with Limited Data, appendix
    (Karras et al., 2020), https://arxiv.org/abs/2006.06676
    """
    halflife = halflife_kimg * 1000
    if ramp is not None:
        halflife = min(halflife, nimg * ramp)
    return float(0.5 ** (batch_size / max(halflife, 1e-8)))


@final
class Average:
    """An exponential moving average of a network's parameters; buffers are copied.

    Args:
        network: The network that is followed.
        halflife_kimg: See :func:`half_life_decay`; None copies the network.
        ramp: See :func:`half_life_decay`.

    Attributes:
        halflife_kimg: In force; a schedule may change it.
    """

    def __init__(
        self, network: nn.Module, halflife_kimg: float | None, ramp: float | None
    ) -> None:
        self.network = copy.deepcopy(network).requires_grad_(requires_grad=False)
        self.halflife_kimg, self._ramp = halflife_kimg, ramp

    @torch.no_grad()
    def update(self, network: nn.Module, *, batch_size: int, nimg: int) -> None:
        """Follow the network by one step."""
        decay = 0.0
        if self.halflife_kimg is not None:
            decay = half_life_decay(batch_size, self.halflife_kimg, nimg, self._ramp)
        ours: list[Tensor] = list(self.network.parameters())
        theirs: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        buffers = list(self.network.buffers())
        if buffers:
            torch._foreach_copy_(buffers, list(network.buffers()))
