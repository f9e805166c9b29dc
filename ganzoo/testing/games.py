"""Small games: a recipe on random pictures, or a lone part in a recipe that it suits."""

import gc
import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

import torch
from torch import Tensor

from ganzoo import build
from ganzoo.algorithm import Phase
from ganzoo.data.resident import Resident
from ganzoo.discovery import FIRST_PARTY
from ganzoo.interfaces import DataInfo, Dataset, Regularizer
from ganzoo.plan import Plan, resolve
from ganzoo.registry import Entry, Registry
from ganzoo.spec import MANY, Recipe
from ganzoo.testing.check import CheckError, SkippedError
from ganzoo.testing.subject import CLASSES, NETWORKS, Subject, info_of, names, random_pixels
from ganzoo.training import checkpoint
from ganzoo.training.difference import differences
from ganzoo.training.skeleton import pack, unpack
from ganzoo.training.trainer import Trainer
from ganzoo.types import GivenPixels, Labels, Pixels

BATCH = 4
"""Pictures of a step."""

_SIZE, _GAME = 32, "gan/gan"
_CLOCK = {"wall_sec": 0.0, "cpu_sec": 0.0}


@final
class Noise(Dataset):
    """Random pictures in memory, which are the same each time."""

    def __init__(self, info: DataInfo) -> None:
        self._info = info

    def describe(self, resolution: int | None = None) -> DataInfo:
        return self._info

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | GivenPixels | None]:
        info = self._info
        pixels = random_pixels(info.count, info.image_shape)
        if info.given_shape is not None:
            return pixels, random_pixels(info.count, info.given_shape, seed=1)
        return pixels, torch.arange(info.count) % CLASSES if info.num_classes else None


@final
class Game:
    """One game for the checks of a recipe, or of a part.

    Args:
        subject: The recipe; or the part, which is put into a recipe that suits it.
    """

    def __init__(self, subject: Subject) -> None:
        self.entry, self._registry = subject.entry, subject.registry
        self._broken = False

    @cached_property
    def plan(self) -> Plan:
        """What is played: the smallest size, few pictures a step."""
        entry, registry = self.entry, self._registry
        name, replace, add = _home(entry, registry)
        plan = resolve(registry, name, replace=replace, add=add)
        size = _size(plan, registry, entry.item)
        small = {"training.resolution": size, "training.batch_size": BATCH}
        return resolve(registry, name, replace=replace, add=add, overrides=small)

    def trainer(self) -> Trainer:
        """Return a trainer at the beginning."""
        plan = self.plan
        noise = Noise(info_of(plan, self._registry, plan.training.resolution or _SIZE))
        try:
            built = build.outline(plan, self._registry, {"dataset": noise})
        except build.DefaultError as error:
            raise SkippedError("it cannot be built: see options") from error
        data = Resident(*noise.load(), "cpu", plan.training.seed)
        torch.manual_seed(plan.training.seed)
        total = math.ceil(plan.training.kimg * 1000)
        return Trainer(built.with_data(data), torch.device("cpu"), total_nimg=total)

    @cached_property
    def states(self) -> list[dict[str, Any]]:
        """The state after 0, 2 and 6 steps."""
        if self._broken:
            raise SkippedError("nothing can be played: see two steps")
        self._broken = True  # until it was played to the end
        trainer = self.trainer()
        return [_copied(trainer), _played(trainer), _played(trainer, 4)]


def two_steps(game: Game) -> str:
    """Play twice; every network moves, to where all is finite."""
    before, after = game.states[:2]
    trainer = game.trainer()
    for role, network in trainer.networks.items():
        learning = [name for name, each in network.named_parameters() if each.requires_grad]
        if all(torch.equal(before[role][name], after[role][name]) for name in learning):
            raise CheckError(f"role {role} is the same after two steps; let a phase train it")
        for name, each in after[role].items():
            if isinstance(each, Tensor) and not each.isfinite().all():
                raise CheckError(f"{role}.{name} is not finite after two steps; lower its rates")
    return f"{' and '.join(trainer.networks)} change, all finite"


def memory(game: Game) -> str:
    """Count tensors that are alive after 2, 4 and 6 steps: some may be kept, but not ever more."""
    sittings = len(game.states)  # skipped where nothing can be played
    trainer, alive = game.trainer(), []
    for _ in range(sittings):
        _played(trainer)
        alive.append(_tensors())
    if alive[0] < alive[1] < alive[2]:
        told = f"{alive[2] - alive[0]} tensors more are alive after four more steps"
        raise CheckError(f"{told}; keep numbers (.item()), or one detached tensor in a buffer")
    return ""


def same_seed(game: Game) -> str:
    """Play again from the start."""
    found = _some(differences(game.states[1], _played(game.trainer())))
    if found:
        raise CheckError(f"two runs with the same seed differ: {found}; draw with torch alone")
    return ""


def resume(game: Game) -> str:
    """Save after two steps, and go on in another trainer, in a process that drew other numbers."""
    whole, saved = game.states[2], game.states[1]
    second = game.trainer()
    with TemporaryDirectory(prefix="ganzoo-check-") as folder:
        checkpoint.save(Path(folder), 1, {**saved, "clock": _CLOCK}, keep=1)
        groups = checkpoint.load(Path(folder)).groups
    torch.manual_seed(7)
    second.load_state_dict(groups)
    found = _some(differences(whole, _played(second, 4)))
    if found:
        told = f"a resumed run is not the one that never stopped: {found}"
        raise CheckError(f"{told}; keep what changes in buffers, or in state_dict")
    return "exact"


def penalty(game: Game) -> str:
    """Ask a regularizer for its penalty after two steps, as each player that pays it."""
    trainer = game.trainer()
    _played(trainer)
    ids, planned = (game.entry.id, game.entry.full_id), game.plan.of_kind("regularizer")
    (name,) = [name for name, part in planned.items() if part.name in ids][:1]
    part = trainer.experiment.regularizers[name]
    for player in part.on:
        values = _asked(part, player, trainer)
        if not isinstance(values, Tensor) or not values.isfinite().all():
            raise CheckError(f"its penalty is {values!r:.40}; return a tensor of finite numbers")
        roles = trainer.experiment.algorithm.players[player]
        weights = [p for role in roles for p in trainer.networks[role].parameters()]
        acts = hasattr(part, "phase_end")  # by itself, and may have nothing to say yet
        if not acts and not (values.requires_grad and _slope(values, weights)):
            raise CheckError(f"it has no gradient for the {player}; say in `on` who pays it")
    return f"paid by {' and '.join(part.on)}"


def _asked(part: Regularizer, player: str, trainer: Trainer) -> Any:
    algorithm = trainer.experiment.algorithm
    phase = Phase(player, algorithm.players[player], ())
    batch = trainer.batches.take(0, BATCH)
    (draw,) = batch.cut(trainer.networks[algorithm.samples_from], None)
    wants = frozenset(part.input_grads)
    return part.penalty(algorithm.play(phase, draw, trainer.networks, wants))


def _slope(values: Tensor, weights: list[torch.nn.Parameter]) -> bool:
    found = torch.autograd.grad(values.sum(), weights, allow_unused=True)
    return any(each is not None and bool(each.any()) for each in found)


def _played(trainer: Trainer, steps: int = 2) -> dict[str, Any]:
    for _ in range(steps):
        trainer.play_step()
    return _copied(trainer)


def _copied(trainer: Trainer) -> dict[str, Any]:
    """A copy of a trainer's state; the clock of no two runs is equal."""
    state: dict[str, Any] = unpack(*pack(trainer.state_dict(), "state"))
    del state["clock"]
    return state


def _tensors() -> int:
    gc.collect()
    return sum(issubclass(type(each), Tensor) for each in gc.get_objects())


def _some(found: Iterator[str]) -> str:
    return ", ".join([each for each, _ in zip(found, range(2), strict=False)])


def _home(entry: Entry, registry: Registry) -> tuple[str, dict[str, str], dict[str, list[str]]]:
    """A recipe that names a part; else the first GAN of all, with the part and what it needs."""
    if isinstance(entry.item, Recipe):
        return entry.full_id, {}, {}
    for recipe in sorted(registry.recipes(), key=lambda recipe: recipe.plugin != entry.plugin):
        if names(recipe, entry, registry):
            return recipe.full_id, {}, {}
    replace = _providers(entry, registry)
    add = {entry.kind: [entry.full_id]} if entry.kind in MANY else {}
    if not add:
        replace[entry.kind] = entry.full_id
    if entry.kind == "loss" and getattr(registry.load(entry), "needs_bounded_slope", False):
        add["regularizer"] = ["std/gp"]
    if entry.kind in NETWORKS:
        kind = NETWORKS[entry.kind == "generator"]
        replace[kind] = _partner(entry, kind, registry)
    return _GAME, replace, add


def _providers(entry: Entry, registry: Registry) -> dict[str, str]:
    """Networks that give what a part needs."""
    return {
        kind: other.full_id
        for extra in entry.component.needs
        for kind in NETWORKS
        for other in registry.components(kind)
        if extra in other.component.provides
    }


def _partner(entry: Entry, kind: str, registry: Registry) -> str:
    """A network of the other kind with a size in common: of the same plugin, or one of ours."""
    sizes = set(entry.component.sizes)
    for other in sorted(registry.components(kind), key=lambda each: each.plugin != entry.plugin):
        theirs = set(other.component.sizes)
        ours = other.plugin == entry.plugin or other.source.distribution == FIRST_PARTY
        if ours and (sizes & theirs or not sizes or not theirs):
            return other.full_id
    raise SkippedError(f"no {kind} here makes any of its sizes; offer one")


def _size(plan: Plan, registry: Registry, item: object) -> int:
    """The smallest size that all networks make, if need be that of a point."""
    declared = [item.sizes] if isinstance(item, Recipe) else []
    for kind in set(NETWORKS) & set(plan.parts):
        declared.append(registry.find(kind, plan.parts[kind].name).component.sizes)
    sets = [set(sizes) for sizes in declared if sizes]
    shared = set.intersection(*sets) if sets else {_SIZE}
    if not shared:
        raise CheckError("its networks have no size in common; let both make one")
    return min(shared - {1}, default=1)
