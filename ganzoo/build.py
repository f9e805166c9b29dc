"""Names become objects, here only; what does not fit is refused before data is opened."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, final

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ganzoo import fit
from ganzoo.algorithm import Algorithm
from ganzoo.discovery import reason_of
from ganzoo.draft import LOCAL
from ganzoo.errors import (
    FitError,
    GanzooError,
    MachineError,
    PluginError,
    RecipeError,
    did_you_mean,
)
from ganzoo.interfaces import Condition, DataInfo, Dataset, Env
from ganzoo.nn.resolution import nearest
from ganzoo.options import Option, make, schema
from ganzoo.outline import Outline
from ganzoo.plan import Part, Plan
from ganzoo.registry import Entry, Registry
from ganzoo.settings import Optimizer
from ganzoo.spec import Component
from ganzoo.training.streams import seed_of


@final
class Builder:
    """Looks names up, makes parts, and remembers who made them.

    Args:
        registry: What names mean.
        plan: What to build.
        objects: Parts that were handed in, by slot; they are taken as they are.
    """

    def __init__(self, registry: Registry, plan: Plan, objects: Mapping[str, Any]) -> None:
        self._registry, self._plan, self._objects = registry, plan, objects
        self.made_by: dict[str, Mapping[str, Any]] = {}
        self.entries: dict[str, Entry] = {}

    def part(self, slot: str, kind: str, *args: object) -> Any:
        """Return the part of a slot, built with its settings."""
        if slot in self._objects:
            self.made_by[slot] = {"kind": kind, "id": LOCAL}
            return self._objects[slot]
        if slot not in self._plan.parts:
            origin = self._plan.origin(f"{slot}.use")
            raise RecipeError(f"{slot}: a run needs one, and it is none  (from {origin})")
        named: Part = self._plan.parts[slot]
        entry = self._registry.find(kind, named.name)
        cls = self._registry.load(entry)
        self.entries[slot] = entry
        self.made_by[slot] = provenance(entry)
        try:
            return make(
                cls,
                *args,
                settings=named.settings,
                where=slot,
                origins=self._plan.origins,
                name=entry.name,
            )
        except (GanzooError, _TooHeavyError):
            raise
        except Exception as error:
            given = self._given(slot)
            if given:
                raise RecipeError(
                    f"{slot}: {entry.name} cannot be built with {given}: {reason_of(error)}"
                ) from error
            error.add_note(f"while building {slot} ({entry.full_id})")
            raise

    def network(self, role: str, kind: str, env: Env, seed: int) -> nn.Module:
        """Return the network of a role; refuse one that no memory of this machine would hold."""
        slot = role if kind == role else f"{kind}.{role}"
        with torch.random.fork_rng(devices=[]), _Scales() as scales:
            torch.manual_seed(seed_of(seed, "initialization", role))
            try:
                network: nn.Module = self.part(slot, kind, env)
            except _TooHeavyError as error:
                asked, room = (f"{size / 2**30:.3g} GiB" for size in (scales.asked, scales.room))
                raise MachineError(
                    f"{role}: {self._plan.parts[slot].name} asks for {asked} of parameters, and"
                    f" this machine has {room} of memory; {self._given(slot) or 'add some'}"
                ) from error
        if not isinstance(network, nn.Module):
            made = type(network).__name__
            raise FitError(f"{slot}: {made} is no nn.Module; let it inherit from torch.nn.Module")
        return network

    def _given(self, slot: str) -> str:
        """The settings of a part that its maker did not choose, each with its origin."""
        settings = self._plan.parts[slot].settings
        origins = {name: self._plan.origin(f"{slot}.{name}") for name in settings}
        return ", ".join(
            f"{slot}.{name} = {settings[name]!r} (from {origin})"
            for name, origin in origins.items()
            if origin.partition(" ")[0] not in ("default", "recipe", "preset")
        )

    def group(self, kind: str, env: Env) -> dict[str, Any]:
        """Return the parts of a kind of which there may be several, by name."""
        slots = [s for s in (*self._plan.parts, *self._objects) if s.startswith(f"{kind}.")]
        return {s.partition(".")[2]: self.part(s, kind, env) for s in dict.fromkeys(slots)}


def provenance(entry: Entry) -> dict[str, Any]:
    """Return who made a part: kind, installed id, distribution and version."""
    return {
        "kind": entry.kind,
        "id": entry.full_id,
        "distribution": entry.source.distribution,
        "version": entry.source.version,
    }


def outline(plan: Plan, registry: Registry, objects: Mapping[str, Any] | None = None) -> Outline:
    """Build every part of a plan and check that they fit; no image is decoded.

    Args:
        plan: What to build.
        registry: What names mean.
        objects: Parts that were handed in, by slot (``loss``, ``regularizer.mine``).

    Raises:
        RecipeError: A name, a setting or a resolution that cannot be had.
        FitError: Two parts do not go together.
        DataError: The data is missing or unsuitable.
    """
    builder = Builder(registry, plan, objects or {})
    dataset: Dataset = builder.part("dataset", "dataset")
    resolution = _resolution(plan, registry, dataset)
    info = dataset.describe(resolution)
    plan = replace(plan, training=replace(plan.training, resolution=resolution))
    env = world(plan, info)
    algorithm: Algorithm = builder.part("algorithm", "algorithm", env)
    networks = {
        role: builder.network(role, kind, env, plan.training.seed)
        for role, kind in algorithm.roles.items()
    }
    has_loss = "loss" in plan.parts or "loss" in (objects or {})
    loss = builder.part("loss", "loss", env) if has_loss else None
    regularizers, augments, schedules = (
        builder.group(kind, env) for kind in ("regularizer", "augment", "schedule")
    )
    built = Outline(  # all is built: its settings are known
        plan=_completed(_with_optimizers(plan, algorithm), registry, builder),
        dataset=dataset,
        info=info,
        env=env,
        networks=MappingProxyType(networks),
        algorithm=algorithm,
        loss=loss,
        regularizers=regularizers,
        augments=augments,
        schedules=schedules,
        made_by=builder.made_by,
        components={slot: entry.component for slot, entry in builder.entries.items()},
        notes=(*plan.dropped, *info.notes),
    )
    return replace(built, notes=(*built.notes, *fit.check(built)))


def generator(
    registry: Registry, plan: Plan, env: Env, objects: Mapping[str, Any] | None = None
) -> nn.Module:
    """Build only the network that is sampled from; no data, loss or discriminator is needed."""
    network: nn.Module = Builder(registry, plan, objects or {}).part("generator", "generator", env)
    return network


def dataset(
    registry: Registry, plan: Plan, objects: Mapping[str, Any] | None = None
) -> tuple[Dataset, Component | None]:
    """Build only the data set; returns it with what its maker says of it, None where unknown."""
    builder = Builder(registry, plan, objects or {})
    found: Dataset = builder.part("dataset", "dataset")
    entry = builder.entries.get("dataset")
    return found, entry and entry.component


def dataset_called(registry: Registry, name: str, **settings: Any) -> Dataset:
    """Build a data set by its name alone.

    Args:
        registry: What names mean.
        name: As after ``--dataset``.
        settings: Of the data set.

    Raises:
        RecipeError: There is no such data set, or it has no such setting.
    """
    entry = registry.find("dataset", name)
    found: Dataset = make(
        registry.load(entry), settings=settings, where="dataset", origins={}, name=entry.name
    )
    return found


class _TooHeavyError(Exception):
    """More is asked for than there is."""


@final
class _Scales(TorchFunctionMode):
    """Weighs the tensors that a constructor asks for, before they are made."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.room = 0, _memory()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in _MAKERS:
            size = args[0] if args and isinstance(args[0], Sequence) else args
            self.asked += 4 * math.prod(size)
            if self.asked > self.room:
                raise _TooHeavyError
        return func(*args, **(kwargs or {}))


_MAKERS = (torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn)


def _memory() -> float:
    """Bytes of memory that this machine has; without end where nobody tells."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows
        return math.inf


def _completed(plan: Plan, registry: Registry, builder: Builder) -> Plan:
    """Write the defaults of the parts into the plan, so that its file repeats the run."""
    defaults: dict[str, dict[str, Any]] = {}
    for slot, entry in builder.entries.items():
        known = schema(registry.load(entry)).values()
        said = plan.parts[slot].settings if slot in plan.parts else {}
        silent = [each for each in known if not each.required and each.name not in said]
        for option in silent:
            check_default(option, f"{entry.kind} {entry.full_id}: {option.name}")
        defaults[slot] = {option.name: option.default for option in silent}
    return plan.with_defaults(defaults)


class DefaultError(PluginError):
    """A default that a run's file could not repeat."""


def check_default(option: Option, what: str) -> None:
    """Refuse a default that would not be the same after a file.

    Args:
        option: The setting.
        what: Whose, for the message.

    Raises:
        DefaultError: No TOML file can hold it, or it is something else when it is read again.
    """
    default = option.default
    if not _is_plain(default):
        told = f"{what} has the default {default!r}, which no TOML file can hold"
        raise DefaultError(f"{told}; use numbers, text, none, or lists of them")
    try:
        again = option.parse(default, what)
    except RecipeError as error:
        raise DefaultError(f"its default does not survive a file: {error}") from error
    if again != default or type(again) is not type(default):
        told = f"{what} is {default!r}, and {again!r} when it is read from a file"
        raise DefaultError(f"{told}; annotate it with the type that it has")


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _with_optimizers(plan: Plan, algorithm: Algorithm) -> Plan:
    """Give every player of the algorithm its optimizer, and refuse settings of no player."""
    for key, origin in plan.origins.items():
        slot, _, player = key.rpartition(".")[0].partition(".")
        if slot == "optimizer" and player not in algorithm.players:
            near = did_you_mean(player, algorithm.players)
            raise RecipeError(f"{key}: there is no player {player!r}.{near}  (from {origin})")
    found = {player: plan.optimizers.get(player, Optimizer()) for player in algorithm.players}
    return replace(plan, optimizers=MappingProxyType(found))


def world(plan: Plan, info: DataInfo) -> Env:
    """Return what the parts of a plan are built for, on data with these facts.

    Raises:
        FitError: The run is conditional, and the data has nothing to be told.
    """
    if not plan.training.conditional:
        return Env(info.image_shape)
    if info.given_shape is not None:
        return Env(info.image_shape, Condition("image", info.given_shape))
    if info.num_classes == 0:
        from_where = plan.origin("training.conditional")
        raise FitError(
            f"training.conditional: dataset {plan.parts['dataset'].name} has no classes"
            f" (from {from_where}); use --no-conditional, or put the pictures in class folders"
        )
    return Env.classes(info.image_shape, info.num_classes)


def _resolution(plan: Plan, registry: Registry, dataset: Dataset) -> int:
    """Return the resolution asked for, else the recipe's that suits the data best."""
    model = registry.find("recipe", plan.model).recipe
    sizes = model.sizes
    wanted = plan.training.resolution
    if wanted is not None:
        return wanted
    if not sizes:
        return dataset.describe().image_shape[-1]
    native = dataset.describe().image_shape[-1]
    return nearest(native, sizes)
