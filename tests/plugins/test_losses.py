"""What each player minimizes, against values worked out by hand and signs that make it a game."""

import math

import pytest
import torch

from ganzoo.errors import FitError
from ganzoo.interfaces import Env, Loss
from ganzoo_standard.losses import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticAverage,
    RelativisticAverageHinge,
    RelativisticPairing,
    Wasserstein,
)

ENV = Env((1, 32, 32))
REAL = torch.tensor([2.0, 0.5, -1.0, 0.0], dtype=torch.float64)
FAKE = torch.tensor([-1.0, 0.0, 2.0, -0.5], dtype=torch.float64)
GOLD = {
    Minimax: (1.553706931651, -0.901853465825),
    NonSaturating: (1.553706931651, 0.776853465825),
    LeastSquares: (1.4375, 1.03125),
    Hinge: (2.0, -0.125),
    Wasserstein: (-0.25, -0.125),
    RelativisticPairing: (1.011332167877, 1.261332167877),
    RelativisticAverage: (1.432818156361, 1.932818156361),
    RelativisticAverageHinge: (1.8125, 2.6875),
}
AT_ZERO = {
    Minimax: (2 * math.log(2), -math.log(2)),
    NonSaturating: (2 * math.log(2), math.log(2)),
    LeastSquares: (0.5, 0.5),
    Hinge: (2.0, 0.0),
    Wasserstein: (0.0, 0.0),
    RelativisticPairing: (math.log(2), math.log(2)),
    RelativisticAverage: (2 * math.log(2), 2 * math.log(2)),
    RelativisticAverageHinge: (2.0, 2.0),
}
RELATIVISTIC = [cls for cls in GOLD if cls.paired]


@pytest.fixture(params=list(GOLD), ids=lambda cls: cls.__name__)
def loss(request: pytest.FixtureRequest) -> Loss:
    made: Loss = request.param(ENV)
    return made


def test_a_loss_has_the_values_worked_out_by_hand(loss: Loss) -> None:
    judge, fool = GOLD[type(loss)]
    assert loss.discriminator(REAL, FAKE).mean().item() == pytest.approx(judge, abs=1e-10)
    assert loss.generator(FAKE, REAL).mean().item() == pytest.approx(fool, abs=1e-10)


def test_a_loss_in_float32_agrees_to_six_digits(loss: Loss) -> None:
    judge, fool = GOLD[type(loss)]
    real, fake = REAL.float(), FAKE.float()
    assert loss.discriminator(real, fake).mean().item() == pytest.approx(judge, abs=1e-6)
    assert loss.generator(fake, real).mean().item() == pytest.approx(fool, abs=1e-6)


def test_a_discriminator_that_says_nothing_costs_what_it_must(loss: Loss) -> None:
    judge, fool = AT_ZERO[type(loss)]
    zero = torch.zeros(3, dtype=torch.float64)
    assert loss.discriminator(zero, zero).mean().item() == pytest.approx(judge, abs=1e-12)
    assert loss.generator(zero, zero).mean().item() == pytest.approx(fool, abs=1e-12)


def test_extreme_logits_leave_losses_and_gradients_finite(loss: Loss) -> None:
    real = torch.tensor([1e3, -1e3], requires_grad=True)
    fake = torch.tensor([-1e3, 1e3], requires_grad=True)
    values = loss.discriminator(real, fake) + loss.generator(fake, real)
    slopes = torch.autograd.grad(values.sum(), [real, fake])
    assert values.isfinite().all()
    assert all(slope.isfinite().all() for slope in slopes)


def test_a_hopeless_fake_costs_its_whole_logit() -> None:
    assert NonSaturating(ENV).generator(torch.tensor([-1000.0])).item() == 1000.0


def test_each_player_gains_in_its_own_direction(loss: Loss) -> None:
    rng = torch.Generator().manual_seed(0)
    real = (0.9 * torch.rand(64, generator=rng) - 0.45).requires_grad_()
    fake = (0.9 * torch.rand(64, generator=rng) + 0.05).requires_grad_()
    up, down = torch.autograd.grad(loss.discriminator(real, fake).sum(), [real, fake])
    (fooled,) = torch.autograd.grad(loss.generator(fake, real.detach()).sum(), fake)
    assert (up < 0).all()
    assert (down > 0).all()
    assert (fooled < 0).all()


def test_the_hinge_teaches_only_inside_its_margin() -> None:
    real = torch.tensor([0.5, 1.5], requires_grad=True)
    fake = torch.tensor([-0.5, -1.5], requires_grad=True)
    slopes = torch.autograd.grad(Hinge(ENV).discriminator(real, fake).sum(), [real, fake])
    assert slopes[0].tolist() == [-1.0, 0.0]
    assert slopes[1].tolist() == [1.0, 0.0]


def test_a_loss_gives_one_number_for_each_patch(loss: Loss) -> None:
    patches = torch.zeros(2, 3, 3)
    assert loss.discriminator(patches, patches).shape == (2, 3, 3)
    assert loss.generator(patches, patches).shape == (2, 3, 3)


@pytest.mark.parametrize("cls", [Minimax, NonSaturating])
def test_logistic_losses_are_read_as_probabilities(cls: type[Minimax | NonSaturating]) -> None:
    read = cls(ENV).readings(torch.tensor([0.0, 30.0]), torch.tensor([0.0, -30.0]))
    assert {name: round(value.item(), 6) for name, value in read.items()} == {
        "D(real)": 0.75,
        "D(fake)": 0.25,
        "D acc": 0.5,
    }


@pytest.mark.parametrize("cls", [LeastSquares, Hinge, Wasserstein, RelativisticAverage])
def test_other_losses_are_read_as_logits(
    cls: type[LeastSquares | Hinge | Wasserstein | RelativisticAverage],
) -> None:
    read = cls(ENV).readings(torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 0.0]))
    assert {name: value.item() for name, value in read.items()} == {
        "C(real)": 1.5,
        "C(fake)": -0.5,
        "gap": 2.0,
    }


def test_only_wasserstein_needs_a_bounded_slope() -> None:
    assert [cls for cls in GOLD if cls.needs_bounded_slope] == [Wasserstein]
    assert [cls for cls in GOLD if cls.wants_bounded_slope] == [RelativisticPairing]


@pytest.mark.parametrize("cls", RELATIVISTIC)
def test_a_relativistic_loss_knows_only_differences(cls: type[Loss]) -> None:
    loss = cls(ENV)
    for move in (loss.discriminator, lambda real, fake: loss.generator(fake, real)):
        moved = move(REAL + 7, FAKE + 7)
        torch.testing.assert_close(moved, move(REAL, FAKE), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cls", RELATIVISTIC)
def test_a_relativistic_generator_without_real_logits_is_refused(cls: type[Loss]) -> None:
    with pytest.raises(FitError, match="compares with real logits"):
        cls(ENV).generator(FAKE)


def test_only_averages_mix_the_samples_of_a_batch() -> None:
    mixing = {cls for cls in GOLD if cls.mixes_samples}
    assert mixing == {RelativisticAverage, RelativisticAverageHinge}
    for cls in GOLD:
        real, fake = (0.3 * REAL).requires_grad_(), 0.3 * FAKE  # inside the margins of a hinge
        (slope,) = torch.autograd.grad(cls(ENV).discriminator(real, fake)[0], real)
        assert bool(slope[1:].any()) == (cls in mixing)


def test_pairs_are_read_by_how_often_the_real_image_wins() -> None:
    read = RelativisticPairing(ENV).readings(REAL, FAKE)
    assert read["D acc"].item() == 0.75
    assert read["gap"].item() == pytest.approx(0.25)


def test_smoothing_teaches_a_probability_below_one_for_real_images_only() -> None:
    smooth, sharp = NonSaturating(ENV, real_target=0.9), NonSaturating(ENV)
    fakes = torch.nn.functional.softplus(FAKE).mean().item()
    found = smooth.discriminator(REAL, FAKE).mean().item() - fakes
    assert found == pytest.approx(0.689353465825, abs=1e-10)
    assert torch.equal(smooth.generator(FAKE), sharp.generator(FAKE))
    at = torch.tensor([math.log(9.0)], dtype=torch.float64, requires_grad=True)  # P(real) = 0.9
    (slope,) = torch.autograd.grad(smooth.discriminator(at, FAKE[:1]), at)
    assert slope.item() == pytest.approx(0.0, abs=1e-12)
