"""The convolutional networks of DCGAN."""

from typing import Literal

import pytest
import torch
from torch import nn

from ganzoo.errors import FitError
from ganzoo.interfaces import Env
from ganzoo.spec import Recipe
from ganzoo_dcgan.networks import SIZES, DCGANDiscriminator, DCGANGenerator
from ganzoo_dcgan.plugin import ganzoo_register


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


@pytest.mark.parametrize("resolution", SIZES)
def test_latents_become_images_and_images_become_logits(resolution: int) -> None:
    env = _env(resolution, channels=3)
    images = DCGANGenerator(env, z_dim=5, width=2)(torch.full((2, 5), 10.0))
    assert images.shape == (2, 3, resolution, resolution)
    assert images.isfinite().all()
    assert images.abs().max() <= 1
    assert DCGANDiscriminator(env, width=2)(images).shape == (2,)


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


def test_an_image_does_not_depend_on_its_batch_mates_when_sampling() -> None:
    torch.manual_seed(0)
    for resolution in (28, 32):
        generator = DCGANGenerator(_env(resolution), z_dim=5, width=4)
        generator(torch.randn(8, 5))  # so that the running statistics are not the initial ones
        generator.eval()
        z = torch.randn(4, 5)
        torch.testing.assert_close(generator(z)[:1], generator(z[:1]), rtol=0, atol=1e-5)


def test_without_norm_every_image_is_judged_alone_and_with_it_not() -> None:
    assert _influence("none") == 0
    assert _influence("batch") > 0


def _influence(norm: Literal["batch", "none"]) -> float:
    """How much a logit changes with other images of the batch."""
    torch.manual_seed(0)
    judge = DCGANDiscriminator(_env(28), width=2, norm=norm)
    assert judge.mixes_samples == (norm == "batch")
    images = torch.randn(3, 1, 28, 28, requires_grad=True)
    slopes = [torch.autograd.grad(judge(images)[i], images)[0] for i in range(3)]
    among = torch.stack(slopes).flatten(2).abs().sum(2)  # [n, n]
    assert (among.diagonal() > 0).all()
    return float((among - among.diagonal().diag()).max())


def test_the_label_changes_what_is_made_and_what_is_judged() -> None:
    torch.manual_seed(0)
    env = _env(28, classes=3)
    generator = DCGANGenerator(env, z_dim=5, width=2).eval()
    judge = DCGANDiscriminator(env, width=2, norm="none")
    z, zeros, ones = torch.randn(2, 5), torch.zeros(2).long(), torch.ones(2).long()
    images = generator(z, zeros)
    assert not torch.equal(images, generator(z, ones))
    assert not torch.equal(judge(images, zeros), judge(images, ones))


def test_an_unconditional_network_does_not_look_at_labels() -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator(_env(28), z_dim=5, width=2).eval()
    z = torch.randn(2, 5)
    assert torch.equal(generator(z), generator(z, torch.tensor([1, 2])))


def test_a_conditional_network_without_labels_says_what_to_do() -> None:
    env = _env(28, classes=3)
    with pytest.raises(FitError, match="3 classes was given no labels; say which class"):
        DCGANGenerator(env, width=2)(torch.zeros(1, 100))
    with pytest.raises(FitError, match="given no labels"):
        DCGANDiscriminator(env, width=2)(torch.zeros(1, 1, 28, 28))


@pytest.mark.parametrize("cls", [DCGANGenerator, DCGANDiscriminator])
def test_a_size_it_does_not_make_is_refused_with_the_nearest(
    cls: type[DCGANGenerator | DCGANDiscriminator],
) -> None:
    with pytest.raises(FitError) as found:
        cls(_env(200))
    wanted = "dcgan makes 28, 32, 64, 128 or 256, not 200. Nearest: --resolution 256"
    assert str(found.value) == wanted


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_a_slope_penalty_reaches_every_weight_of_the_discriminator(
    norm: Literal["batch", "none"],
) -> None:
    torch.manual_seed(0)
    judge = DCGANDiscriminator(_env(32), width=2, norm=norm)
    images = torch.randn(4, 1, 32, 32, requires_grad=True)
    (slope,) = torch.autograd.grad(judge(images).sum(), images, create_graph=True)
    weights = [p for n, p in judge.named_parameters() if n.endswith("weight")]
    found = torch.autograd.grad(slope.square().sum(), weights)
    assert all(each.abs().sum() > 0 for each in found)


def test_what_the_plugin_says_about_itself_is_well_formed() -> None:
    said = list(ganzoo_register())
    assert [problem for each in said for problem in each.problems()] == []
    recipe = next(each for each in said if isinstance(each, Recipe))
    assert (recipe.name, recipe.year, recipe.sizes[0]) == ("dcgan", 2015, 32)
    assert {size for each in said for size in each.sizes} == set(SIZES)
