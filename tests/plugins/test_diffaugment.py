"""DiffAugment: formulas of each change, where pixels go, and what fills the places they leave."""

from typing import Any

import pytest
import torch
from torch import Tensor

from ganzoo.errors import FitError
from ganzoo.interfaces import Env
from ganzoo_augment.diffaugment import DiffAugment, hole, recolored, shifted


def _rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _images(count: int, channels: int, side: int) -> Tensor:
    shape = (count, channels, side, side)
    return torch.rand(shape, generator=_rng(count), dtype=torch.float64) * 2 - 1


def _numbered(count: int, side: int) -> Tensor:
    """Images whose every pixel has a value of its own, none of them 0."""
    line = torch.arange(1, side * side + 1, dtype=torch.float64)
    return line.view(1, 1, side, side).repeat(count, 1, 1, 1)


def _made(images: Tensor, **settings: Any) -> Tensor:
    part = DiffAugment(Env(tuple(images.shape[1:])), **settings)
    return part(images, _rng())


def test_colour_is_brightness_then_saturation_then_contrast_as_the_authors_write_them() -> None:
    images = _images(3, 3, 8)
    light, vivid, contrast = (torch.rand(3, generator=_rng(i)).double() for i in range(3))
    wide = [each.view(-1, 1, 1, 1) for each in (light, vivid, contrast)]

    expected = images + wide[0]
    mean = expected.mean(1, keepdim=True)
    expected = (expected - mean) * wide[1] + mean
    mean = expected.mean((1, 2, 3), keepdim=True)
    expected = (expected - mean) * wide[2] + mean

    torch.testing.assert_close(recolored(images, light, vivid, contrast), expected)


def test_on_one_channel_saturation_changes_nothing() -> None:
    images, one, zero = _images(2, 1, 8), torch.ones(2).double(), torch.zeros(2).double()

    made = recolored(images, zero, 5 * one, one)

    torch.testing.assert_close(made, images)


def test_the_ranges_of_colour_are_the_authors() -> None:
    """Two pixels tell brightness and contrast: their mean moves by one, their distance by both."""
    pair = torch.tensor([-0.5, 0.5], dtype=torch.float64).repeat(8).view(1, 1, 4, 4)
    made = _made(pair.repeat(4000, 1, 1, 1), policy=("color",)).flatten(1)
    light, contrast = made.mean(1), made[:, 1] - made[:, 0]

    for found, low, high in ((light, -0.5, 0.5), (contrast, 0.5, 1.5)):
        assert low <= found.min() < low + 0.01
        assert high - 0.01 < found.max() <= high
        assert found.mean().item() == pytest.approx((low + high) / 2, abs=0.02)


def test_a_shift_moves_every_pixel_by_whole_places_and_fills_what_comes_in() -> None:
    images = _numbered(3, 4)
    right, down = torch.tensor([1.0, 0.0, -3.0]), torch.tensor([0.0, -2.0, 1.0])

    made = shifted(images, right, down, -1.0)

    expected = torch.full_like(images, -1.0)
    expected[0, 0, :, 1:] = images[0, 0, :, :-1]
    expected[1, 0, :2] = images[1, 0, 2:]
    expected[2, 0, 1:, :1] = images[2, 0, :-1, 3:]
    assert torch.equal(made, expected)


@pytest.mark.parametrize(("side", "reach"), [(4, 1), (8, 1), (28, 4), (32, 4), (64, 8)])
def test_a_translation_goes_an_eighth_of_the_side_at_most_to_every_place_as_often(
    side: int, reach: int
) -> None:
    count, width = 3000, 2 * reach + 1
    made = _made(_numbered(count, side), policy=("translation",))
    middle = made[:, 0, side // 2, side // 2].long() - 1
    places = torch.stack([middle // side - side // 2, middle % side - side // 2])

    for found in places:
        counts = torch.bincount(found + reach, minlength=width)
        assert len(counts) == width
        assert ((counts - count / width).abs() < 5 * (count / width) ** 0.5).all()


def test_what_a_translation_does_to_an_image_of_numbers_is_a_shift_of_it() -> None:
    images = _numbered(50, 16)
    for made, image in zip(_made(images, policy=("translation",)), images, strict=True):
        row, column = divmod(int(made[0, 8, 8]) - 1, 16)
        right, down = torch.tensor([8.0 - column]), torch.tensor([8.0 - row])
        assert torch.equal(made[None], shifted(image[None], right, down, 0.0))


@pytest.mark.parametrize(("side", "size"), [(8, 4), (9, 5), (28, 14), (32, 16)])
def test_a_hole_is_a_square_of_half_the_side_of_which_the_border_hides_at_most_half(
    side: int, size: int
) -> None:
    holes = (_made(_numbered(4000, side), policy=("cutout",)) == 0)[:, 0]
    heights, widths = holes.any(2).sum(1), holes.any(1).sum(1)

    assert torch.equal(holes.sum((1, 2)), heights * widths)
    for found in (heights, widths):
        assert (found.min(), found.max()) == ((size + 1) // 2, size)


def test_the_middle_of_a_hole_is_anywhere_as_often() -> None:
    """Of an odd number of pixels a hole has one as its middle: 9 of 9, as often."""
    count = 4500
    middles = torch.linspace(0, 1, count + 1, dtype=torch.float64)[:-1]
    rows = hole(_numbered(count, 9), middles, middles).any(3)[:, 0]
    first = rows.long().argmax(1) + torch.where(rows[:, 0], rows.sum(1) - 5, 0)

    assert torch.bincount(first + 2).tolist() == [500] * 9


@pytest.mark.parametrize("fill", [0.0, -1.0])
def test_empty_places_have_the_value_that_was_asked_for(fill: float) -> None:
    images = _numbered(200, 16)
    for policy in (("translation",), ("cutout",)):
        made = _made(images, policy=policy, fill=fill)
        assert set(made[made < 1].tolist()) == {fill}


def test_the_order_of_changes_is_always_the_same() -> None:
    images = _images(4, 3, 16)
    one = _made(images, policy=("color", "translation", "cutout"))
    assert torch.equal(one, _made(images, policy=("cutout", "color", "translation")))
    holes = _made(_numbered(4, 16), policy=("cutout",)) == 0
    assert (one[holes.expand_as(one)] == 0).all()


def test_without_a_policy_images_stay_as_they_are() -> None:
    images = _images(2, 3, 8)
    assert torch.equal(_made(images, policy=()), images)


def test_data_without_pixels_is_refused() -> None:
    with pytest.raises(FitError, match=r"moves pixels, and this data has 1 a side; use --augment"):
        DiffAugment(Env((2, 1, 1)))
