"""Conducts one run: build, pull ticks, write, save, show. The command line and Python share it."""

import math
import os
import signal
import socket
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, final

import torch

from ganzoo import build
from ganzoo.data.resident import Resident
from ganzoo.data.streamed import Streamed
from ganzoo.errors import DivergedError
from ganzoo.events import Event, Finished, Pictured, Saved, Started, Ticked, Waiting
from ganzoo.files import write_aside
from ganzoo.identity import check_data, check_local, environment, identity, short
from ganzoo.interfaces import Observer
from ganzoo.length import due, longer, tick_nimg, with_length
from ganzoo.outline import Outline
from ganzoo.pictures import save_grid
from ganzoo.plan import Plan
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir, runs_root
from ganzoo.sampling import labels_for, sample, sheet_columns, sheet_count
from ganzoo.training import checkpoint
from ganzoo.training import device as devices
from ganzoo.training.experiment import RealImages
from ganzoo.training.rehearsal import rehearse
from ganzoo.training.ticks import Tick
from ganzoo.training.trainer import Trainer
from ganzoo.transfer import begun


@final
@dataclass
class Session:
    """One sitting of one run: from the first word to the last.

    Attributes:
        run: The run folder; held by this process.
        built: The parts.
        observers: Who is told.
        notes: Sentences that people should read once.
        saved: Images shown at the newest checkpoint.
    """

    run: RunDir
    built: Outline
    observers: Sequence[Observer]
    notes: list[str] = field(default_factory=list)
    saved: int = -1

    def tell(self, event: Event) -> None:
        """Show an event to every observer."""
        for observer in self.observers:
            observer.show(event)

    def picture(self, trainer: Trainer) -> None:
        """Write the grid of the averaged generator."""
        classes = self.built.env.num_classes
        count = sheet_count(classes, self.built.env.image_shape)
        pixels = sample(trainer.average.network, range(count), labels_for(count, classes))
        path = self.run.sample(trainer.nimg)
        for target in (path, self.run.latest_sample):
            save_grid(target, pixels, sheet_columns(classes))
        self.tell(Pictured(path, trainer.nimg, "generated"))

    def save(self, trainer: Trainer) -> None:
        """Write a checkpoint of the whole state."""
        path = checkpoint.save(
            self.run.checkpoints,
            trainer.nimg,
            trainer.state_dict(),
            keep=self.built.plan.training.keep,
        )
        self.saved = trainer.nimg
        self.tell(Saved(path, trainer.nimg))


def train(
    plan: Plan,
    registry: Registry,
    *,
    out: Path | None = None,
    device: str | None = None,
    observers: Sequence[Observer] = (),
    epochs: float | None = None,
    steps: int | None = None,
    objects: Mapping[str, Any] | None = None,
    command: Sequence[str] = (),
) -> Finished:
    """Start a run and train it to its end.

    Args:
        plan: What to train.
        registry: What names mean.
        out: Where runs are kept; None for GANZOO_RUNS or ``./runs``.
        device: ``auto`` (None), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        observers: Who is told.
        epochs: Length in epochs of the data, in place of the plan's.
        steps: Length in steps, in place of the plan's.
        objects: Parts that were handed in, by slot.
        command: What was typed, for the record.

    Raises:
        GanzooError: Whatever goes wrong; see :mod:`ganzoo.errors`.
    """
    built = build.outline(plan, registry, objects)
    built = begun(with_length(built, epochs, steps), runs_root(out))
    chosen, notes = devices.choose(built.networks, built.env, built.z_dim, device)
    model, dataset = short(plan.model), built.dataset_name
    run = RunDir.create(runs_root(out), f"{model}-{dataset}")
    with run.hold():
        write_aside(run.config, built.plan.to_toml())
        run.update_info(**identity(built, chosen, command), model=model, dataset=dataset)
        session = Session(run, built, observers, [*built.notes, *notes])
        data = _open(session, chosen)
        if built.plan.training.rehearse:
            session.tell(Waiting("playing a few steps on a copy"))
            training, note = rehearse(built.with_data(data), chosen)
            session.notes.append(note)
            if training != built.plan.training:
                origins = {**built.plan.origins, "training.micro_batch_size": "rehearsal"}
                plan = replace(built.plan, training=training, origins=origins)
                session.built = replace(built, plan=plan)
                write_aside(run.config, plan.to_toml())
        return _train(session, data, chosen)


def resume(
    run: RunDir,
    registry: Registry,
    *,
    device: str | None = None,
    observers: Sequence[Observer] = (),
    kimg: str | None = None,
    minutes: float | None = None,
    start: int | None = None,
    trust_code: bool = False,
    objects: Mapping[str, Any] | None = None,
) -> Finished:
    """Continue a run exactly where its newest checkpoint left it.

    Args:
        run: The run.
        registry: What names mean.
        device: As :func:`train`.
        observers: Who is told.
        kimg: A new end, ``600``, or ``+100`` after the old one; None for the old one.
        minutes: Go on for so long instead.
        start: Continue from this checkpoint, in images shown; None for the newest valid one.
        trust_code: Run parts that came from a local file.
        objects: Parts that were handed in when the run was made, by slot.

    Raises:
        CheckpointError: There is none that could be used.
        DataError: The data is not what the run was trained on.
    """
    info = run.read_info()
    check_local(info, objects or {}, trust_code=trust_code)
    with run.hold():
        loaded = checkpoint.load(run.checkpoints, start)
        plan = longer(Plan.from_file(registry, run.config), kimg, minutes, run, loaded.nimg)
        built = build.outline(plan, registry, objects)
        chosen, notes = devices.choose(built.networks, built.env, built.z_dim, device)
        notes += [f"checkpoint {name} was not used: {why}" for name, why in loaded.rejected]
        before = info.get("environment", {})
        now = environment(chosen)
        notes += [
            f"not bit-exact: {key} {before[key]} -> {now[key]}"
            for key in now
            if key in before and before[key] != now[key]
        ]
        session = Session(run, built, observers, saved=loaded.nimg)
        data = _open(session, chosen)  # before the first word of the run is changed
        write_aside(run.config, built.plan.to_toml())
        run.truncate_metrics(loaded.nimg)
        if start is not None and checkpoint.set_aside(run.checkpoints, loaded.nimg):
            notes.append("newer checkpoints are kept as *.aside; the run goes on without them")
        training = built.plan.training
        run.update_info(total_kimg=None if training.minutes else training.kimg)
        run.append_event("resumed", nimg=loaded.nimg)
        session.notes += [*built.notes, *notes]
        return _train(session, data, chosen, loaded.groups)


def _open(session: Session, chosen: torch.device) -> RealImages:
    """Open the data; a new run draws a grid of it, an old one checks that it is the same."""
    built, run, training = session.built, session.run, session.built.plan.training
    session.tell(Waiting(f"opening {built.dataset_name}"))
    large = built.info.count * math.prod(built.info.image_shape) > training.resident_gib * 2**30
    reader = built.dataset.reader(training.resolution) if large else None
    data: Resident | Streamed
    if reader is None:
        data = Resident(*built.dataset.load(training.resolution), chosen, training.seed)
    else:
        data = Streamed(reader, chosen, training.seed, training.workers)
        weakref.finalize(session, data.close)  # its processes end with the session
        session.notes.append(data.in_words(built.dataset_name))
    check_data(run, data.fingerprint())
    if session.saved < 0:
        shown = sheet_count(0, built.info.image_shape)
        step = max(1, data.count // shown)
        save_grid(run.real_sample, data.pixels(range(0, data.count, step)[:shown]))
    return data


def _train(
    session: Session,
    data: RealImages,
    chosen: torch.device,
    groups: Mapping[str, Any] | None = None,
) -> Finished:
    """Restore what there is, and play to the end."""
    built, run = session.built, session.run
    training = built.plan.training
    torch.manual_seed(training.seed)
    total = None if training.minutes else math.ceil(training.kimg * 1000)
    trainer = Trainer(built.with_data(data), chosen, total_nimg=total)
    if groups is not None:
        trainer.load_state_dict(groups)
    run.update_info(status="running", pid=os.getpid(), host=socket.gethostname())
    session.tell(_started(session, trainer))
    if groups is None:
        session.tell(Pictured(run.real_sample, 0, "real"))
        session.picture(trainer)
    try:
        caught = _pull(session, trainer)
    except BaseException as error:
        status = "diverged" if isinstance(error, DivergedError) else "crashed"
        _end(session, trainer, status)
        raise
    unfinished = total is not None and trainer.nimg < total
    return _end(session, trainer, "stopped" if caught or unfinished else "done", caught)


def _pull(session: Session, trainer: Trainer) -> int | None:
    """Pull every tick and do what is due; returns the signal that ended it, if any did."""
    training = session.built.plan.training
    every = tick_nimg(session.built, trainer.total_nimg)
    ends = time.monotonic() + training.minutes * 60 if training.minutes else math.inf
    drawn = trainer.nimg
    with _stop_signals() as caught:
        for tick in trainer.ticks(every, stop=lambda: bool(caught) or time.monotonic() > ends):
            last = not tick.regular or tick.nimg == trainer.total_nimg or bool(caught)
            if tick.regular:
                _write(session, tick)
                if last or due(drawn, tick.nimg, training.sample_kimg):
                    session.picture(trainer)
                    drawn = tick.nimg
            if last or due(max(session.saved, 0), tick.nimg, training.checkpoint_kimg):
                session.save(trainer)
    if session.saved != trainer.nimg:
        session.save(trainer)
    return caught[0] if caught else None


def _write(session: Session, tick: Tick) -> None:
    row = {
        "kimg": tick.kimg,
        "nimg": tick.nimg,
        "step": tick.step,
        "epoch": tick.epoch,
        "wall_sec": round(tick.wall_sec, 3),
        "cpu_sec": round(tick.cpu_sec, 3),
    }
    session.run.append_metrics({**row, **tick.readings})
    session.tell(
        Ticked(tick.step, tick.nimg, tick.epoch, tick.readings, tick.wall_sec, tick.cpu_sec)
    )


def _end(session: Session, trainer: Trainer, status: str, caught: int | None = None) -> Finished:
    run = session.run
    run.update_info(status=status, nimg=trainer.nimg, wall_sec=round(trainer.clock.wall_sec, 3))
    run.append_event(status, nimg=trainer.nimg)
    newest = run.latest_sample if run.latest_sample.exists() else None
    event = Finished(run.path, status, trainer.nimg, trainer.clock.wall_sec, newest, caught)
    session.tell(event)
    return event


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Note the first Ctrl-C or SIGTERM for the next step boundary; the second ends at once."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if caught:
            os._exit(128 + number)
        caught.append(number)

    try:
        before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever owns it handles signals
        before = {}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _started(session: Session, trainer: Trainer) -> Started:
    built = session.built
    training = built.plan.training
    return Started(
        run=session.run.path,
        model=short(built.plan.model),
        dataset=built.dataset_name,
        image_shape=built.env.image_shape,
        count=built.info.count,
        num_classes=built.env.num_classes,
        device=devices.in_words(trainer.device),
        precision=trainer.precision.name,
        seed=training.seed,
        batch_size=training.batch_size,
        total_nimg=trainer.total_nimg,
        minutes=training.minutes,
        from_nimg=trainer.nimg,
        nimg=lambda: trainer.nimg,
        notes=tuple(session.notes),
    )
