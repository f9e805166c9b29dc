"""The blur on the way up and down, against its kernel written out."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad

from ganzoo.nn.filters import blurred, downsampled, upsampled

KERNEL = torch.outer(*[torch.tensor([1.0, 3, 3, 1]).double()] * 2) / 64


def _maps() -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 8, 8, generator=rng, dtype=torch.float64)


def _filtered(maps: Tensor, gain: float, sides: tuple[int, int]) -> Tensor:
    """Every map alone; so many zeros on the left and above, and so many beyond."""
    alone = pad(maps, sides * 2).flatten(0, 1)[:, None]
    return conv2d(alone, (KERNEL * gain)[None, None]).unflatten(0, maps.shape[:2])[:, :, 0]


def test_the_blur_is_the_outer_product_of_1_3_3_1_on_the_way_up_and_down() -> None:
    maps, every = _maps(), KERNEL.expand(3, 1, 4, 4)
    up = conv_transpose2d(maps, every * 4, stride=2, padding=1, groups=3)
    torch.testing.assert_close(upsampled(maps), up, rtol=1e-6, atol=1e-6)
    spread = torch.zeros(2, 3, 16, 16, dtype=torch.float64)
    spread[..., ::2, ::2] = maps
    torch.testing.assert_close(upsampled(maps), _filtered(spread, 4.0, (2, 1)))
    down = conv2d(maps, every, stride=2, padding=1, groups=3)
    torch.testing.assert_close(downsampled(maps), down, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        blurred(maps, gain=2.5, padding=2), _filtered(maps, 2.5, (2, 2)), rtol=1e-6, atol=1e-6
    )


def test_a_constant_passes_the_blur_and_a_single_pixel_becomes_four() -> None:
    constant = torch.full((1, 1, 8, 8), 0.75).double()
    inside = upsampled(constant)[..., 1:-1, 1:-1]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.75), rtol=0, atol=1e-12)
    inside = downsampled(constant)[..., 1:-1, 1:-1]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.75), rtol=0, atol=1e-12)
    single = torch.zeros(1, 1, 8, 8)
    single[..., 4, 4] = 1
    assert upsampled(single).sum().item() == pytest.approx(4)
    assert downsampled(single).sum().item() == pytest.approx(0.25)
