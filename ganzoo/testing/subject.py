"""What is tried: a part or a recipe, and the worlds that its recipes build it for."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, final

import torch
from torch import Tensor, nn

from ganzoo import build
from ganzoo.interfaces import DataInfo, Env
from ganzoo.options import make
from ganzoo.plan import Plan, resolve
from ganzoo.registry import Entry, Registry
from ganzoo.sampling import told_for
from ganzoo.testing.check import CheckError, SkippedError
from ganzoo.types import POINT, Pixels, Told

NETWORKS = ("generator", "discriminator")
COUNT, CLASSES, MANY = 16, 3, 8
"""Of random pictures in a data set, and in a batch that a network alone is given."""

_UNDECLARED, _MOST_PIXELS = (16, 32), 128  # larger sizes would take minutes


@final
class Subject:
    """A part, or a recipe.

    Args:
        entry: It.
        registry: What names mean.
    """

    def __init__(self, entry: Entry, registry: Registry) -> None:
        self.entry, self.registry = entry, registry
        self.makes = entry.kind == "generator"
        near = [recipe for recipe in registry.recipes() if recipe.plugin == entry.plugin]
        self.recipes = [recipe for recipe in near if names(recipe, entry, registry)]

    @cached_property
    def plans(self) -> list[Plan]:
        """Of the recipes of its plugin that use it."""
        return [resolve(self.registry, recipe.full_id) for recipe in self.recipes]

    @property
    def private(self) -> bool:
        """Whether only algorithms of their own call it, in ways of their own."""
        used = [plan.parts["algorithm"].name for plan in self.plans]
        return bool(used) and "adversarial" not in used

    def made(self, env: Env, seed: int = 0) -> Any:
        """Return the part for a world, with the settings of the first recipe that uses it."""
        entry = self.entry
        settings = _settings(self.plans[0], entry) if self.plans else {}
        torch.manual_seed(seed)
        cls = self.registry.load(entry)
        return make(cls, env, settings=settings, where=entry.kind, name=entry.name)

    # -- of networks ------------------------------------------------------------------------

    @property
    def sizes(self) -> list[int]:
        """Pixels per side that are tried, from small to large; points come last."""
        declared = self.entry.item.sizes or _UNDECLARED
        sizes = sorted(declared, key=lambda size: (size == 1, size))
        return [size for size in sizes if size <= _MOST_PIXELS] or sizes[:1]

    def needed(self, size: int) -> list[Env]:
        """Return what it is built for by those recipes; without any, pictures and no classes."""
        found = [build.world(plan, info_of(plan, self.registry, size)) for plan in self.plans]
        return list(dict.fromkeys(found)) or [Env(_shape(size))]

    def worlds(self, size: int) -> list[Env]:
        """Return those, and what else it may be built for, if it can."""
        needed = self.needed(size)
        more = (Env(_shape(size)), Env.classes(_shape(size), CLASSES))
        kinds = {env.condition.kind for env in needed}
        return needed + [env for env in more if env.condition.kind not in kinds]

    def home(self, *, told: bool = False) -> tuple[nn.Module, Env]:
        """Return it for the smallest world that it is used in, or is told something in."""
        worlds = self.needed(self.sizes[0])
        env = next(env for env in worlds if not told or env.condition.kind != "none")
        try:
            network = self.made(env)
            if self.entry.kind in NETWORKS:  # how others are called only their algorithm knows
                self.answer(network, self.inputs(network, env, 2), told_for(env, 2))
        except Exception as error:
            raise SkippedError("it gives no answer: see shapes") from error
        return self.made(env), env

    def inputs(self, network: nn.Module, env: Env, count: int = MANY) -> Tensor:
        """Return latents, or pictures in [-1, 1]."""
        if self.makes:
            return torch.randn(count, int(network.z_dim))  # type: ignore[arg-type]
        return torch.rand(count, *env.image_shape) * 2 - 1

    def answer(self, network: nn.Module, inputs: Tensor, told: Told | None) -> Tensor:
        """Return the images or the logits."""
        out, key = network(inputs, told), "image" if self.makes else "logits"
        if isinstance(out, Mapping) and key not in out:
            raise CheckError(f"it returns {', '.join(map(str, out))}; one must be {key!r}")
        found = out[key] if isinstance(out, Mapping) else out
        if not isinstance(found, Tensor):
            raise CheckError(f"it returns {type(found).__name__}; return a tensor, or a mapping")
        return found


def names(recipe: Entry, entry: Entry, registry: Registry) -> bool:
    """Return whether a recipe names a part."""
    named = recipe.recipe.parts.get(entry.kind, ())
    wanted = {entry.full_id, entry.id}
    if registry.own(recipe.plugin, entry.kind, entry.name) in (None, entry):
        wanted |= {entry.name} if recipe.plugin == entry.plugin else {entry.id}
    return not wanted.isdisjoint([named] if isinstance(named, str) else named)


def info_of(plan: Plan, registry: Registry, size: int) -> DataInfo:
    """Return what random pictures for a plan are like: as its own data, where that can be asked.

    Args:
        plan: What is played.
        registry: What names mean.
        size: Pixels per side; 1 for points.
    """
    channels, given = 1, None
    with suppress(Exception):  # it is not here, or cannot be of that size
        found = build.dataset(registry, plan)[0].describe(size)
        channels, given = found.image_shape[0], found.given_shape
    shape = POINT if size == 1 else (channels, size, size)
    classes = CLASSES if plan.training.conditional and given is None else 0
    return DataInfo(shape, COUNT, classes, given_shape=given)


def random_pixels(count: int, shape: tuple[int, int, int], seed: int = 0) -> Pixels:
    """Return random images, the same ones for a seed."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, *shape), generator=rng, dtype=torch.uint8)


def _settings(plan: Plan, entry: Entry) -> Mapping[str, Any]:
    """What a plan says of a part."""
    found = (p for s, p in plan.parts.items() if s.partition(".")[0] == entry.kind)
    named = (entry.id, entry.full_id)
    return next((part.settings for part in found if part.name in named), {})


def _shape(size: int) -> tuple[int, int, int]:
    return POINT if size == 1 else (3, size, size)
