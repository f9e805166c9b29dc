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

    def kept(self, batch_size: int, nimg: int) -> float:
        """Return what the average keeps of itself in the next update."""
        if self.halflife_kimg is None:
            return 0.0
        return half_life_decay(batch_size, self.halflife_kimg, nimg, self._ramp)

    @torch.no_grad()
    def update(self, network: nn.Module, kept: float | Tensor) -> None:
        """Follow the network by one step.

        Args:
            network: The network as it is now.
            kept: Of :meth:`kept`; as a tensor of the parameters' type where a CUDA graph reads it.
        """
        ours: list[Tensor] = list(self.network.parameters())
        theirs: list[Tensor] = list(network.parameters())
        if isinstance(kept, Tensor):
            torch._foreach_mul_(ours, kept)
            torch._foreach_add_(ours, torch._foreach_mul(theirs, 1 - kept))
        else:
            torch._foreach_lerp_(ours, theirs, 1 - kept)
        buffers = list(self.network.buffers())
        if buffers:
            torch._foreach_copy_(buffers, list(network.buffers()))
