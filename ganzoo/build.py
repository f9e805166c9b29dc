"""Names become objects, here only; what does not fit is refused before data is opened."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import torch
from torch import nn

from ganzoo.algorithm import Algorithm, images_of
from ganzoo.errors import FitError, GanzooError
from ganzoo.interfaces import (
    BOUNDED,
    Augment,
    DataInfo,
    Dataset,
    Env,
    Loss,
    Regularizer,
    Schedule,
)
from ganzoo.options import make, schema
from ganzoo.plan import Part, Plan
from ganzoo.registry import Entry, Registry
from ganzoo.training.experiment import Experiment, RealImages
from ganzoo.training.streams import seed_of

LOCAL = "local"
"""The name under which an object that was handed in is recorded."""


@final
@dataclass(frozen=True)
class Outline:
    """A run before its data is opened: every part built and fitted.

    Attributes:
        plan: The plan, with the resolution that was chosen.
        dataset: Where real images come from.
        info: What the data set will give.
        env: What the parts were built for.
        networks: Modules by role, on the CPU.
        algorithm: Who plays when.
        loss: What the players minimize.
        regularizers: Penalties by name.
        augments: Augmentations by name.
        schedules: Schedules by name.
        made_by: Kind, id, distribution and version of every part, by slot.
        notes: Sentences that people should read once.
    """

    plan: Plan
    dataset: Dataset
    info: DataInfo
    env: Env
    networks: Mapping[str, nn.Module]
    algorithm: Algorithm
    loss: Loss | None
    regularizers: Mapping[str, Regularizer]
    augments: Mapping[str, Augment]
    schedules: Mapping[str, Schedule]
    made_by: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = ()

    def with_data(self, data: RealImages) -> Experiment:
        """Return the experiment that plays on opened data."""
        return Experiment(
            env=self.env,
            networks=self.networks,
            algorithm=self.algorithm,
            loss=self.loss,
            regularizers=self.regularizers,
            augments=self.augments,
            schedules=self.schedules,
            data=data,
            training=self.plan.training,
            optimizers=self.plan.optimizers,
        )

    @property
    def dataset_name(self) -> str:
        """The data set's name for people: ``digits``, or the name of a folder."""
        if self.made_by["dataset"]["id"] == LOCAL:
            return type(self.dataset).__name__.lower()
        part = self.plan.parts["dataset"]
        path = part.settings.get("path")
        return str(Path(path).resolve().name if path else part.name.rpartition("/")[2])

    @property
    def z_dim(self) -> int:
        """Latent dimensions of the generator."""
        return int(self.networks[self.algorithm.samples_from].z_dim)  # type: ignore[arg-type]


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
        except GanzooError:
            raise
        except Exception as error:
            error.add_note(f"while building {slot} ({entry.full_id})")
            raise

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
    env = _env(plan, info)
    algorithm: Algorithm = builder.part("algorithm", "algorithm", env)
    networks = {
        role: _network(builder, role, kind, env, plan.training.seed)
        for role, kind in algorithm.roles.items()
    }
    has_loss = "loss" in plan.parts or "loss" in (objects or {})
    built = Outline(
        plan=_completed(plan, registry, builder),
        dataset=dataset,
        info=info,
        env=env,
        networks=MappingProxyType(networks),
        algorithm=algorithm,
        loss=builder.part("loss", "loss", env) if has_loss else None,
        regularizers=builder.group("regularizer", env),
        augments=builder.group("augment", env),
        schedules=builder.group("schedule", env),
        made_by=builder.made_by,
        notes=plan.dropped,
    )
    return replace(built, notes=(*built.notes, *_check(built, builder)))


def generator(
    registry: Registry, plan: Plan, env: Env, objects: Mapping[str, Any] | None = None
) -> nn.Module:
    """Build only the network that is sampled from; no data, loss or discriminator is needed."""
    network: nn.Module = Builder(registry, plan, objects or {}).part("generator", "generator", env)
    return network


def _network(builder: Builder, role: str, kind: str, env: Env, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "initialization", role))
        network: nn.Module = builder.part(role, kind, env)
    return network


def _completed(plan: Plan, registry: Registry, builder: Builder) -> Plan:
    """Write the defaults of the parts into the plan, so that its file repeats the run."""
    defaults = {
        slot: {
            name: option.default
            for name, option in schema(registry.load(entry)).items()
            if not option.required
        }
        for slot, entry in builder.entries.items()
    }
    return plan.with_defaults(defaults)


def _env(plan: Plan, info: DataInfo) -> Env:
    if not plan.training.conditional:
        return Env(info.image_shape)
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
    return min(sizes, key=lambda size: (abs(size - native), -size))


def _check(built: Outline, builder: Builder) -> list[str]:
    """Refuse what does not fit; return sentences about what is merely unwise."""
    _check_extras(builder)
    _check_slope(built, builder)
    for name, part in built.regularizers.items():
        for player in part.on:
            if player not in built.algorithm.players:
                raise FitError(
                    f"regularizer {name} acts on player {player!r}, and the algorithm"
                    f" {_name(builder, 'algorithm')} has {', '.join(built.algorithm.players)}"
                )
    _check_shapes(built, builder)
    return _warnings(built, builder)


def _check_extras(builder: Builder) -> None:
    given = {extra for entry in builder.entries.values() for extra in entry.component.provides}
    for slot, entry in builder.entries.items():
        for extra in entry.component.needs:
            if extra not in given:
                raise FitError(
                    f"{slot} ({entry.full_id}) needs {extra!r}, which no network here provides"
                )


def _check_slope(built: Outline, builder: Builder) -> None:
    if built.loss is None or not built.loss.needs_bounded_slope:
        return
    bounds = set(getattr(built.networks.get("discriminator"), "bounds_slope", ()))
    for part in built.regularizers.values():
        bounds |= part.bounds_slope
    missing = sorted(BOUNDED - bounds)
    if missing:
        raise FitError(
            f"loss {_name(builder, 'loss')} means nothing unless the slope of discriminator"
            f" {_name(builder, 'discriminator')} is bounded (nothing bounds it at"
            f" {' and '.join(missing)} images); add --regularizer gp or --regularizer clip"
        )


def _check_shapes(built: Outline, builder: Builder) -> None:
    """Run both networks once on two images; shapes that do not meet are named by maker."""
    if not {"generator", "discriminator"} <= set(built.networks):
        return
    made, judge = built.networks["generator"], built.networks["discriminator"]
    labels = torch.zeros(2, dtype=torch.long) if built.env.num_classes else None
    modes = made.training, judge.training
    made.eval()
    judge.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            images = images_of(made(torch.zeros(2, built.z_dim), labels))
            _check_image(images, built, builder)
            out = judge(images, labels)
    finally:
        made.train(modes[0])
        judge.train(modes[1])
    logits = out["logits"] if isinstance(out, Mapping) else out
    if logits.shape[:1] != (2,):
        raise FitError(
            f"discriminator {_name(builder, 'discriminator')} gives logits"
            f" {list(logits.shape)} for 2 images of generator {_name(builder, 'generator')};"
            " the first dimension must be the image"
        )


def _check_image(images: torch.Tensor, built: Outline, builder: Builder) -> None:
    if tuple(images.shape[1:]) != built.env.image_shape:
        raise FitError(
            f"generator {_name(builder, 'generator')} makes images {list(images.shape[1:])},"
            f" and dataset {_name(builder, 'dataset')} has {list(built.env.image_shape)}"
        )


def _warnings(built: Outline, builder: Builder) -> list[str]:
    notes = []
    mixes = getattr(built.networks.get("discriminator"), "mixes_samples", False)
    for name, part in built.regularizers.items():
        if part.per_sample and mixes:
            notes.append(
                f"regularizer {name} is a penalty for each image, and discriminator"
                f" {_name(builder, 'discriminator')} mixes images (batch norm);"
                " use --set discriminator.norm=none"
            )
    mixing = ["discriminator"] if mixes else []
    mixing += ["loss"] if built.loss is not None and built.loss.mixes_samples else []
    mixing += [f"regularizer.{n}" for n, part in built.regularizers.items() if part.mixes_samples]
    if built.plan.training.micro_batch_size is not None:
        notes += [
            f"{slot} ({_name(builder, slot)}) mixes images, so micro-batches change its answers"
            for slot in mixing
        ]
    return notes


def _name(builder: Builder, slot: str) -> str:
    return str(builder.made_by[slot]["id"])
