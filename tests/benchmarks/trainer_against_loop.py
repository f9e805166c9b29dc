"""CPU-seconds per 1,000 real images: ganzoo's trainer against a hand-written loop.

The loop uses the same networks and every exact lever a person would: channels_last, one generator
pass shared by both players, the discriminator frozen in the generator's move, fused Adam.
Windows of both are interleaved in one process on one thread; the ratio is what counts.

    OMP_NUM_THREADS=1 python tests/benchmarks/trainer_against_loop.py
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import softplus

from ganzoo import build
from ganzoo.data.resident import Resident
from ganzoo.outline import Outline
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.training.trainer import Trainer

BATCH, STEPS = 64, 6


def outline() -> Outline:
    plan = resolve(
        Registry.discover(only=()),
        "dcgan",
        sets=[
            "generator.width=64",
            "generator.z_dim=100",
            "discriminator.width=64",
            "discriminator.norm=batch",
            "dataset.count=2048",
            f"training.batch_size={BATCH}",
        ],
        add={"regularizer": ["none"], "schedule": ["none"]},
        overrides={"training.resolution": 32},
    )
    return build.outline(plan, Registry.discover(only=()))


def ganzoo_step(data: Resident) -> Callable[[], None]:
    return Trainer(outline().with_data(data), torch.device("cpu")).play_step


def hand_written_step(data: Resident) -> Callable[[], None]:
    built = outline()
    made, judge = (
        built.networks[role].to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        for role in ("generator", "discriminator")
    )
    optimizers = [
        torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
        for net in (judge, made)
    ]
    shown = 0

    def step() -> None:
        nonlocal shown
        real, _ = data.batch(shown, BATCH)
        shown += BATCH
        fake = made(torch.randn(BATCH, 100))
        optimizers[0].zero_grad(set_to_none=True)
        (softplus(-judge(real)).mean() + softplus(judge(fake.detach())).mean()).backward()
        optimizers[0].step()
        optimizers[1].zero_grad(set_to_none=True)
        _require(judge, wanted=False)
        softplus(-judge(fake)).mean().backward()
        _require(judge, wanted=True)
        optimizers[1].step()

    return step


def _require(network: nn.Module, *, wanted: bool) -> None:
    for parameter in network.parameters():
        parameter.requires_grad_(wanted)


def window(step: Callable[[], None]) -> float:
    """Return CPU-seconds per 1,000 images over a few steps."""
    before = time.process_time()
    for _ in range(STEPS):
        step()
    return (time.process_time() - before) / (STEPS * BATCH) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved pairs of windows")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    built = outline()
    pixels, labels = built.dataset.load(32)
    data = Resident(pixels, labels, torch.device("cpu"), 0)
    steps = {"ganzoo": ganzoo_step(data), "loop": hand_written_step(data)}
    for step in steps.values():
        window(step)
    figures = [{name: window(step) for name, step in steps.items()} for _ in range(rounds)]
    ratios = [each["ganzoo"] / each["loop"] for each in figures]
    report = {name: round(statistics.median(each[name] for each in figures), 3) for name in steps}
    print(
        json.dumps(
            {
                "cpu_sec_per_1000_images": report,
                "ratio_median": round(statistics.median(ratios), 3),
                "ratio_min": round(min(ratios), 3),
                "ratio_max": round(max(ratios), 3),
                "rounds": rounds,
                "torch": torch.__version__,
                "machine": platform.machine(),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
