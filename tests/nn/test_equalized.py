"""Layers whose stored weights are N(0, 1) and whose scale comes at every pass."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu

from ganzoo.nn.equalized import ROOT_OF_TWO, EqualizedConv2d, EqualizedLinear, pixel_norm


def _random(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize(
    "make", [lambda: EqualizedLinear(300, 400), lambda: EqualizedConv2d(40, 60, 3)]
)
def test_stored_weights_are_of_unit_size_whatever_comes_in(
    make: Callable[[], EqualizedLinear | EqualizedConv2d],
) -> None:
    torch.manual_seed(0)
    layer = make()
    assert layer.weight.mean().abs() < 0.02
    assert 0.98 < layer.weight.std() < 1.02
    assert layer.bias is not None
    assert (layer.bias == 0).all()


@pytest.mark.parametrize(
    ("gain", "rate"), [(1.0, 1.0), (ROOT_OF_TWO, 1.0), (1.0, 0.01), (0.5, 0.1)]
)
def test_a_linear_layer_scales_by_gain_and_rate_over_the_root_of_what_comes_in(
    gain: float, rate: float
) -> None:
    layer = EqualizedLinear(16, 3, gain=gain, rate=rate, bias=0.7).double()
    features = _random(5, 16)
    assert layer.scale == gain * rate / 4
    expected = features @ (layer.weight * gain * rate / 4).T + 0.7
    torch.testing.assert_close(layer(features), expected, rtol=1e-6, atol=1e-6)
    assert EqualizedLinear(16, 3, bias=None).bias is None


def test_a_convolution_scales_by_gain_over_the_root_of_its_window() -> None:
    layer, maps = EqualizedConv2d(4, 6, 3, gain=1.5).double(), _random(2, 4, 8, 8)
    assert layer.scale == 1.5 / 36**0.5
    expected = conv2d(maps, layer.weight * 0.25, layer.bias, padding=1)
    torch.testing.assert_close(layer(maps), expected, rtol=1e-12, atol=1e-12)
    halving = EqualizedConv2d(4, 6, 3, stride=2, padding=0, bias=False).double()
    expected = conv2d(maps, halving.weight / 6, stride=2)
    torch.testing.assert_close(halving(maps), expected, rtol=1e-12, atol=1e-12)
    assert EqualizedConv2d(4, 6, 1)(maps.float()).shape == (2, 6, 8, 8)


def test_a_lower_rate_leaves_the_first_outputs_as_they_are() -> None:
    torch.manual_seed(0)
    usual = EqualizedLinear(8, 4, bias=1.0).double()
    torch.manual_seed(0)
    slow = EqualizedLinear(8, 4, bias=1.0, rate=0.01).double()
    features = _random(3, 8)
    torch.testing.assert_close(slow(features), usual(features), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("inward", "rate"), [(4, 1.0), (400, 1.0), (400, 0.01)])
def test_a_step_of_adam_moves_what_a_layer_does_by_its_scale(inward: int, rate: float) -> None:
    """So a hundredth of the rate is a hundredth of the step, of the bias too."""
    torch.manual_seed(0)
    layer = EqualizedLinear(inward, 5, rate=rate).double()
    before = layer.weight.detach() * layer.scale
    assert layer.bias is not None
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, eps=1e-14)
    (layer(_random(3, inward)) * torch.tensor([1.0, -2.0, 3.0, -4.0, 5.0])).sum().backward()
    optimizer.step()
    moved = (layer.weight.detach() * layer.scale - before).abs()
    expected = torch.full_like(moved, 0.1 * rate / inward**0.5)
    torch.testing.assert_close(moved, expected, rtol=1e-6, atol=0)
    moved = layer.bias.detach().abs() * rate
    torch.testing.assert_close(moved, torch.full_like(moved, 0.1 * rate), rtol=1e-6, atol=0)


@pytest.mark.parametrize("gain", [1.0, ROOT_OF_TWO])
@pytest.mark.parametrize("inward", [64, 1024])
def test_layers_and_leaky_rectifiers_keep_the_size_of_what_passes(
    gain: float, inward: int
) -> None:
    """A mean square of 1 becomes gain squared times (1 + 0.2 squared) / 2, whatever the width."""
    torch.manual_seed(0)
    layer = EqualizedLinear(inward, 1024, gain=gain)
    passed = leaky_relu(layer(pixel_norm(torch.randn(2000, inward))), 0.2)
    share = passed.square().mean() / (gain**2 * 1.04 / 2)
    assert 0.95 < share < 1.05


def test_a_pixel_norm_has_a_mean_square_of_one_at_every_place() -> None:
    maps = _random(3, 8, 5, 5) * 100
    squares = pixel_norm(maps).square().mean(1)
    torch.testing.assert_close(squares, torch.ones_like(squares), rtol=0, atol=1e-6)
    torch.testing.assert_close(pixel_norm(maps)[:, :, 2, 3], pixel_norm(maps[:, :, 2, 3]))
    nothing = torch.zeros(2, 4, requires_grad=True)
    pixel_norm(nothing).sum().backward()
    assert nothing.grad is not None
    assert nothing.grad.isfinite().all()


def test_the_scale_is_no_parameter() -> None:
    layers = nn.Sequential(EqualizedLinear(3, 4), EqualizedConv2d(3, 4, 1))
    assert len(list(layers.parameters())) == 4
    assert list(layers.buffers()) == []
