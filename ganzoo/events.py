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
        health: How the game goes, in a word or two: ``balanced``.
    """

    step: int
    nimg: int
    epoch: float
    readings: Mapping[str, float]
    wall_sec: float
    cpu_sec: float
    health: str = ""


@dataclass(frozen=True)
class Scored:
    """The averaged generator was evaluated.

    Attributes:
        nimg: Real images shown.
        values: By name, the headline first.
        floors: What real images that were held out reach, by name.
        best: Whether its headline is the best of the run so far.
    """

    nimg: int
    values: Mapping[str, float]
    floors: Mapping[str, float | None]
    best: bool


@dataclass(frozen=True)
class Remarked:
    """Something about training that people should know.

    Attributes:
        nimg: Real images shown.
        word: What it is, as ``ganzoo explain`` knows it.
        sentence: What was seen.
        cures: What may help, as options to type.
        action: What was done about it; empty when nothing.
    """

    nimg: int
    word: str
    sentence: str
    cures: tuple[str, ...] = ()
    action: str = ""


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
        status: ``done``, ``stopped``, ``collapsed`` or ``diverged``.
        nimg: Real images shown.
        wall_sec: Seconds of training over all sessions.
        samples: The newest grid; None when there is none.
        signal: The number of the signal that stopped it; None otherwise.
        health: How the game went, in words; empty when unknown.
        best: The best evaluation, ``FD-lenet 17.9 at 250 kimg``; empty when there was none.
    """

    run: Path
    status: str
    nimg: int
    wall_sec: float
    samples: Path | None
    signal: int | None = None
    health: str = ""
    best: str = ""


Event = Started | Waiting | Pictured | Ticked | Scored | Remarked | Saved | Finished
"""Anything an observer is shown."""
