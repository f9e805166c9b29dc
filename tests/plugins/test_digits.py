import pytest
import torch

from ganzoo.errors import DataError
from ganzoo_digits import digits
from ganzoo_digits.digits import Digits
from ganzoo_digits.strokes import SEGMENTS, alphabet

pytestmark = pytest.mark.usefixtures("home")


def test_digits_look_like_handwriting_in_numbers() -> None:
    pixels, labels = Digits(count=500).load(28)
    ink = pixels.float() / 255

    assert labels is not None
    assert labels.bincount().tolist() == [50] * 10
    assert 0.13 < ink.mean() < 0.16
    assert 0.17 < ink.std(0).mean() < 0.24
    assert 0.6 < (pixels == 0).float().mean() < 0.85
    assert (ink.amax((1, 2, 3)) > 0.9).all()


def test_classes_differ_more_than_the_hands_that_write_one() -> None:
    pixels, labels = Digits(count=500).load(16)
    assert labels is not None
    ink = pixels.flatten(1).float() / 255
    means = torch.stack([ink[labels == digit].mean(0) for digit in range(10)])

    nearest = torch.cdist(ink, means).argmin(1)

    assert (nearest == labels).float().mean() > 0.7


def test_a_digit_keeps_its_hand_at_another_resolution() -> None:
    small, labels = Digits(count=20).load(32)
    large, same = Digits(count=20).load(64)
    shrunk = torch.nn.functional.avg_pool2d(large.float(), 2)

    assert labels is not None
    assert same is not None
    assert torch.equal(labels, same)
    assert (shrunk - small.float()).abs().mean() < 8


@pytest.mark.parametrize("count", [1, 499, 700, 1003])
def test_a_small_set_is_the_beginning_of_a_larger_one(count: int) -> None:
    pixels, labels = Digits(count=count).load(8)
    more, told = Digits(count=1500).load(8)

    assert labels is not None
    assert told is not None
    assert torch.equal(pixels, more[:count])
    assert torch.equal(labels, told[:count])


def test_the_number_of_threads_changes_no_pixel() -> None:
    before = torch.get_num_threads()
    drawn = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            drawn.append(Digits(count=100).load(32)[0])
    finally:
        torch.set_num_threads(before)

    assert torch.equal(*drawn)


def test_global_random_state_is_neither_read_nor_changed() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = Digits(count=10).load(8)[0]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)

    assert torch.equal(Digits(count=10).load(8)[0], first)


def test_another_seed_or_part_is_another_set() -> None:
    first = Digits(count=10).load(8)[0]

    assert not torch.equal(Digits(count=10, seed=1).load(8)[0], first)
    assert not torch.equal(Digits(count=10, split="test").load(8)[0], first)


@pytest.mark.parametrize("count", [1, 7, 500, 1234])
def test_digits_are_described_as_they_are_drawn(count: int) -> None:
    data = Digits(count=count, seed=3)
    info = data.describe(8)
    pixels, labels = data.load(8)

    assert labels is not None
    assert info.image_shape == tuple(pixels.shape[1:]) == (1, 8, 8)
    assert info.count == len(pixels) == count
    assert list(info.class_counts) == labels.bincount(minlength=10).tolist()
    assert info.num_classes == len(info.class_names) == 10


def test_digits_are_28_pixels_wide_of_their_own() -> None:
    assert Digits().describe().image_shape == (1, 28, 28)
    assert Digits().describe().count == 60_000
    assert Digits(count=2).load()[0].shape == (2, 1, 28, 28)


def test_describing_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(digits, "_drawn")

    assert Digits(count=1000).describe(32).class_counts == (100,) * 10


def test_many_digits_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Digits(count=501).load(8)[0]
    monkeypatch.delattr(digits, "_drawn")

    assert torch.equal(Digits(count=501).load(8)[0], first)


def test_too_few_pixels_are_refused_with_the_cure() -> None:
    for call in (Digits().describe, Digits().load):
        with pytest.raises(DataError, match="choose --resolution 8 or more"):
            call(7)


def test_every_point_of_a_stroke_is_an_average_of_key_points() -> None:
    letters = alphabet()

    assert letters.starts.shape[1] == SEGMENTS
    assert torch.allclose(letters.starts.sum(-1), torch.ones(()))
    assert torch.allclose(letters.ends.sum(-1), torch.ones(()))
    assert letters.ways.sum() == len(letters.points)
