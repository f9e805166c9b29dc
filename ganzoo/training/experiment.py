"""The parts of one run, built and fitted, before anything is trained."""

import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Protocol, runtime_checkable

import pluggy
from torch import Tensor, nn

from ganzoo.algorithm import Algorithm, G, Play
from ganzoo.errors import PluginError
from ganzoo.hookspecs import RunHooks
from ganzoo.interfaces import Augment, Env, Loss, Regularizer, Schedule
from ganzoo.settings import Optimizer, Training
from ganzoo.types import Images, Told


@runtime_checkable
class RealImages(Protocol):
    """Real images on the training device, in an order that is a function of seed and position."""

    @property
    def count(self) -> int:
        """Images in one epoch."""

    def batch(self, start: int, size: int) -> tuple[Images, Told | None]:
        """Return images ``start`` to ``start + size`` of the endless sequence of epochs."""


@dataclass(frozen=True)
class Experiment:
    """Everything a trainer needs.

    Attributes:
        env: What the parts were built for.
        networks: Modules by role.
        algorithm: Who plays when.
        loss: What the players minimize; None when the algorithm needs none.
        regularizers: Penalties by name.
        augments: Augmentations by name, in order.
        schedules: Schedules by name.
        data: Real images.
        training: Settings of the run.
        optimizers: Settings of each player's optimizer.
    """

    env: Env
    networks: Mapping[str, nn.Module]
    algorithm: Algorithm
    loss: Loss | None
    regularizers: Mapping[str, Regularizer]
    augments: Mapping[str, Augment]
    schedules: Mapping[str, Schedule]
    data: RealImages
    training: Training
    optimizers: Mapping[str, Optimizer]

    def parts(self) -> dict[str, object]:
        """Return every part by its dotted slot, in the order run hooks are called."""
        named: dict[str, object] = {"algorithm": self.algorithm}
        if self.loss is not None:
            named["loss"] = self.loss
        groups: Mapping[str, Mapping[str, object]] = {
            "regularizer": self.regularizers,
            "augment": self.augments,
            "schedule": self.schedules,
        }
        for kind, parts in groups.items():
            named |= {f"{kind}.{name}": part for name, part in parts.items()}
        return named


def parameters_called(
    networks: Mapping[str, nn.Module], patterns: Iterable[str]
) -> dict[str, nn.Parameter]:
    """Return the parameters that any of some patterns names, as ``role.name``, by that name."""
    wanted = tuple(patterns)
    return {
        f"{role}.{name}": parameter
        for role, network in networks.items()
        for name, parameter in network.named_parameters()
        if any(fnmatch(f"{role}.{name}", each) for each in wanted)
    }


@contextmanager
def held_still(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Let no parameter of some networks ask for a gradient inside."""
    moving = [p for network in networks for p in network.parameters() if p.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)


def blame(error: BaseException, experiment: Experiment) -> None:
    """Note at an error which part or network it came from, if from any.

    Where the generator made other images than it should, others fail at them: it is named.
    """
    slots = {id(part): slot for slot, part in experiment.parts().items()}
    slots |= {id(net): role for role, net in experiment.networks.items()}
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    plays = [each for names in frames for each in names.values() if isinstance(each, Play)]
    found = [slots[id(x)] for names in frames if id(x := names.get("self")) in slots]
    if plays and (odd := _oddity(plays[-1])):
        error.add_note(f"in {experiment.algorithm.samples_from}: {odd}")
    elif found:
        error.add_note(f"in {found[-1]}")


def _oddity(play: Play) -> str:
    """How images that were made cannot stand beside real ones; empty where they can."""
    image, real = vars(play).get("made", {}).get("image"), play.draw.real
    if not isinstance(image, Tensor):  # not made yet
        return ""
    if image.shape != real.shape:
        return f"its images are {list(image.shape)}, the real ones {list(real.shape)}"
    if image.device != real.device:
        return f"its images are on {image.device}, the real ones on {real.device}"
    if not image.is_floating_point():
        return f"its images are of {image.dtype}, the real ones of {real.dtype}"
    if play.trains(G) and not image.requires_grad:
        return "no gradient comes back from its images; look for detach()"
    return ""


def hooks_of(experiment: Experiment) -> pluggy.PluginManager:
    """Return a manager with the run hooks of this run's parts only, called in recipe order.

    Raises:
        PluginError: A part has a hook, or asks for an argument, that there is not.
    """
    manager = pluggy.PluginManager("ganzoo")
    manager.add_hookspecs(RunHooks)
    named = experiment.parts() | {f"network.{r}": n for r, n in experiment.networks.items()}
    try:
        for slot, part in reversed(list(named.items())):
            manager.register(part, name=slot)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        what = str(error).splitlines()[-1].partition(" in plugin")[0]
        slot = next(slot for slot, part in named.items() if part is error.plugin)
        raise PluginError(
            f"{slot}: {what}; the hooks of a run are those of"
            " ganzoo.hookspecs, or of a newer ganzoo"
        ) from error
    return manager


def acting(experiment: Experiment, hooks: pluggy.PluginManager) -> dict[str, object]:
    """Return the parts that act inside of a step other than by what they compute, by slot.

    They end phases, or call methods of networks, which may remember what they are told in Python.
    """
    enders = {each.plugin_name: each.plugin for each in hooks.hook.phase_end.get_hookimpls()}
    callers = {
        f"schedule.{name}": part for name, part in experiment.schedules.items() if part.calls
    }
    return enders | callers
