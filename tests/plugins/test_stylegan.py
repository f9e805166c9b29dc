"""StyleGAN2 against the table, against its formulas written out, and what w is good for."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, pad, softplus
from zoo import REGISTRY, Pictures

from ganzoo import build
from ganzoo.algorithm import D, Draw, G, Phase, Play, Term
from ganzoo.errors import FitError
from ganzoo.interfaces import Env, Styled
from ganzoo.plan import resolve
from ganzoo.sampling import sample
from ganzoo.training.skeleton import digest, pack, unpack
from ganzoo.training.streams import Streams
from ganzoo.training.trainer import Trainer
from ganzoo_stylegan.layers import Mapping as MappingNetwork
from ganzoo_stylegan.layers import ModulatedConv2d
from ganzoo_stylegan.networks import StyleDiscriminator, StyleGenerator
from ganzoo_stylegan.regularizers import PathLength

CPU = torch.device("cpu")
ENV = Env((3, 32, 32))
KERNEL = torch.outer(*[torch.tensor([1.0, 3, 3, 1]).double()] * 2) / 64


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _random(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def _made(env: Env = ENV, **settings: Any) -> StyleGenerator:
    torch.manual_seed(0)
    return StyleGenerator(env, **{"z_dim": 6, "width": 3, "max_width": 8, **settings}).double()


def _judge(env: Env = ENV, **settings: Any) -> StyleDiscriminator:
    torch.manual_seed(0)
    return StyleDiscriminator(env, **{"width": 3, "max_width": 8, **settings}).double()


# -- counts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "classes", "made", "judge", "generator", "discriminator"),
    [
        ((1, 32, 32), 0, (64, 128, 128, 2), ("resnet", 4), 1_049_291, 1_153_345),
        ((3, 32, 32), 0, (128, 256, 256, 2), ("resnet", 4), 4_189_331, 4_608_897),
        ((3, 64, 64), 0, (64, 256, 256, 2), ("resnet", 4), 4_366_040, 4_727_617),
        ((3, 128, 128), 0, (32, 256, 256, 4), ("resnet", 4), 4_558_333, 4_757_281),
        ((3, 256, 256), 0, (16, 256, 256, 4), ("resnet", 4), 4_581_778, 4_764_689),
        ((3, 32, 32), 0, (1024, 512, 512, 2), ("orig", 32), 19_947_539, 20_720_641),
        ((3, 32, 32), 10, (1024, 512, 512, 2), ("orig", 32), 20_215_315, 23_089_664),
        ((3, 256, 256), 0, (64, 512, 512, 8), ("resnet", 8), 24_767_458, 24_001_089),
    ],
)
def test_the_networks_have_as_many_parameters_as_the_table(
    shape: tuple[int, int, int],
    classes: int,
    made: tuple[int, int, int, int],
    judge: tuple[Any, int],
    generator: int,
    discriminator: int,
) -> None:
    env, (width, most, z_dim, layers) = Env.classes(shape, classes), made
    sizes = {"width": width, "max_width": most}
    with torch.device("meta"):
        ours = StyleGenerator(env, z_dim=z_dim, mapping_layers=layers, **sizes)
        theirs = StyleDiscriminator(env, arch=judge[0], group=judge[1], **sizes)
    assert _count(ours) == generator
    assert _count(theirs) == discriminator


@pytest.mark.parametrize("preset", ["lite", "paper"])
def test_presets_have_the_sizes_of_the_table(preset: str) -> None:
    sides = {"lite": (64, 4_366_040, 4_727_617), "paper": (256, 24_767_458, 24_001_089)}
    side, *counts = sides[preset]
    plan = resolve(
        REGISTRY, "stylegan-lite", preset=preset, overrides={"training.resolution": side}
    )
    env = Env((3, side, side))
    with torch.device("meta"):
        found = [
            _count(cls(env, **plan.parts[role].settings))
            for role, cls in ((G, StyleGenerator), (D, StyleDiscriminator))
        ]
    assert found == counts


@pytest.mark.parametrize(("side", "layers"), [(32, 8), (64, 10), (128, 12), (256, 14)])
def test_w_has_two_layers_for_every_doubling_and_each_styles_something(
    side: int, layers: int
) -> None:
    made = _made(Env((1, side, side)), width=1, max_width=2, style_mixing=0.0)
    out = made(_random(2, 6))
    assert made.num_layers == layers
    assert out["w"].shape == (2, layers, 6)
    (slope,) = torch.autograd.grad(out["image"].square().sum(), out["w"])
    assert (slope.abs().sum((0, 2)) > 0).all()


# -- layers -----------------------------------------------------------------------------------


def _fused(layer: ModulatedConv2d, maps: Tensor, w: Tensor, bias: Tensor) -> Tensor:
    """Write the convolution out as the authors do: kernels of its own for every image."""
    styles = w @ (layer.styles.weight / w.shape[1] ** 0.5).T + layer.styles.bias
    if not layer.demodulates:
        styles = styles / layer.weight[0].numel() ** 0.5
    kernels = layer.weight * styles[:, None, :, None, None]  # [n, outward, inward, k, k]
    if layer.demodulates:
        kernels = kernels * (kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    shown = []
    for image, kernel in zip(maps, kernels, strict=True):
        if layer.doubles:
            raised = conv_transpose2d(image[None], kernel.transpose(0, 1), stride=2)
            shown.append(_filtered(raised, 4.0, padding=(1, 1)))
        else:
            shown.append(conv2d(image[None], kernel, padding=kernel.shape[-1] // 2))
    return torch.cat(shown) + bias.view(-1, 1, 1)


def _filtered(maps: Tensor, gain: float, padding: tuple[int, int]) -> Tensor:
    """Pad, then convolve every map with the kernel, one at a time."""
    wide = pad(maps, padding * 2)
    kernel = (KERNEL * gain).to(maps).view(1, 1, 4, 4)
    return torch.cat([conv2d(wide[:, i : i + 1], kernel) for i in range(maps.shape[1])], 1)


def _raised(images: Tensor) -> Tensor:
    """Put zeros between pixels, then filter: upsample2d of the authors."""
    spread = images.new_zeros(*images.shape[:2], 2 * images.shape[2], 2 * images.shape[3])
    spread[:, :, ::2, ::2] = images
    return _filtered(spread, 4.0, padding=(2, 1))


@pytest.mark.parametrize("settings", [{}, {"doubles": True}, {"demodulates": False}])
def test_multiplying_maps_is_multiplying_kernels(settings: dict[str, bool]) -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(5, 7, 3, 6, **settings).double()
    inputs = _random(4, 5, 8, 8), _random(4, 6), _random(7)
    torch.testing.assert_close(layer(*inputs), _fused(layer, *inputs), rtol=1e-12, atol=1e-12)


def test_larger_styles_leave_a_demodulated_layer_as_it_is() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(5, 7, 3, 6).double()
    inputs = _random(4, 5, 8, 8), _random(4, 6), torch.zeros(7).double()
    before = layer(*inputs)
    with torch.no_grad():
        for parameter in layer.styles.parameters():
            parameter.mul_(7)
    assert (layer(*inputs) - before).abs().max() < 1e-8  # what is left is eps
    assert before.std() > 0.5


def test_the_gain_of_a_layer_is_of_its_bias_too() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(5, 7, 3, 6).double()
    inputs = _random(4, 5, 8, 8), _random(4, 6), _random(7)
    before = layer(*inputs)
    layer.gain = 3.0
    torch.testing.assert_close(layer(*inputs), 3 * before, rtol=1e-12, atol=1e-12)


# -- networks ---------------------------------------------------------------------------------


def _activated(features: Tensor) -> Tensor:
    return leaky_relu(features, 0.2) * 2**0.5


def _mapped(mapping: MappingNetwork, parts: list[Tensor]) -> Tensor:
    features = torch.cat([x / (x.pow(2).mean(1, keepdim=True) + 1e-8).sqrt() for x in parts], 1)
    for layer in mapping.layers:
        weight = layer.weight * 0.01 / features.shape[1] ** 0.5
        features = _activated(features @ weight.T + layer.bias * 0.01)
    return features


def _stirred(network: nn.Module) -> None:
    """Move every bias and noise strength from where it starts, so that a lost one is missed."""
    rng = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if not name.endswith("weight"):
                parameter.add_(torch.randn(parameter.shape, generator=rng).double() / 3)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_generator_equals_its_layers_written_out(classes: int) -> None:
    made = _made(Env.classes((3, 32, 32), classes)).eval()
    _stirred(made)
    z, labels = _random(4, 6), torch.tensor([2, 0, 1, 2]) if classes else None

    parts = [z]
    if made.map.embedding is not None:
        embedding = made.map.embedding
        assert embedding.bias is not None
        parts.append((embedding.weight / 3**0.5).T[labels] + embedding.bias)
    w = _mapped(made.map, parts)
    maps, images = made.constant.expand(4, -1, -1, -1), None
    for index, layer in enumerate(made.layers):
        maps = _fused(layer.convolution, maps, w, torch.zeros_like(layer.bias))
        maps = maps + layer.noise * layer.noise_strength + layer.bias.view(-1, 1, 1)
        maps = _activated(maps)
        if index % 2 == 0:  # after the second convolution of a resolution, of the first the only
            colours = made.colours[index // 2]
            shown = _fused(colours.convolution, maps, w, colours.bias)
            images = shown if images is None else _raised(images) + shown
    assert images is not None
    out = made(z, labels)
    torch.testing.assert_close(out["image"], images, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(out["w"], w[:, None].expand(-1, 8, -1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("arch", ["resnet", "orig"])
def test_the_discriminator_equals_its_layers_written_out(arch: str, classes: int) -> None:
    judge = _judge(Env.classes((3, 32, 32), classes), arch=arch, label_layers=3)
    _stirred(judge)
    images, labels = _random(4, 3, 32, 32), torch.tensor([2, 0, 1, 2]) if classes else None

    def conv(maps: Tensor, layer: Any, **how: Any) -> Tensor:
        return conv2d(maps, layer.weight / layer.weight[0].numel() ** 0.5, layer.bias, **how)

    def linear(features: Tensor, layer: Any) -> Tensor:
        return features @ (layer.weight / features.shape[1] ** 0.5).T + layer.bias

    maps = _activated(conv(images, judge.colours))
    for block in judge.blocks:
        hidden = _activated(conv(maps, block.first, padding=1))
        hidden = _activated(conv(_filtered(hidden, 1.0, (2, 2)), block.second, stride=2))
        if block.shortcut is not None:
            small = _filtered(maps, 1.0, (1, 1))[..., ::2, ::2]
            hidden = (hidden + conv(small, block.shortcut)) / 2**0.5
        maps = hidden
    spread = (maps.var(0, correction=0) + 1e-8).sqrt().mean().expand(4, 1, 4, 4)
    maps = _activated(conv(torch.cat([maps, spread], 1), judge.smallest, padding=1))
    features = linear(_activated(linear(maps.flatten(1), judge.hidden)), judge.last)
    logits = features[:, 0]
    if judge.map is not None:
        embedding = judge.map.embedding
        assert embedding is not None
        assert embedding.bias is not None
        told = _mapped(judge.map, [(embedding.weight / 3**0.5).T[labels] + embedding.bias])
        logits = (features * told).sum(1) / 8**0.5
    torch.testing.assert_close(judge(images, labels), logits, rtol=1e-6, atol=1e-6)
    assert {block.shortcut is None for block in judge.blocks} == {arch == "orig"}


def test_first_pictures_are_neither_flat_nor_wild() -> None:
    torch.manual_seed(0)
    made = StyleGenerator(ENV, z_dim=128, width=64, max_width=128)
    with torch.no_grad():
        images = made(torch.randn(16, 128))["image"]
    assert 0.9 < images.std() < 2.2
    assert images.abs().max() < 20


def test_narrow_numbers_stay_narrow_from_layer_to_layer() -> None:
    made = _made(style_mixing=0.0).float()
    seen: list[torch.dtype] = []
    for layer in made.layers:
        layer.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    z = _random(4, 6).float()
    wide = made(z)["image"]
    seen.clear()
    with torch.autocast("cpu", torch.bfloat16):
        narrow = made(z)["image"]
    assert set(seen) == {torch.bfloat16}
    assert (narrow - wide).abs().max() < 0.2 * wide.std()


def test_styles_start_around_one_and_every_other_bias_at_zero() -> None:
    biases = {name: each for name, each in _made().named_parameters() if name.endswith("bias")}
    assert len(biases) == 2 * 11 + 2
    for name, each in biases.items():
        assert (each == (1 if name.endswith("styles.bias") else 0)).all(), name


def test_noise_starts_without_effect() -> None:
    made = _made()
    z = _random(3, 6)
    assert torch.equal(made(z)["image"], made(z)["image"])
    assert torch.equal(made(z)["image"], made.eval()(z)["image"])


def _noisy(**settings: Any) -> StyleGenerator:
    made = _made(**settings)
    with torch.no_grad():
        for layer in made.layers:
            layer.noise_strength.fill_(0.5)
    return made


def test_while_training_each_image_has_noise_of_its_own_from_the_global_stream() -> None:
    made, z = _noisy(), _random(1, 6).expand(2, -1)
    torch.manual_seed(5)
    first = made(z)["image"]
    other = made(z)["image"]
    torch.manual_seed(5)
    assert torch.equal(made(z)["image"], first)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_in_evaluation_noise_is_the_same_and_a_picture_depends_on_its_latent_alone() -> None:
    made, z = _noisy().eval(), _random(1, 6).expand(2, -1)
    state = torch.get_rng_state()
    images = made(z)["image"]
    assert torch.equal(images, made(z)["image"])
    assert torch.equal(images[0], images[1])
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(sample(made, [3, 4, 5])[1:2], sample(made, [4]))


def test_fixed_noise_is_normal_and_is_saved() -> None:
    made = _made()
    held = [name for name in made.state_dict() if name.endswith("noise")]
    assert held == [f"layers.{index}.noise" for index in range(7)]
    every = torch.cat([made.state_dict()[name].flatten() for name in held])
    assert len(every) == 16 + 2 * (64 + 256 + 1024)
    assert every.mean().abs() < 0.1
    assert 0.95 < every.std() < 1.05


def test_the_mean_of_w_goes_to_that_of_each_batch_only_while_training() -> None:
    made, z = _made(), _random(4, 6)
    made(z)
    first = made.mapping(z)[:, 0].mean(0).detach()
    torch.testing.assert_close(made.w_mean, 0.002 * first, rtol=1e-12, atol=0)
    made(2 + z)
    second = made.mapping(2 + z)[:, 0].mean(0).detach()
    expected = 0.998 * 0.002 * first + 0.002 * second
    torch.testing.assert_close(made.w_mean, expected, rtol=1e-12, atol=0)
    made.eval()(z)
    torch.testing.assert_close(made.w_mean, expected, rtol=1e-12, atol=0)
    assert "w_mean" in made.state_dict()
    assert not made.w_mean.requires_grad


def test_the_mean_of_w_knows_nothing_of_the_second_latent() -> None:
    alone, mixed = _made(style_mixing=0.0), _made(style_mixing=1.0)
    z = _random(4, 6)
    alone(z)
    mixed(z)
    assert torch.equal(alone.w_mean, mixed.w_mean)


def test_a_generator_is_its_mapping_and_its_synthesis() -> None:
    made, z = _made(ENV, style_mixing=0.9).eval(), _random(4, 6)
    w = made.mapping(z)
    assert isinstance(made, Styled)
    assert torch.equal(w, w[:, :1].expand(-1, 8, -1))
    assert torch.equal(made.synthesis(w), made(z)["image"])
    assert torch.equal(made(z)["w"], w)


def test_every_layer_has_a_w_of_its_own_and_colours_that_of_the_layer_after() -> None:
    made, w = _made().eval(), _random(3, 8, 6)
    seen: list[Tensor] = []
    for part in (*made.layers, *made.colours):
        part.register_forward_hook(lambda _, given, __: seen.append(given[1]))
    made.synthesis(w)
    order = [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7]  # as in the authors' code
    assert torch.equal(torch.stack(seen, 1), w[:, order])


def test_small_and_large_latents_of_one_direction_are_one_picture() -> None:
    made, z = _made().eval(), _random(2, 6)
    torch.testing.assert_close(made(5 * z)["image"], made(z)["image"], rtol=1e-6, atol=1e-6)


# -- style mixing -----------------------------------------------------------------------------


def test_styles_are_mixed_from_128_px_on_unless_said_otherwise() -> None:
    found = []
    with torch.device("meta"):
        for side in (32, 64, 128, 256):
            found.append(StyleGenerator(Env((1, side, side)), width=1).style_mixing)
    assert found == [0.0, 0.0, 0.9, 0.9]
    assert _made(style_mixing=0.3).style_mixing == 0.3


def test_without_mixing_there_is_one_mapping_and_no_draw_but_noise() -> None:
    made, z = _made(style_mixing=0.0), _random(2, 6)
    calls: list[Tensor] = []
    made.map.register_forward_hook(lambda _, __, out: calls.append(out))
    torch.manual_seed(1)
    made(z)
    after = torch.get_rng_state()
    torch.manual_seed(1)
    for layer in made.layers:
        torch.randn(2, 1, *layer.noise.shape, dtype=torch.float64)
    assert torch.equal(torch.get_rng_state(), after)
    assert len(calls) == 1


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_a_share_of_pictures_has_another_w_from_some_layer_on(share: float) -> None:
    made = _made(Env((1, 32, 32)), width=1, max_width=1, style_mixing=share)
    calls: list[Tensor] = []
    made.map.register_forward_hook(lambda _, __, out: calls.append(out))
    with torch.no_grad():
        w = made(_random(500, 6))["w"]
    first, second = (each[:, None] for each in calls)
    ours, others = (w == first).all(2), (w == second).all(2)  # [n, layers]
    assert (ours ^ others).all()
    counts = ours.sum(1)  # of the layers before the cut
    assert (ours == (torch.arange(8) < counts[:, None])).all()
    mixed = (counts < 8).double().mean()
    assert abs(mixed - share) < 0.07
    cuts = set(counts.tolist())
    assert cuts - {8} == set(range(1, 8))


def test_the_second_w_is_of_the_same_class() -> None:
    made = _made(Env.classes((3, 32, 32), 3), style_mixing=1.0)
    z, labels = _random(9, 6), torch.tensor([0, 1, 2, 2, 1, 0, 0, 0, 1])
    torch.manual_seed(3)
    w = made(z, labels)["w"]
    torch.manual_seed(3)
    assert torch.equal(w[:, -1], made.mapping(torch.randn_like(z), labels)[:, -1])


def test_in_evaluation_nothing_is_mixed() -> None:
    made, z = _made(style_mixing=1.0).eval(), _random(3, 6)
    assert torch.equal(made(z)["w"], made.mapping(z))


def test_a_training_pass_asks_the_device_nothing() -> None:
    """On this device there are no numbers to ask for."""
    with torch.device("meta"):
        made = StyleGenerator(ENV, z_dim=6, width=2, max_width=4, style_mixing=0.9)
        judge = StyleDiscriminator(ENV, width=2, max_width=4)
        out = made(torch.randn(4, 6))
        assert judge(out["image"]).device.type == "meta"


# -- the discriminator ------------------------------------------------------------------------


def test_images_of_a_group_may_change_places_and_a_change_of_one_is_seen_by_its_group() -> None:
    judge, images = _judge(), _random(8, 3, 32, 32)  # groups 0 2 4 6 and 1 3 5 7
    logits = judge(images)
    places = [6, 1, 0, 3, 4, 5, 2, 7]
    torch.testing.assert_close(judge(images[places]), logits[places], rtol=1e-10, atol=1e-10)
    images[2] *= -3
    moved = (judge(images) - logits).abs()
    assert (moved[0::2] > 1e-6).all()
    assert (moved[1::2] < 1e-12).all()
    assert judge.mixes_samples


def test_a_batch_that_is_no_whole_number_of_groups_is_refused() -> None:
    with pytest.raises(FitError, match="6 images is no whole number of groups of 4"):
        _judge()(_random(6, 3, 32, 32))


# -- path length ------------------------------------------------------------------------------


class Linear(nn.Module):
    """Paints the sum of a matrix a layer times w, where w is z itself."""

    def __init__(self, matrices: Tensor, side: tuple[int, int]) -> None:
        super().__init__()
        self.matrices = nn.Parameter(matrices)  # [layers, pixels, w]
        self.side, self.z_dim, self.passes = side, matrices.shape[2], 0

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Mapping[str, Tensor]:
        self.passes += 1
        w = z[:, None].repeat(1, len(self.matrices), 1).requires_grad_()
        pixels = torch.einsum("lpw,nlw->np", self.matrices, w)
        if labels is not None:
            pixels = pixels * (1 + labels[:, None])
        return {"image": pixels.view(-1, 1, *self.side), "w": w}


def _play(part: PathLength, made: nn.Module, z: Tensor, labels: Tensor | None = None) -> Play:
    draw = Draw(made, torch.zeros(len(z), 1, 2, 3), labels, z)
    return Play(Phase(G, (G,), (Term("path-length", part.penalty),), frozen=(D,)), draw, {G: made})


def test_the_path_length_of_a_linear_generator_is_that_of_noise_through_its_matrices() -> None:
    made, part = Linear(_random(2, 6, 5), (2, 3)), PathLength(ENV, shrink=2, decay=0.25)
    expected, mean = [], torch.zeros(()).double()
    torch.manual_seed(0)
    for _ in range(2):
        noise = torch.randn(4, 1, 2, 3, dtype=torch.float64).flatten(1) / 6**0.5
        slopes = torch.einsum("lpw,np->nlw", made.matrices.detach(), noise)
        lengths = slopes.square().sum(2).mean(1).sqrt()
        mean = mean + 0.25 * (lengths.mean() - mean)
        expected.append((lengths - mean).square())
    torch.manual_seed(0)
    for each in expected:
        found = part.penalty(_play(part, made, _random(8, 5)))
        torch.testing.assert_close(found, each, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(part.state_dict()["mean"], mean, rtol=1e-10, atol=0)
    assert made.passes == 2


def test_squared_lengths_are_those_of_the_matrix_over_the_pixels_in_the_mean() -> None:
    matrix = _random(1, 6, 5)
    part = PathLength(ENV, shrink=1, decay=1e-12)  # so that the mean stays 0
    torch.manual_seed(0)
    found = part.penalty(_play(part, Linear(matrix, (2, 3)), _random(20_000, 5))).mean()
    assert found.item() == pytest.approx((matrix.square().sum() / 6).item(), rel=0.02)


def test_the_running_mean_is_part_of_the_penalty_and_its_slope() -> None:
    made, part = Linear(_random(1, 6, 5), (2, 3)), PathLength(ENV, decay=0.3)
    z = _random(8, 5)

    def value(matrices: Tensor) -> Tensor:
        torch.manual_seed(4)
        made.matrices.data.copy_(matrices)
        part.load_state_dict({"mean": torch.tensor(0.5).double()})
        return part.penalty(_play(part, made, z)).mean()

    start, step = made.matrices.detach().clone(), _random(1, 6, 5)
    (slope,) = torch.autograd.grad(value(start), made.matrices)
    with torch.enable_grad():
        ahead, behind = value(start + 1e-6 * step).detach(), value(start - 1e-6 * step).detach()
    torch.testing.assert_close((slope * step).sum(), (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-8)
    assert not part.state_dict()["mean"].requires_grad


def test_the_first_of_the_batch_pay_with_their_labels() -> None:
    made, part = Linear(_random(1, 6, 5), (2, 3)), PathLength(ENV, shrink=4, decay=1e-12)
    torch.manual_seed(0)
    plain = part.penalty(_play(part, made, _random(8, 5)))
    torch.manual_seed(0)
    labels = torch.tensor([1, 0, 2, 2, 2, 2, 2, 2])
    told = part.penalty(_play(part, made, _random(8, 5), labels))
    assert plain.shape == (2,)
    torch.testing.assert_close(told, plain * torch.tensor([4.0, 1.0]))
    assert part.penalty(_play(part, made, _random(3, 5))).shape == (1,)


def test_a_generator_that_makes_one_picture_has_a_finite_penalty_and_slope() -> None:
    made, part = Linear(torch.zeros(1, 6, 5), (2, 3)), PathLength(ENV)
    found = part.penalty(_play(part, made, _random(4, 5).float()))
    (slope,) = torch.autograd.grad(found.mean(), made.matrices)
    assert (found == 0).all()
    assert slope.isfinite().all()


def test_path_length_reaches_all_that_shapes_a_picture() -> None:
    made, part = _noisy(), PathLength(ENV, shrink=1)
    part.penalty(_play(part, made, _random(4, 6))).mean().backward()
    still = {name for name, each in made.named_parameters() if each.grad is None}
    moved = {name for name, each in made.named_parameters() if each.grad is not None}
    # a bias of colours is added to a picture wherever w stands
    assert still == {f"colours.{index}.bias" for index in range(4)}
    weights = {name for name in moved if name.endswith("weight")}
    assert all(made.get_parameter(name).grad.abs().sum() > 0 for name in weights)  # type: ignore[union-attr]


def test_path_length_is_silent_below_128_px_unless_said_otherwise() -> None:
    weights = [PathLength(Env((3, side, side))).weight for side in (32, 64, 128, 256)]
    assert weights == [0, 0, 2, 2]
    assert PathLength(ENV, weight=0.5).weight == 0.5
    part = PathLength(ENV)
    assert (part.interval, part.on, part.second_order) == (4, (G,), True)


@pytest.mark.parametrize("answer", [lambda z: z, lambda z: {"image": z}])
def test_a_generator_without_w_is_refused(answer: Callable[[Tensor], Any]) -> None:
    class Other(nn.Module):
        def forward(self, z: Tensor, labels: Tensor | None = None) -> Any:
            return answer(z[:, None, None])

    part = PathLength(ENV)
    with pytest.raises(FitError, match="path length needs 'w' from the generator"):
        part.penalty(_play(part, Other(), _random(4, 5)))


# -- runs -------------------------------------------------------------------------------------


def _trainer(
    *sets: str, side: int = 32, data: Pictures | None = None, **overrides: Any
) -> Trainer:
    small = [f"{role}.{name}" for role in (G, D) for name in ("width=2", "max_width=4")]
    small += ["training.batch_size=4", "generator.z_dim=5", "regularizer.path-length.interval=2"]
    told = {"training.resolution": side, **overrides}
    plan = resolve(REGISTRY, "stylegan-lite", sets=[*small, *sets], overrides=told)
    data = data or Pictures(side)
    built = build.outline(plan, REGISTRY, {"dataset": data})
    for network in built.networks.values():
        network.to(data.dtype)
    return Trainer(built.with_data(data), CPU)


LOUD = ("regularizer.path-length.weight=2", "generator.style_mixing=0.9")


def _state(trainer: Trainer) -> str:
    return digest({k: v for k, v in trainer.state_dict().items() if k != "clock"})


def test_a_run_with_path_length_goes_on_exactly_and_misses_a_lost_mean() -> None:
    torch.manual_seed(0)
    whole = _trainer(*LOUD)
    for _ in range(5):
        whole.play_step()

    torch.manual_seed(0)
    first = _trainer(*LOUD)
    for _ in range(3):
        first.play_step()
    saved = unpack(*pack(first.state_dict(), "state"))
    lost = unpack(*pack(first.state_dict(), "state"))
    lost["extra"]["parts"]["regularizer.path-length"]["mean"] *= 2
    ends = []
    for state in (saved, lost):
        torch.manual_seed(7)
        again = _trainer(*LOUD)
        again.load_state_dict(state)
        for _ in range(2):
            again.play_step()
        ends.append(_state(again))

    assert ends[0] == _state(whole)
    assert ends[1] != ends[0]


@pytest.mark.parametrize("classes", [0, 3])
def test_steps_with_path_length_and_mixed_styles_equal_the_straight_line(classes: int) -> None:
    """What ``info --code`` leaves out, because it comes from 128 px on; here at 32."""
    sets = ["regularizer.r1.interval=3", *(f"optimizer.{role}.eps=1e-5" for role in (G, D))]
    data = Pictures(32, classes=3, dtype=torch.float64)
    trainer = _trainer(*LOUD, *sets, data=data, **{"training.conditional": bool(classes)})
    made, judge = (copy.deepcopy(trainer.networks[role]) for role in (G, D))
    said = trainer.experiment.optimizers
    of_made, of_judge = (
        torch.optim.Adam(
            net.parameters(), lr=said[role].learning_rate, betas=said[role].betas, eps=1e-5
        )
        for role, net in ((G, made), (D, judge))
    )
    gamma, latents = trainer.experiment.regularizers["r1"].weight, Streams(0, CPU).rng("latents")
    torch.manual_seed(0)
    for _ in range(5):
        trainer.play_step()

    torch.manual_seed(0)
    mean = torch.zeros((), dtype=torch.float64)
    for index in range(5):
        real, labels = data.batch(4 * index, 4)
        told = labels if classes else None
        z = torch.randn(4, 5, generator=latents, dtype=torch.float64)
        fake = made(z, told)["image"]

        of_judge.zero_grad()
        logits = judge(real.requires_grad_(), told)
        loss = softplus(-logits).mean() + softplus(judge(fake.detach(), told)).mean()
        if index % 3 == 0:
            (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
            loss = loss + 3 * gamma / 2 * slope.square().sum((1, 2, 3)).mean()
        loss.backward()
        of_judge.step()

        of_made.zero_grad()
        loss = softplus(-judge(fake, told)).mean()
        if index % 2 == 0:  # the first half is made once more, with noise and mixtures of its own
            again = made(z[:2], None if told is None else told[:2])
            seen = (again["image"] * torch.randn_like(again["image"]) / 32).sum()
            (slope,) = torch.autograd.grad(seen, again["w"], create_graph=True)
            lengths = slope.square().sum(2).mean(1).sqrt()
            mean = 0.99 * mean.detach() + 0.01 * lengths.mean()
            loss = loss + 2 * 2 * (lengths - mean).square().mean()
        loss.backward()
        of_made.step()

    part = trainer.experiment.regularizers["path-length"]
    torch.testing.assert_close(part.state_dict()["mean"], mean.detach())  # type: ignore[attr-defined]
    for role, network in ((G, made), (D, judge)):
        theirs = trainer.networks[role].state_dict()
        for key, value in network.state_dict().items():
            far = (theirs[key].double() - value.double()).abs().max().item()
            assert far <= 1e-10 * max(1.0, value.abs().max().item()), f"{role}.{key}: {far:.1e}"


def test_path_length_is_in_the_trace_where_it_acts_and_only_there() -> None:
    traces = []
    for sets in ((), LOUD):
        trainer = _trainer(*sets)
        (tick,) = trainer.ticks(4, stop=lambda: True)
        traces.append(set(tick.readings))
    assert traces[1] - traces[0] == {"G path-length"}


def test_at_128_px_a_run_mixes_styles_and_heeds_path_length() -> None:
    trainer = _trainer("generator.width=1", "discriminator.width=1", side=128)
    (tick,) = trainer.ticks(4, stop=lambda: True)
    assert "G path-length" in tick.readings
    assert trainer.networks[G].style_mixing == 0.9


def test_the_average_has_a_mean_of_w_to_truncate_with() -> None:
    trainer = _trainer()
    for _ in range(2):
        trainer.play_step()
    averaged = trainer.average.network
    assert (averaged.w_mean != 0).all()
    near, far = (sample(averaged, range(6), psi=psi).double() for psi in (0.3, 1.0))
    assert near.std(0).mean() < far.std(0).mean()
