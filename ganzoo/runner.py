"""Conducts one run: build, pull ticks, write, save, show. The command line and Python share it."""

import math
import os
import socket
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ganzoo import build
from ganzoo.data.resident import Resident
from ganzoo.data.streamed import Streamed
from ganzoo.errors import DivergedError, MachineError
from ganzoo.events import Finished, Pictured, Started, Waiting
from ganzoo.identity import (
    changes,
    check_data,
    check_local,
    check_parts,
    identity,
    keep_settings,
    plan_of,
    short,
)
from ganzoo.interfaces import Observer
from ganzoo.length import due, longer, tick_nimg, with_length
from ganzoo.plan import Plan
from ganzoo.quality.watchdog import Action
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir, runs_root
from ganzoo.session import Session
from ganzoo.settings import Training
from ganzoo.signals import beginning, stop_signals
from ganzoo.training import checkpoint
from ganzoo.training import device as devices
from ganzoo.training.experiment import RealImages
from ganzoo.training.graphs import choose_graphs
from ganzoo.training.precision import Precision
from ganzoo.training.ranks import Ranks
from ganzoo.training.rehearsal import enough_memory, rehearse
from ganzoo.training.trainer import Trainer
from ganzoo.transfer import begun


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
    record: Mapping[str, Any] | None = None,
    profile: bool = False,
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
        record: More keys of run.json.
        profile: First measure where the time of a step goes, and write it into the folder.

    Raises:
        GanzooError: Whatever goes wrong; see :mod:`ganzoo.errors`.
    """
    built = build.outline(plan, registry, objects)
    built = begun(with_length(built, epochs, steps), runs_root(out))
    chosen, notes = devices.choose(built.networks, built.env, built.z_dim, device)
    _check_device(built.plan.training, chosen)
    model, dataset = short(plan.model), built.dataset_name
    run = RunDir.create(runs_root(out), f"{model}-{dataset}")
    room = enough_memory(built.plan.training, built.env.resolution, chosen)
    with run.hold(), beginning(run), room:
        keep_settings(run, built.plan)
        run.update_info(
            **identity(built, chosen, command), model=model, dataset=dataset, **(record or {})
        )
        session = Session(run, built, registry, observers, [*built.notes, *notes])
        data = _open(session, chosen)
        if built.plan.training.rehearse:
            session.tell(Waiting("playing a few steps on a copy"))
            training, note = rehearse(built.with_data(data), chosen)
            session.notes.append(note)
            if training != built.plan.training:
                origins = {**built.plan.origins, "training.micro_batch_size": "rehearsal"}
                plan = replace(built.plan, training=training, origins=origins)
                session.built = replace(built, plan=plan)
                keep_settings(run, plan)
        if profile:
            from ganzoo.training.profiling import profile_steps  # it is seldom asked for

            session.tell(Waiting("profiling a few steps on a copy"))
            game = session.built.with_data(data)
            session.notes.append(profile_steps(game, chosen, run.profile))
        return _train(session, data, _trainer(session, data, chosen))


def _check_device(training: Training, device: torch.device) -> None:
    """Refuse what a device cannot do, before there is a folder."""
    Precision.choose(training.precision, device)
    choose_graphs(training.cuda_graph, device, Ranks.here().size, {})


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
    allow_other_data: bool = False,
    weights_only: bool = False,
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
        allow_other_data: Go on with other images than before.
        weights_only: Take only the networks and their average; the rest begins anew.
        objects: Parts that were handed in when the run was made, by slot.

    Raises:
        CheckpointError: There is none that could be used, or none that fits the settings.
        DataError: The data is not what the run was trained on.
    """
    info = run.read_info()
    check_local(info, objects or {}, trust_code=trust_code)
    with run.hold(), beginning(run), ExitStack() as inside:
        loaded = checkpoint.load(run.checkpoints, start)
        plan = longer(plan_of(run, registry), kimg, minutes, run, loaded.nimg)
        check_parts(run, plan, other_data=allow_other_data)
        built = build.outline(plan, registry, objects)
        chosen, notes = devices.choose(built.networks, built.env, built.z_dim, device)
        inside.enter_context(enough_memory(plan.training, built.env.resolution, chosen))
        if weights_only:
            notes.append("only the networks go on; optimizers and random numbers begin anew")
        notes += [f"checkpoint {name} was not used: {why}" for name, why in loaded.rejected]
        notes += changes(
            run, built, chosen, other_data=allow_other_data, new_optimizers=weights_only
        )
        session = Session(run, built, registry, observers, saved=loaded.nimg)
        data = _open(session, chosen, other_data=allow_other_data)
        trainer = _trainer(session, data, chosen, loaded.groups, weights_only=weights_only)
        keep_settings(run, built.plan)  # nothing of the run was changed before all of it fitted
        run.truncate_metrics(loaded.nimg)
        if start is not None and checkpoint.set_aside(run.checkpoints, loaded.nimg):
            notes.append("newer checkpoints are kept as *.aside; the run goes on without them")
        training = built.plan.training
        run.update_info(total_kimg=None if training.minutes else training.kimg)
        session.notes += [*built.notes, *notes]
        run.append_event("resumed", nimg=loaded.nimg, notes=session.notes)
        return _train(session, data, trainer, begun_anew=False)


def _open(session: Session, chosen: torch.device, *, other_data: bool = False) -> RealImages:
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
    session.notes += check_data(run, data.fingerprint(), other=other_data)
    session.show_data(data)
    return data


def _trainer(
    session: Session,
    data: RealImages,
    chosen: torch.device,
    groups: Mapping[str, Any] | None = None,
    *,
    weights_only: bool = False,
) -> Trainer:
    """Return a trainer at the beginning, or at the moment of a state."""
    training = session.built.plan.training
    total = None if training.minutes else math.ceil(training.kimg * 1000)
    torch.manual_seed(training.seed)
    trainer = Trainer(session.built.with_data(data), chosen, total_nimg=total)
    if groups is not None:
        trainer.load_state_dict(groups, weights_only=weights_only)
    return trainer


def _train(
    session: Session, data: RealImages, trainer: Trainer, *, begun_anew: bool = True
) -> Finished:
    """Play to the end; where the game was lost, again from before."""
    run, training, total = session.run, session.built.plan.training, trainer.total_nimg
    ends = time.monotonic() + (training.minutes or math.inf) * 60
    while True:
        session.begin(trainer.nimg)
        run.update_info(status="running", pid=os.getpid(), host=socket.gethostname())
        session.tell(_started(session, trainer))
        if begun_anew:
            session.tell(Pictured(run.real_sample, 0, "real"))
            session.picture(trainer)
        try:
            with stop_signals() as caught:
                action = _pull(session, trainer, lambda: bool(caught) or time.monotonic() > ends)
        except DivergedError as error:
            action = session.diverged(error, trainer)
            if action.nimg is None:
                _end(session, trainer, "diverged")
                raise
        except BaseException:
            with suppress(MachineError):  # it is the first error that people should read
                _end(session, trainer, "crashed")
            raise
        if action.nimg is None:
            break
        groups, begun_anew = session.roll_back(action.nimg), False
        trainer = _trainer(session, data, trainer.device, groups)
    if action.what == "stop":
        return _end(session, trainer, "collapsed")
    unfinished = total is not None and trainer.nimg < total and not session.tired
    return _end(session, trainer, "stopped" if caught or unfinished else "done", *caught[:1])


def _pull(session: Session, trainer: Trainer, stop: Callable[[], bool]) -> Action:
    """Pull every tick and do what is due; returns what is to be done about a lost game."""
    training = session.built.plan.training
    every = tick_nimg(session.built, trainer.total_nimg)
    drawn = evaluated = trainer.nimg
    action = Action("warn")
    tick = None
    ticks = trainer.ticks(every, stop=lambda: stop() or session.tired)
    with closing(ticks):
        for tick in ticks:
            ended = trainer.total_nimg is not None and tick.nimg >= trainer.total_nimg
            last = not tick.regular or ended or stop()
            if tick.regular:
                found: dict[str, float] = {}
                if ended or due(drawn, tick.nimg, training.sample_kimg):
                    found |= session.picture(trainer)
                    drawn = tick.nimg
                at_end = ended and session.best is not None
                if training.eval_kimg and (
                    due(evaluated, tick.nimg, training.eval_kimg) or at_end
                ):
                    found |= session.evaluate(trainer)
                    evaluated = tick.nimg
                action = session.write(tick, found)
                if action.what != "warn":
                    break
            due_now = due(session.tried, tick.nimg, training.checkpoint_kimg)
            if last or due_now or evaluated == tick.nimg:
                session.save(trainer, last=last)
    killed_at_end = tick is None  # perhaps before it had deleted old checkpoints
    if (killed_at_end or session.saved != trainer.nimg) and action.nimg is None:
        session.save(trainer, last=True)
    return action


def _end(session: Session, trainer: Trainer, status: str, caught: int | None = None) -> Finished:
    run, wall_sec = session.run, trainer.clock.wall_sec
    health = session.health_in_words
    run.update_info(status=status, nimg=trainer.nimg, wall_sec=round(wall_sec, 3), health=health)
    run.append_event(status, nimg=trainer.nimg)
    newest = run.latest_sample if run.latest_sample.exists() else None
    event = Finished(
        run.path, status, trainer.nimg, wall_sec, newest, caught, health, session.best_in_words
    )
    session.tell(event)
    return event


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
        notes=(*session.notes, *trainer.notes),
    )
