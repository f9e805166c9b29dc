"""ADA: what each change does, how often, and how its probability follows the discriminator."""

import math
from collections.abc import Callable
from unittest.mock import Mock

import pluggy
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ganzoo.algorithm import D, Draw, G, Phase, Play, RunView
from ganzoo.errors import FitError, RecipeError
from ganzoo.hookspecs import RunHooks
from ganzoo.interfaces import Env
from ganzoo_augment.ada import Ada
from ganzoo_augment.pipe import Dice, moved, recolored
from ganzoo_augment.sampling import resampled

ENV = Env((3, 8, 8))
EVERY = ("blit", "geometric", "color", "cutout")


def _rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _images(count: int = 3, channels: int = 3, side: int = 8) -> Tensor:
    return torch.rand(count, channels, side, side, generator=_rng(7), dtype=torch.float64) * 2 - 1


class _Says(nn.Module):
    """A discriminator that has made up its mind."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.logits


class _Run:
    """A run that counts the images shown, and hands hooks on as the trainer does."""

    def __init__(self, part: Ada, *, total_nimg: int | None = 1000) -> None:
        self.logged: dict[str, list[float]] = {}
        self.view = Mock(
            spec=RunView, nimg=0, total_nimg=total_nimg, device=torch.device("cpu"), log=self._log
        )
        hooks = pluggy.PluginManager("ganzoo")
        hooks.add_hookspecs(RunHooks)
        hooks.register(part)
        self.hook = hooks.hook
        self.hook.run_start(run=self.view)

    def _log(self, name: str, value: Tensor) -> None:
        self.logged.setdefault(name, []).append(value.item())

    def moves(self, play: Play, count: int = 1, *, nimg: int = 50) -> None:
        """Let the discriminator move so often, on so many images each time."""
        for _ in range(count):
            self.view.nimg += nimg
            self.view.batch_size = nimg
            self.hook.phase_end(run=self.view, phase=play.phase, play=play)


def _play(*logits: float, player: str = D) -> Play:
    count = len(logits)
    draw = Draw(nn.Identity(), torch.zeros(count, 1, 2, 2), None, torch.zeros(count, 1))
    return Play(Phase(player, (player,), ()), draw, {D: _Says(*logits)})


# -- p ----------------------------------------------------------------------------------------


def test_p_rises_from_0_to_1_in_exactly_500_kimg_of_real_images_judged_real() -> None:
    part = Ada(ENV)
    run, sure = _Run(part), _play(3.0, 0.1)

    run.moves(sure, 1000, nimg=250)
    assert part.p.item() == 0.5
    run.moves(sure, 996, nimg=250)
    assert part.p.item() == pytest.approx(0.998)
    run.moves(sure, 4, nimg=250)
    assert (run.view.nimg, part.p.item()) == (500_000, 1.0)
    run.moves(sure, 40)
    assert part.p.item() == 1.0


def test_p_falls_as_fast_and_never_below_0() -> None:
    part = Ada(ENV, start=0.002)
    run, unsure = _Run(part), _play(3.0, -0.1)

    run.moves(unsure, 16)
    assert part.p.item() == pytest.approx(0.002 - 800 / 500_000)
    run.moves(unsure, 40)
    assert part.p.item() == 0.0


@pytest.mark.parametrize(("positive", "way"), [(2, -1), (3, 0), (4, 1)])
def test_p_rises_above_the_target_falls_below_it_and_rests_on_it(positive: int, way: int) -> None:
    part = Ada(ENV, start=0.5, target=0.5, interval=1)
    run = _Run(part)

    run.moves(_play(*[0.5] * positive, *[-2.0] * (4 - positive)), nimg=100)

    assert part.p.item() == pytest.approx(0.5 + way * 100 / 500_000, abs=1e-7)
    assert run.logged["ada r"] == [(2 * positive - 4) / 4]


def test_p_changes_every_interval_moves_by_the_mean_of_them_all() -> None:
    part = Ada(ENV, start=0.5, target=0.0, interval=3)
    run = _Run(part)

    seen = []
    for logit in (5.0, -1.0, -1.0, 0.2, 0.2, -9.0):
        run.moves(_play(logit), nimg=40)
        seen.append(round((part.p.item() - 0.5) * 500_000))

    assert seen == [0, 0, -120, -120, -120, 0]
    assert run.logged["ada p"] == pytest.approx([0.5] * 3 + [0.5 - 120 / 500_000] * 3)


def test_the_rate_counts_images_also_when_the_batch_changes() -> None:
    part = Ada(ENV, interval=2, kimg=1.0)
    run, sure = _Run(part), _play(1.0)

    for nimg in (64, 64, 16, 16, 8, 32):
        run.moves(sure, nimg=nimg)

    assert part.p.item() == pytest.approx(0.2)


def test_a_move_of_the_generator_is_no_verdict() -> None:
    part = Ada(ENV, interval=1)
    run = _Run(part)

    run.moves(_play(1.0, player=G), 10)

    assert part.p.item() == 0.0
    assert run.logged == {}


def test_p_goes_on_from_its_state_between_two_changes() -> None:
    whole, first, second = Ada(ENV), Ada(ENV), Ada(ENV)
    plays = [_play(1.0) if i % 17 else _play(-1.0) for i in range(60)]
    one, two, three = _Run(whole), _Run(first), _Run(second)
    for play in plays:
        one.moves(play)
    for play in plays[:30]:
        two.moves(play)

    second.load_state_dict(first.state_dict())
    three.view.nimg = two.view.nimg
    assert torch.equal(second.p, first.p)
    for play in plays[30:]:
        three.moves(play)

    assert second.state_dict() == whole.state_dict()
    assert torch.equal(second.p, whole.p)
    assert 0 < whole.p < 60 * 50 / 500_000


def test_a_state_of_another_rate_keeps_p() -> None:
    first, second = Ada(ENV, start=0.25), Ada(ENV, kimg=100.0)

    second.load_state_dict(first.state_dict())

    assert second.p.item() == 0.25
    run = _Run(second)
    run.moves(_play(1.0), 4, nimg=250)
    assert second.p.item() == pytest.approx(0.26)


@pytest.mark.parametrize(("nimg", "p"), [(0, 0.1), (250, 0.1732), (500, 0.35), (1000, 0.6)])
def test_without_a_target_p_follows_half_a_cosine_over_the_run(nimg: int, p: float) -> None:
    part = Ada(ENV, target=None, start=0.1, final=0.6)
    run = _Run(part)
    run.view.nimg = nimg

    run.hook.step_start(run=run.view)
    run.moves(_play(1.0), 8, nimg=0)

    assert part.p.item() == pytest.approx(p, abs=1e-4)
    assert run.logged["ada p"] == [pytest.approx(p, abs=1e-4)] * 8


def test_with_a_target_the_length_of_the_run_does_not_matter() -> None:
    part = Ada(ENV, start=0.3)
    run = _Run(part, total_nimg=None)
    run.view.nimg = 900
    run.hook.step_start(run=run.view)
    assert part.p.item() == pytest.approx(0.3)


def test_a_run_of_minutes_cannot_be_followed() -> None:
    with pytest.raises(RecipeError, match=r"augment\.ada\.target: .* give it with --kimg"):
        _Run(Ada(ENV, target=None), total_nimg=None)


# -- what is done to images -------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_at_p_0_images_and_their_gradient_are_what_they_were_bit_for_bit(
    channels: int, dtype: torch.dtype
) -> None:
    images = _images(4, channels).to(dtype).requires_grad_()
    part = Ada(Env((channels, 8, 8)), pipe=EVERY)

    made = part(images, _rng())
    (slope,) = torch.autograd.grad(made, images, images.detach())

    assert torch.equal(made, images)
    assert made.dtype == dtype
    assert torch.equal(slope, images)


def test_who_is_not_hit_stays_as_it_is_beside_others() -> None:
    images = _images(1).repeat(2000, 1, 1, 1)
    part = Ada(ENV, start=0.05)

    made = part(images, _rng())
    same = (made == images).flatten(1).all(1)

    # eight changes always show; the mirrors do so half the time; a quarter of turns are by
    # nothing, and at 8 px so are a quarter of shifts; two rotations share one chance
    expected = 0.95**8 * (1 - 0.05 / 2) ** 2 * (1 - 0.05 * 3 / 4) ** 2
    assert same.double().mean().item() == pytest.approx(expected, abs=0.035)


def _matrix(rows: list[list[float]]) -> Tensor:
    return torch.tensor([[*row, 0.0] for row in rows] + [[0.0, 0.0, 1.0]]).double()[None]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, 0], [0, 1]], lambda x: x),
        ([[-1, 0], [0, 1]], lambda x: x.flip(3)),
        ([[1, 0], [0, -1]], lambda x: x.flip(2)),
        ([[0, -1], [1, 0]], lambda x: x.rot90(1, (2, 3))),
        ([[0, 1], [-1, 0]], lambda x: x.rot90(-1, (2, 3))),
        ([[-1, 0], [0, -1]], lambda x: x.rot90(2, (2, 3))),
    ],
)
def test_mirrored_and_turned_images_are_exact(
    rows: list[list[float]], expected: Callable[[Tensor], Tensor]
) -> None:
    images = _images(1)
    torch.testing.assert_close(resampled(images, _matrix(rows)), expected(images))


@pytest.mark.parametrize(("x", "y"), [(1, 0), (0, 2), (-3, 1)])
def test_a_shift_in_whole_pixels_is_exact_and_mirrors_the_image_beyond_its_border(
    x: int, y: int
) -> None:
    images, matrix = _images(1), _matrix([[1, 0], [0, 1]])
    matrix[0, 0, 2], matrix[0, 1, 2] = x, y

    whole = pad(images, (3, 3, 3, 3), "reflect")

    expected = whole[:, :, 3 + y : 11 + y, 3 + x : 11 + x]
    torch.testing.assert_close(resampled(images, matrix), expected)


def test_half_the_size_shows_every_second_place_and_the_middle_stays() -> None:
    line = torch.linspace(-1, 1, 9, dtype=torch.float64)
    ramp = line.expand(1, 1, 9, 9)

    made = resampled(ramp, _matrix([[0.5, 0], [0, 0.5]]))

    torch.testing.assert_close(made[..., 2:-2], ramp[..., 2:-2] / 2)


def _orientation(images: Tensor, made: Tensor) -> Tensor:
    """Return which of the 8 ways of laying a square each image is in."""
    ways = [turned for one in (images, images.flip(3)) for turned in _turns(one)]
    distance = torch.stack([(made - way).abs().flatten(1).amax(1) for way in ways])
    assert (distance.amin(0) < 1e-6).all()
    return distance.argmin(0)


def _turns(images: Tensor) -> list[Tensor]:
    return [images.rot90(quarter, (2, 3)) for quarter in range(4)]


def test_below_p_1_an_image_lies_as_it_was_more_often_than_in_any_other_way() -> None:
    """So the right way up is the only one from which all others follow: it does not leak.

    At 4 px a shift by an eighth of the side rounds to none.
    """
    count = 8000
    images = _images(1, side=4).repeat(count, 1, 1, 1)
    shares = []
    for p in (0.8, 1.0):
        made = Ada(Env((3, 4, 4)), start=p, pipe=("blit",))(images, _rng())
        shares.append(torch.bincount(_orientation(images, made), minlength=8) / count)

    flips, turns = torch.tensor([0.6, 0.4]), torch.tensor([0.4, 0.2, 0.2, 0.2])
    expected = torch.outer(flips, turns).flatten()
    torch.testing.assert_close(shares[0], expected, rtol=0, atol=4 * 0.24 / count**0.5 + 0.01)
    assert shares[0].argmax() == 0
    torch.testing.assert_close(shares[1], torch.full((8,), 1 / 8), rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("settings", "ways"),
    [
        ({"flip": False}, {0, 1, 2, 3}),
        ({"rotate": False}, {0, 4}),
        ({"flip": False, "rotate": False}, {0}),
    ],
)
def test_mirrors_and_turns_can_be_left_out(settings: dict[str, bool], ways: set[int]) -> None:
    images = _images(1, side=4).repeat(200, 1, 1, 1)
    part = Ada(Env((3, 4, 4)), start=1.0, pipe=("blit",), **settings)
    assert set(_orientation(images, part(images, _rng())).tolist()) == ways


def _angles(rotate: bool, p: float, count: int = 1500) -> Tensor:
    """Return by how much the slope of a plane is turned; its scales do not matter."""
    line = torch.linspace(-1, 1, 33, dtype=torch.float64)
    plane = line.expand(count, 1, 33, 33)
    dice = Dice(_rng(), plane, torch.tensor(p))
    made = moved(plane, dice, ("geometric",), flip=True, rotate=rotate)[:, 0]
    right, down = made[:, 16, 17] - made[:, 16, 15], made[:, 17, 16] - made[:, 15, 16]
    return torch.atan2(down, right)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.8])
def test_a_share_of_1_minus_p_is_not_rotated_at_all(p: float) -> None:
    still = (_angles(rotate=True, p=p).abs() < 1e-9).double().mean().item()
    # a shift may lead over the border, where the plane bends
    assert still == pytest.approx(1 - p, abs=0.04)
    assert (_angles(rotate=False, p=p).abs() < 1e-9).double().mean() > 0.99


def test_colours_are_those_of_the_matrices_of_the_paper() -> None:
    count, images = 40, _images(40)
    made = recolored(images, Dice(_rng(3), images, torch.tensor(0.7)), 0.9)

    dice, p = Dice(_rng(3), images, torch.tensor(0.7)), torch.tensor(0.7) * 0.9
    axis, eye = torch.full((3, 1), 3**-0.5).double(), torch.eye(4).double()
    grey = torch.zeros(4, 4).double()
    grey[:3, :3] = axis @ axis.T
    cross = torch.zeros(4, 4).double()
    cross[:3, :3] = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    light = dice.some(dice.normal(0.2), 0.0, p).view(-1, 1, 1)
    contrast = dice.some(dice.normal(0.5).exp2(), 1.0, p).view(-1, 1, 1)
    flip = dice.some(dice.sign(), 1.0, p).view(-1, 1, 1)
    hue = dice.some(dice.uniform(-math.pi, math.pi), 0.0, p).view(-1, 1, 1)
    vivid = dice.some(dice.normal(1.0).exp2(), 1.0, p).view(-1, 1, 1)
    corner = torch.zeros(4, 4).double()
    corner[3, 3] = 1
    move = eye + light * torch.tensor([[0.0, 0, 0, 1]] * 3 + [[0.0] * 4])
    scale = contrast * (eye - corner) + corner
    dark = torch.where(flip < 0, eye - 2 * grey, eye)
    flat = eye - corner - grey
    turn = corner + grey + hue.cos() * flat + hue.sin() * cross
    saturate = corner + grey + vivid * flat
    matrix = saturate @ turn @ dark @ scale @ move

    whole = torch.cat([images, torch.ones(count, 1, 8, 8).double()], 1)
    expected = torch.einsum("nij,njhw->nihw", matrix, whole)[:, :3]
    torch.testing.assert_close(made, expected)


def test_grey_images_have_only_brightness_and_contrast() -> None:
    images = torch.tensor([-1.0, 1.0]).repeat(32).view(1, 1, 8, 8).repeat(3000, 1, 1, 1).double()
    made = recolored(images, Dice(_rng(), images, torch.tensor(1.0)), 1.0).flatten(1)

    contrast = (made[:, 1] - made[:, 0]) / 2
    light = (made[:, 1] + made[:, 0]) / 2 / contrast
    assert (contrast > 0).all()
    assert contrast.log2().std().item() == pytest.approx(0.5, abs=0.03)
    assert light.std().item() == pytest.approx(0.2, abs=0.015)


def test_colours_can_have_a_share_of_p() -> None:
    images = _images(1).repeat(2000, 1, 1, 1)
    for share in (0.0, 0.5):
        part = Ada(ENV, start=0.2, pipe=("color",), color_share=share)
        same = (part(images, _rng()) == images).flatten(1).all(1).double().mean().item()
        p = 0.2 * share
        assert same == pytest.approx((1 - p) ** 4 * (1 - p / 2), abs=0.05)


def test_a_hole_is_cut_with_probability_p() -> None:
    images = _images(1).repeat(2000, 1, 1, 1)
    made = Ada(ENV, start=0.3, pipe=("cutout",))(images, _rng())
    holes = (made == 0).all(1).flatten(1).sum(1)

    assert (holes > 0).double().mean().item() == pytest.approx(0.3, abs=0.04)
    assert set(holes[holes > 0].tolist()) <= {a * b for a in (2, 3, 4) for b in (2, 3, 4)}
    assert torch.equal(made[made != 0], images[made != 0])


def test_without_a_pipe_images_stay_as_they_are() -> None:
    images = _images()
    part = Ada(ENV, start=1.0, pipe=())
    assert torch.equal(part(images, _rng()), images)


def test_data_without_pixels_is_refused() -> None:
    with pytest.raises(FitError, match="ada moves pixels"):
        Ada(Env((2, 1, 1)))
