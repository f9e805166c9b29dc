"""A run before its data is opened: its parts, and who made them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from torch import nn

from ganzoo.algorithm import Algorithm
from ganzoo.draft import LOCAL
from ganzoo.interfaces import Augment, DataInfo, Dataset, Env, Loss, Regularizer, Schedule
from ganzoo.plan import Plan
from ganzoo.spec import Component
from ganzoo.training.experiment import Experiment, RealImages


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
        components: What the makers of the parts say of them, by slot; not of parts handed in.
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
    components: Mapping[str, Component] = field(default_factory=dict)
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
        return Path(path).resolve().name.removesuffix(".zip") if path else part.name.split("/")[-1]

    def name(self, slot: str) -> str:
        """Return the installed id of a part."""
        return str(self.made_by[slot]["id"])

    @property
    def z_dim(self) -> int:
        """Latent dimensions of the generator."""
        return int(self.networks[self.algorithm.samples_from].z_dim)  # type: ignore[arg-type]
