"""Penalties against closed forms, on discriminators whose slope is known, through a real play."""

from typing import Any
from unittest.mock import Mock

import pluggy
import pytest
import tiny
import torch
from torch import Tensor, nn

from ganzoo.algorithm import D, Draw, G, Phase, Play, RunView, Term
from ganzoo.hookspecs import RunHooks
from ganzoo.interfaces import Env, Regularizer
from ganzoo.training.skeleton import digest
from ganzoo.training.trainer import Trainer
from ganzoo_standard.regularizers import R1, R2, Dragan, Drift, GradientPenalty, LeCam, WeightClip

ENV = Env((1, 2, 2))
PIXELS = 4


class _Linear(nn.Module):
    """D(x) = w.x, whose slope is w everywhere."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return images.flatten(1) @ self.weight


class _Quadratic(nn.Module):
    """D(x) = x'Ax / 2 with symmetric A, whose slope is Ax."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(matrix + matrix.T)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        flat = images.flatten(1)
        return 0.5 * torch.einsum("ni,ij,nj->n", flat, self.matrix, flat)


class _Pair(nn.Module):
    """A generator that gives the images it was made with."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = nn.Parameter(images)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.images * 1


def _random(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def _play(part: Regularizer, judge: nn.Module, real: Tensor, fake: Tensor | None = None) -> Play:
    maker = _Pair(-real if fake is None else fake)
    draw = Draw(maker, real, None, torch.zeros(len(real), 1, dtype=real.dtype))
    term = Term("penalty", part.penalty, input_grads=part.input_grads)
    phase = Phase(D, (D,), (term,), new_batch=True, shares_fakes=True)
    return Play(phase, draw, {G: maker, D: judge}, wants=frozenset(part.input_grads))


def _same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def _images(n: int = 3) -> Tensor:
    return _random(n, 1, 2, 2)


@pytest.mark.parametrize("cls", [R1, R2])
def test_half_the_squared_slope_of_a_linear_discriminator_is_that_of_its_weight(
    cls: type[R1 | R2],
) -> None:
    weight = _random(PIXELS)
    part = cls(ENV)
    found = part.penalty(_play(part, _Linear(weight), _images()))
    _same(found, (0.5 * weight.square().sum()).expand(3))


@pytest.mark.parametrize("cls", [R1, R2])
def test_value_and_weight_gradient_hold_on_a_quadratic_discriminator(
    cls: type[R1 | R2],
) -> None:
    judge, real, fake = _Quadratic(_random(PIXELS, PIXELS)), _images(), _images(3) + 1
    part = cls(ENV)
    found = part.penalty(_play(part, judge, real, fake))
    at = (real if cls is R1 else fake).flatten(1)
    slope = at @ judge.matrix.detach()
    _same(found, 0.5 * slope.square().sum(1))
    (grad,) = torch.autograd.grad(found.mean(), judge.matrix)
    # d |Ax|^2 / 2 over the symmetric part of A is the symmetric part of A x x'; autograd, for
    # which A is no symmetric matrix, gives a gradient with that symmetric part
    outer = judge.matrix.detach() @ (at.T @ at) / len(at)
    _same(grad + grad.T, outer + outer.T)


@pytest.mark.parametrize("target", [1.0, 3.0])
def test_the_gradient_penalty_of_a_linear_discriminator_is_that_of_its_weight(
    target: float,
) -> None:
    weight = _random(PIXELS)
    part = GradientPenalty(ENV, target=target)
    found = part.penalty(_play(part, _Linear(weight), _images()))
    expected = (weight.norm() - target).square() / target**2
    _same(found, expected.expand(3))


def test_dragan_of_a_linear_discriminator_is_that_of_its_weight() -> None:
    weight = _random(PIXELS)
    part = Dragan(ENV)
    found = part.penalty(_play(part, _Linear(weight), _images()))
    _same(found, (weight.norm() - 1).square().expand(3))


def test_dragan_looks_a_little_beside_real_images_and_never_at_fakes() -> None:
    seen: list[Tensor] = []
    judge = _Linear(torch.ones(PIXELS, dtype=torch.float64))
    judge.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    part, real = Dragan(ENV), _images(64)
    play = _play(part, judge, real, real + 100)
    part.penalty(play)
    noise = (seen[0] - real).flatten(1)
    assert len(seen) == 1
    assert ((noise >= 0) & (noise <= 0.5 * real.std())).all()
    assert len(set(noise.flatten().tolist())) == noise.numel()


@pytest.mark.parametrize(
    "part", [GradientPenalty(ENV), Dragan(ENV)], ids=lambda part: type(part).__name__
)
def test_value_and_weight_gradient_of_a_penalty_on_length_hold_on_a_quadratic_discriminator(
    part: Regularizer,
) -> None:
    judge, real = _Quadratic(_random(PIXELS, PIXELS)), _images()
    seen: list[Tensor] = []
    judge.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    found = part.penalty(_play(part, judge, real))
    at, matrix = seen[-1].flatten(1), judge.matrix.detach()
    slopes = at @ matrix
    lengths = slopes.norm(dim=1, keepdim=True)
    _same(found, (lengths - 1).square().squeeze(1))
    (grad,) = torch.autograd.grad(found.mean(), judge.matrix)
    outer = (2 * (lengths - 1) / lengths * slopes).T @ at / len(at)  # d (|Ax| - 1)^2 / dA
    _same(grad + grad.T, outer + outer.T)


def test_the_gradient_penalty_pulls_the_weight_of_a_linear_discriminator_to_length_one() -> None:
    weight = _random(PIXELS)
    judge, part = _Linear(weight), GradientPenalty(ENV)
    value = part.penalty(_play(part, judge, _images())).mean()
    (grad,) = torch.autograd.grad(value, judge.weight)
    expected = 2 * (weight.norm() - 1) * weight / weight.norm()
    _same(grad, expected)


def test_the_gradient_penalty_looks_between_a_real_image_and_its_fake() -> None:
    seen: list[Tensor] = []
    judge = _Linear(torch.ones(PIXELS, dtype=torch.float64))
    judge.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    real, fake = torch.zeros(64, 1, 2, 2).double(), torch.ones(64, 1, 2, 2).double()
    part = GradientPenalty(ENV)
    part.penalty(_play(part, judge, real, fake))
    share = seen[0].flatten(1)
    assert (share == share[:, :1]).all()
    assert len(set(share[:, 0].tolist())) == 64
    assert ((share >= 0) & (share <= 1)).all()


@pytest.mark.parametrize("cls", [R1, R2, GradientPenalty, Dragan])
def test_a_dead_discriminator_has_a_finite_penalty_and_gradient(
    cls: type[R1 | R2 | GradientPenalty | Dragan],
) -> None:
    judge, part = _Linear(torch.zeros(PIXELS, dtype=torch.float64)), cls(ENV)
    found = part.penalty(_play(part, judge, _images()))
    (grad,) = torch.autograd.grad(found.mean(), judge.weight)
    assert found.isfinite().all()
    assert grad.isfinite().all()


@pytest.mark.parametrize("cls", [R1, R2, GradientPenalty, Dragan])
def test_a_slope_penalty_moves_the_discriminator_and_never_the_generator(
    cls: type[R1 | R2 | GradientPenalty | Dragan],
) -> None:
    judge, part = _Quadratic(_random(PIXELS, PIXELS)), cls(ENV)
    play = _play(part, judge, _images())
    players = [judge.matrix, *play.networks[G].parameters()]
    value = part.penalty(play).mean()
    moved, *others = torch.autograd.grad(value, players, allow_unused=True)
    assert moved.abs().sum() > 0
    assert others == [None]


def test_r1_is_taken_at_the_image_before_its_augmentation() -> None:
    weight = _random(PIXELS)
    part = R1(ENV)
    play = _play(part, _Linear(weight), _images())
    play.augment = lambda images: 3 * images
    expected = 0.5 * (3 * weight).square().sum()
    _same(part.penalty(play), expected.expand(3))


def test_drift_is_the_square_of_each_real_logit() -> None:
    weight, real = _random(PIXELS), _images()
    part = Drift(ENV)
    found = part.penalty(_play(part, _Linear(weight), real))
    _same(found, (real.flatten(1) @ weight).square())


def _moved(part: LeCam, judge: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Let the discriminator make one move, and return what it paid."""
    play = _play(part, judge, real, fake)
    paid = part.penalty(play)
    part.phase_end(Mock(spec=RunView), play.phase, play)
    return paid


def test_lecam_holds_logits_near_the_past_average_of_the_other_kind() -> None:
    judge, part = _Linear(torch.ones(PIXELS, dtype=torch.float64)), LeCam(ENV, decay=0.75)
    ones = torch.ones(2, 1, 2, 2, dtype=torch.float64)  # whose logits are 4
    assert _moved(part, judge, ones, -ones).item() == 0.0  # nothing is past yet
    paid = _moved(part, judge, 2 * ones, 0 * ones)
    # real logits are 8 and were -4 for fakes; fake logits are 0 and were 4 for real images
    _same(paid, torch.tensor((8.0 + 4) ** 2 + (4.0 - 0) ** 2, dtype=torch.float64))
    averages = part.state_dict()["averages"]
    _same(averages, torch.tensor([0.75 * 4 + 0.25 * 8, 0.75 * -4], dtype=torch.float64))
    # logits beyond the other average cost nothing
    assert _moved(part, judge, -9 * ones, 9 * ones).item() == 0.0


def test_lecam_goes_on_from_its_state_and_ignores_the_generators_move() -> None:
    judge, part = _Linear(torch.ones(PIXELS, dtype=torch.float64)), LeCam(ENV)
    assert part.state_dict() == {"averages": None}
    _moved(part, judge, _images(), _images())
    other = LeCam(ENV)
    other.load_state_dict(part.state_dict())
    play = _play(part, judge, _images(), _images() + 1)
    _same(other.penalty(play), part.penalty(play))
    before = part.state_dict()["averages"].clone()
    part.phase_end(Mock(spec=RunView), Phase(G, (G,), (), frozen=(D,)), play)
    assert torch.equal(part.state_dict()["averages"], before)


def test_the_clip_costs_nothing_and_holds_every_weight_after_the_discriminators_move() -> None:
    judge, part = _Linear(torch.tensor([-1.0, -0.005, 0.002, 3.0])), WeightClip(ENV)
    play = _play(part, judge, _images().float())
    assert part.penalty(play).item() == 0.0
    hooks = pluggy.PluginManager("ganzoo")
    hooks.add_hookspecs(RunHooks)
    hooks.register(part)
    run = Mock(spec=RunView, network={D: judge}.__getitem__)
    hooks.hook.phase_end(run=run, phase=play.phase, play=play)
    limit = torch.tensor(0.01)
    expected = torch.stack([-limit, torch.tensor(-0.005), torch.tensor(0.002), limit])
    torch.testing.assert_close(judge.weight.detach(), expected, rtol=0, atol=0)


def test_the_clip_leaves_the_generators_move_alone() -> None:
    judge, part = _Linear(torch.ones(PIXELS)), WeightClip(ENV)
    play = _play(part, judge, _images().float())
    run = Mock(spec=RunView, network={D: judge}.__getitem__)
    part.phase_end(run, Phase(G, (G,), (), frozen=(D,)), play)
    assert judge.weight.tolist() == [1.0] * PIXELS


@pytest.mark.parametrize("cls", [R1, R2, GradientPenalty, Dragan, Drift, LeCam])
def test_a_weight_of_zero_leaves_a_step_as_it_is_without_the_part(cls: Any) -> None:
    def end(**parts: Regularizer) -> str:
        trainer = Trainer(tiny.experiment(regularizers=parts), torch.device("cpu"))
        torch.manual_seed(3)  # some penalties draw from it, whose state is part of the run's
        for _ in range(3):
            trainer.play_step()
        state = trainer.state_dict()
        del state["clock"], state["extra"]["parts"]
        return digest(state)

    env = Env(tiny.SHAPE)
    assert end(part=cls(env, weight=0.0)) == end()
    assert end(part=cls(env, weight=0.01)) != end()


def test_parts_say_where_they_bound_the_slope() -> None:
    both = {"real", "fake"}
    assert (R1.bounds_slope, R2.bounds_slope) == ({"real"}, {"fake"})
    assert GradientPenalty.bounds_slope == WeightClip.bounds_slope == both
    assert Dragan.bounds_slope == {"real"}
    assert Drift.bounds_slope == LeCam.bounds_slope == set()


def test_only_penalties_on_a_slope_need_a_second_derivative_and_judgment_of_one_image() -> None:
    slopes = [R1, R2, GradientPenalty, Dragan]
    assert all(cls.second_order and cls.per_sample for cls in slopes)
    assert not any(cls.second_order or cls.per_sample for cls in (Drift, LeCam, WeightClip))
