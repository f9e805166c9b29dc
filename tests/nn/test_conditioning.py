"""How a class reaches a network, by algebra that can be done by hand."""

import pytest
import torch
from torch import Tensor, nn

from ganzoo.errors import FitError
from ganzoo.nn.conditioning import (
    ConditionalBatchNorm2d,
    LabelEmbedding,
    ProjectionHead,
    append_codes,
    append_labels,
)

LABELS = torch.tensor([0, 2, 1, 2])


def _random(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def test_two_classes_differ_by_the_features_along_the_difference_of_their_vectors() -> None:
    head, features = ProjectionHead(5, 3).double(), _random(4, 5)
    a, b = torch.zeros(4).long(), torch.full((4,), 2)
    assert head.vectors is not None
    vectors = head.vectors.weight
    found = head(features, a) - head(features, b)
    torch.testing.assert_close(found, features @ (vectors[0] - vectors[2]), rtol=1e-12, atol=1e-12)


def test_a_head_without_classes_is_a_linear_layer() -> None:
    head, features = ProjectionHead(5, 0).double(), _random(4, 5)
    assert torch.equal(head(features, None), head.linear(features).squeeze(1))
    assert [name for name, _ in head.named_parameters()] == ["linear.weight", "linear.bias"]


def test_vectors_of_classes_start_small_so_that_products_do_not_explode() -> None:
    torch.manual_seed(0)
    head = ProjectionHead(1000, 10)
    assert head.vectors is not None
    assert head.vectors.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_a_conditional_norm_with_zero_gains_is_batch_norm() -> None:
    maps = _random(4, 6, 3, 3)
    norm, plain = ConditionalBatchNorm2d(6, 3).double(), nn.BatchNorm2d(6, affine=False).double()
    nn.init.zeros_(norm.gains.weight)
    assert torch.equal(norm(maps, LABELS), plain(maps))
    torch.testing.assert_close(norm.norm.running_mean, plain.running_mean)


def test_each_class_has_its_own_gain_and_bias_around_one_and_zero() -> None:
    maps = _random(4, 6, 3, 3)
    norm, plain = ConditionalBatchNorm2d(6, 3).double(), nn.BatchNorm2d(6, affine=False).double()
    nn.init.normal_(norm.gains.weight)
    nn.init.normal_(norm.biases.weight)
    found, normed = norm(maps, LABELS), plain(maps)
    for index, label in enumerate(LABELS):
        gain, bias = 1 + norm.gains.weight[label], norm.biases.weight[label]
        expected = normed[index] * gain[:, None, None] + bias[:, None, None]
        torch.testing.assert_close(found[index], expected, rtol=1e-12, atol=1e-12)


def test_a_norm_without_classes_is_batch_norm_with_gains_of_its_own() -> None:
    norm, plain, maps = ConditionalBatchNorm2d(6, 0), nn.BatchNorm2d(6), torch.randn(4, 6, 3, 3)
    assert torch.equal(norm(maps, None), plain(maps))
    assert sum(p.numel() for p in norm.parameters()) == 12


def test_embedded_labels_and_latents_have_a_mean_square_of_one() -> None:
    embed, z = LabelEmbedding(3, 8), torch.randn(4, 8) * 5
    joined = embed(z, LABELS)
    assert joined.shape == (4, embed.out_dim) == (4, 16)
    squares = joined.unflatten(1, (2, 8)).square().mean(2)
    torch.testing.assert_close(squares, torch.ones(4, 2))
    assert torch.equal(joined[1, 8:], joined[3, 8:])  # both of class 2
    assert not torch.equal(joined[0, 8:], joined[1, 8:])


def test_an_embedding_without_classes_passes_latents_as_they_are() -> None:
    embed, z = LabelEmbedding(0, 8), torch.randn(4, 8)
    assert embed(z, None) is z
    assert embed.out_dim == 8
    assert list(embed.parameters()) == []


def test_an_appended_label_is_the_mark_of_its_index() -> None:
    joined = append_labels(torch.zeros(4, 2), LABELS, 3)
    assert joined[:, 2:].argmax(1).tolist() == LABELS.tolist()
    assert torch.equal(joined[:, 2:].sum(1), torch.ones(4))
    maps = append_labels(torch.zeros(4, 1, 5, 5), LABELS, 3)
    assert torch.equal(maps[:, 1:].mean((2, 3)), joined[:, 2:])


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (ConditionalBatchNorm2d(6, 3), torch.zeros(2, 6, 3, 3)),
        (ProjectionHead(6, 3), torch.zeros(2, 6)),
        (LabelEmbedding(3, 6), torch.zeros(2, 6)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_conditional_layer_without_labels_says_what_to_do(
    layer: nn.Module, inputs: Tensor
) -> None:
    with pytest.raises(FitError, match="3 classes was given no labels; say which class"):
        layer(inputs, None)


def test_codes_are_a_steep_choice_among_the_first_values() -> None:
    z = torch.tensor([[2.0, 0.0, -1.0, 9.0], [0.0, 0.0, -9.0, 0.0]], dtype=torch.float64)
    found = append_codes(z, 3)

    assert torch.equal(found[:, :4], z)
    weights = torch.exp(5 * torch.tensor([2.0, 0.0, -1.0], dtype=torch.float64))
    torch.testing.assert_close(found[0, 4:], 3 * weights / weights.sum())
    torch.testing.assert_close(
        found[1, 4:], torch.tensor([1.5, 1.5, 0.0], dtype=torch.float64), atol=1e-15, rtol=0
    )


def test_no_codes_are_the_latents_themselves() -> None:
    z = _random(3, 4)

    assert append_codes(z, 0) is z


def test_a_walk_past_a_choice_has_no_jump() -> None:
    start, end = torch.zeros(1, 4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)[:1]
    ends = append_codes(torch.cat([torch.lerp(start, end, t / 1000) for t in range(1001)]), 4)

    assert (ends[1:] - ends[:-1]).abs().max() < 0.01
    assert ends[-1, 4] > 2.9
