"""A data set too large for memory: processes read ahead, and no batch differs from a resident one.

What is asked for decides what is read; a jump, or another size, only starts the reading anew.
"""

import itertools
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import Any, final

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ganzoo.data.order import Order
from ganzoo.data.pixels import to_images
from ganzoo.data.reading import gathered, quiet_pillow
from ganzoo.data.resident import fingerprint, sampled
from ganzoo.errors import DataError, GanzooError, MachineError
from ganzoo.interfaces import Reader
from ganzoo.types import Images, Labels, Pixels

_PATIENCE, _AHEAD, _HELD, _MOST_WORKERS = 60, 2, 4, 4  # seconds, batches (2), processes
_Batch = tuple[Tensor, Labels | None]


@final
class Streamed:
    """Images read from disk while training, in the order and with the values of ``Resident``.

    Args:
        reader: Reads one image.
        device: Where training happens.
        seed: Of the run; it decides the order.
        workers: Processes that read; 0 for this one, None for one a core and at most 4.
    """

    def __init__(
        self, reader: Reader, device: torch.device | str, seed: int, workers: int | None = None
    ) -> None:
        cores = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
        self._reader, self._device = reader, torch.device(device)
        self._workers = min(len(cores), _MOST_WORKERS) if workers is None else workers
        self._order = Order(seed=seed, count=len(reader))
        self._ahead: Iterator[Any] = iter(())
        self._processes: list[BaseProcess] = []
        self._held: dict[tuple[int, int], _Batch] = {}
        self._next: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self._reader)

    def batch(self, start: int, size: int) -> tuple[Images, Labels | None]:
        """Return images ``start`` to ``start + size`` of the endless order, with their labels.

        The last batches are at hand, as a rehearsal asks for the same ones again and again.

        Args:
            start: Images shown before (nimg).
            size: Images wanted.

        Raises:
            DataError: An image cannot be read; the message names it.
            MachineError: A process that reads has died, or hangs.
        """
        if (start, size) not in self._held:
            found = self._read(start, size)
            self._held = {**dict([*self._held.items()][1 - _HELD :]), (start, size): found}
        rows, labels = self._held[start, size]
        return to_images(rows.permute(0, 3, 1, 2)), None if labels is None else labels.clone()

    def fingerprint(self) -> str:
        """Return what ``Resident`` would."""
        return fingerprint(self.pixels(sampled(self.count)), self._reader.labels, self.count)

    def pixels(self, indices: Sequence[int]) -> Pixels:
        """Return some images as they are stored."""
        return gathered(self._reader, indices)

    def in_words(self, name: str) -> str:
        """Return how a data set of this name is read, as a sentence."""
        size = self.count * self._reader(0).numel() / 2**30
        who = {0: "it is read", 1: "1 worker reads it"}
        how = who.get(self._workers, f"{self._workers} workers read it")
        return f"{name} is {size:.1f} GiB of pixels: {how} from disk while training"

    def close(self) -> None:
        """End the processes; the next batch starts others."""
        self._end()
        self._held, self._next = {}, None

    def _end(self) -> None:
        self._ahead = iter(())  # asks the processes to end, and waits a little
        for process in self._processes:
            process.kill()  # what hangs
        self._processes = []

    def _read(self, start: int, size: int) -> _Batch:
        try:
            if self._next != (start, size):
                self._end()
                self._ahead = self._reading(start, size)
            self._next = (start + size, size)
            found = next(self._ahead)
        except (OSError, RuntimeError) as error:  # torch's words for a worker that is gone
            found = MachineError(
                f"a process that reads images is lost ({str(error).split('. ')[0].strip('. ')});"
                " try fewer with --set training.workers=1, or none with 0"
            )
        if isinstance(found, GanzooError):
            self.close()
            raise found
        rows, labels = found
        told = None if labels is None else labels.to(self._device, non_blocking=True)
        return rows.to(self._device, non_blocking=True), told

    def _reading(self, start: int, size: int) -> Iterator[Any]:
        batches = (self._order.indices(at, size).tolist() for at in itertools.count(start, size))
        options: dict[str, Any] = {"prefetch_factor": _AHEAD, "timeout": _PATIENCE}
        death = getattr(signal, "SIGCHLD", None)  # Windows has none
        before = death and signal.getsignal(death)
        others = multiprocessing.active_children()
        with warnings.catch_warnings():  # more workers than cores: somebody asked for them
            warnings.filterwarnings("ignore", "This DataLoader will create")
            loader = DataLoader[Any](
                _Batches(self._reader),
                sampler=batches,
                batch_size=None,
                num_workers=self._workers,
                pin_memory=self._device.type == "cuda",
                worker_init_fn=_ignore_stops,
                generator=torch.Generator(),  # of its own: the global one is not touched
                **options if self._workers else {},
            )
            ahead = iter(loader)
        self._processes = [p for p in multiprocessing.active_children() if p not in others]
        # Torch would raise in the midst of a step when a worker dies; it is missed here in time.
        if death is not None and threading.current_thread() is threading.main_thread():
            signal.signal(death, before or signal.SIG_DFL)
        return ahead


@final
class _Batches(Dataset[Any]):
    """Reads a whole batch; an error is handed over as it is, not as torch would retell it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __getitem__(self, indices: list[int]) -> _Batch | GanzooError:
        labels = self._reader.labels
        try:
            with quiet_pillow():
                rows = [self._reader(index).permute(1, 2, 0) for index in indices]
        except GanzooError as error:
            return error
        except Exception as error:  # whatever a reader of somebody else's raises
            return DataError(f"an image of the data cannot be read ({error!r}); repair it.")
        return torch.stack(rows), None if labels is None else labels[indices]


def _ignore_stops(worker: int) -> None:
    """Ctrl-C and SIGTERM may reach every process; the main one decides what they mean.

    It also sends SIGTERM itself, to what does not end: the second is not ignored.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
