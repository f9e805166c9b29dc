"""Networks that attend to themselves: counts, places, and spectral norm in both."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from zoo import REGISTRY, Pictures

from ganzoo import build
from ganzoo.errors import FitError
from ganzoo.interfaces import BOUNDED, Env
from ganzoo.nn.attention import SelfAttention
from ganzoo.nn.conditioning import ConditionalBatchNorm2d
from ganzoo.plan import resolve
from ganzoo.training.trainer import Trainer
from ganzoo_sagan.networks import SAGANDiscriminator, SAGANGenerator

LAYERS = (nn.Conv2d, nn.Linear, nn.Embedding)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _env(resolution: int, classes: int = 0) -> Env:
    return Env.classes((3, resolution, resolution), classes)


def _attending(network: nn.Module, *inputs: Tensor) -> list[tuple[int, int]]:
    """Return side and channels of every map that attends."""
    seen: list[tuple[int, int]] = []
    for layer in network.modules():
        if isinstance(layer, SelfAttention):
            layer.register_forward_hook(
                lambda _, __, out: seen.append((out.shape[3], out.shape[1]))
            )
    network(*inputs)
    return seen


@pytest.mark.parametrize(
    ("resolution", "classes", "generator", "discriminator"),
    [(32, 10, 4_386_308, 1_075_586), (128, 1000, 42_078_852, 30_062_338)],
)
def test_the_networks_have_as_many_parameters_as_the_reference(
    resolution: int, classes: int, generator: int, discriminator: int
) -> None:
    env = _env(resolution, classes)
    with torch.device("meta"):
        assert _count(SAGANGenerator(env)) == generator
        assert _count(SAGANDiscriminator(env)) == discriminator


@pytest.mark.parametrize(
    ("resolution", "generator", "discriminator"),
    [
        (28, (14, 8), (14, 8)),
        (32, (16, 8), (8, 8)),
        (64, (32, 16), (32, 8)),
        (128, (32, 32), (32, 16)),
    ],
)
def test_one_map_of_each_attends_as_in_the_reference(
    resolution: int, generator: tuple[int, int], discriminator: tuple[int, int]
) -> None:
    env = _env(resolution)
    made = SAGANGenerator(env, width=8, z_dim=3)
    judge = SAGANDiscriminator(env, width=8)
    assert _attending(made, torch.zeros(2, 3)) == [generator]
    assert _attending(judge, torch.zeros(2, *env.image_shape)) == [discriminator]


def test_another_map_may_attend() -> None:
    env = _env(32)
    for side in (4, 8, 16, 32):
        made = SAGANGenerator(env, width=2, z_dim=3, attention=side)
        assert _attending(made, torch.zeros(2, 3)) == [(side, 2)]
    judge = SAGANDiscriminator(env, width=2, attention=16)  # as in StudioGAN
    assert _attending(judge, torch.zeros(2, *env.image_shape)) == [(16, 2)]


def test_a_map_that_is_not_there_or_odd_is_refused_with_those_that_are() -> None:
    with pytest.raises(FitError, match=r"generator\.attention=20: .* even sides are 4, 8, 16, 32"):
        SAGANGenerator(_env(32), attention=20)
    with pytest.raises(FitError, match=r"discriminator\.attention=7: .* even sides are 14$"):
        SAGANDiscriminator(_env(28), attention=7)


def test_every_layer_of_both_is_bounded_but_for_classes_in_norms() -> None:
    env = _env(32, 3)
    made, judge = SAGANGenerator(env, width=2, z_dim=3), SAGANDiscriminator(env, width=2)
    free: set[nn.Module] = set()
    for norm in made.modules():
        free |= set(norm.children()) if isinstance(norm, ConditionalBatchNorm2d) else set()
    assert sum(isinstance(each, nn.Embedding) for each in free) == 2 * 2 * 3
    for network in (made, judge):
        layers = [m for m in network.modules() if isinstance(m, LAYERS)]
        assert all(hasattr(m, "parametrizations") == (m not in free) for m in layers)
    assert isinstance(judge.head.vectors, nn.Embedding)
    assert judge.bounds_slope == BOUNDED
    assert not any(isinstance(m, nn.BatchNorm2d) for m in judge.modules())


def test_after_some_passes_no_layer_stretches() -> None:
    torch.manual_seed(0)
    env = _env(28, 3)
    made, judge = SAGANGenerator(env, width=8, z_dim=5), SAGANDiscriminator(env, width=8)
    labels = torch.tensor([0, 1])
    with torch.no_grad():
        for _ in range(50):
            judge(made(torch.zeros(2, 5), labels), labels)
    assert all(largest == pytest.approx(1, abs=0.01) for largest in _stretches(made))
    assert all(largest == pytest.approx(1, abs=0.01) for largest in _stretches(judge))


def _stretches(network: nn.Module) -> list[float]:
    """Return the largest singular value of every weight that is used in evaluation."""
    still = copy.deepcopy(network).eval()
    return [
        torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item()
        for layer in still.modules()
        if isinstance(layer, LAYERS) and hasattr(layer, "parametrizations")
    ]


def test_the_averaged_generator_is_nearly_as_bounded_as_the_one_that_learns() -> None:
    # the average has weights of its own and the other's singular vectors; where both still point
    # the same way, the estimate is short of the largest singular value by little, never above it
    torch.manual_seed(0)
    sets = ["training.batch_size=8", "generator.width=8", "discriminator.width=8"]
    plan = resolve(REGISTRY, "sagan", sets=[*sets, "training.ema_halflife_kimg=0.2"])
    built = build.outline(plan, REGISTRY, {"dataset": Pictures(32)})
    trainer = Trainer(built.with_data(Pictures(32)), torch.device("cpu"))
    for _ in range(30):
        trainer.play_step()
    ours, theirs = trainer.average.network, trainer.networks["generator"]
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)
    assert all(0.99 < largest < 1.1 for largest in _stretches(ours))
    assert all(0.99 < largest < 1.1 for largest in _stretches(theirs))


def test_the_discriminator_sums_places_and_adds_the_projection_of_the_class() -> None:
    torch.manual_seed(0)
    judge = SAGANDiscriminator(_env(28, 3), width=4).double().eval()
    judge.attention.gamma.data.fill_(0.5)
    images = torch.randn(2, 3, 28, 28, dtype=torch.float64)
    zeros, ones = torch.zeros(2).long(), torch.ones(2).long()
    features = relu(judge.after(judge.attention(judge.before(images)))).sum((2, 3))
    vectors = judge.head.vectors
    assert isinstance(vectors, nn.Embedding)
    expected = features @ (vectors.weight[0] - vectors.weight[1])
    torch.testing.assert_close(judge(images, zeros) - judge(images, ones), expected)
    real = features @ judge.head.linear.weight[0] + judge.head.linear.bias
    torch.testing.assert_close(judge(images, ones) - features @ vectors.weight[1], real)


def test_attention_at_rest_leaves_the_residual_network() -> None:
    env = _env(32)
    made = SAGANGenerator(env, width=4, z_dim=3).eval()
    z, images = torch.randn(2, 3), []
    for gamma in (0.0, 0.5):
        made.attention.gamma.data.fill_(gamma)
        images.append(made(z))
    made.attention = nn.Identity()  # type: ignore[assignment]
    assert torch.equal(made(z), images[0])
    assert not torch.equal(made(z), images[1])


def test_the_preset_paper_is_the_papers() -> None:
    plan = resolve(REGISTRY, "sagan", preset="paper")
    rates = [plan.optimizers[role].learning_rate for role in ("generator", "discriminator")]
    assert rates == [1e-4, 4e-4]
    assert (plan.training.batch_size, plan.training.resolution) == (256, 128)
    assert plan.training.kimg * 1000 == 256 * 1_000_000
    assert plan.parts["loss"].name == "hinge"
    assert "schedule.decay" not in plan.parts
