"""Numbers that change from step to step, where a CUDA graph can read them."""

from typing import final

import torch
from torch import Tensor


@final
class Scalars:
    """Numbers by name, each a 0-dim tensor that stays where it is; a number itself would freeze.

    Args:
        device: Where they live.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._tensors: dict[str, Tensor] = {}
        self._values: dict[str, float] = {}

    def set(self, name: str, value: float, dtype: torch.dtype = torch.float64) -> None:
        """Change a number; costs nothing where it is the same."""
        if name not in self._tensors:
            self._tensors[name] = torch.zeros((), dtype=dtype, device=self._device)
        if self._values.get(name) != value:
            self._tensors[name].fill_(value)
            self._values[name] = value

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]
