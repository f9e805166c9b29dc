"""The state of a trainer: everything that a resumed run needs, by group."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ganzoo.errors import CheckpointError, GanzooError
from ganzoo.interfaces import Stateful
from ganzoo.training.ema import Average
from ganzoo.training.experiment import Experiment
from ganzoo.training.optimizers import pack_optimizer, unpack_optimizer
from ganzoo.training.ranks import Ranks
from ganzoo.training.streams import Streams
from ganzoo.training.ticks import Clock, Readings

_CURE = "use the code and the settings it was made with"


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


def unpack_state(
    trainer: Resumable, groups: Mapping[str, Any], *, weights_only: bool = False
) -> None:
    """Give a trainer the state of :func:`pack_state`; random state is restored last.

    Args:
        trainer: Built like the one that was packed.
        groups: The state.
        weights_only: Take the networks, their average and the counts; the rest begins anew.

    Raises:
        CheckpointError: Something does not fit; group and key are named.
    """
    for role, network in trainer.networks.items():
        load_network(network, groups.get(role), role)
    ema = f"{trainer.experiment.algorithm.samples_from}_ema"
    load_network(trainer.average.network, groups.get(ema), ema)
    with _reading("extra"):
        extra = groups["extra"]
        trainer.step, trainer.nimg = _count(extra, "step"), _count(extra, "nimg")
    with _reading("clock"):
        clock = trainer.clock
        clock.wall_sec, clock.cpu_sec = (
            _finite(groups["clock"][key]) for key in ("wall_sec", "cpu_sec")
        )
    if weights_only:
        return
    with _reading("extra"):
        _unpack_changes(trainer, extra)
    for player, optimizer in trainer.optimizers.items():
        with _reading(f"optimizers.{player}"):
            unpack_optimizer(optimizer, _names(trainer, player), groups["optimizers"][player])
            trainer.set_rate(player, trainer.rates[player])  # of the settings of now
    with _reading("extra.readings"):
        _check_readings(extra["readings"])
        trainer.readings.load_state_dict(extra["readings"], trainer.device)
    for slot, part in trainer.experiment.parts().items():
        with _reading(f"extra.parts.{slot}"):
            if isinstance(part, Stateful) and slot in extra["parts"]:
                part.load_state_dict(extra["parts"][slot])
    name = f"rng-{trainer.ranks.rank:05d}"
    with _reading(name):
        _unpack_random(trainer, groups.get(name) or groups["rng-00000"])


def load_network(network: nn.Module, saved: Any, group: str) -> None:
    """Give a network its weights, after all of them were found to fit.

    Args:
        network: Of the run as it is now.
        saved: Its state as it was.
        group: Of the checkpoint; for the message.

    Raises:
        CheckpointError: Names, shapes or types differ; the first is named with both sides.
    """
    own = network.state_dict()
    if not isinstance(saved, Mapping):
        raise CheckpointError(f"{group}: the checkpoint holds no network of that name; {_CURE}")
    lost, new = ([str(x) for x in a if x not in b] for a, b in ((saved, own), (own, saved)))
    if lost or new:
        raise CheckpointError(
            f"{group}: only in the checkpoint: {_some(lost)}; only in the network: {_some(new)};"
            f" {_CURE}"
        )
    for name, ours in own.items():
        theirs = saved[name]
        if _shape(theirs) != _shape(ours):
            raise CheckpointError(
                f"{group}.{name}: the checkpoint has {_shape(theirs)}, the network"
                f" {_shape(ours)}; {_CURE}"
            )
    with _reading(group):
        network.load_state_dict(saved)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "") or "nothing"


def _shape(value: Any) -> str:
    if not isinstance(value, Tensor):
        return "no tensor"
    kind = "" if value.dtype == torch.float32 else f" of {value.dtype}"
    return f"{tuple(value.shape)}{kind}"


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """Say where the state is wrong, in whatever way whoever takes it finds out."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{where}: {error}") from error
    except (GanzooError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # parts of plugins take their own state
        first = f"{type(error).__name__}: {str(error).partition(chr(10))[0]:.200}"
        raise CheckpointError(f"{where}: does not fit this run ({first}); {_CURE}") from error


def _count(extra: Mapping[str, Any], name: str, least: int = 0) -> int:
    value = extra[name]
    if type(value) is not int or not least <= value < 2**48:
        raise ValueError(f"{name} is {value!r:.40}")
    return value


def _finite(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{value!r:.40} is no number")
    return value  # type: ignore[no-any-return]


def _unpack_changes(trainer: Resumable, extra: Mapping[str, Any]) -> None:
    """Take what schedules have changed."""
    trainer.batch_size = _count(extra, "batch_size", least=1)
    trainer.rates = {player: _finite(extra["rates"][player]) for player in trainer.rates}
    if "weights" not in extra:  # older checkpoints are from before anybody could change these
        return
    for player in trainer.betas:
        first, second = extra["betas"][player]
        trainer.betas[player] = (_finite(first), _finite(second))
    trainer.weights = {str(name): _finite(x) for name, x in extra["weights"].items()}
    halflife = extra["ema_halflife_kimg"]
    trainer.average.halflife_kimg = None if halflife is None else _finite(halflife)


def _check_readings(tree: Any) -> None:
    for name, total in tree["sums"].items():
        number = isinstance(total, Tensor) and total.ndim == 0 and total.is_floating_point()
        if not number or _count(tree["counts"], name) < 1:
            raise ValueError(f"{name!r:.40} is no sum of numbers")
    if set(tree["counts"]) - set(tree["sums"]):
        raise ValueError("more counts than sums")


def _unpack_random(trainer: Resumable, random: Mapping[str, Any]) -> None:
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
