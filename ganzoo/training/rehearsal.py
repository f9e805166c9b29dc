"""A rehearsal: a few steps on a copy tell how long a run takes, and how much of a batch fits.

It leaves nothing behind: networks and parts are copied, data is only read, and random state is put
back, so that a run with a rehearsal is bit for bit the run without.
"""

import copy
import gc
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Protocol, runtime_checkable

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.errors import FitError, MachineError
from ganzoo.settings import Training
from ganzoo.training.experiment import Experiment
from ganzoo.training.trainer import Trainer

_TOO_LITTLE = ("out of memory", "can't allocate memory", "not enough memory")
_SHARE = 0.9  # of the memory there is is planned; the rest is for gaps between what is allocated
_ENOUGH, _PATIENCE = 0.1, 1.0  # seconds of steps that tell the time; of one that tells it alone


@runtime_checkable
class Meter(Protocol):
    """Measures the memory of a device."""

    def __call__(self, device: torch.device) -> tuple[float, float]:
        """Return the most bytes in use since the last call, and the bytes there are.

        0 in use: unknown. Infinitely many there: the batch is left as it is.
        """


def memory(device: torch.device) -> tuple[float, float]:
    """Be the :class:`Meter` of a CUDA device, or of this process on a CPU.

    There are the bytes of a card that are free or ours, within the share this process may use. A
    CPU has no bound: it swaps before it refuses; its peak is that of the life of the process and
    cannot be forgotten. Of other devices, and on Windows, nothing is known.
    """
    if device.type == "cuda":
        most = float(torch.cuda.max_memory_allocated(device))
        gc.collect()  # a trainer is a circle; what it held must go before the next is made
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        free, total = torch.cuda.mem_get_info(device)
        allowed = total * torch.cuda.get_per_process_memory_fraction(device.index)
        return most, min(float(free + torch.cuda.memory_reserved(device)), allowed)
    if device.type != "cpu" or sys.platform == "win32":
        return 0.0, math.inf
    status = Path("/proc/self/status")
    on_linux = sys.platform != "darwin" and status.exists()
    if on_linux and (peak := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())):
        return float(peak[1]) * 1024, math.inf  # the other one begins with that of the parent
    import resource  # Windows has none

    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, math.inf


@contextmanager
def enough_memory(training: Training, resolution: int, device: torch.device) -> Iterator[None]:
    """Say what would need less where the block asks for more memory than there is.

    Args:
        training: Settings of the run.
        resolution: Pixels per side.
        device: Where it trains.

    Raises:
        MachineError: There is too little memory.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        told = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not told and not any(words in str(error).lower() for words in _TOO_LITTLE):
            raise
        peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
        used = f" after {_gib(peak)} were in use" if peak else ""
        micro = training.micro_batch_size or training.batch_size
        parts = f"training.micro_batch_size={max(micro // 2, 1)}"
        raise MachineError(
            f"{device}: out of memory{used}, at {resolution} px in batches of"
            f" {training.batch_size} played {micro} at a time; use --set {parts}, --precision bf16"
            f" or a smaller --resolution (a run that has begun: {parts} in its config.toml, then"
            " ganzoo resume)"
        ) from error


def rehearse(
    experiment: Experiment, device: torch.device, meter: Meter = memory
) -> tuple[Training, str]:
    """Play a few steps on a copy, and halve the micro-batch until it fits, unless it was set.

    A part that fails on a copy costs the forecast, not the run. What reading from a disk costs is
    not foretold: the same images are played again and again.

    Args:
        experiment: The run; it is left as it is.
        device: Where it will train.
        meter: Of the device's memory.

    Returns:
        The settings with the micro-batch for the device, and time and memory as a sentence.

    Raises:
        MachineError: The device has too little memory for any micro-batch.
        FitError: Parts do not fit, as the first step shows.
    """
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            return _choose(experiment, device, meter)
    except (MachineError, FitError):
        raise
    except Exception as error:  # whatever a part of somebody else's does when it is a copy
        return experiment.training, f"time and memory cannot be foretold: {error!r}"
    finally:
        gc.collect()
        meter(device)


def copied(experiment: Experiment) -> Experiment:
    """Return a copy whose networks and parts may change; data is shared."""
    shared = (experiment.env, experiment.data, experiment.training, experiment.optimizers)
    whole = replace(experiment, networks=dict(experiment.networks))  # a view has no copy
    return copy.deepcopy(whole, {id(each): each for each in shared})


def _choose(experiment: Experiment, device: torch.device, meter: Meter) -> tuple[Training, str]:
    """Measure the batch in ever smaller parts; the first that fit are taken.

    Where images see each other, parts of a multiple of 4 stay one: groups of 4 are compared, and
    norms need company.
    """
    training, batches, short = experiment.training, list[int](), list[str]()
    modules = [module for net in experiment.networks.values() for module in net.modules()]
    everyone = (*modules, *experiment.parts().values())
    mixes = any(getattr(each, "mixes_samples", isinstance(each, _BatchNorm)) for each in everyone)
    free = training.micro_batch_size is None
    while True:
        room = meter(device)[1] * (_SHARE if free else 1)
        peak, batch, pace = _measure(replace(experiment, training=training), device, meter, room)
        micro = min(training.micro_batch_size or batch, batch)
        batches.append(batch)
        if peak <= room:
            break
        needs = f"{_gib(peak)} of" if peak < math.inf else "more than"
        short.append(f"batch {batch} needs {needs} the {_gib(room)} there are")
        least = 4 if mixes and micro % 4 == 0 else 1
        parts = [n for n in range(least, micro // 2 + 1, least) if micro % n == 0]
        if not (free and parts):
            cure = f"--set training.micro_batch_size={parts[-1]}" if parts else "--device cpu"
            raise MachineError(
                f"at {experiment.env.resolution} px {short[-1]}, even in parts of {micro};"
                f" use a smaller --resolution, --precision bf16 or {cure}"
            )
        training = replace(training, micro_batch_size=parts[-1])
    note = _length(training, pace) + (f" and {_gib(peak)} of memory" if peak else "")
    if short:
        setting = f"--set training.micro_batch_size={micro}"
        mixed = f", mixing {micro} images at a time" * mixes
        how = f"{math.ceil(batches[0] / micro)} x {micro} ({setting}){mixed}"
        note = f"{short[0]}: played as {how}; {note}"
    return training, note


def _measure(
    experiment: Experiment, device: torch.device, meter: Meter, room: float
) -> tuple[float, int, float]:
    """Return peak and batch where the peak is largest, and the mean of seconds an image.

    Where there are schedules, the start, the end and the middle of the run are played, however
    long the run stays at each; without a bound on memory the first two, and the start alone when
    it is slow. A run bounded by minutes has only a start. Too large a peak is infinite.
    """
    training, found, trainer = experiment.training, list[tuple[float, int, float]](), None
    total = None if training.minutes else math.ceil(training.kimg * 1000)
    points = (0, total - 1, total // 2) if total and experiment.schedules else (0,)
    played = replace(experiment, training=replace(training, cuda_graph="off", compile=False))
    try:
        trainer = Trainer(copied(played), device, total_nimg=total)
        for point in points:
            pace = _pace(trainer, point)
            found.append((meter(device)[0], trainer.batch_size, pace))
            if room == math.inf and (point or pace * trainer.batch_size > _PATIENCE):
                break
    except torch.OutOfMemoryError:
        if room == math.inf:  # nobody knows what would fit
            raise
        return math.inf, trainer.batch_size if trainer else training.batch_size, math.inf
    return *max(found)[:2], fmean(pace for *_, pace in found)


def _pace(trainer: Trainer, point: int) -> float:
    """Play steps without and with all that is due at times, in turn; return seconds an image.

    The first step is not counted, unless a CPU is so slow that it says enough. Terms of several
    intervals count as if all had the shortest. To leave the ticks is to end this part of the run.
    """
    rows, ticks = list[float](), trainer.ticks(1)
    while len(rows) < 3 or sum(rows[1:]) < _ENOUGH:
        trainer.step, trainer.nimg, before = len(rows) % 2, point, trainer.clock.wall_sec
        next(ticks)
        rows.append(trainer.clock.wall_sec - before)
        if rows[0] > _PATIENCE and trainer.device.type == "cpu":
            break
    phases = trainer.experiment.algorithm.phases(trainer.view)
    share = 1 / min((t.interval for p in phases for t in p.terms if t.interval > 1), default=2)
    mean = share * median(rows[2::2] or rows) + (1 - share) * median(rows[1::2] or rows)
    return mean / (trainer.nimg - point)


def _length(training: Training, pace: float) -> str:
    """Return how long the run takes, or how far it comes in its minutes."""
    if training.minutes:
        return f"{training.minutes:g} min are about {_rough(training.minutes * 0.06 / pace)} kimg"
    seconds = training.kimg * 1000 * pace
    size, unit = (3600, "h") if seconds >= 3600 else (60, "min") if seconds >= 60 else (1, "s")
    return f"{training.kimg:,g} kimg take about {_rough(seconds / size)} {unit}"


def _rough(value: float) -> str:
    return f"{float(f'{value:.2g}'):,g}"


def _gib(size: float) -> str:
    return f"{max(size / 2**30, 0.1):.1f} GiB"
