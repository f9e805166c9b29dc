"""One trainer for every GAN: it draws, plays phases, updates, averages, and yields ticks.

Nothing is printed, saved or scored here, and inside the loop nothing waits for the device.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, final

import pluggy
import torch
from torch import Tensor, nn

from ganzoo.algorithm import Draw, Phase, Play, RunView, Term
from ganzoo.hookspecs import RunHooks
from ganzoo.interfaces import Stateful
from ganzoo.training.ema import Average
from ganzoo.training.experiment import Experiment, parameters_called
from ganzoo.training.optimizers import make_optimizer, pack_optimizer, unpack_optimizer
from ganzoo.training.precision import Precision
from ganzoo.training.ranks import Ranks
from ganzoo.training.streams import Streams
from ganzoo.training.ticks import Clock, Readings, Tick
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
    """

    def __init__(
        self,
        experiment: Experiment,
        device: torch.device,
        *,
        total_nimg: int | None = None,
        ranks: Ranks | None = None,
    ) -> None:
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
        for player in experiment.algorithm.players:
            self.reset_optimizer(player)
        self.real_transforms: list[Callable[[Images], Images]] = []
        self.readings, self.clock = Readings(), Clock()
        self._draws: list[Draw] = []
        self._played: dict[str, tuple[Phase, Play]] = {}
        experiment.algorithm.bind(experiment.loss, experiment.regularizers)
        self.view: RunView = View(self)
        self._hooks = _hooks_of(experiment)
        self._started = False

    # -- the loop ---------------------------------------------------------------------------

    def ticks(self, every: int, *, stop: Callable[[], bool] = lambda: False) -> Generator[Tick]:
        """Train, and yield a tick whenever ``every`` more images were shown.

        Args:
            every: Images between two ticks; ticks fall on its multiples, also on resume.
            stop: Asked at each step boundary; when true, a last tick comes and training ends.

        Raises:
            DivergedError: A reading is not finite.
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
            raise
        finally:
            self.clock.stop()
            self._hooks.hook.run_end(run=self.view, error=error)
            self._started = False

    def play_step(self) -> None:
        """Play one step: every phase of the algorithm, then the average."""
        self._start()
        self._hooks.hook.step_start(run=self.view)
        algorithm = self.experiment.algorithm
        with self.precision.matmul():
            algorithm.iterate(self.view, self)
        self._draws = []
        self.average.update(
            self.networks[algorithm.samples_from], batch_size=self.batch_size, nimg=self.nimg
        )
        self.step += 1
        self._hooks.hook.step_end(run=self.view)
        self._played = {}

    def backward(self, phase: Phase) -> None:
        """Fill the gradients of the roles a phase trains, over all micro-batches."""
        if phase.new_batch or not self._draws:
            self._draws = self._new_draws()
        due = [term for term in phase.terms if term.due(self.step)]
        self.optimizers[phase.player].zero_grad(set_to_none=True)
        with self._frozen(phase.frozen):
            for draw in self._draws:
                play = self._play(phase, draw, due)
                self._total(play, due).div(len(self._draws)).backward()
        self.ranks.average(self._parameters(phase.player))
        for name, value in play.readings.items():
            self.readings.add(name, value)
        self._played[phase.player] = (phase, play)

    def update(self, player: str) -> None:
        """Let a player's optimizer step, then tell the parts."""
        self.optimizers[player].step()
        phase, play = self._played[player]
        self._hooks.hook.phase_end(run=self.view, phase=phase, play=play)

    # -- services of the view ---------------------------------------------------------------

    def reset_optimizer(self, player: str) -> None:
        """Forget a player's moments."""
        settings = replace(self.experiment.optimizers[player], betas=self.betas[player])
        self.optimizers[player] = make_optimizer(settings, self._parameters(player), self.device)
        self.set_rate(player, self.rates[player])

    def set_rate(self, player: str, factor: float) -> None:
        """Set a player's learning rate to its setting times ``factor``."""
        self.rates[player] = factor
        rate = self.experiment.optimizers[player].learning_rate * factor
        for group in self.optimizers[player].param_groups:
            group["lr"] = rate

    # -- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return everything a resumed run needs, by group; only between two steps."""
        parts = {
            slot: dict(part.state_dict())
            for slot, part in self.experiment.parts().items()
            if isinstance(part, Stateful)
        }
        extra = {
            "step": self.step,
            "nimg": self.nimg,
            "batch_size": self.batch_size,
            "rates": dict(self.rates),
            "betas": dict(self.betas),
            "weights": dict(self.weights),
            "ema_halflife_kimg": self.average.halflife_kimg,
            "readings": self.readings.state_dict(),
            "parts": parts,
        }
        groups: dict[str, Any] = {
            role: dict(net.state_dict()) for role, net in self.networks.items()
        }
        average = dict(self.average.network.state_dict())
        groups[f"{self.experiment.algorithm.samples_from}_ema"] = average
        groups["optimizers"] = {
            player: pack_optimizer(optimizer, self._names(player))
            for player, optimizer in self.optimizers.items()
        }
        groups["extra"] = extra
        groups["clock"] = {"wall_sec": self.clock.wall_sec, "cpu_sec": self.clock.cpu_sec}
        groups[f"rng-{self.ranks.rank:05d}"] = self._random_state()
        return groups

    def load_state_dict(self, groups: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`; random state is restored last."""
        for role, network in self.networks.items():
            network.load_state_dict(groups[role])
        ema = groups[f"{self.experiment.algorithm.samples_from}_ema"]
        self.average.network.load_state_dict(ema)
        extra = groups["extra"]
        self.step, self.nimg = extra["step"], extra["nimg"]
        self.batch_size, self.rates = extra["batch_size"], dict(extra["rates"])
        if "weights" in extra:  # older checkpoints are from before anybody could change these
            self.betas, self.weights = dict(extra["betas"]), dict(extra["weights"])
            self.average.halflife_kimg = extra["ema_halflife_kimg"]
        for player, optimizer in self.optimizers.items():
            unpack_optimizer(optimizer, self._names(player), groups["optimizers"][player])
            self.set_rate(player, self.rates[player])  # of the settings, which may have changed
        self.readings.load_state_dict(extra["readings"], self.device)
        for slot, part in self.experiment.parts().items():
            if isinstance(part, Stateful) and slot in extra["parts"]:
                part.load_state_dict(extra["parts"][slot])
        clock = groups["clock"]
        self.clock.wall_sec, self.clock.cpu_sec = clock["wall_sec"], clock["cpu_sec"]
        random = groups.get(f"rng-{self.ranks.rank:05d}", groups["rng-00000"])
        self.streams.load_state_dict(random["streams"])
        torch.set_rng_state(random["torch"])
        if self.device.type == "cuda" and "cuda" in random:
            torch.cuda.set_rng_state(random["cuda"], self.device)

    # -- private ----------------------------------------------------------------------------

    def _start(self) -> None:
        if not self._started:
            self.real_transforms.clear()  # whoever adds one does so at every start
            self._hooks.hook.run_start(run=self.view)
            self._started = True

    def _finished(self) -> bool:
        return self.total_nimg is not None and self.nimg >= self.total_nimg

    def _tick(self, *, regular: bool) -> Tick:
        means = self.readings.means()
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
        )

    def _new_draws(self) -> list[Draw]:
        """Take the next global batch and its latents, keep this rank's share, cut it up."""
        generator, size = self.networks[self.experiment.algorithm.samples_from], self.batch_size
        share = self.ranks.share(size)
        start = self.nimg + share.start
        real, labels = self.experiment.data.batch(start, share.stop - share.start)
        for transform in self.real_transforms:
            real = transform(real)
        z = torch.randn(
            size,
            int(generator.z_dim),  # type: ignore[arg-type]
            generator=self.streams.rng("latents"),
            device=self.device,
            dtype=real.dtype,
        )[share]
        self.nimg += size
        micro = self.experiment.training.micro_batch_size or len(real)
        told = labels if self.experiment.env.num_classes else None
        return [
            Draw(
                generator,
                real[i : i + micro],
                None if told is None else told[i : i + micro],
                z[i : i + micro],
                share_fakes=len(real) <= micro,
            )
            for i in range(0, len(real), micro)
        ]

    def _play(self, phase: Phase, draw: Draw, due: list[Term]) -> Play:
        return self.experiment.algorithm.play(
            phase,
            draw,
            self.networks,
            wants=frozenset(name for term in due for name in term.input_grads),
            augment=self._augment if self.experiment.augments else None,
            step=self.step,
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
            mean = values.float().mean() if values.dtype != torch.float64 else values.mean()
            factor = term.weight * term.interval * self.weights.get(term.name, 1.0)
            total = total + mean * factor
            play.log({f"{symbol} {term.name}": mean})
        return total

    @contextmanager
    def _frozen(self, roles: tuple[str, ...]) -> Iterator[None]:
        moving = [p for role in roles for p in self.networks[role].parameters() if p.requires_grad]
        for parameter in moving:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in moving:
                parameter.requires_grad_(True)

    def _parameters(self, player: str) -> list[nn.Parameter]:
        roles = self.experiment.algorithm.players[player]
        return [p for role in roles for p in self.networks[role].parameters() if p.requires_grad]

    def _names(self, player: str) -> dict[int, str]:
        roles = self.experiment.algorithm.players[player]
        return {
            id(parameter): f"{role}.{name}"
            for role in roles
            for name, parameter in self.networks[role].named_parameters()
        }

    def _random_state(self) -> dict[str, Any]:
        state = {"streams": self.streams.state_dict(), "torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        return state


def _hooks_of(experiment: Experiment) -> pluggy.PluginManager:
    """Return a manager with the run hooks of this run's parts only, called in recipe order."""
    manager = pluggy.PluginManager("ganzoo")
    manager.add_hookspecs(RunHooks)
    named = experiment.parts() | {f"network.{r}": n for r, n in experiment.networks.items()}
    for slot, part in reversed(list(named.items())):
        manager.register(part, name=slot)
    manager.check_pending()
    return manager
