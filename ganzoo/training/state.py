"""The state of a trainer: everything that a resumed run needs, by group."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from ganzoo.interfaces import Stateful
from ganzoo.training.ema import Average
from ganzoo.training.experiment import Experiment
from ganzoo.training.optimizers import pack_optimizer, unpack_optimizer
from ganzoo.training.ranks import Ranks
from ganzoo.training.streams import Streams
from ganzoo.training.ticks import Clock, Readings


@runtime_checkable
class Resumable(Protocol):
    """What the state of a trainer consists of."""

    experiment: Experiment
    device: torch.device
    step: int
    nimg: int
    batch_size: int
    networks: dict[str, nn.Module]
    average: Average
    optimizers: dict[str, torch.optim.Optimizer]
    rates: dict[str, float]
    betas: dict[str, tuple[float, float]]
    weights: dict[str, float]
    streams: Streams
    readings: Readings
    clock: Clock
    ranks: Ranks

    def set_rate(self, player: str, factor: float) -> None:
        """Set a player's learning rate to its setting times ``factor``."""


def pack_state(trainer: Resumable) -> dict[str, Any]:
    """Return the state of a trainer that is between two steps."""
    parts = {
        slot: dict(part.state_dict())
        for slot, part in trainer.experiment.parts().items()
        if isinstance(part, Stateful)
    }
    extra = {
        "step": trainer.step,
        "nimg": trainer.nimg,
        "batch_size": trainer.batch_size,
        "rates": dict(trainer.rates),
        "betas": dict(trainer.betas),
        "weights": dict(trainer.weights),
        "ema_halflife_kimg": trainer.average.halflife_kimg,
        "readings": trainer.readings.state_dict(),
        "parts": parts,
    }
    groups: dict[str, Any] = {
        role: dict(net.state_dict()) for role, net in trainer.networks.items()
    }
    average = dict(trainer.average.network.state_dict())
    groups[f"{trainer.experiment.algorithm.samples_from}_ema"] = average
    groups["optimizers"] = {
        player: pack_optimizer(optimizer, _names(trainer, player))
        for player, optimizer in trainer.optimizers.items()
    }
    groups["extra"] = extra
    groups["clock"] = {"wall_sec": trainer.clock.wall_sec, "cpu_sec": trainer.clock.cpu_sec}
    groups[f"rng-{trainer.ranks.rank:05d}"] = _random_state(trainer)
    return groups


def unpack_state(trainer: Resumable, groups: Mapping[str, Any]) -> None:
    """Give a trainer the state of :func:`pack_state`; random state is restored last."""
    for role, network in trainer.networks.items():
        network.load_state_dict(groups[role])
    ema = groups[f"{trainer.experiment.algorithm.samples_from}_ema"]
    trainer.average.network.load_state_dict(ema)
    extra = groups["extra"]
    trainer.step, trainer.nimg = extra["step"], extra["nimg"]
    trainer.batch_size, trainer.rates = extra["batch_size"], dict(extra["rates"])
    if "weights" in extra:  # older checkpoints are from before anybody could change these
        trainer.betas, trainer.weights = dict(extra["betas"]), dict(extra["weights"])
        trainer.average.halflife_kimg = extra["ema_halflife_kimg"]
    for player, optimizer in trainer.optimizers.items():
        unpack_optimizer(optimizer, _names(trainer, player), groups["optimizers"][player])
        trainer.set_rate(player, trainer.rates[player])  # of the settings, which may have changed
    trainer.readings.load_state_dict(extra["readings"], trainer.device)
    for slot, part in trainer.experiment.parts().items():
        if isinstance(part, Stateful) and slot in extra["parts"]:
            part.load_state_dict(extra["parts"][slot])
    clock = groups["clock"]
    trainer.clock.wall_sec, trainer.clock.cpu_sec = clock["wall_sec"], clock["cpu_sec"]
    random = groups.get(f"rng-{trainer.ranks.rank:05d}", groups["rng-00000"])
    trainer.streams.load_state_dict(random["streams"])
    torch.set_rng_state(random["torch"])
    if trainer.device.type == "cuda" and "cuda" in random:
        torch.cuda.set_rng_state(random["cuda"], trainer.device)


def _names(trainer: Resumable, player: str) -> dict[int, str]:
    roles = trainer.experiment.algorithm.players[player]
    return {
        id(parameter): f"{role}.{name}"
        for role in roles
        for name, parameter in trainer.networks[role].named_parameters()
    }


def _random_state(trainer: Resumable) -> dict[str, Any]:
    state = {"streams": trainer.streams.state_dict(), "torch": torch.get_rng_state()}
    if trainer.device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(trainer.device)
    return state
