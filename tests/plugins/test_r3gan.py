"""R3GAN's networks against the table and their layers written out; its game; its preset."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu
from zoo import REGISTRY, Pictures

from ganzoo import build
from ganzoo.errors import FitError
from ganzoo.interfaces import Env
from ganzoo.nn.filters import downsampled, upsampled
from ganzoo.plan import resolve
from ganzoo.training.trainer import Trainer
from ganzoo_r3gan.networks import GAIN, Block, R3Discriminator, R3Generator
from ganzoo_standard.losses import RelativisticPairing

ENV = Env((3, 32, 32))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _random(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def _pair(env: Env = ENV, **settings: Any) -> tuple[R3Generator, R3Discriminator]:
    torch.manual_seed(0)
    chosen = {"width": 4, "max_width": 16, "group_width": 4, **settings}
    return R3Generator(env, z_dim=5, **chosen).double(), R3Discriminator(env, **chosen).double()


def _woken(network: nn.Module) -> nn.Module:
    """Draw every parameter anew, of a size that lets no branch vanish."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network


# -- counts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resolution", "classes", "width", "max_width", "blocks", "generator", "discriminator"),
    [
        (32, 0, 768, 768, 2, 20_732_160, 20_683_776),
        (32, 10, 768, 768, 2, 20_781_952, 21_280_512),
        (64, 0, 384, 768, 2, 22_429_824, 22_381_440),
        (256, 0, 96, 768, 2, 23_057_952, 23_009_568),
        (32, 0, 64, 256, 1, 873_408, 857_280),
        (32, 0, 256, 256, 1, 1_368_832, 1_352_704),
        (32, 0, 16, 64, 1, 97_008, 92_976),
    ],
)
def test_the_networks_have_as_many_parameters_as_the_table(
    resolution: int,
    classes: int,
    width: int,
    max_width: int,
    blocks: int,
    generator: int,
    discriminator: int,
) -> None:
    env = Env.classes((3, resolution, resolution), classes)
    with torch.device("meta"):
        made = R3Generator(env, width=width, max_width=max_width, blocks=blocks)
        judge = R3Discriminator(env, width=width, max_width=max_width, blocks=blocks)
    assert (_count(made), _count(judge)) == (generator, discriminator)


@pytest.mark.parametrize(("preset", "counts"), [("paper", (20_732_160, 20_683_776))])
def test_the_paper_s_preset_is_the_row_for_cifar(preset: str, counts: tuple[int, int]) -> None:
    plan = resolve(REGISTRY, "r3gan", preset=preset)
    with torch.device("meta"):
        made = R3Generator(ENV, **plan.parts["generator"].settings)
        judge = R3Discriminator(ENV, **plan.parts["discriminator"].settings)
    assert (_count(made), _count(judge)) == counts


def test_groups_are_of_as_many_channels_as_told_and_at_most_all() -> None:
    def groups(width: int, group_width: int | None) -> int:
        return Block(width, group_width, 1).mix.groups

    assert [groups(64, 16), groups(8, 16), groups(4, 16)] == [8, 1, 1]
    assert [groups(12, 1), groups(12, None)] == [24, 1]
    with pytest.raises(FitError, match=r"24 inner channels .* whole number of groups of 16"):
        Block(12, 16, 1)


# -- the start --------------------------------------------------------------------------------


def test_a_block_begins_as_the_identity() -> None:
    maps = _random(2, 8, 4, 4)
    assert torch.equal(Block(8, 4, 3).double()(maps), maps)


@pytest.mark.parametrize("blocks", [1, 3])
def test_weights_are_drawn_as_large_as_the_depth_allows_and_biases_are_zero(blocks: int) -> None:
    torch.manual_seed(0)
    made = R3Generator(ENV, width=64, max_width=128, blocks=blocks)
    for stage in made.stages:
        assert len(stage) == blocks  # type: ignore[arg-type]
        for block in stage:  # type: ignore[attr-defined]
            for layer in (block.widen, block.mix):
                size = layer.weight.std().item() * layer.weight[0].numel() ** 0.5
                assert size == pytest.approx(GAIN * (4 * blocks) ** -0.25, rel=0.05)
                assert not layer.bias.any()
            assert not block.narrow.weight.any()
    assert made.linear.weight.std().item() == pytest.approx(1 / 8, rel=0.05)
    assert made.basis.std().item() == pytest.approx(1, rel=0.1)
    assert pytest.approx((2 / 1.04) ** 0.5) == GAIN


def test_vectors_of_classes_are_drawn_as_a_layer_of_one_hot_labels() -> None:
    torch.manual_seed(0)
    env = Env.classes((3, 32, 32), 9)
    made, judge = R3Generator(env, width=64), R3Discriminator(env, width=64)
    assert made.vectors is not None
    assert judge.vectors is not None
    assert made.vectors.weight.std().item() == pytest.approx(1 / 3, rel=0.1)
    assert judge.vectors.weight.shape == (9, 256)
    assert judge.vectors.weight.std().item() == pytest.approx(1 / 3 / 16, rel=0.1)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_generator_begins_as_linear_layers_and_blurs(classes: int) -> None:
    made, _ = _pair(Env.classes((3, 32, 32), classes))
    z, labels = _random(4, 5), torch.tensor([2, 0, 1, 2]) if classes else None
    seen = z if made.vectors is None else torch.cat([z, made.vectors.weight[labels]], 1)
    maps = torch.einsum("nz,cz,chw->nchw", seen, made.linear.weight, made.basis)
    for change in made.doublings:
        if not isinstance(change, nn.Identity):
            maps = torch.einsum("nchw,dc->ndhw", maps, change.weight[:, :, 0, 0])  # type: ignore[arg-type, index]
        maps = upsampled(maps)
    expected = torch.einsum("nchw,dc->ndhw", maps, made.colours.weight[:, :, 0, 0])
    torch.testing.assert_close(made(z, labels), expected, rtol=1e-12, atol=1e-12)


# -- networks ---------------------------------------------------------------------------------


def _blocked(maps: Tensor, stage: Any) -> Tensor:
    for block in stage:
        hidden = leaky_relu(conv2d(maps, block.widen.weight, block.widen.bias), 0.2)
        groups = hidden.shape[1] // block.mix.weight.shape[1]
        hidden = conv2d(hidden, block.mix.weight, block.mix.bias, padding=1, groups=groups)
        maps = maps + conv2d(leaky_relu(hidden, 0.2), block.narrow.weight)
    return maps


def _changed(maps: Tensor, change: Any) -> Tensor:
    return maps if isinstance(change, nn.Identity) else conv2d(maps, change.weight)


@pytest.mark.parametrize("classes", [0, 3])
def test_both_networks_equal_their_layers_written_out(classes: int) -> None:
    made, judge = _pair(Env.classes((3, 32, 32), classes), blocks=2)
    _woken(made)
    _woken(judge)
    z, labels = _random(4, 5), torch.tensor([2, 0, 1, 2]) if classes else None
    seen = z if made.vectors is None else torch.cat([z, made.vectors.weight[labels]], 1)
    maps = _blocked((seen @ made.linear.weight.T)[:, :, None, None] * made.basis, made.stages[0])
    for change, stage in zip(made.doublings, list(made.stages)[1:], strict=True):
        maps = _blocked(upsampled(_changed(maps, change)), stage)
    images = conv2d(maps, made.colours.weight)
    torch.testing.assert_close(made(z, labels), images)

    maps = _blocked(conv2d(images, judge.colours.weight), judge.stages[0])
    for change, stage in zip(judge.halvings, list(judge.stages)[1:], strict=True):
        maps = _blocked(_changed(downsampled(maps), change), stage)
    pooled = conv2d(maps, judge.basis[:, None], groups=maps.shape[1]).flatten(1)
    features = pooled @ judge.linear.weight.T
    logits = features[:, 0]
    if judge.vectors is not None:
        logits = (features * judge.vectors.weight[labels]).sum(1)
    torch.testing.assert_close(judge(images, labels), logits)


@pytest.mark.parametrize("resolution", [32, 64, 128, 256])
def test_maps_double_from_4_px_and_halve_to_4_px(resolution: int) -> None:
    made, judge = _pair(Env((3, resolution, resolution)), width=2, max_width=4)
    seen: list[int] = []
    for stage in (*made.stages, *judge.stages):
        stage.register_forward_hook(lambda _, __, out: seen.append(out.shape[-1]))
    judge(made(_random(1, 5)))
    half = len(seen) // 2
    assert seen[:half] == seen[half:][::-1]
    assert (seen[0], seen[half - 1]) == (4, resolution)
    assert all(larger == 2 * smaller for smaller, larger in pairwise(seen[:half]))


# -- the game ---------------------------------------------------------------------------------


def test_where_real_and_fake_are_the_same_images_the_loss_is_ln_2_and_teaches_nothing() -> None:
    _, judge = _pair()
    _woken(judge)
    images, loss = _random(4, 3, 32, 32), RelativisticPairing(ENV)
    value = loss.discriminator(judge(images), judge(images)).mean()
    value.backward()

    assert value.item() == pytest.approx(torch.tensor(2.0).double().log().item(), abs=1e-15)
    assert all(p.grad is not None and p.grad.abs().max() < 1e-12 for p in judge.parameters())


def test_a_constant_added_to_all_logits_leaves_both_losses() -> None:
    real, fake, loss = _random(16), _random(4, 4).flatten(), RelativisticPairing(ENV)
    for value in (loss.discriminator, loss.generator):
        torch.testing.assert_close(
            value(real + 7, fake + 7), value(real, fake), rtol=0, atol=1e-12
        )


def test_a_run_anneals_rates_moments_and_the_average_to_its_own_end() -> None:
    sets = ["generator.width=2", "discriminator.width=2", "training.batch_size=4"]
    sets += ["schedule.cosine.penalty=0.1"]
    plan = resolve(REGISTRY, "r3gan", sets=sets)
    data = Pictures(32)
    built = build.outline(plan, REGISTRY, {"dataset": data})
    trainer = Trainer(built.with_data(data), torch.device("cpu"), total_nimg=16)
    found = []
    for _ in range(5):
        trainer.play_step()
        group = trainer.optimizers["generator"].param_groups[0]
        rate = group["lr"] / plan.optimizers["generator"].learning_rate
        weights = [trainer.weights[name] for name in ("r1", "r2")]
        found.append([rate, group["betas"][1], trainer.average.halflife_kimg, *weights])

    assert found[0] == pytest.approx([1.0, 0.9, 0.0, 1.0, 1.0])
    assert found[2] == pytest.approx([0.55, 0.945, 5.0, 0.55, 0.55])
    assert found[4] == pytest.approx([0.1, 0.99, 10.0, 0.1, 0.1])


def test_where_the_average_has_no_half_life_yet_it_is_a_copy() -> None:
    sets = ["generator.width=2", "discriminator.width=2", "training.batch_size=4"]
    data = Pictures(32)
    built = build.outline(resolve(REGISTRY, "r3gan", sets=sets), REGISTRY, {"dataset": data})
    trainer = Trainer(built.with_data(data), torch.device("cpu"), total_nimg=16)
    trainer.play_step()
    pairs = zip(
        trainer.average.network.parameters(),
        trainer.networks["generator"].parameters(),
        strict=True,
    )
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
