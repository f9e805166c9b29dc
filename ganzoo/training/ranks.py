"""Several processes of one run: each takes its slice of the global batch, gradients are averaged.

One process is the common case and costs nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from ganzoo.errors import FitError


@dataclass(frozen=True)
class Ranks:
    """This process among all.

    Attributes:
        rank: Its number; 0 writes files.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @staticmethod
    def here() -> "Ranks":
        """Return this process's place in the initialized group, or the only one."""
        if dist.is_available() and dist.is_initialized():
            return Ranks(dist.get_rank(), dist.get_world_size())
        return Ranks()

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to people."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """Return this process's part of a global batch.

        Raises:
            FitError: The batch cannot be divided evenly.
        """
        if batch_size % self.size:
            nearest = max(batch_size // self.size, 1) * self.size
            raise FitError(
                f"training.batch_size: {batch_size} cannot be shared by {self.size} processes;"
                f" the nearest is {nearest}"
            )
        part = batch_size // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def average(self, parameters: Iterable[Tensor]) -> None:
        """Average gradients over all processes, in place."""
        if self.size == 1:
            return
        grads = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in grads])
        dist.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [g.numel() for g in grads])
        for grad, part in zip(grads, parts, strict=True):
            grad.copy_(part.view_as(grad))
