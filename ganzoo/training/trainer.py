"""One trainer for every GAN: it draws, plays phases, updates, averages, and yields ticks.

Nothing is printed, saved or scored here, and inside the loop nothing waits for the device.
"""

from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor, nn

from ganzoo.algorithm import Draw, Phase, Play, RunView, Term
from ganzoo.errors import FitError
from ganzoo.training.batches import Batch, Batches
from ganzoo.training.compiled import compiled
from ganzoo.training.ema import Average
from ganzoo.training.experiment import (
    Experiment,
    acting,
    blame,
    held_still,
    hooks_of,
    parameters_called,
)
from ganzoo.training.finite import Finite
from ganzoo.training.graphs import Graphs, choose_graphs
from ganzoo.training.memory import keep_memory
from ganzoo.training.optimizers import check_trains_all, make_optimizer, set_learning_rate
from ganzoo.training.precision import Precision
from ganzoo.training.ranks import Ranks
from ganzoo.training.scalars import Scalars
from ganzoo.training.state import pack_state, unpack_state
from ganzoo.training.streams import Streams
from ganzoo.training.ticks import Clock, Readings, Tick, mean_of
from ganzoo.training.view import View
from ganzoo.types import Images


@final
class Trainer:
    """Plays an experiment on a device.

    Args:
        experiment: The parts of the run; its networks are moved to the device.
        device: Where to train.
        total_nimg: Real images after which the run ends; None when time bounds it.
        ranks: This process among all of the run.
        graphs: How steps are recorded; None: as the settings and the device say.

    Attributes:
        notes: Sentences that people should read once.

    Raises:
        MachineError: The device has not what the settings ask for.
    """

    def __init__(
        self,
        experiment: Experiment,
        device: torch.device,
        *,
        total_nimg: int | None = None,
        ranks: Ranks | None = None,
        graphs: Graphs | None = None,
    ) -> None:
        if device.type == "cpu":
            keep_memory()
        training = experiment.training
        self.experiment, self.device, self.total_nimg = experiment, device, total_nimg
        self.ranks = ranks or Ranks.here()
        self.step, self.nimg, self.batch_size = 0, 0, training.batch_size
        self.streams = Streams(training.seed, device)
        self.precision = Precision.choose(training.precision, device)
        self.networks: dict[str, nn.Module] = {
            role: network.to(device).to(memory_format=torch.channels_last).train()
            for role, network in experiment.networks.items()
        }
        for part in experiment.parts().values():
            if isinstance(part, nn.Module):
                part.to(device)
        self._called = self._compiled = self.networks
        if training.compile:
            self._compiled = compiled(self.networks)
        for parameter in parameters_called(experiment.networks, training.frozen).values():
            parameter.requires_grad_(False)
        self.average = Average(
            self.networks[experiment.algorithm.samples_from],
            training.ema_halflife_kimg,
            training.ema_ramp,
        )
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.rates = dict.fromkeys(experiment.algorithm.players, 1.0)
        self.betas = {player: each.betas for player, each in experiment.optimizers.items()}
        self.weights: dict[str, float] = {}  # factors of penalties, where a schedule set one
        self._hooks = hooks_of(experiment)
        why = ""
        if graphs is None:
            inside = acting(experiment, self._hooks)
            graphs, why = choose_graphs(training.cuda_graph, device, self.ranks.size, inside)
        self.graphs = graphs
        self.notes = [note for note in (self.precision.note, why) if note]
        waits = device.type == "cpu" and graphs is None
        self.finite = Finite(self.networks, experiment.algorithm.players, device, waits=waits)
        self.scalars = Scalars(device)
        for player in experiment.algorithm.players:
            self.reset_optimizer(player)
        z_dim = int(self.networks[experiment.algorithm.samples_from].z_dim)  # type: ignore[arg-type]
        self.batches = Batches(experiment, z_dim, self.streams, self.ranks)
        self.readings, self.clock = Readings(), Clock()
        self._ahead: Iterator[Batch] = iter(())
        self._draws: list[Draw] = []
        self._played: dict[str, tuple[Phase, Play]] = {}
        experiment.algorithm.bind(experiment.loss, experiment.regularizers)
        self.view: RunView = View(self)
        self._started = False

    # -- the loop ---------------------------------------------------------------------------

    def ticks(self, every: int, *, stop: Callable[[], bool] = lambda: False) -> Generator[Tick]:
        """Train, and yield a tick whenever ``every`` more images were shown.

        Args:
            every: Images between two ticks; ticks fall on its multiples, also on resume.
            stop: Asked at each step boundary; when true, a last tick comes and training ends.

        Raises:
            DivergedError: A reading or a gradient is not finite.
        """
        error: BaseException | None = None
        try:
            self._start()
            while not self._finished():
                self.clock.start()
                before = self.nimg // every
                self.play_step()
                asked = stop()
                regular = self.nimg // every > before or self._finished()
                if regular or asked:
                    yield self._tick(regular=regular)
                if asked:
                    return
        except BaseException as reason:
            error = reason
            blame(reason, self.experiment)
            raise
        finally:
            self.clock.stop()
            self._hooks.hook.run_end(run=self.view, error=error)
            self._started = False

    def play_step(self) -> None:
        """Play one step: every phase of the algorithm, then the average."""
        self._start()
        self._hooks.hook.step_start(run=self.view)
        with self.precision.matmul():
            if self.graphs is None:
                self.iterate()
            else:
                self.graphs.play(self)
        self.step += 1
        self.finite.poll(self.step)
        self._hooks.hook.step_end(run=self.view)

    def iterate(self, batches: Sequence[Batch] = ()) -> None:
        """Play the phases of a step, then the average; this is what a graph records.

        Args:
            batches: What to play on; where they end, the next ones are taken.

        Raises:
            FitError: Some are left.
        """
        algorithm, self._ahead = self.experiment.algorithm, iter(batches)
        second = any(t.second_order for p in algorithm.phases(self.view) for t in self._due(p))
        self._called = self.networks if second else self._compiled
        algorithm.iterate(self.view, self)
        if next(self._ahead, None) is not None:
            raise FitError("the algorithm takes fewer batches in a step than its `batches` says")
        self._draws, self._played = [], {}
        self.average.update(
            self.networks[algorithm.samples_from],
            self.average.kept(self.batch_size, self.nimg)
            if self.graphs is None
            else self.scalars["kept"],
        )

    def backward(self, phase: Phase) -> None:
        """Fill the gradients of the roles a phase trains, over all micro-batches."""
        if phase.new_batch or not self._draws:
            generator = self._called[self.experiment.algorithm.samples_from]
            batch = next(self._ahead, None) or self._take()
            self._draws = batch.cut(generator, self.experiment.training.micro_batch_size)
        due, told = self._due(phase), []
        whole = sum(len(draw.real) for draw in self._draws)
        self.optimizers[phase.player].zero_grad(set_to_none=True)
        with held_still(self.networks[role] for role in phase.frozen):
            for draw in self._draws:
                play, parts = self._play(phase, draw, due), whole / len(draw.real)
                self._total(play, due).div(parts).backward()
                told.append((play.readings, 1 / parts))
        self.ranks.average(self._parameters(phase.player))
        play.log(mean_of(told))
        for name, value in play.readings.items():
            self.readings.add(name, value)
        self._played[phase.player] = (phase, play)

    def update(self, player: str) -> None:
        """Let a player's optimizer step where gradients are finite, then tell the parts."""
        phase, play = self._played[player]
        parameters = self._parameters(player)
        check_trains_all(self.optimizers[player], parameters, self.networks)
        self.finite.look(player, parameters, play.readings, self.step)
        self.optimizers[player].step()
        self._hooks.hook.phase_end(run=self.view, phase=phase, play=play)

    # -- what graphs need -------------------------------------------------------------------

    def signature(self) -> Hashable:
        """Return what tells the next step from others: all that a graph of it would freeze."""
        phases = tuple(
            (phase.player, phase.trains, phase.frozen, tuple(t.name for t in self._due(phase)))
            for phase in self.experiment.algorithm.phases(self.view)
        )
        rates = tuple(
            None if isinstance(group["lr"], Tensor) else group["lr"]
            for optimizer in self.optimizers.values()
            for group in optimizer.param_groups
        )
        return phases, rates, self.batch_size, tuple(self.betas.items()), tuple(self.weights)

    def take(self) -> list[Batch]:
        """Take the batches of the next step, and set the numbers that it reads on the device."""
        batches = [self._take() for _ in range(self.experiment.algorithm.batches)]
        dtype = next(self.average.network.parameters()).dtype
        self.scalars.set("kept", self.average.kept(self.batch_size, self.nimg), dtype)
        for name, factor in self.weights.items():
            self.scalars.set(f"weight of {name}", factor)
        return batches

    def generators(self) -> Sequence[torch.Generator]:
        """Return the random streams in use."""
        return self.streams.generators()

    # -- services of the view ---------------------------------------------------------------

    def reset_optimizer(self, player: str) -> None:
        """Forget a player's moments, and all graphs."""
        settings = replace(self.experiment.optimizers[player], betas=self.betas[player])
        self.optimizers[player] = make_optimizer(
            settings, self._parameters(player), self.device, recorded=self.graphs is not None
        )
        if self.graphs is not None:
            self.graphs.drop()
        self.set_rate(player, self.rates[player])

    def set_rate(self, player: str, factor: float) -> None:
        """Set a player's learning rate to its setting times ``factor``."""
        self.rates[player] = factor
        rate = self.experiment.optimizers[player].learning_rate * factor
        set_learning_rate(self.optimizers[player], rate)

    # -- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return everything a resumed run needs, by group; only between two steps."""
        return pack_state(self)

    def load_state_dict(self, groups: Mapping[str, Any], *, weights_only: bool = False) -> None:
        """Continue from :meth:`state_dict`, or only from the networks and counts in it."""
        if self.graphs is not None:
            self.graphs.drop()
        unpack_state(self, groups, weights_only=weights_only)

    # -- private ----------------------------------------------------------------------------

    def _start(self) -> None:
        if not self._started:
            self.batches.transforms.clear()  # whoever adds one does so at every start
            if self.graphs is not None:
                self.graphs.drop()  # parts may move what they keep
            self._hooks.hook.run_start(run=self.view)
            self._started = True

    def _finished(self) -> bool:
        return self.total_nimg is not None and self.nimg >= self.total_nimg

    def _tick(self, *, regular: bool) -> Tick:
        means = self.readings.means()
        self.finite.check()
        self.clock.stop()
        if regular:
            self.readings.clear()
        return Tick(
            step=self.step,
            nimg=self.nimg,
            epoch=self.nimg / self.experiment.data.count,
            readings=means,
            wall_sec=self.clock.wall_sec,
            cpu_sec=self.clock.cpu_sec,
            regular=regular,
            note="" if self.graphs is None else self.graphs.news(),
        )

    def _due(self, phase: Phase) -> list[Term]:
        return [term for term in phase.terms if term.due(self.step)]

    def _take(self) -> Batch:
        batch = self.batches.take(self.nimg, self.batch_size)
        self.nimg += self.batch_size
        return batch

    def _play(self, phase: Phase, draw: Draw, due: list[Term]) -> Play:
        return self.experiment.algorithm.play(
            phase,
            draw,
            self._called,
            wants=frozenset(name for term in due for name in term.input_grads),
            augment=self._augment if self.experiment.augments else None,
            first_order=self._called is not self.networks,
        )

    def _augment(self, images: Images) -> Images:
        for name, augment in self.experiment.augments.items():
            images = augment(images, self.streams.rng(f"augment.{name}"))
        return images

    def _total(self, play: Play, due: list[Term]) -> Tensor:
        """Return the weighted sum of the due terms, each averaged in float32."""
        total = torch.zeros((), device=self.device)
        symbols = self.experiment.algorithm.symbols
        symbol = symbols.get(play.phase.player, play.phase.player)
        for term in due:
            with self.precision.autocast():
                values = term.value(play)
            if not isinstance(values, Tensor):
                raise FitError(f"{term.name} gives {values!r:.40}; it must return a tensor")
            mean = values.float().mean() if values.dtype != torch.float64 else values.mean()
            total = total + mean * (term.weight * term.interval * self._factor(term, mean))
            play.log({f"{symbol} {term.name}": mean})
        return total

    def _factor(self, term: Term, like: Tensor) -> float | Tensor:
        if self.graphs is None or term.name not in self.weights:
            return self.weights.get(term.name, 1.0)
        return self.scalars[f"weight of {term.name}"].to(like.dtype)

    def _parameters(self, player: str) -> list[nn.Parameter]:
        roles = self.experiment.algorithm.players[player]
        return [p for role in roles for p in self.networks[role].parameters() if p.requires_grad]
