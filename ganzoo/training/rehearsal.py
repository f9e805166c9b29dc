"""A rehearsal: a few steps on a copy tell how long a run takes, and how much of a batch fits.

It leaves nothing behind: networks and parts are copied, data is only read, and random state is put
back, so that a run with a rehearsal is bit for bit the run without.
"""

import copy
import gc
import math
import sys
from dataclasses import replace
from statistics import fmean, median
from typing import Protocol, final, runtime_checkable

import torch

from ganzoo.algorithm import D
from ganzoo.errors import MachineError
from ganzoo.plan import Training
from ganzoo.training.experiment import Experiment
from ganzoo.training.ranks import Ranks
from ganzoo.training.trainer import Trainer

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

_SHARE = 0.9  # of the memory there is is planned; the rest is for gaps between what is allocated
_ENOUGH, _PATIENCE = 0.1, 1.0  # seconds of steps that tell the time; and after which to hurry


@runtime_checkable
class Meter(Protocol):
    """Measures the memory of a device."""

    def limit(self) -> int | None:
        """Return the bytes that there are; None: the batch is left as it is."""

    def peak(self) -> int | None:
        """Return the most bytes in use since the last call, and forget them; None: unknown."""


@final
class Memory:
    """Memory of a CUDA device as its allocator counts it; on a CPU, of the whole process.

    The peak of a process is that of its life and cannot be forgotten. A CPU has no limit: it
    swaps before it refuses. Of other devices, and on Windows, nothing is known.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def limit(self) -> int | None:
        """Return what is free or ours, within the share that this process may use."""
        if self._device.type != "cuda":
            return None
        free, total = torch.cuda.mem_get_info(self._device)
        share = getattr(torch.cuda, "get_per_process_memory_fraction", lambda _: 1.0)
        allowed = int(total * share(self._device.index))  # which wants an index, or None
        return min(free + torch.cuda.memory_reserved(self._device), allowed)

    def peak(self) -> int | None:
        """Return the most bytes allocated, or the largest resident set."""
        if self._device.type == "cuda":
            most = torch.cuda.max_memory_allocated(self._device)
            gc.collect()  # a trainer is a circle; what it held must go before the next is made
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)
            return most
        if self._device.type != "cpu" or resource is None:
            return None
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def rehearse(
    experiment: Experiment, device: torch.device, meter: Meter | None = None
) -> tuple[Training, str]:
    """Play a few steps on a copy, and halve the micro-batch until it fits, unless it was set.

    Where there are schedules, steps are played at the start, the end and the middle of the run:
    the largest peak counts, and the mean of the times, however long the run stays at each. Where
    memory does not matter, the middle is left out when the end costs what the start does, and
    all but the start when that takes long. A run bounded by minutes has no end that could be
    played. A part that fails on a copy costs the plan, not the run.

    Args:
        experiment: The run; it is left as it is.
        device: Where it will train.
        meter: Of the device's memory; None for the one that suits the device.

    Returns:
        The settings with the micro-batch for the device, and time and memory as a sentence.

    Raises:
        MachineError: The device has too little memory for any micro-batch.
    """
    meter = meter or Memory(device)
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            return _choose(experiment, device, meter)
    except MachineError:
        raise
    except Exception as error:  # whatever a part of somebody else's does when it is a copy
        return experiment.training, f"time and memory cannot be foretold: {error!r}"
    finally:
        gc.collect()
        meter.peak()


def _choose(experiment: Experiment, device: torch.device, meter: Meter) -> tuple[Training, str]:
    """Measure the batch in ever smaller parts; the first that fit are taken."""
    training, limit, short, whole = experiment.training, meter.limit(), list[str](), 0
    free = training.micro_batch_size is None
    room = math.inf if limit is None else limit * (_SHARE if free else 1.0)
    mixes = getattr(experiment.networks.get(D), "mixes_samples", False)
    while True:
        peak, pace, batch = _measure(replace(experiment, training=training), device, meter, room)
        whole = whole or batch
        if peak <= room:
            break
        micro = min(training.micro_batch_size or batch, batch)
        needs = f"{_gib(peak)} of" if peak < math.inf else "more than"
        short.append(f"batch {batch} needs {needs} the {_gib(room)} there are")
        parts = [n for n in range(2, micro // 2 + 1) if micro % n == 0]  # norms need company
        parts = [n for n in parts if not mixes or n <= 4 or n % 4 == 0]  # compared in groups of 4
        if not (free and parts):
            side = experiment.env.resolution
            raise MachineError(
                f"at {side} px {short[-1]}, even in parts of {micro}; use --resolution"
                f" {side // 2}, --set training.precision=bf16 or --device cpu"
            )
        training = replace(training, micro_batch_size=parts[-1])
    note = _length(training, pace) + (f" and {_gib(peak)} of memory" if peak else "")
    if short:
        micro = training.micro_batch_size or whole
        mixed = f", of which the discriminator mixes {micro} at a time" * mixes
        note = f"{short[0]}: played as {math.ceil(whole / micro)} x {micro}{mixed}; {note}"
    return training, note


def _measure(
    experiment: Experiment, device: torch.device, meter: Meter, room: float
) -> tuple[float, float, int]:
    """Return peak, seconds an image and batch: the dearest point's, but the mean of the times."""
    training, found = experiment.training, list[tuple[float, float, int]]()
    total = None if training.minutes else math.ceil(training.kimg * 1000)
    points = [0] if total is None or not experiment.schedules else [0, total - 1, total // 2]
    for point in dict.fromkeys(points):
        meter.peak()  # is forgotten
        found.append(_play(experiment, device, meter, total=total, point=point))
        peak, pace, batch = found[-1]
        alike = len(found) == 2 and abs(math.log(pace / found[0][1])) < 0.4
        if peak > room or (room == math.inf and (alike or pace * batch > _PATIENCE)):
            break
    return max(found)[0], fmean(pace for _, pace, _ in found), max(found)[2]


def _play(
    experiment: Experiment, device: torch.device, meter: Meter, *, total: int | None, point: int
) -> tuple[float, float, int]:
    """Play a fresh copy at a point of the run; the peak is 0 if unknown, infinite if too large."""
    whole = replace(experiment, networks=dict(experiment.networks))  # a view cannot be copied
    shared = (whole.env, whole.data, whole.training, whole.optimizers)
    trainer = None
    try:
        made = copy.deepcopy(whole, {id(each): each for each in shared})
        trainer = Trainer(made, device, total_nimg=total, ranks=Ranks())
        pace = _pace(trainer, point)
    except torch.OutOfMemoryError:
        if meter.limit() is None:  # nobody knows what would fit
            raise
        return math.inf, math.inf, trainer.batch_size if trainer else whole.training.batch_size
    return float(meter.peak() or 0), pace, trainer.batch_size


def _pace(trainer: Trainer, point: int) -> float:
    """Play steps with all that is due at times, and without it, in turn; return seconds an image.

    The first step is not counted, unless a CPU is so slow that it says enough.
    """
    rows, lazy, before, total = list[float](), set[int](), 0.0, trainer.total_nimg
    trainer.nimg = now = point
    for tick in trainer.ticks(1):
        images = tick.nimg - now
        rows.append((tick.wall_sec - before) / images)
        slow, before = tick.wall_sec > _PATIENCE, tick.wall_sec
        phases = trainer.experiment.algorithm.phases(trainer.view)
        lazy = {term.interval for phase in phases for term in phase.terms} - {1}
        enough = sum(rows[1:]) * images > _ENOUGH and len(rows) > 1 + bool(lazy)
        now = tick.nimg if total is None or tick.nimg < total else point  # as data is read ahead
        trainer.step, trainer.nimg = (len(rows) + 1) % 2, now
        if enough or (slow and trainer.device.type == "cpu"):
            trainer.total_nimg = 0  # the ticks end
    steps = range(min(math.lcm(*lazy), 10_000))
    share = fmean(any(step % every == 0 for every in lazy) for step in steps) if lazy else 0.5
    plain = rows[2::2] or rows[1:] or rows
    return share * median(rows[1::2] or rows) + (1 - share) * median(plain)


def _length(training: Training, pace: float) -> str:
    """Return how long the run takes, or how far it comes in its minutes."""
    if training.minutes:
        return f"{training.minutes:g} min are about {_rough(training.minutes * 0.06 / pace)} kimg"
    seconds = training.kimg * 1000 * pace
    size, unit = next(u for u in ((3600, "h"), (60, "min"), (0, "s")) if seconds >= u[0])
    return f"{training.kimg:,g} kimg take about {_rough(seconds / (size or 1))} {unit}"


def _rough(value: float) -> str:
    return f"{float(f'{value:.2g}'):,g}"


def _gib(size: float) -> str:
    return f"{max(size / 2**30, 0.1):.1f} GiB"
