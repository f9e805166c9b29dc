"""Spectral norm: the bound, the gradient, and what evaluation leaves alone."""

import copy

import pytest
import torch
from torch import Tensor, nn

from ganzoo.nn.spectral import spectrally_normalize


def _layers() -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(2, 6, 3), nn.Flatten(), nn.Linear(6 * 4 * 4, 3)).double()
    with torch.no_grad():
        made[0].weight.mul_(5)
    spectrally_normalize(made)
    return made


def _vectors(network: nn.Module) -> list[Tensor]:
    return [value.clone() for name, value in network.named_buffers() if "parametrizations" in name]


def test_after_some_passes_the_largest_singular_value_of_every_weight_is_one() -> None:
    made = _layers()
    for _ in range(50):
        made(torch.zeros(1, 2, 6, 6, dtype=torch.float64))
    made.eval()
    for layer in (made[0], made[2]):
        largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item()
        assert largest == pytest.approx(1.0, abs=0.01)


def test_passes_in_training_move_the_vectors_and_those_in_evaluation_leave_them() -> None:
    made, images = _layers(), torch.randn(3, 2, 6, 6, dtype=torch.float64)
    made[0].parametrizations.weight.original.data.normal_()
    before = _vectors(made)
    made.eval()
    first = made(images)
    assert all(torch.equal(a, b) for a, b in zip(_vectors(made), before, strict=True))
    assert torch.equal(made(images), first)
    made.train()
    made(images)
    assert not torch.equal(_vectors(made)[0], before[0])
    assert len(before) == 4


def test_the_gradient_flows_through_the_singular_value() -> None:
    made = _layers()[2].eval()
    weight = made.parametrizations.weight.original
    u, v = made.parametrizations.weight[0]._u, made.parametrizations.weight[0]._v
    inputs = torch.randn(5, weight.shape[1], dtype=torch.float64)
    (found,) = torch.autograd.grad(made(inputs).square().sum(), weight)
    other = weight.detach().clone().requires_grad_()
    bounded = other / (u @ other @ v)
    (expected,) = torch.autograd.grad((inputs @ bounded.T + made.bias).square().sum(), other)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    # the gradient along the weight itself is 0: its length does not matter
    assert (found * weight).sum().item() == pytest.approx(0.0, abs=1e-9)


def test_a_slope_penalty_can_be_taken_through_it() -> None:
    made, images = _layers(), torch.randn(3, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(made(images).sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert all(
        p.grad is not None and p.grad.isfinite().all()
        for n, p in made.named_parameters()
        if n.endswith("original")
    )


def test_the_state_comes_back_bit_by_bit_and_survives_a_copy() -> None:
    made, images = _layers(), torch.randn(3, 2, 6, 6, dtype=torch.float64)
    made(images)
    other = _layers()
    other.load_state_dict(made.state_dict())
    twin = copy.deepcopy(made)
    assert torch.equal(other(images), made(images))
    assert torch.equal(twin(images), made.eval()(images))
    assert all(torch.equal(a, b) for a, b in zip(_vectors(other), _vectors(made), strict=True))


def test_embeddings_are_bounded_and_norms_are_not() -> None:
    made = nn.ModuleList([nn.Embedding(4, 6), nn.BatchNorm2d(3), nn.ConvTranspose2d(2, 3, 4)])
    spectrally_normalize(made)
    bounded = [name for name, _ in made.named_buffers() if name.endswith("_u")]
    assert [name.partition(".")[0] for name in bounded] == ["0", "2"]
    assert made[2].parametrizations.weight[0]._u.shape == (3,)  # rows are what comes out
