"""A map of how much the images of a group differ."""

import pytest
import torch
from torch import Tensor

from ganzoo.errors import FitError
from ganzoo.nn.stddev import MinibatchStddev


def _random(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def _spread(maps: Tensor, group: int) -> Tensor:
    """Return the number of each image, and see that it stands at every place beside the maps."""
    out = MinibatchStddev(group)(maps)
    n, channels, height, width = maps.shape
    assert out.shape == (n, channels + 1, height, width)
    assert torch.equal(out[:, :-1], maps)
    assert torch.equal(out[:, -1], out[:, -1, :1, :1].expand(n, height, width))
    return out[:, -1, 0, 0]


def test_images_that_are_all_alike_have_the_root_of_eps() -> None:
    maps = _random(1, 3, 4, 4).expand(8, -1, -1, -1)
    torch.testing.assert_close(
        _spread(maps, 4), torch.full((8,), 1e-4).double(), rtol=1e-6, atol=0
    )


def test_plus_and_minus_one_in_turn_have_one() -> None:
    """The deviation is that of a population: an unbiased one would be 1.1547."""
    signs = torch.tensor([1.0, 1, -1, -1, 1, 1, -1, -1]).double()  # of the groups 0 2 4 6, 1 3 5 7
    spread = _spread(signs.view(8, 1, 1, 1).expand(-1, 2, 3, 3), 4)
    torch.testing.assert_close(spread, torch.ones(8).double(), rtol=0, atol=1e-6)


def test_a_group_is_every_mth_image_as_in_the_authors_code() -> None:
    maps = _random(12, 3, 2, 2)
    groups = maps.reshape(4, 3, 3, 2, 2)  # [group, m, c, h, w]
    centred = groups - groups.mean(0)
    expected = (centred.square().mean(0) + 1e-8).sqrt().mean((1, 2, 3)).repeat(4)
    torch.testing.assert_close(_spread(maps, 4), expected, rtol=1e-12, atol=0)


def test_the_order_within_a_group_does_not_matter_and_that_of_groups_does() -> None:
    maps = _random(8, 3, 4, 4)
    spread = _spread(maps, 4)
    within = _spread(maps[[6, 1, 0, 3, 4, 5, 2, 7]], 4)
    torch.testing.assert_close(within, spread, rtol=1e-12, atol=0)
    across = _spread(maps[[1, 0, 2, 3, 4, 5, 6, 7]], 4)
    assert (across - spread).abs().min() > 1e-3


def test_a_batch_below_a_group_is_one_group() -> None:
    maps = _random(3, 2, 2, 2)
    assert torch.equal(_spread(maps, 4), _spread(maps, 3))
    torch.testing.assert_close(_spread(maps[:1], 4), torch.full((1,), 1e-4).double())


def test_a_batch_that_is_no_whole_number_of_groups_is_refused() -> None:
    with pytest.raises(FitError, match=r"6 images is no whole number of groups of 4.*-size 4,"):
        MinibatchStddev(4)(_random(6, 1, 2, 2))


def test_images_that_are_all_alike_have_finite_slopes() -> None:
    maps = torch.zeros(4, 1, 2, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(MinibatchStddev(4)(maps).sum(), maps)
    assert slope.isfinite().all()


def test_narrow_numbers_are_squared_as_wide_ones() -> None:
    maps = torch.full((4, 1, 2, 2), 300.0, dtype=torch.float16) * torch.tensor(
        [1, -1, 1, -1], dtype=torch.float16
    ).view(4, 1, 1, 1)
    out = MinibatchStddev(4)(maps)
    assert out.dtype == torch.float16
    assert (out[:, -1] == 300).all()
