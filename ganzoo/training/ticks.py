"""What training yields: a tick is a point where numbers are read; nothing is printed or saved."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from ganzoo.training.finite import diverged


@dataclass(frozen=True)
class Tick:
    """What happened since the last one.

    Attributes:
        step: Steps completed.
        nimg: Real images shown to the discriminator.
        epoch: The same in epochs of the data.
        readings: Means since the last regular tick, by the name of their column.
        wall_sec: Seconds of training, over all sessions of the run.
        cpu_sec: CPU-seconds of training of this process, all threads, over all sessions.
        regular: False at a stop request between two ticks: save, but write no row.
        note: What has changed about how it is played; said once, empty when nothing.
    """

    step: int
    nimg: int
    epoch: float
    readings: Mapping[str, float]
    wall_sec: float
    cpu_sec: float
    regular: bool = True
    note: str = ""

    @property
    def kimg(self) -> float:
        """Thousands of real images shown."""
        return self.nimg / 1000


def mean_of(told: Sequence[tuple[Mapping[str, Tensor], float]]) -> dict[str, Tensor]:
    """Return the mean of what the parts of a batch told.

    Args:
        told: Scalars by name, and the share of the batch that they are of.
    """
    (last, share), *before = reversed(told)
    if not before:
        return dict(last)
    return {
        name: sum((each[name] * part for each, part in before if name in each), value * share)
        for name, value in last.items()
    }


@final
class Readings:
    """Sums of scalars, kept on the device until a tick reads them.

    A sum stays where it is in memory from the first of its name on, so that a CUDA graph may add.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts = Counter[str]()

    @torch.no_grad()
    def add(self, name: str, value: Tensor) -> None:
        """Add one scalar."""
        value = value.detach()
        value = value if value.dtype == torch.float64 else value.float()
        if name in self._sums:
            self._sums[name] += value
        else:
            self._sums[name] = value.clone()
        self._counts[name] += 1

    @contextmanager
    def recorded(self) -> Iterator[Counter[str]]:
        """Give how often each name is added to inside, which then counts as not having happened.

        Raises:
            RuntimeError: A name is new: its sum would live where a graph does its scratch work.
        """
        before, known = self._counts, set(self._sums)
        self._counts = Counter[str]()
        added = self._counts
        try:
            yield added
            if new := sorted(set(self._sums) - known):
                raise RuntimeError(f"{new[0]!r} is logged in some steps only")
        finally:
            self._counts = before
            self._sums = {name: total for name, total in self._sums.items() if name in known}

    def count(self, added: Counter[str]) -> None:
        """Count what a graph has added."""
        self._counts.update(added)

    def means(self) -> dict[str, float]:
        """Return the mean of each scalar; waits for the device once.

        Raises:
            DivergedError: A mean is not finite.
        """
        if not self._counts:
            return {}
        told = [name for name in self._sums if self._counts[name]]
        sums = torch.stack([self._sums[name] for name in told]).tolist()
        means = {name: total / self._counts[name] for name, total in zip(told, sums, strict=True)}
        bad = [name for name, mean in means.items() if not abs(mean) < float("inf")]
        if bad:
            raise diverged(bad[0])
        return means

    def clear(self) -> None:
        """Forget everything."""
        torch._foreach_zero_(list(self._sums.values()))
        self._counts.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return sums and counts."""
        sums = {name: total for name, total in self._sums.items() if self._counts[name]}
        return {"sums": sums, "counts": dict(self._counts)}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Continue from sums and counts."""
        self._sums = {
            name: value.to(device, copy=True)  # it changes in place
            for name, value in state["sums"].items()
        }
        self._counts = Counter(state["counts"])


@final
class Clock:
    """Seconds of training, without what others do between two ticks."""

    def __init__(self) -> None:
        self.wall_sec, self.cpu_sec = 0.0, 0.0
        self._since: tuple[float, float] | None = None

    def start(self) -> None:
        """Begin to count, unless it counts already."""
        if self._since is None:
            self._since = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        """Stop counting."""
        if self._since is not None:
            self.wall_sec += time.perf_counter() - self._since[0]
            self.cpu_sec += time.process_time() - self._since[1]
            self._since = None
