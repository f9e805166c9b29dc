"""Self-attention against torch's own, and what a penalty on a slope needs of it."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, scaled_dot_product_attention

from ganzoo.errors import FitError
from ganzoo.nn.attention import SelfAttention
from ganzoo.nn.spectral import spectrally_normalize


def _layer(channels: int = 16, *, gamma: float | None = 0.7) -> SelfAttention:
    torch.manual_seed(0)
    layer = SelfAttention(channels).double()
    for name, weight in layer.named_parameters():
        if name != "gamma":
            torch.nn.init.normal_(weight, std=0.3)  # so that rows are far from uniform
    if gamma is not None:
        layer.gamma.data.fill_(gamma)
    return layer


def _maps(channels: int = 16, height: int = 4, width: int = 6) -> Tensor:
    rng = torch.Generator().manual_seed(channels)
    return torch.randn(3, channels, height, width, generator=rng, dtype=torch.float64)


def _by_torch(layer: SelfAttention, maps: Tensor) -> Tensor:
    """What torch's attention makes of the same weights."""

    def places(maps: Tensor) -> Tensor:
        return maps.flatten(2).transpose(1, 2)

    keys, values = (max_pool2d(conv2d(maps, each.weight), 2) for each in (layer.phi, layer.g))
    found = scaled_dot_product_attention(
        places(conv2d(maps, layer.theta.weight)), places(keys), places(values), scale=1.0
    )
    found = found.transpose(1, 2).reshape(len(maps), -1, *maps.shape[2:])
    return maps + layer.gamma * conv2d(found, layer.o.weight)


def test_it_starts_as_the_identity_to_the_last_bit() -> None:
    layer, maps = _layer(gamma=None), _maps()
    assert torch.equal(layer(maps), maps)
    assert torch.equal(layer.float()(maps.float()), maps.float())


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)], ids=str
)
def test_it_is_torchs_own_attention_without_a_scale(dtype: torch.dtype, tolerance: float) -> None:
    layer, maps = _layer().to(dtype), _maps().to(dtype)
    with torch.no_grad():
        found, expected = layer(maps), _by_torch(layer, maps)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    assert not torch.allclose(found, maps, atol=1e-3)


def test_its_first_gradients_are_those_of_torchs_own() -> None:
    layer, maps = _layer(), _maps().requires_grad_()
    inputs = [maps, *layer.parameters()]
    ours = torch.autograd.grad(layer(maps).square().sum(), inputs)
    theirs = torch.autograd.grad(_by_torch(layer, maps).square().sum(), inputs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_what_a_place_takes_from_all_keys_sums_to_one() -> None:
    rows = _layer().weights(_maps())
    assert rows.shape == (3, 4 * 6, 2 * 3)
    assert (rows > 0).all()
    torch.testing.assert_close(rows.sum(2), torch.ones(3, 24, dtype=torch.float64))
    assert rows.std() > 0.05


def test_keys_have_no_order() -> None:
    layer, maps = _layer(), _maps()
    blocks = maps.unflatten(3, (3, 2)).unflatten(2, (2, 2))  # [n, c, 2, 2, 3, 2], four places each
    moved = blocks.flip(2)[:, :, :, :, [2, 0, 1]]
    found = layer(moved.reshape(maps.shape))
    expected = layer(maps).unflatten(3, (3, 2)).unflatten(2, (2, 2)).flip(2)[:, :, :, :, [2, 0, 1]]
    torch.testing.assert_close(found, expected.reshape(maps.shape), rtol=1e-12, atol=1e-12)


def test_one_place_can_change_any_other() -> None:
    layer, maps = _layer(), _maps().requires_grad_()
    (slope,) = torch.autograd.grad(layer(maps)[0, :, 0, 0].sum(), maps)
    assert slope[0].abs().sum(0).count_nonzero() > 2 * 3  # one place of four, of every key
    assert not slope[1:].any()


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last], ids=str)
def test_it_has_the_second_derivative_that_a_penalty_takes(form: torch.memory_format) -> None:
    layer = _layer(8).to(memory_format=form)
    maps = _maps(8, 2, 4)[:1].contiguous(memory_format=form).requires_grad_()
    assert torch.autograd.gradcheck(layer, (maps,))
    assert torch.autograd.gradgradcheck(layer, (maps,))


def test_the_layout_of_a_map_changes_nothing_and_is_kept() -> None:
    layer, maps = _layer(), _maps()
    plain = layer(maps)
    last = layer.to(memory_format=torch.channels_last)(maps.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, plain, rtol=1e-12, atol=1e-12)
    assert last.is_contiguous(memory_format=torch.channels_last)


def test_spectral_norm_bounds_its_four_convolutions() -> None:
    layer, maps = _layer(), _maps()
    spectrally_normalize(layer)
    for _ in range(50):
        layer(maps)
    layer.eval()
    for each in (layer.theta, layer.phi, layer.g, layer.o):
        largest = torch.linalg.svdvals(each.weight.detach().flatten(1))[0].item()
        assert largest == pytest.approx(1.0, abs=0.01)


def test_a_narrow_map_keeps_one_channel_of_each() -> None:
    layer = SelfAttention(4)
    assert (layer.theta.out_channels, layer.g.out_channels) == (1, 2)
    assert layer(torch.zeros(2, 4, 2, 2)).shape == (2, 4, 2, 2)


def test_an_odd_side_is_refused() -> None:
    with pytest.raises(FitError, match="attention at 7x7: places are pooled two by two"):
        SelfAttention(4)(torch.zeros(1, 4, 7, 7))
