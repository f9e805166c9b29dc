"""Residual blocks against the papers' order of operations, written out."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, interpolate, relu

from ganzoo.nn.residual import DownBlock, UpBlock, convolution


def _maps(channels: int, side: int = 4) -> Tensor:
    rng = torch.Generator().manual_seed(channels)
    return torch.randn(3, channels, side, side, generator=rng, dtype=torch.float64)


def _doubled(maps: Tensor) -> Tensor:
    return interpolate(maps, scale_factor=2.0, mode="nearest")


def _written_up(block: UpBlock, maps: Tensor) -> Tensor:
    """GBlock: up, then 3x3; the shortcut is up, then 1x1."""

    def normed(maps: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        return batch_norm(maps, None, None, norm.weight, norm.bias, training=True)

    hidden = _doubled(relu(normed(maps, block.first_norm.norm)))
    hidden = conv2d(hidden, block.first.weight, block.first.bias, padding=1)
    hidden = relu(normed(hidden, block.second_norm.norm))
    hidden = conv2d(hidden, block.second.weight, block.second.bias, padding=1)
    return hidden + conv2d(_doubled(maps), block.shortcut.weight, block.shortcut.bias)


def _written_down(block: DownBlock, maps: Tensor, *, halves: bool, first: bool) -> Tensor:
    """DBlock: the shortcut is 1x1, then the mean of four; none where nothing changes."""
    hidden = maps if first else relu(maps)
    hidden = conv2d(hidden, block.first.weight, block.first.bias, padding=1)
    hidden = conv2d(relu(hidden), block.second.weight, block.second.bias, padding=1)
    if isinstance(block.shortcut, nn.Conv2d):
        maps = conv2d(maps, block.shortcut.weight, block.shortcut.bias)
    return avg_pool2d(hidden, 2) + avg_pool2d(maps, 2) if halves else hidden + maps


def _equal_with_gradients(block: nn.Module, found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    weights = list(block.parameters())
    ours = torch.autograd.grad(found.square().sum(), weights)
    theirs = torch.autograd.grad(expected.square().sum(), weights)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


def test_a_block_that_doubles_is_the_papers_and_so_are_its_gradients() -> None:
    torch.manual_seed(0)
    block, maps = UpBlock(5, 4, 0).double(), _maps(5)
    found = block(maps, None)
    assert found.shape == (3, 4, 8, 8)
    _equal_with_gradients(block, found, _written_up(block, maps))


@pytest.mark.parametrize(
    ("inward", "outward", "halves", "first"),
    [(1, 6, True, True), (6, 6, True, False), (6, 6, False, False), (4, 8, True, False)],
)
def test_a_block_that_judges_is_the_papers_and_so_are_its_gradients(
    inward: int, outward: int, halves: bool, first: bool
) -> None:
    torch.manual_seed(0)
    block, maps = DownBlock(inward, outward, halves=halves, first=first).double(), _maps(inward)
    found = block(maps)
    assert found.shape == (3, outward, *[2 if halves else 4] * 2)
    written = _written_down(block, maps, halves=halves, first=first)
    _equal_with_gradients(block, found, written)


def test_nothing_is_convolved_where_nothing_changes() -> None:
    assert not list(DownBlock(4, 4, halves=False).shortcut.parameters())
    assert list(DownBlock(4, 4, halves=True).shortcut.parameters())


def test_weights_start_as_wide_as_glorot_says_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    for gain in (1.0, 2**0.5):
        layer = convolution(64, 32, 3, gain=gain)
        limit = gain * (6 / ((64 + 32) * 9)) ** 0.5
        assert layer.weight.abs().max().item() == pytest.approx(limit, rel=0.01)
        assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.05)
        assert layer.bias is not None
        assert not layer.bias.any()


def test_a_class_changes_what_a_block_makes() -> None:
    torch.manual_seed(0)
    block, maps = UpBlock(5, 4, 3).double(), _maps(5)
    zeros, ones = torch.zeros(3).long(), torch.ones(3).long()
    assert not torch.allclose(block(maps, zeros), block(maps, ones))
