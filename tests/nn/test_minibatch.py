"""How close an image is to the others of its batch, and every discriminator that can be told."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from zoo import DISCRIMINATORS, REGISTRY, Pictures, named, small

from ganzoo import build
from ganzoo.interfaces import BOUNDED, Env
from ganzoo.nn.minibatch import DIMENSIONS, MinibatchDiscrimination
from ganzoo.nn.spectral import spectrally_normalize
from ganzoo.options import schema
from ganzoo.plan import resolve
from ganzoo.registry import Entry
from ganzoo.training.skeleton import pack, unpack
from ganzoo.training.trainer import Trainer
from ganzoo_cgan.networks import AuxiliaryClassifierDiscriminator
from ganzoo_dcgan.networks import DCGANDiscriminator
from ganzoo_sngan.networks import ResNetDiscriminator

JUDGES = [e for e in DISCRIMINATORS if "minibatch" in schema(REGISTRY.load(e))]


def _random(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def _layer(width: int = 7, kernels: int = 3) -> MinibatchDiscrimination:
    torch.manual_seed(0)
    return MinibatchDiscrimination(width, kernels).double()


def _closeness(layer: MinibatchDiscrimination, features: Tensor) -> Tensor:
    """Return what was appended [n, kernels], and see that the features come first."""
    out: Tensor = layer(features)
    assert torch.equal(out[:, : features.shape[1]], features)
    return out[:, features.shape[1] :]


def test_closeness_is_the_mean_over_the_others_of_the_formula_written_out() -> None:
    layer, features = _layer(), _random(5, 7)
    assert layer.linear is not None
    kernels = layer.linear.weight.T.reshape(7, 3, DIMENSIONS)
    expected = torch.zeros(5, 3, dtype=torch.float64)
    for i in range(5):
        for b in range(3):
            for j in set(range(5)) - {i}:
                distance = ((features[i] - features[j]) @ kernels[:, b]).abs().sum()
                expected[i, b] += torch.exp(-distance) / 4

    found = _closeness(layer, features)

    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_the_order_of_the_images_is_only_that_of_the_answers() -> None:
    layer, features = _layer(), _random(6, 7)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(layer(features[order]), layer(features)[order], rtol=1e-12, atol=0)


def test_an_image_alone_is_close_to_nobody() -> None:
    assert torch.equal(_closeness(_layer(), _random(1, 7)), torch.zeros(1, 3).double())


@pytest.mark.parametrize("count", [2, 3, 64])
def test_images_all_alike_are_as_close_as_can_be_whatever_their_number(count: int) -> None:
    found = _closeness(_layer(), _random(1, 7).expand(count, -1))
    torch.testing.assert_close(found, torch.ones(count, 3).double(), rtol=1e-12, atol=0)


def test_images_far_apart_are_not_close_and_a_twin_is_noticed() -> None:
    layer, features = _layer(), 100 * _random(9, 7)
    assert _closeness(layer, features).max() < 1e-6
    twins = torch.cat([features, features[:1]])
    found = _closeness(layer, twins)
    torch.testing.assert_close(found[[0, 9]], torch.full((2, 3), 1 / 9).double())
    assert found[1:9].max() < 1e-6


@pytest.mark.parametrize("width", [16, 128, 4096])
def test_features_of_size_one_begin_about_four_apart_whatever_their_number(width: int) -> None:
    """E|x| of a normal variable is the root of 2 / pi, and a distance is the sum of five."""
    torch.manual_seed(0)
    layer, features = MinibatchDiscrimination(width, 400), torch.randn(2, width)
    apart = features * (2 / (features[0] - features[1]).square().mean()) ** 0.5
    assert layer.linear is not None
    one, two = layer.linear(apart).unflatten(1, (400, DIMENSIONS))
    expected = DIMENSIONS * (2 / torch.pi) ** 0.5 * 2**0.5
    assert (one - two).abs().sum(1).mean().item() == pytest.approx(expected, rel=0.05)


def test_slopes_and_slopes_of_slopes_are_those_of_finite_differences() -> None:
    layer, features = _layer(4, 2), _random(3, 4).requires_grad_()
    weight = layer.linear.weight if layer.linear is not None else features

    def answer(inputs: Tensor, kernels: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(layer, {"linear.weight": kernels}, (inputs,))
        return out

    assert torch.autograd.gradcheck(answer, (features, weight))
    assert torch.autograd.gradgradcheck(answer, (features, weight))


def test_twins_have_finite_slopes_to_the_second_order() -> None:
    layer, features = _layer(), _random(1, 7).repeat(4, 1).requires_grad_()
    (slope,) = torch.autograd.grad(layer(features).sum(), features, create_graph=True)
    slope.square().sum().backward()
    assert slope.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


def test_close_images_are_told_apart_in_float32_under_bfloat16() -> None:
    """The features lie 1000 from 0 and 2 apart, which eight bits cannot tell."""
    torch.manual_seed(0)
    layer = MinibatchDiscrimination(16, 4)
    features = 1000 + 2 * torch.rand(8, 16)
    plain = _closeness(layer, features)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(features)
        narrow = layer(features.bfloat16())
    assert torch.equal(found[:, 16:], plain)
    assert narrow.dtype == torch.bfloat16
    assert narrow.isfinite().all()


def test_no_kernels_are_no_layer() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    layer, features = MinibatchDiscrimination(7, 0), _random(3, 7)
    assert torch.equal(torch.get_rng_state(), before)
    assert (layer.added, layer.state_dict()) == (0, {})
    assert layer(features) is features


def test_spectral_norm_bounds_the_slope_of_what_is_appended_too() -> None:
    """A logit w [f, o] with |w| = 1 has a slope of at most 1 + 2 sqrt(5), batch mates included."""
    for scale in (0.01, 1.0, 100.0):
        made = nn.Sequential(MinibatchDiscrimination(9, 4), nn.Linear(13, 1, bias=False)).double()
        with torch.no_grad():
            for weight in made.parameters():
                weight.mul_(30)
        spectrally_normalize(made)
        for _ in range(50):
            made(torch.zeros(2, 9, dtype=torch.float64))
        features = (scale * _random(20, 9)).requires_grad_()
        (slope,) = torch.autograd.grad(made(features).sum(), features)
        assert slope.norm(dim=1).max().item() <= 1 + 2 * DIMENSIONS**0.5 + 1e-6


@pytest.mark.parametrize("cls", [DCGANDiscriminator, ResNetDiscriminator])
def test_networks_of_spectral_norm_bound_the_kernels_and_keep_their_promise(cls: Any) -> None:
    judge = cls(Env((1, 32, 32)), width=2, norm="spectral", minibatch=3)
    assert judge.bounds_slope == BOUNDED
    assert sum(name.endswith("weight") for name, _ in judge.named_parameters()) == 0
    kernels = [m for m in judge.modules() if isinstance(m, MinibatchDiscrimination)]
    assert [hasattr(each.linear, "parametrizations") for each in kernels] == [True]


@pytest.mark.parametrize("entry", JUDGES, ids=named)
def test_it_is_off_unless_asked_for_and_then_adds_only_its_kernels(entry: Entry) -> None:
    env = Env.classes((1, 32, 32) if 32 in entry.component.sizes else (1, 28, 28), 3)
    plain, off, on = (
        small(entry, env),
        small(entry, env, minibatch=0),
        small(entry, env, minibatch=3),
    )

    assert list(off.state_dict()) == list(plain.state_dict())
    assert all(
        torch.equal(a, b) for a, b in zip(plain.parameters(), off.parameters(), strict=True)
    )
    assert not any("minibatch" in name for name in plain.state_dict())
    assert not any(m.added for m in plain.modules() if isinstance(m, MinibatchDiscrimination))
    assert [m.added for m in on.modules() if isinstance(m, MinibatchDiscrimination)] == [3]
    grown = len(list(on.parameters())) - len(list(plain.parameters()))
    assert grown == 1


@pytest.mark.parametrize("entry", JUDGES, ids=named)
def test_only_a_network_that_compares_images_says_so(entry: Entry) -> None:
    env = Env((1, 32, 32) if 32 in entry.component.sizes else (1, 28, 28))
    settings = {"norm": "none"} if entry.name == "dcgan" else {}
    compares = entry.name in {"progan", "stylegan"}  # by minibatch stddev, always
    assert getattr(small(entry, env, **settings), "mixes_samples", False) == compares
    assert small(entry, env, minibatch=1, **settings).mixes_samples is True


def test_a_class_is_named_by_the_image_alone() -> None:
    torch.manual_seed(0)
    judge = AuxiliaryClassifierDiscriminator(Env.classes((1, 32, 32), 3), width=2, minibatch=3)
    images = torch.randn(4, 1, 32, 32)
    together, alone = judge(images), judge(images[:1])
    torch.testing.assert_close(together["class_logits"][:1], alone["class_logits"])
    assert (together["logits"][:1] - alone["logits"]).abs().max() > 1e-4


def test_micro_batches_are_said_to_change_its_answers() -> None:
    sets = ["discriminator.minibatch=2", "training.batch_size=8", "training.micro_batch_size=4"]
    plan = resolve(REGISTRY, "gan", sets=sets)
    built = build.outline(plan, REGISTRY, {"dataset": Pictures()})
    said = [note for note in built.notes if "micro-batches" in note]
    assert said == ["discriminator (gan/mlp) mixes images, so micro-batches change its answers"]


@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_a_run_with_it_trains_under_r1_and_resumes_exactly(norm: str) -> None:
    whole, first, second = (_trainer(norm) for _ in range(3))
    for trainer, steps in ((whole, 4), (first, 2)):
        torch.manual_seed(0)
        for _ in range(steps):
            trainer.play_step()
    second.load_state_dict(unpack(*pack(first.state_dict(), "state")))
    for _ in range(2):
        second.play_step()

    ends, start = _kernels(whole), _kernels(_trainer(norm))
    assert torch.equal(_kernels(second), ends)
    assert not torch.equal(ends, start)


def _trainer(norm: str) -> Trainer:
    sets = [f"discriminator.norm={norm}", "discriminator.minibatch=3", "training.batch_size=4"]
    sets += [f"{player}.width=2" for player in ("generator", "discriminator")]
    data = Pictures(32)
    plan = resolve(REGISTRY, "dcgan", sets=sets, add={"regularizer": ["none", "r1"]})
    built = build.outline(plan, REGISTRY, {"dataset": data})
    return Trainer(built.with_data(data), torch.device("cpu"))


def _kernels(trainer: Trainer) -> Tensor:
    state = trainer.networks["discriminator"].state_dict()
    (name,) = (
        name for name in state if "linear" in name and name.endswith(("weight", "original"))
    )
    kernels: Tensor = state[name]
    return kernels
