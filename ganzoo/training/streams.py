"""Named random streams: every draw of the framework names its stream, and each is saved.

Streams are drawn for the global batch and sliced by rank, so two processes with half a batch each
see the numbers of one with the whole.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor


def seed_of(seed: int, *names: object) -> int:
    """Return a 63-bit seed that is a function of a run's seed and names."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@final
class Streams:
    """Random generators by name, all derived from one seed.

    Args:
        seed: The seed of the run.
        device: Where the numbers are drawn.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed, self._device = seed, device
        self._streams: dict[str, torch.Generator] = {}

    def rng(self, name: str) -> torch.Generator:
        """Return the stream of a name; made on first use."""
        if name not in self._streams:
            rng = torch.Generator(self._device)
            rng.manual_seed(seed_of(self._seed, "stream", name))
            self._streams[name] = rng
        return self._streams[name]

    def generators(self) -> list[torch.Generator]:
        """Return the streams in use."""
        return list(self._streams.values())

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state of every stream in use."""
        return {name: rng.get_state() for name, rng in self._streams.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue every stream where it was."""
        for name, value in state.items():
            self.rng(name).set_state(value)
