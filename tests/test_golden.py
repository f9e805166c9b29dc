"""Numbers are an interface: twenty float64 steps of each recipe equal the ones on record.

A change that means to alter them records them anew, and says so in the changelog:
``python tests/test_golden.py``.
"""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganzoo import build
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.training.trainer import Trainer

RECORD = Path(__file__).parent / "golden" / "traces.json"
NAMES = (
    *("gan", "dcgan", "cgan", "acgan", "wgan", "wgan-gp", "sngan", "progan", "stylegan-lite"),
    *("sagan", "r3gan"),
)


class Waves(Dataset):
    """Pictures that are a formula, so that no decoder and no random number is in the way."""

    count = 64

    def describe(self, resolution: int | None = None) -> DataInfo:
        return DataInfo((1, 32, 32), count=64, num_classes=4)

    def load(self, resolution: int | None = None) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def batch(self, start: int, size: int) -> tuple[Tensor, Tensor]:
        which = torch.arange(start, start + size, dtype=torch.float64).view(-1, 1, 1, 1) % 64
        axis = torch.linspace(0, 3, 32, dtype=torch.float64)
        images = torch.sin(which + axis.view(1, 1, 32, 1) * (1 + which / 16) + axis)
        return images, which.flatten().long() % 4


def trace(name: str) -> list[dict[str, float]]:
    registry = Registry.discover(only=())
    sets = ["training.batch_size=8", "generator.width=8", "discriminator.width=8"]
    plan = resolve(registry, name, sets=[*sets, "training.resolution=32"])
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # what begins in float32 begins otherwise on other CPUs
    try:
        built = build.outline(plan, registry, {"dataset": Waves()})
    finally:
        torch.set_default_dtype(before)
    torch.manual_seed(0)
    images = 8 * built.algorithm.batches
    trainer = Trainer(built.with_data(Waves()), torch.device("cpu"), total_nimg=20 * images)
    return [dict(tick.readings) for tick in trainer.ticks(images)]


@pytest.mark.parametrize("name", NAMES)
def test_twenty_steps_equal_the_record(name: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))[name]

    try:
        found = trace(name)
    finally:
        torch.set_num_threads(threads)

    assert len(found) == 20
    for now, then in zip(found, recorded, strict=True):
        assert now == pytest.approx(then, rel=1e-9)


if __name__ == "__main__":
    torch.set_num_threads(1)
    RECORD.write_text(json.dumps({name: trace(name) for name in NAMES}, indent=1) + "\n")
