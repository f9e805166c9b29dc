"""What run hooks may see and do: a narrow window on the trainer."""

from collections.abc import Callable
from typing import Protocol, final, runtime_checkable

import torch
from torch import Tensor, nn

from ganzoo.errors import FitError, did_you_mean
from ganzoo.interfaces import Env
from ganzoo.training.experiment import Experiment
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
    real_transforms: list[Callable[[Images], Images]]

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
        if role not in networks:
            raise FitError(f"this run has no network {role!r}.{did_you_mean(role, networks)}")
        return networks[role]

    def rng(self, name: str) -> torch.Generator:
        """Return a named random stream."""
        return self._trainer.streams.rng(name)

    def set_batch_size(self, batch_size: int) -> None:
        """Change the global batch size from the next batch on."""
        self._trainer.batch_size = batch_size

    def reset_optimizer(self, player: str) -> None:
        """Forget a player's moments."""
        self._trainer.reset_optimizer(player)

    def set_rate(self, player: str, factor: float) -> None:
        """Set a player's learning rate to its setting times ``factor``."""
        self._trainer.set_rate(player, factor)

    def add_real_transform(self, transform: Callable[[Images], Images]) -> None:
        """Pass every later real batch through ``transform``."""
        self._trainer.real_transforms.append(transform)

    def log(self, name: str, value: Tensor) -> None:
        """Note a scalar for the trace."""
        self._trainer.readings.add(name, value)
