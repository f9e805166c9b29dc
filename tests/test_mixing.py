"""Any generator with any discriminator, loss and regularizer: trained two steps, or refused."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganzoo import build
from ganzoo.errors import FitError
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.training.trainer import Trainer

NETWORKS = {
    "generator": [("mlp", ""), ("dcgan", "generator.width=4")],
    "discriminator": [
        ("mlp", ""),
        ("dcgan", "discriminator.width=4 discriminator.norm=batch"),
        ("dcgan", "discriminator.width=4 discriminator.norm=none"),
    ],
}
PENALTIES = ([], ["r1"], ["r2"], ["r1", "r2"], ["gp"], ["drift"], ["clip"])


class Speckles(Dataset):
    """Sixteen random pictures of two classes; opening them is counted."""

    def __init__(self) -> None:
        self.opened = 0

    def describe(self, resolution: int | None = None) -> DataInfo:
        side = resolution or 28
        return DataInfo((1, side, side), count=16, num_classes=2)

    def load(self, resolution: int | None = None) -> tuple[Tensor, Tensor]:
        self.opened += 1
        rng = torch.Generator().manual_seed(0)
        side = resolution or 28
        pixels = torch.randint(0, 256, (16, 1, side, side), generator=rng, dtype=torch.uint8)
        return pixels, torch.arange(16) % 2

    @property
    def count(self) -> int:
        return 16

    def batch(self, start: int, size: int) -> tuple[Tensor, Tensor]:
        pixels, labels = self.load(28)
        where = torch.arange(start, start + size) % 16
        return pixels[where].float() / 127.5 - 1, labels[where]


@pytest.mark.parametrize("judge", NETWORKS["discriminator"], ids=" ".join)
@pytest.mark.parametrize("made", NETWORKS["generator"], ids=" ".join)
def test_every_combination_trains_two_steps_or_is_refused_with_both_sides_named(
    made: tuple[str, str], judge: tuple[str, str], record_property: Callable[[str, object], None]
) -> None:
    registry = Registry.discover(only=())
    losses = [entry.name for entry in registry.components("loss")]
    trained, reasons = 0, list[tuple[str, str, int]]()
    for loss, penalties, conditional in itertools.product(losses, PENALTIES, (False, True)):
        data = Speckles()
        plan = resolve(
            registry,
            "dcgan",
            sets=[*made[1].split(), *judge[1].split(), "training.batch_size=4"],
            replace={"generator": made[0], "discriminator": judge[0], "loss": loss},
            add={"regularizer": ["none", *penalties]},
            overrides={"training.conditional": conditional, "training.resolution": 28},
        )
        try:
            built = build.outline(plan, registry, {"dataset": data})
        except FitError as error:
            reasons.append((str(error), loss, data.opened))
            continue
        trains_two_steps(Trainer(built.with_data(data), torch.device("cpu"), total_nimg=8))
        trained += 1
    record_property("count: combinations trained two steps", trained)
    record_property("count: combinations refused", len(reasons))

    assert all(loss in said and judge[0] in said and opened == 0 for said, loss, opened in reasons)
    assert trained + len(reasons) == len(losses) * len(PENALTIES) * 2
    assert trained > len(reasons) > 0


def trains_two_steps(trainer: Trainer) -> None:
    before = {r: [p.clone() for p in n.parameters()] for r, n in trainer.networks.items()}

    ticks = list(trainer.ticks(8))

    assert ticks[-1].step == 2
    for role, network in trainer.networks.items():
        changed = [
            not torch.equal(p, old)
            for p, old in zip(network.parameters(), before[role], strict=True)
        ]
        assert any(changed), role
        assert all(p.isfinite().all() for p in network.parameters()), role
