"""What a run tells whoever watches it. Watching changes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Started:
    """A run is built; training is about to begin.

    Attributes:
        run: The run folder.
        model: The recipe's name.
        dataset: The data set's name.
        image_shape: (channels, height, width).
        count: Images in one epoch.
        num_classes: Classes the players are told; 0 when unconditional.
        device: In words, ``cuda:0 NVIDIA H200``.
        precision: ``fp32``, ``tf32`` or ``bf16``.
        seed: Of the run.
        batch_size: Images a step.
        total_nimg: Images after which the run ends; None when time bounds it.
        minutes: Bound in minutes; None when images bound it.
        from_nimg: Images already shown (resume).
        nimg: Asks for the images shown by now, at no cost to training.
        notes: Sentences that people should read once.
    """

    run: Path
    model: str
    dataset: str
    image_shape: tuple[int, int, int]
    count: int
    num_classes: int
    device: str
    precision: str
    seed: int
    batch_size: int
    total_nimg: int | None
    minutes: float | None
    from_nimg: int
    nimg: Callable[[], int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """Something that takes a moment: ``loading digits``."""

    what: str


@dataclass(frozen=True)
class Pictured:
    """A grid of pictures was written."""

    path: Path
    nimg: int
    what: str


@dataclass(frozen=True)
class Ticked:
    """Numbers were read.

    Attributes:
        step: Steps completed.
        nimg: Real images shown.
        epoch: The same in epochs.
        readings: Means by the name of their column: ``D loss``, ``G loss``, ``D(real)`` ...
        wall_sec: Seconds of training.
        cpu_sec: CPU-seconds of training.
    """

    step: int
    nimg: int
    epoch: float
    readings: Mapping[str, float]
    wall_sec: float
    cpu_sec: float


@dataclass(frozen=True)
class Saved:
    """A checkpoint was written."""

    path: Path
    nimg: int


@dataclass(frozen=True)
class Finished:
    """A run ended or was stopped.

    Attributes:
        run: The run folder.
        status: ``done``, ``stopped`` or ``diverged``.
        nimg: Real images shown.
        wall_sec: Seconds of training over all sessions.
        samples: The newest grid; None when there is none.
        signal: The number of the signal that stopped it; None otherwise.
    """

    run: Path
    status: str
    nimg: int
    wall_sec: float
    samples: Path | None
    signal: int | None = None


Event = Started | Waiting | Pictured | Ticked | Saved | Finished
"""Anything an observer is shown."""
