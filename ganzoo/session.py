"""One sitting of one run: what happens between two ticks, in the order of its folder's files."""

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, final

import torch
from jaxtyping import UInt8
from torch import Tensor

from ganzoo.data.order import batch_indices
from ganzoo.data.resident import Resident
from ganzoo.data.streamed import Streamed
from ganzoo.discovery import reason_of
from ganzoo.errors import DivergedError, GanzooError, MachineError
from ganzoo.events import Event, Pictured, Remarked, Saved, Scored, Ticked, Waiting
from ganzoo.files import write_aside
from ganzoo.identity import keep_settings
from ganzoo.interfaces import Observer
from ganzoo.outline import Outline
from ganzoo.pairs import SHOWN, Pairs
from ganzoo.pictures import save_grid
from ganzoo.quality.checkpoints import judged
from ganzoo.quality.evaluation import QUICK, Judge, Reference
from ganzoo.quality.health import WORDS, Health, Remark, not_finite
from ganzoo.quality.scores import Scores, better, note_best, write_scores
from ganzoo.quality.variety import MANY, distinct, variety
from ganzoo.quality.watchdog import ROLLED_BACK, SLOWER, Action, Watchdog
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir, moment, slug
from ganzoo.sampling import labels_for, sample, sheet_columns, sheet_count
from ganzoo.training import checkpoint
from ganzoo.training.finite import check_state
from ganzoo.training.ticks import Tick
from ganzoo.training.trainer import Trainer
from ganzoo.types import Pixels, Told

_log = logging.getLogger(__name__)

MOST_UNSAVED = 3
"""Checkpoints in turn that may fail before the run ends: it must not train for nothing."""


@final
@dataclass
class Session:
    """One sitting of one run: from the first word to the last.

    Attributes:
        run: The run folder; held by this process.
        built: The parts.
        registry: What names mean.
        observers: Who is told.
        notes: Sentences that people should read once.
        saved: Images shown at the newest checkpoint.
        health: How the game goes.
    """

    run: RunDir
    built: Outline
    registry: Registry
    observers: Sequence[Observer]
    notes: list[str] = field(default_factory=list)
    saved: int = -1

    def __post_init__(self) -> None:
        self.best: dict[str, Any] | None = None
        self.stale = 0
        self.tried = max(self.saved, 0)  # the moment of the last checkpoint, written or not
        self._unsaved, self._rows = 0, list[Mapping[str, Any]]()
        self._unwritten = set[str]()
        self._judge: Judge | None = None
        self._real: Pixels | None = None
        self._pairs: Pairs | None = None
        self._judges = self.built.plan.training.eval_kimg is not None

    def begin(self, nimg: int) -> None:
        """Remember what the folder says of the past; none of it is said again.

        Args:
            nimg: Real images shown before; what came later, of a run that went back, is no past.
        """
        loss = self.built.loss
        self.health = Health({} if loss is None else loss.symptoms)
        for row in self.run.read_metrics():
            self.health.look(row)
        best = self.run.read_info().get("best")
        self.best = best if best is not None and best["nimg"] <= nimg else None
        if best != self.best:
            self.run.update_info(best=self.best)
        training = self.built.plan.training
        events = self.run.read_events()
        self.watchdog = Watchdog(training.on_collapse, events, training.on_nan)

    @property
    def tired(self) -> bool:
        """Whether evaluations have not become better for as long as the run is patient."""
        patience = self.built.plan.training.patience
        return patience is not None and self.stale >= patience

    @property
    def health_in_words(self) -> str:
        """How the game went: ``balanced``, ``D is winning, 2 remarks``."""
        count = sum(event.get("kind") == "remark" for event in self.run.read_events())
        remarks = f", {count} remark{'s' * (count > 1)}" if count else ""
        return f"{WORDS[self.health.word]}{remarks}"

    @property
    def best_in_words(self) -> str:
        """The best evaluation: ``FD-lenet 17.9 at 250 kimg``; empty when there is none."""
        best = self.best
        if best is None:
            return ""
        return f"{best['metric']} {best['value']:.4g} at {best['nimg'] / 1000:g} kimg"

    def tell(self, event: Event) -> None:
        """Show an event to every observer; one that fails is shown no more, and ends no run."""
        for observer in tuple(self.observers):
            try:
                observer.show(event)
            except (GanzooError, BrokenPipeError):
                raise
            except Exception as error:
                self.observers = [each for each in self.observers if each is not observer]
                name = type(observer).__name__
                _log.warning("observer %s is shown no more: %s", name, reason_of(error))

    def show_data(self, data: Resident | Streamed) -> None:
        """Look at some real images; a new run keeps a grid of them."""
        step = max(1, data.count // max(MANY, sheet_count(0, self.built.info.image_shape)))
        some = data.pixels(range(0, data.count, step)).cpu()
        self._real = some[:MANY]
        if self.saved < 0:
            save_grid(self.run.real_sample, some[: sheet_count(0, self.built.info.image_shape)])
        if self.built.env.condition.kind == "image":
            self._pairs = Pairs.of(self.built.dataset, self.built.env.resolution)

    def picture(self, trainer: Trainer) -> dict[str, float]:
        """Write the grid of the averaged generator, and return how different its pictures are."""
        classes, pairs = self.built.env.num_classes, self._pairs
        count = sheet_count(classes, self.built.env.image_shape) if pairs is None else SHOWN
        pixels = sample(trainer.average.network, range(count), self._told(count))
        columns = sheet_columns(classes)
        shown, columns = (pixels, columns) if pairs is None else pairs.beside(pixels)
        path = self.run.sample(trainer.nimg)
        with self._later(trainer.nimg, "a sheet of samples"):
            for target in (path, self.run.latest_sample):
                save_grid(target, shown, columns)
            self.tell(Pictured(path, trainer.nimg, "generated"))
        return {} if self._real is None else self._different(trainer, pixels, self._real)

    def _told(self, count: int) -> Told | None:
        """Return what the generator is told of the pictures of a sheet."""
        if self._pairs is not None:
            return self._pairs.told(count)
        return labels_for(count, self.built.env.num_classes)

    def _different(
        self, trainer: Trainer, pixels: Pixels, real: UInt8[Tensor, "m c h w"]
    ) -> dict[str, float]:
        """Return how different the pictures of a sheet are, and whether they recur in more."""
        found = {"variety": variety(pixels, real)}
        more = range(len(pixels), MANY)
        if more:
            told = self._told(MANY)
            rest = None if told is None else told[more.start :]
            pixels = torch.cat([pixels, sample(trainer.average.network, more, rest)])
        found["distinct"] = distinct(pixels, real)
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def save(self, trainer: Trainer, *, last: bool = False) -> None:
        """Write a checkpoint of the whole state; the best one and the last healthy one stay.

        A disk that is full may have room at the next one: training goes on, but not for ever.

        Args:
            trainer: Between two steps.
            last: Nothing comes after it.

        Raises:
            DivergedError: The state holds a number that is not finite; nothing was written.
            MachineError: It could not be written, at the end or for the third time in turn.
        """
        self.tried, state = trainer.nimg, trainer.state_dict()
        check_state(state)
        stay = [] if self.best is None else [int(self.best["nimg"])]
        if self.health.sound < trainer.nimg:
            stay += self._healthy()[-1:]
        keep = self.built.plan.training.keep
        try:
            path = checkpoint.save(
                self.run.checkpoints, trainer.nimg, state, keep=keep, protect=stay
            )
        except MachineError as error:
            self._unsaved += 1
            if last or self._unsaved >= MOST_UNSAVED:
                raise
            self.tell(Remarked(trainer.nimg, "unsaved", str(error), (), "training goes on"))
            return
        self._unsaved, self.saved = 0, trainer.nimg
        self.tell(Saved(path, trainer.nimg))

    def evaluate(self, trainer: Trainer) -> dict[str, float]:
        """Judge the averaged generator, keep what was found, and return the values."""
        if not self._judges:
            return {}
        try:
            scores = self._scores(trainer)
        except Exception as error:  # a judge that fails must not end what it judges
            self._judges = False
            why = str(error) or type(error).__name__
            self._note("not evaluated", nimg=trainer.nimg, why=why)
            self.tell(Remarked(trainer.nimg, "evaluation", f"not evaluated: {why}"))
            return {}
        if not scores.values:
            return {}
        headline = scores.values[scores.headline]
        self.stale += 1
        with self._later(trainer.nimg, "an evaluation"):
            write_scores(self.run, scores)
            if better(scores, self.best):
                self.best, self.stale = note_best(self.run, scores), 0
        self._note("evaluated", nimg=trainer.nimg, metric=scores.headline, value=headline.value)
        values = {name: each.value for name, each in scores.values.items()}
        floors = {name: each.floor for name, each in scores.values.items()}
        self.tell(Scored(trainer.nimg, values, floors, self.stale == 0))
        if self.tired and self.best is not None:
            said = f"{scores.headline} did not become better in {self.stale} evaluations"
            best = f"the best is {self.best_in_words}"
            ends = ("--set training.patience=none",)
            self.tell(Remarked(trainer.nimg, "patience", f"{said}: {best}", ends, "it ends here"))
        return values

    def write(self, tick: Tick, found: Mapping[str, float]) -> Action:
        """Add a row to the trace; returns what is to be done, which is mostly nothing."""
        row = {
            "kimg": tick.kimg,
            "nimg": tick.nimg,
            "step": tick.step,
            "epoch": tick.epoch,
            "wall_sec": round(tick.wall_sec, 3),
            "cpu_sec": round(tick.cpu_sec, 3),
            **tick.readings,
            **found,
        }
        self._rows.append(row)
        with self._later(tick.nimg, "the trace"):
            while self._rows:
                self.run.append_metrics(self._rows[0])
                del self._rows[0]
        remark = self.health.look({slug(name): value for name, value in row.items()})
        readings = {**tick.readings, **{n: v for n, v in found.items() if n == "variety"}}
        said = WORDS[self.health.word]
        timing = (tick.wall_sec, tick.cpu_sec)
        self.tell(Ticked(tick.step, tick.nimg, tick.epoch, readings, *timing, said))
        if tick.note:
            self.tell(Remarked(tick.nimg, "cuda_graph", tick.note))
        return Action("warn") if remark is None else self._remark(remark, tick.nimg)

    @contextmanager
    def _later(self, nimg: int, what: str) -> Iterator[None]:
        """Go on where something could not be written; what must not be lost is tried again."""
        try:
            yield
        except MachineError as error:
            if what not in self._unwritten:
                self.tell(Remarked(nimg, "unwritten", f"{what} was not written: {error}"))
            self._unwritten.add(what)
        else:
            self._unwritten.discard(what)

    def _note(self, kind: str, **fields: Any) -> None:
        with self._later(int(fields["nimg"]), "an event"):
            self.run.append_event(kind, **fields)

    def _remark(self, remark: Remark, nimg: int) -> Action:
        """Say it, write it down, and return what is to be done about it."""
        action = self.watchdog.decide(remark, self._healthy())
        self._note(
            "remark", nimg=nimg, word=remark.word, sentence=remark.sentence, action=action.why
        )
        self.tell(Remarked(nimg, remark.word, remark.sentence, remark.cures, action.why))
        return action

    def _healthy(self) -> list[int]:
        """Return the moments of checkpoints that were made while nothing was wrong, in order."""
        kept = checkpoint.moments(self.run.checkpoints)
        return [nimg for nimg in kept if nimg <= self.health.sound]

    def diverged(self, error: DivergedError, trainer: Trainer) -> Action:
        """Keep which images were last shown, and remark on a number that is no longer finite.

        Returns:
            What is to be done.
        """
        nimg, training = trainer.nimg, self.built.plan.training
        size = min(nimg, trainer.batch_size * self.built.algorithm.batches)
        images = batch_indices(training.seed, nimg - size, size, self.built.info.count)
        found = {"step": trainer.step, "error": str(error), "images": images.tolist()}
        with self._later(nimg, "what led to it"):
            write_aside(self.run.crash / f"{moment(nimg)}.json", json.dumps(found) + "\n")
        return self._remark(not_finite(str(error)), nimg)

    def roll_back(self, nimg: int) -> Mapping[str, Any]:
        """Go back to a checkpoint, with half the learning rates; returns its state."""
        loaded = checkpoint.load(self.run.checkpoints, nimg)
        checkpoint.set_aside(self.run.checkpoints, nimg)
        self.run.truncate_metrics(nimg)
        self._rows = [row for row in self._rows if row["nimg"] <= nimg]
        plan = self.built.plan
        optimizers = {
            player: replace(each, learning_rate=each.learning_rate * SLOWER)
            for player, each in plan.optimizers.items()
        }
        names = [f"optimizer.{player}.learning_rate" for player in optimizers]
        origins = {**plan.origins, **dict.fromkeys(names, f"rolled back to {nimg / 1000:g} kimg")}
        plan = replace(plan, optimizers=optimizers, origins=origins)
        self.built = replace(self.built, plan=plan)
        keep_settings(self.run, plan)
        self.run.append_event(ROLLED_BACK, nimg=nimg)
        self.saved = self.tried = nimg
        return loaded.groups

    def _scores(self, trainer: Trainer) -> Scores:
        """Judge, also for the first time, without a trace in the random numbers of training."""
        built = self.built
        with torch.random.fork_rng():
            if self._judge is None:
                self.tell(Waiting(f"looking at {built.dataset_name}"))
                reference = Reference.of(built.dataset, built.dataset_name, built.env.resolution)
                component = built.components.get("dataset")
                own = () if component is None else component.metrics
                chosen = built.plan.training.eval_metrics or own or QUICK
                self._judge = Judge(self.registry, built.env, reference, component, metrics=chosen)
            return judged(
                self._judge,
                trainer.average.network,
                self.run.path.resolve().name,
                trainer.nimg,
                samples=built.plan.training.eval_samples,
                seed=0,
                weights="ema",
                cpu_sec=round(trainer.clock.cpu_sec, 3),
                conditional=built.env.condition.kind != "none",
            )
