"""Progressive growing: counts, the identities of a fade, the timetable, and where it goes on."""

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu
from zoo import REGISTRY, Pictures

from ganzoo import build
from ganzoo.errors import FitError, RecipeError
from ganzoo.interfaces import Env
from ganzoo.plan import resolve
from ganzoo.sampling import sample
from ganzoo.training.skeleton import digest, pack, unpack
from ganzoo.training.streams import Streams
from ganzoo.training.trainer import Trainer
from ganzoo_progan.networks import ProgressiveDiscriminator, ProgressiveGenerator
from ganzoo_progan.schedule import Progressive

CPU = torch.device("cpu")
ENV = Env((3, 32, 32))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _pair(env: Env = ENV) -> tuple[ProgressiveGenerator, ProgressiveDiscriminator]:
    torch.manual_seed(0)
    made = ProgressiveGenerator(env, z_dim=6, width=4, max_width=8)
    return made.double(), ProgressiveDiscriminator(env, width=4, max_width=8).double()


def _doubled(images: Tensor) -> Tensor:
    return interpolate(images, scale_factor=2)


@pytest.mark.parametrize(
    ("shape", "settings", "generator", "only_last_colours", "discriminator"),
    [
        ((1, 32, 32), (64, 128, 128), 1_111_364, 1_110_977, 1_113_153),
        ((3, 64, 64), (64, 256, 256), 4_555_471, 4_552_771, 4_559_169),
        ((3, 32, 32), (128, 128, 128), 1_296_908, 1_295_747, 1_298_689),
        ((3, 128, 128), (128, 512, 512), 22_933_394, 22_926_467, 22_941_313),
        ((3, 256, 256), (64, 512, 512), 23_044_309, 23_036_995, 23_052_353),
    ],
)
def test_the_networks_have_as_many_parameters_as_the_table(
    shape: tuple[int, int, int],
    settings: tuple[int, int, int],
    generator: int,
    only_last_colours: int,
    discriminator: int,
) -> None:
    width, most, z_dim = settings
    with torch.device("meta"):
        made = ProgressiveGenerator(Env(shape), z_dim=z_dim, width=width, max_width=most)
        judge = ProgressiveDiscriminator(Env(shape), width=width, max_width=most)
    assert _count(made) == generator
    assert _count(made) - sum(map(_count, made.colours[:-1])) == only_last_colours
    assert _count(judge) == discriminator


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_fade_begins_with_the_images_of_the_stage_before_and_ends_with_its_own(
    stage: int,
) -> None:
    made, _ = _pair()
    z = torch.randn(4, 6, dtype=torch.float64)

    made.set_stage(stage - 1, 1.0)
    before = made(z)
    made.set_stage(stage, 0.0)
    assert torch.equal(made(z), before)

    made.set_stage(stage, 1.0)
    alone = made(z)
    made.set_stage(stage, 0.5)
    half = made(z)
    torch.testing.assert_close(half, (alone + before) / 2, rtol=0, atol=1e-14)
    assert not torch.equal(alone, before)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_fade_begins_with_the_verdict_of_the_stage_before(stage: int) -> None:
    _, judge = _pair()
    small = torch.randn(4, 3, 2 << stage, 2 << stage, dtype=torch.float64)
    images = interpolate(small, size=32)

    judge.set_stage(stage - 1, 1.0)
    before = judge(images)
    judge.set_stage(stage, 0.0)
    assert torch.equal(judge(images), before)
    judge.set_stage(stage, 1.0)
    assert not torch.equal(judge(images), before)


def test_images_have_full_size_and_the_detail_of_their_stage() -> None:
    made, judge = _pair()
    z = torch.randn(4, 6, dtype=torch.float64)
    for net in (made, judge):
        net.set_stage(1, 0.5)
    images = made(z)
    assert images.shape == (4, 3, 32, 32)
    coarse = interpolate(avg_pool2d(images, 4), scale_factor=4)
    torch.testing.assert_close(images, coarse, rtol=0, atol=1e-14)
    noisy = images + torch.randn_like(images)
    same = noisy - interpolate(avg_pool2d(noisy - images, 4), scale_factor=4)
    torch.testing.assert_close(judge(same), judge(images), rtol=0, atol=1e-12)


def test_in_evaluation_the_stage_is_that_of_the_buffers() -> None:
    """An averaged copy is told nothing else."""
    made, _ = _pair()
    other = copy.deepcopy(made)
    made.set_stage(1, 0.5)
    for buffer, now in zip(other.buffers(), made.buffers(), strict=True):
        buffer.copy_(now)
    z = torch.randn(4, 6, dtype=torch.float64)
    assert torch.equal(other.eval()(z), made(z))


def test_the_networks_equal_their_layers_written_out() -> None:
    """In the order of the paper's table 2, by hand: no stage, no fade, no loop."""
    made, judge = _pair(Env((1, 32, 32)))
    z = torch.randn(4, 6, dtype=torch.float64)

    def conv(maps: Tensor, layer: Any, gain: float = 2**0.5) -> Tensor:
        fan = layer.weight[0].numel()
        kernel = layer.weight * gain / fan**0.5
        padding = layer.weight.shape[-1] // 2
        return nn.functional.conv2d(maps, kernel, layer.bias, padding=padding)

    def normed(maps: Tensor) -> Tensor:
        return maps / (maps.pow(2).mean(1, keepdim=True) + 1e-8).sqrt()

    def act(maps: Tensor) -> Tensor:
        return leaky_relu(maps, 0.2)

    maps = normed(z) @ (made.first.weight * 2**0.5 / 4 / 6**0.5).T
    maps = normed(act(maps.view(4, 8, 4, 4) + made.first_bias.view(1, 8, 1, 1)))
    maps = normed(act(conv(maps, made.smallest)))
    for first, second in zip(made.first_of_stage, made.second_of_stage, strict=True):
        maps = normed(act(conv(normed(act(conv(_doubled(maps), first))), second)))
    images = conv(maps, made.colours[3], gain=1.0)
    torch.testing.assert_close(made(z), images, rtol=0, atol=1e-12)

    maps = act(conv(images, judge.colours[3]))
    for level in (2, 1, 0):
        maps = act(conv(maps, judge.first_of_stage[level]))
        maps = avg_pool2d(act(conv(maps, judge.second_of_stage[level])), 2)
    spread = (maps.var(0, correction=0) + 1e-8).sqrt().mean().expand(4, 1, 4, 4)
    maps = act(conv(torch.cat([maps, spread], 1), judge.smallest)).flatten(1)
    hidden = act(maps @ (judge.hidden.weight * 2**0.5 / 128**0.5).T + judge.hidden.bias)
    logits = hidden @ (judge.last.weight / 8**0.5).T + judge.last.bias
    torch.testing.assert_close(judge(images), logits[:, 0], rtol=0, atol=1e-12)


def test_each_class_has_a_row_of_the_last_layer() -> None:
    judge = ProgressiveDiscriminator(Env.classes((1, 32, 32), 3), width=4, max_width=8)
    images = torch.randn(4, 1, 32, 32)
    rows: list[Tensor] = []
    judge.last.register_forward_hook(lambda _, __, out: rows.append(out))
    labels = torch.tensor([2, 0, 1, 2])
    logits = judge(images, labels)
    expected = [row[0] + row[1 + label] for row, label in zip(rows[0], labels, strict=True)]
    assert torch.equal(logits, torch.stack(expected))


def test_the_timetable_is_that_of_the_paper() -> None:
    """lod = start - phase - max(rest - T, 0) / F, the new stage counts 1 - frac(lod)."""
    part = Progressive(Env((3, 64, 64)), start=8, stage_kimg=10.0, fade_kimg=4.0)
    table = {
        0: (1, 1.0),
        9_999: (1, 1.0),
        10_000: (1, 1.0),
        10_001: (2, 1 / 4000),
        12_000: (2, 0.5),
        13_999: (2, 3999 / 4000),
        14_000: (2, 1.0),
        24_000: (2, 1.0),
        26_000: (3, 0.5),
        28_000: (3, 1.0),
        40_000: (4, 0.5),
        42_000: (4, 1.0),
        10**9: (4, 1.0),
    }
    assert {nimg: part.position(nimg) for nimg in table} == table
    shares = [sum(part.position(nimg)) for nimg in range(0, 50_000, 7)]
    assert shares == sorted(shares)
    steps = [after - before for before, after in pairwise(shares)]
    assert max(steps) <= 8 / 4000  # of 7 images each, and one more where a fade begins


def test_without_a_fade_the_next_stage_comes_at_once() -> None:
    part = Progressive(Env((3, 32, 32)), start=16, stage_kimg=1.0, fade_kimg=0.0)
    assert [part.position(nimg) for nimg in (0, 999, 1000, 5000)] == [
        (2, 1.0),
        (2, 1.0),
        (3, 1.0),
        (3, 1.0),
    ]


def test_a_start_that_is_no_stage_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"12 px is no stage on the way to 32; .* 4, 8, 16, 32"):
        Progressive(ENV, start=12)


def _trainer(*sets: str, double: bool = False, conditional: bool = False) -> Trainer:
    small = ["training.batch_size=8", "generator.width=4", "discriminator.width=4"]
    small += ["generator.max_width=8", "discriminator.max_width=8", "training.ema_ramp=none"]
    small += ["schedule.progressive.start=8", "schedule.progressive.stage_kimg=0.016"]
    small += ["schedule.progressive.fade_kimg=0.024"]
    told = {"training.conditional": conditional, "training.resolution": 32}
    plan = resolve(REGISTRY, "progan", sets=[*small, *sets], overrides=told)
    data = Pictures(32, dtype=torch.float64 if double else torch.float32)
    built = build.outline(plan, REGISTRY, {"dataset": data})
    if double:
        for network in built.networks.values():
            network.double()
    return Trainer(built.with_data(data), CPU)


def _positions(trainer: Trainer, steps: int) -> list[tuple[int, float, int]]:
    found = []
    for _ in range(steps):
        trainer.play_step()
        stage, fade = trainer.experiment.schedules["progressive"].position(  # type: ignore[attr-defined]
            trainer.nimg - trainer.batch_size
        )
        found.append((stage, round(fade, 6), trainer.batch_size))
    return found


def test_a_run_grows_and_its_batch_shrinks_where_it_is_told_to() -> None:
    trainer = _trainer("schedule.progressive.halve_above=8")
    seen = _positions(trainer, 24)
    assert seen[:4] == [(1, 1.0, 8), (1, 1.0, 8), (1, 1.0, 8), (2, round(1 / 3, 6), 4)]
    assert seen[-1] == (3, 1.0, 4)  # 2 would be no group


def test_a_new_stage_leaves_the_weights_alone_and_the_optimizers_begin_anew() -> None:
    trainer = _trainer()
    for _ in range(3):
        trainer.play_step()
    before = copy.deepcopy(trainer.networks["generator"].state_dict())
    moments = trainer.optimizers["generator"].state
    assert moments
    trainer._hooks.hook.step_start(run=trainer.view)
    now = trainer.networks["generator"].state_dict()
    changed = [key for key in now if not torch.equal(now[key], before[key])]
    assert changed == ["progress.stage", "progress.fade"]
    assert not trainer.optimizers["generator"].state


def test_layers_of_later_stages_wait_untouched() -> None:
    trainer = _trainer()
    before = copy.deepcopy(trainer.networks["generator"].state_dict())
    trainer.play_step()
    now = trainer.networks["generator"].state_dict()
    moved = {key.rpartition(".")[0] for key in now if not torch.equal(now[key], before[key])}
    used = {"smallest", "first_of_stage.0", "second_of_stage.0", "colours.1"}
    assert used <= moved
    assert not {"first_of_stage.1", "second_of_stage.2", "colours.0", "colours.3"} & moved


@pytest.mark.parametrize("stopped", range(1, 12))
def test_a_run_stopped_anywhere_in_a_stage_or_a_fade_goes_on_exactly(stopped: int) -> None:
    torch.manual_seed(0)
    whole = _trainer()
    for _ in range(12):
        whole.play_step()

    torch.manual_seed(0)
    first, second = _trainer(), _trainer()
    for _ in range(stopped):
        first.play_step()
    saved = unpack(*pack(first.state_dict(), "state"))
    torch.manual_seed(7)  # whatever another process drew
    second.load_state_dict(saved)
    pictures = sample(first.average.network, range(3))
    assert torch.equal(sample(second.average.network, range(3)), pictures)
    for _ in range(12 - stopped):
        second.play_step()

    assert _state(second) == _state(whole)


def _state(trainer: Trainer) -> str:
    return digest({k: v for k, v in trainer.state_dict().items() if k != "clock"})


def test_a_fade_equals_the_straight_line_to_ten_digits() -> None:
    """The timetable by hand, and the step that ``info --code`` prints, over two stages."""
    trainer = _trainer(
        "optimizer.generator.eps=1e-5", "optimizer.discriminator.eps=1e-5", double=True
    )
    made, judge = (copy.deepcopy(trainer.networks[r]) for r in ("generator", "discriminator"))
    play: Callable[..., None] = REGISTRY.step(REGISTRY.find("recipe", "progan"))
    said = trainer.experiment.optimizers
    latents = Streams(0, CPU).rng("latents")
    z_dim, data = int(made.z_dim), Pictures(32, dtype=torch.float64)  # type: ignore[arg-type]
    torch.manual_seed(0)
    for _ in range(8):
        trainer.play_step()

    torch.manual_seed(0)
    timetable = [*[(1, 1.0)] * 3, (2, 8 / 24), (2, 16 / 24), *[(2, 1.0)] * 3]
    pair: list[torch.optim.Optimizer] = []
    for index, (stage, fade) in enumerate(timetable):
        made.set_stage(stage, fade)  # type: ignore[operator]
        judge.set_stage(stage, fade)  # type: ignore[operator]
        if index in (0, 3, 5):  # the moments are forgotten where a stage or a fade begins
            pair = [
                torch.optim.Adam(
                    net.parameters(),
                    lr=said[role].learning_rate,
                    betas=said[role].betas,
                    eps=said[role].eps,
                )
                for role, net in (("generator", made), ("discriminator", judge))
            ]
        real, _ = data.batch(8 * index, 8)
        factor = 32 // (4 << stage)
        fine = interpolate(avg_pool2d(real, factor), scale_factor=factor)
        before = interpolate(avg_pool2d(real, 2 * factor), scale_factor=2 * factor)
        real = torch.lerp(before, fine, fade)
        z = torch.randn(8, z_dim, generator=latents, dtype=torch.float64)
        play(made, judge, tuple(pair), [(real, None, z)], index)

    for role, network in (("generator", made), ("discriminator", judge)):
        theirs = trainer.networks[role].state_dict()
        for key, value in network.state_dict().items():
            far = (theirs[key].double() - value.double()).abs().max().item()
            assert far <= 1e-10 * max(1.0, value.abs().max().item()), f"{role}.{key}: {far:.1e}"


def test_a_discriminator_that_cannot_grow_is_refused_before_data_is_opened() -> None:
    data = Pictures(32)
    plan = resolve(
        REGISTRY,
        "progan",
        replace={"discriminator": "dcgan"},
        overrides={"training.resolution": 32},
    )
    with pytest.raises(FitError, match=r"calls set_stage of every discriminator .* dcgan/dcgan"):
        build.outline(plan, REGISTRY, {"dataset": data})
    assert data.looks == 0
