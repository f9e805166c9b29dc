"""The convolutional networks of DCGAN."""

import pytest
import torch
from torch import nn

from ganzoo.errors import FitError
from ganzoo.interfaces import Env
from ganzoo_dcgan.networks import DCGANDiscriminator, DCGANGenerator


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _env(resolution: int, channels: int = 1, classes: int = 0) -> Env:
    return Env.classes((channels, resolution, resolution), classes)


@pytest.mark.parametrize(
    ("resolution", "channels", "width", "generator", "discriminator"),
    [
        (28, 1, 64, 1_806_080, 138_625),
        (32, 1, 16, 143_840, 42_432),
        (32, 1, 32, 369_600, 166_784),
        (32, 1, 64, 1_066_880, 661_248),
        (32, 3, 64, 1_068_928, 663_296),
        (64, 3, 64, 3_576_704, 2_765_568),
        (128, 3, 64, 12_786_560, 11_164_416),
        (256, 3, 64, 29_565_824, 27_943_680),
    ],
)
def test_the_networks_have_as_many_parameters_as_the_reference(
    resolution: int, channels: int, width: int, generator: int, discriminator: int
) -> None:
    env = _env(resolution, channels)
    with torch.device("meta"):
        assert _count(DCGANGenerator(env, width=width)) == generator
        assert _count(DCGANDiscriminator(env, width=width)) == discriminator


def test_biases_stand_only_where_batch_norm_was_taken_away() -> None:
    plain = DCGANDiscriminator(_env(32), width=16, norm="none")
    assert _count(plain) == 42_336
    assert _count(DCGANDiscriminator(_env(32, 3), norm="none")) == 662_912
    assert [n for n, p in plain.named_parameters() if p.ndim == 1] == [
        "layers.2.bias",
        "layers.4.bias",
    ]
    assert _count(DCGANGenerator(_env(32), width=16, z_dim=64)) == 106_976


def test_codes_are_chosen_by_values_of_z_so_there_are_at_most_as_many() -> None:
    plain, coded = (DCGANGenerator(_env(32), width=16, z_dim=64, codes=n) for n in (0, 20))
    assert _count(coded) - _count(plain) == 20 * 1024
    with pytest.raises(FitError, match="20 codes are chosen by as many of z's values"):
        DCGANGenerator(_env(32), z_dim=10, codes=20)


def test_a_linear_layer_stands_for_the_transposed_convolution_of_one_place() -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator(_env(32), z_dim=5, width=2).double()
    linear = generator.layers[0]
    assert isinstance(linear, nn.Linear)
    z = torch.randn(3, 5, dtype=torch.float64)
    weight = linear.weight.T.reshape(5, 8, 4, 4)  # [z, c, h, w]
    expected = nn.functional.conv_transpose2d(z[:, :, None, None], weight)
    torch.testing.assert_close(generator.layers[1](linear(z)), expected)


def test_weights_start_small_gains_near_one_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    for norm in ("batch", "none"):
        judge = DCGANDiscriminator(_env(32), width=32, norm=norm)
        for name, parameter in judge.named_parameters():
            gain = parameter.ndim == 1 and name.endswith("weight")
            assert parameter.mean().item() == pytest.approx(float(gain), abs=0.01)
            wanted = 0.0 if name.endswith("bias") else 0.02
            assert parameter.std().item() == pytest.approx(wanted, rel=0.25)
