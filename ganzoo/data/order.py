"""Which image comes when: a pure function of (seed, position), so a run resumes anywhere.

The order is the endless concatenation of epoch permutations: no batch is ever short.
"""

from typing import final

import torch
from jaxtyping import Int64
from torch import Tensor

from ganzoo.data.chance import rng_of


def epoch_order(seed: int, epoch: int, count: int) -> Int64[Tensor, " count"]:
    """Return the permutation of ``count`` images shown in one epoch.

    Raises:
        ValueError: There is no image.
    """
    if count < 1:
        raise ValueError(f"an order needs at least one image, not {count}")
    return torch.randperm(count, generator=rng_of("data order", seed, epoch))


def batch_indices(seed: int, start: int, size: int, count: int) -> Int64[Tensor, " size"]:
    """Return the indices of images ``start`` to ``start + size`` of the endless order."""
    return Order(seed=seed, count=count).indices(start, size)


@final
class Order:
    """The endless order of a data set, with the permutations last used kept at hand.

    Holds derived state only: nothing to save, nothing to restore.

    Args:
        seed: Of the run.
        count: Number of images.
        device: Where indices are wanted; they do not depend on it.
    """

    def __init__(self, *, seed: int, count: int, device: torch.device | str = "cpu") -> None:
        self._seed = seed
        self._count = count
        self._device = torch.device(device)
        self._epochs: dict[int, Tensor] = {}

    def indices(self, start: int, size: int) -> Int64[Tensor, " size"]:
        """Return the indices of images ``start`` to ``start + size``.

        Args:
            start: Images shown before.
            size: Images wanted; may be more than an epoch.

        Raises:
            ValueError: ``start`` or ``size`` is negative, or there is no image.
        """
        if start < 0 or size < 0:
            raise ValueError(f"no batch of {size} images starts at {start}")
        runs = []
        while size > 0:
            epoch, first = divmod(start, max(self._count, 1))
            run = self._epoch(epoch)[first : first + size]
            runs.append(run)
            start, size = start + len(run), size - len(run)
        if len(runs) == 1:
            return runs[0]
        empty = torch.empty(0, dtype=torch.int64, device=self._device)
        return torch.cat(runs) if runs else empty

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            near = (epoch - 1, epoch + 1)
            self._epochs = {key: kept for key, kept in self._epochs.items() if key in near}
            permutation = epoch_order(seed=self._seed, epoch=epoch, count=self._count)
            if self._device.type == "cuda":  # from pinned memory, so that nobody waits for it
                permutation = permutation.pin_memory()
            self._epochs[epoch] = permutation.to(self._device, non_blocking=True)
        return self._epochs[epoch]
