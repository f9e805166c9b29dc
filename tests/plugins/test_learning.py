"""What a player learns while the other rests, and that both together find every mode."""

import pytest
import torch
from torch import nn
from zoo import DISCRIMINATORS, GENERATORS, REGISTRY, named, size_of, small

from ganzoo import build
from ganzoo.algorithm import images_of
from ganzoo.data.resident import Resident
from ganzoo.interfaces import Env
from ganzoo.plan import resolve
from ganzoo.registry import Entry
from ganzoo.sampling import sample
from ganzoo.training.trainer import Trainer
from ganzoo_points.modes import modes_found
from ganzoo_points.points import RING_STD, ring_centres
from ganzoo_standard.losses import NonSaturating

CPU = torch.device("cpu")


def adam(network: nn.Module, rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), rate, betas=(0.0, 0.99))


def logits_of(judge: nn.Module, images: torch.Tensor) -> torch.Tensor:
    out = judge(images)
    return out["logits"] if isinstance(out, dict) else out


@pytest.mark.parametrize("entry", DISCRIMINATORS, ids=named)
def test_a_discriminator_alone_tells_waves_from_noise(entry: Entry) -> None:
    side = size_of(entry) or 0
    env, loss = Env((1, side, side)), NonSaturating(Env((1, side, side)))
    judge = small(entry, env)
    optimizer, rng = adam(judge, 5e-3), torch.Generator().manual_seed(2)
    axis = torch.linspace(0, 6, side)
    right = []
    for _ in range(200):
        phase = torch.rand(16, 1, 1, 1, generator=rng) * 6
        real = torch.sin(axis + axis[:, None] + phase)
        noise = torch.rand(16, 1, side, side, generator=rng) * 2 - 1
        real_logits, fake_logits = logits_of(judge, real), logits_of(judge, noise)
        optimizer.zero_grad()
        loss.discriminator(real_logits, fake_logits).mean().backward()
        optimizer.step()
        right.append(0.5 * ((real_logits > 0).float() + (fake_logits < 0).float()).mean())
    assert torch.stack(right[-20:]).mean() > 0.99


@pytest.mark.parametrize("entry", GENERATORS, ids=named)
def test_a_generator_alone_raises_the_logits_of_a_line(entry: Entry) -> None:
    side = size_of(entry) or 0
    env, loss = Env((1, side, side)), NonSaturating(Env((1, side, side)))
    made, rng = small(entry, env), torch.Generator().manual_seed(2)
    line = torch.randn(side**2, generator=rng) / side
    optimizer, logits = adam(made, 5e-3), []
    for _ in range(50):
        images = images_of(made(torch.randn(16, 5, generator=rng)))
        fake = images.flatten(1) @ line
        optimizer.zero_grad()
        loss.generator(fake).mean().backward()
        optimizer.step()
        logits.append(fake.mean().detach())
    assert torch.stack(logits[-10:]).mean() > torch.stack(logits[:10]).mean() + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("penalties", [["ns"], ["rpgan", "r2"]], ids="+".join)
def test_all_eight_modes_of_the_ring_are_found_in_seconds(penalties: list[str]) -> None:
    loss, *more = penalties
    plan = resolve(
        REGISTRY,
        "gan",
        preset="points",
        sets=["training.kimg=1000", *(f"regularizer.{name}.weight=0.003" for name in more)],
        replace={"dataset": "ring2d", "loss": loss},
        add={"regularizer": more},
    )
    built = build.outline(plan, REGISTRY)
    data = Resident(*built.dataset.load(1), CPU, plan.training.seed)
    torch.manual_seed(0)
    trainer = Trainer(built.with_data(data), CPU, total_nimg=1_000_000)

    for _ in trainer.ticks(500_000):
        pass

    points = sample(trainer.average.network, range(2500)).flatten(1) / 127.5 - 1
    assert modes_found(points, ring_centres(), RING_STD).found == 8
