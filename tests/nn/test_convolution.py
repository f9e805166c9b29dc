"""A convolution with derivatives of its own, against PyTorch's."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.nn.functional import conv2d

from ganzoo.nn.convolution import convolved

WAYS: list[tuple[int, dict[str, int]]] = [
    (1, {}),
    (3, {"padding": 1, "groups": 2}),
    (3, {"padding": 1, "stride": 2}),
    (4, {"padding": 1, "stride": 2, "groups": 4}),
    (4, {"padding": 2, "groups": 4}),
]


def _inputs(size: int, groups: int = 1) -> list[Tensor]:
    rng = torch.Generator().manual_seed(size)
    shapes = (2, 4, 5, 5), (4, 4 // groups, size, size)
    drawn = [torch.randn(each, generator=rng, dtype=torch.float64) for each in shapes]
    return [each.requires_grad_() for each in drawn]


@pytest.mark.parametrize(("size", "how"), WAYS)
def test_it_is_a_convolution_with_true_derivatives_of_first_to_third_order(
    size: int, how: dict[str, int]
) -> None:
    inputs = _inputs(size, how.get("groups", 1))

    def made(maps: Tensor, weight: Tensor) -> Tensor:
        return convolved(maps, weight, **how)

    def slope(maps: Tensor, weight: Tensor) -> Tensor:
        answer = made(maps, weight).sin().sum()
        return torch.autograd.grad(answer, maps, create_graph=True)[0]

    assert torch.equal(made(*inputs), conv2d(*inputs, **how))  # type: ignore[call-overload]
    assert gradcheck(made, inputs)
    assert gradgradcheck(made, inputs)
    assert gradgradcheck(slope, inputs)


@pytest.mark.parametrize("trained", [True, False])
def test_a_penalty_on_a_slope_takes_all_groups_at_once(trained: bool) -> None:
    maps, weight = torch.randn(2, 16, 8, 8), torch.randn(16, 1, 3, 3, requires_grad=trained)
    found: dict[str, int] = {}
    for name, way in (("ours", convolved), ("torch's", conv2d)):
        inputs: Any = maps.clone().requires_grad_()
        answer = way(inputs, weight, padding=1, groups=16).sin()
        (slope,) = torch.autograd.grad(answer.sum(), inputs, create_graph=True)
        with torch.profiler.profile() as profile:
            slope.square().sum().backward()
        calls = {each.key: each.count for each in profile.key_averages()}
        found[name] = calls["aten::convolution"]

    assert found["ours"] <= 2
    assert found["torch's"] > 16  # if not, this module has had its day


def test_under_autocast_its_slopes_can_be_asked_for_outside() -> None:
    inputs, weight = (each.detach().float() for each in _inputs(3, groups=2))
    inputs.requires_grad_()
    weight.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        answer = convolved(inputs, weight, padding=1, groups=2)
    assert answer.dtype == torch.bfloat16
    (slope,) = torch.autograd.grad(answer.float().sum(), inputs, create_graph=True)
    slope.square().sum().backward()

    assert inputs.grad is None or inputs.grad.dtype == torch.float32
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    exact = weight.detach().clone().requires_grad_()
    answer = conv2d(inputs, exact, padding=1, groups=2)
    (slope,) = torch.autograd.grad(answer.sum(), inputs, create_graph=True)
    slope.square().sum().backward()
    assert exact.grad is not None
    torch.testing.assert_close(weight.grad, exact.grad, rtol=0.05, atol=0.5)
