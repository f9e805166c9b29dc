"""What run hooks may see and do: a narrow window on the trainer."""

from collections.abc import Callable, Collection
from typing import Protocol, final, runtime_checkable

import torch
from torch import Tensor, nn

from ganzoo.errors import FitError, did_you_mean
from ganzoo.interfaces import Env
from ganzoo.training.batches import Batches
from ganzoo.training.ema import Average
from ganzoo.training.experiment import Experiment
from ganzoo.training.graphs import Graphs
from ganzoo.training.optimizers import change_betas
from ganzoo.training.streams import Streams
from ganzoo.training.ticks import Readings
from ganzoo.types import Images


@runtime_checkable
class Steered(Protocol):
    """What a view needs of a trainer."""

    experiment: Experiment
    device: torch.device
    total_nimg: int | None
    step: int
    nimg: int
    batch_size: int
    networks: dict[str, nn.Module]
    streams: Streams
    readings: Readings
    average: Average
    optimizers: dict[str, torch.optim.Optimizer]
    betas: dict[str, tuple[float, float]]
    weights: dict[str, float]
    batches: Batches
    graphs: Graphs | None

    def reset_optimizer(self, player: str) -> None:
        """Forget a player's moments."""

    def set_rate(self, player: str, factor: float) -> None:
        """Set a player's learning rate to its setting times ``factor``."""


@final
class View:
    """The :class:`ganzoo.algorithm.RunView` of a trainer."""

    __slots__ = ("_trainer",)

    def __init__(self, trainer: Steered) -> None:
        self._trainer = trainer

    @property
    def step(self) -> int:
        """Steps completed."""
        return self._trainer.step

    @property
    def nimg(self) -> int:
        """Real images shown so far."""
        return self._trainer.nimg

    @property
    def total_nimg(self) -> int | None:
        """Images after which the run ends; None when it is bounded by time."""
        return self._trainer.total_nimg

    @property
    def batch_size(self) -> int:
        """Real images of the next step."""
        return self._trainer.batch_size

    @property
    def env(self) -> Env:
        """What the run was built for."""
        return self._trainer.experiment.env

    @property
    def device(self) -> torch.device:
        """Where it trains."""
        return self._trainer.device

    def network(self, role: str) -> nn.Module:
        """Return the network of a role.

        Raises:
            FitError: There is no such role.
        """
        networks = self._trainer.networks
        return networks[_known("network", role, networks)]

    def rng(self, name: str) -> torch.Generator:
        """Return a named random stream."""
        return self._trainer.streams.rng(name)

    def set_batch_size(self, batch_size: int) -> None:
        """Change the global batch size from the next batch on."""
        if batch_size != self._trainer.batch_size and self._trainer.graphs is not None:
            self._trainer.graphs.drop()  # they hold memory for the batch that was
        self._trainer.batch_size = batch_size

    def reset_optimizer(self, player: str) -> None:
        """Forget a player's moments."""
        self._trainer.reset_optimizer(player)

    def set_rate(self, player: str, factor: float) -> None:
        """Set a player's learning rate to its setting times ``factor``."""
        self._trainer.set_rate(player, factor)

    def betas(self, player: str) -> tuple[float, float]:
        """Return the decay of both moments of a player's optimizer, as its settings say.

        Raises:
            FitError: There is no such player.
        """
        optimizers = self._trainer.experiment.optimizers
        return optimizers[_known("player", player, optimizers)].betas

    def set_betas(self, player: str, betas: tuple[float, float]) -> None:
        """Set the decay of both moments of a player's optimizer.

        Raises:
            FitError: There is no such player.
        """
        change_betas(
            self._trainer.optimizers[_known("player", player, self._trainer.betas)], betas
        )
        self._trainer.betas[player] = betas

    @property
    def penalties(self) -> Collection[str]:
        """Names of the regularizers."""
        return self._trainer.experiment.regularizers

    def set_weight(self, penalty: str, factor: float) -> None:
        """Set the weight of a regularizer's penalty to its setting times ``factor``.

        Raises:
            FitError: There is no such regularizer.
        """
        self._trainer.weights[_known("regularizer", penalty, self.penalties)] = factor

    def set_ema_halflife(self, kimg: float) -> None:
        """Set the half-life of the averaged generator; 0 copies."""
        self._trainer.average.halflife_kimg = kimg

    def add_real_transform(self, transform: Callable[[Images], Images]) -> None:
        """Pass every later real batch through ``transform``."""
        self._trainer.batches.transforms.append(transform)

    def log(self, name: str, value: Tensor) -> None:
        """Note a scalar for the trace."""
        self._trainer.readings.add(name, value)


def _known(what: str, name: str, among: Collection[str]) -> str:
    """Return a name that there is."""
    if name not in among:
        raise FitError(f"this run has no {what} {name!r}.{did_you_mean(name, among)}")
    return name
