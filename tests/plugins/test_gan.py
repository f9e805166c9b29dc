"""The two perceptrons of the first GAN."""

import pytest
import torch
from torch import nn

from ganzoo.errors import FitError
from ganzoo.interfaces import Env
from ganzoo.spec import Recipe
from ganzoo_gan.networks import SIZES, MLPDiscriminator, MLPGenerator
from ganzoo_gan.plugin import ganzoo_register


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("resolution", "classes", "generator", "discriminator"),
    [
        (28, 0, 1_486_352, 1_460_225),
        (32, 0, 1_732_352, 1_705_985),
        (28, 10, 1_488_912, 1_470_465),
    ],
)
def test_the_networks_have_as_many_parameters_as_the_reference(
    resolution: int, classes: int, generator: int, discriminator: int
) -> None:
    env = Env.classes((1, resolution, resolution), classes)
    assert _count(MLPGenerator(env)) == generator
    assert _count(MLPDiscriminator(env)) == discriminator


@pytest.mark.parametrize("resolution", SIZES)
def test_latents_become_images_and_images_become_logits(resolution: int) -> None:
    env = Env((3, resolution, resolution))
    generator = MLPGenerator(env, z_dim=5, width=4)
    images = generator(torch.full((2, 5), 10.0))
    assert images.shape == (2, 3, resolution, resolution)
    assert images.isfinite().all()
    assert images.abs().max() <= 1
    assert MLPDiscriminator(env, width=4)(images).shape == (2,)


def test_an_image_does_not_depend_on_its_batch_mates() -> None:
    torch.manual_seed(0)
    env = Env((1, 28, 28))
    generator = MLPGenerator(env, z_dim=5, width=4).eval()
    judge = MLPDiscriminator(env, width=4).eval()
    z = torch.randn(4, 5)
    torch.testing.assert_close(generator(z)[:1], generator(z[:1]), rtol=0, atol=1e-6)
    images = generator(z)
    torch.testing.assert_close(judge(images)[:1], judge(images[:1]), rtol=0, atol=1e-6)


def test_units_are_dropped_in_training_only() -> None:
    torch.manual_seed(0)
    judge = MLPDiscriminator(Env((1, 28, 28)), width=16)
    images = torch.randn(2, 1, 28, 28)
    assert not torch.equal(judge(images), judge(images))
    judge.eval()
    assert torch.equal(judge(images), judge(images))
    assert sum(isinstance(layer, nn.Dropout) for layer in judge.modules()) == 2


def test_the_label_changes_what_is_made_and_what_is_judged() -> None:
    torch.manual_seed(0)
    env = Env.classes((1, 28, 28), 3)
    generator = MLPGenerator(env, z_dim=5, width=4).eval()
    judge = MLPDiscriminator(env, width=4).eval()
    z, zeros, ones = torch.randn(2, 5), torch.zeros(2).long(), torch.ones(2).long()
    images = generator(z, zeros)
    assert not torch.equal(images, generator(z, ones))
    assert not torch.equal(judge(images, zeros), judge(images, ones))


def test_a_conditional_network_without_labels_says_what_to_do() -> None:
    env = Env.classes((1, 28, 28), 3)
    with pytest.raises(FitError, match="3 classes was given no labels; say which class"):
        MLPGenerator(env, width=4)(torch.zeros(1, 100))
    with pytest.raises(FitError, match="given no labels"):
        MLPDiscriminator(env, width=4)(torch.zeros(1, 1, 28, 28))


@pytest.mark.parametrize("cls", [MLPGenerator, MLPDiscriminator])
def test_a_size_it_does_not_make_is_refused_with_the_nearest(
    cls: type[MLPGenerator | MLPDiscriminator],
) -> None:
    with pytest.raises(FitError) as found:
        cls(Env((1, 200, 200)))
    assert str(found.value) == "gan makes 28, 32 or 64, not 200. Nearest: --resolution 64"


def test_a_slope_penalty_reaches_every_weight_of_the_discriminator() -> None:
    torch.manual_seed(0)
    judge = MLPDiscriminator(Env((1, 28, 28)), width=4)
    images = torch.randn(2, 1, 28, 28, requires_grad=True)
    (slope,) = torch.autograd.grad(judge(images).sum(), images, create_graph=True)
    weights = [p for n, p in judge.named_parameters() if n.endswith("weight")]
    found = torch.autograd.grad(slope.square().sum(), weights)
    assert all(each.abs().sum() > 0 for each in found)


def test_what_the_plugin_says_about_itself_is_well_formed() -> None:
    said = list(ganzoo_register())
    assert [problem for each in said for problem in each.problems()] == []
    recipe = next(each for each in said if isinstance(each, Recipe))
    assert (recipe.name, recipe.aliases, recipe.year) == ("gan", ("vanilla",), 2014)
    assert {size for each in said for size in each.sizes} == set(SIZES)
