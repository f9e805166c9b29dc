import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from ganzoo.interfaces import Embedded, Metric
from ganzoo.options import make
from ganzoo.registry import Registry
from ganzoo_digits.digits import Digits
from ganzoo_metrics.classes import Classes
from ganzoo_metrics.copies import COPIED, Copies
from ganzoo_metrics.distances import Frechet, Kernel, frechet, moments, squared_discrepancy
from ganzoo_metrics.nearest import distances, drawn, flat, nearest_pixels
from ganzoo_metrics.neighbours import Neighbours

ALL = (Frechet, Kernel, Neighbours, Classes, Copies)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def side(features: Tensor, **known: Any) -> Embedded:
    """Return features with pixels that nobody looks at."""
    pixels = torch.zeros(len(features), 1, 1, 1, dtype=torch.uint8)
    return Embedded(known.pop("pixels", pixels), features, **known)


def compared(metric: Metric, real: Tensor, fake: Tensor) -> Mapping[str, float]:
    return metric.score(side(real), side(fake), side(real))


# Recorded with torch-fidelity 0.4.0, prdc 0.2, scikit-learn 1.9.1 and numpy 2.4.6:
#
#     rng = torch.Generator().manual_seed(0)
#     real = torch.randn(500, 16, generator=rng, dtype=torch.float64)
#     fake = 0.8 * torch.randn(500, 16, generator=rng, dtype=torch.float64) + 0.2
#     few = fake[:300]
#     stats = [torch_fidelity.metric_fid.fid_features_to_statistics(x) for x in (real, few)]
#     torch_fidelity.metric_fid.fid_statistics_to_metric(*stats, verbose=False)
#     torch_fidelity.metric_kid.kid_features_to_metric(
#         real, fake, kid_subsets=1, kid_subset_size=500, kid_kernel="poly",
#         kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1,
#         rng_seed=0)
#     prdc.compute_prdc(real.numpy(), few.numpy(), nearest_k=5)
RECORDED = {
    "FD": 1.5253627257722329,
    "KD": 0.151221637136445,
    "precision": 0.9866666666666667,
    "recall": 0.556,
    "density": 2.000666666666667,
    "coverage": 0.942,
}


def test_values_agree_with_torch_fidelity_and_prdc() -> None:
    rng = torch.Generator().manual_seed(0)
    real = torch.randn(500, 16, generator=rng, dtype=torch.double)
    fake = 0.8 * torch.randn(500, 16, generator=rng, dtype=torch.double) + 0.2
    assert (real.sum().item(), fake.sum().item()) == pytest.approx(
        (-150.5493199796793, 1461.6274993239535)
    )

    found = {
        **compared(Frechet(), real, fake[:300]),
        **compared(Kernel(subsets=1, size=500), real, fake),
        **compared(Neighbours(), real, fake[:300]),
    }

    assert found == pytest.approx(RECORDED, abs=1e-6)


def test_equal_sets_have_no_frechet_distance() -> None:
    features = normal(400, 20) @ normal(20, 20, seed=1)

    assert compared(Frechet(), features, features)["FD"] == pytest.approx(0, abs=1e-6)


def test_the_distance_of_diagonal_gaussians_is_the_closed_form() -> None:
    means, stds = normal(2, 12), normal(2, 12, seed=1).abs()
    given = [(mean, std.square().diag()) for mean, std in zip(means, stds, strict=True)]

    wanted = (means[0] - means[1]).square() + (stds[0] - stds[1]).square()
    assert frechet(given[0], given[1]) == pytest.approx(float(wanted.sum()), abs=1e-10)


def test_a_distance_is_the_same_from_both_ends_and_under_rotation() -> None:
    first, second = normal(300, 10), 2 * normal(200, 10, seed=1) + 1
    turn = torch.linalg.qr(normal(10, 10, seed=2)).Q
    wanted = frechet(moments(first), moments(second))

    assert frechet(moments(second), moments(first)) == pytest.approx(wanted, rel=1e-9)
    assert frechet(moments(first @ turn), moments(second @ turn)) == pytest.approx(
        wanted, rel=1e-9
    )


def test_features_without_spread_have_a_distance_too() -> None:
    first, second = torch.zeros(10, 3), torch.ones(10, 3)

    assert compared(Frechet(), first, second)["FD"] == pytest.approx(3)


@pytest.mark.parametrize(("size", "count"), [(32, 1000), (64, 4000)])
def test_the_frechet_distance_is_biased_as_the_curve_says(size: int, count: int) -> None:
    truth = (torch.zeros(size).double(), torch.eye(size).double())

    found = [frechet(truth, moments(normal(count, size, seed=seed))) for seed in range(40)]

    wanted = size / count + size * (size + 1) / (4 * count)
    assert sum(found) / len(found) == pytest.approx(wanted, rel=0.05)


def test_the_discrepancy_of_three_points_is_exact() -> None:
    # (x y + 1)^3 within 0 1 2: 1 1 27 twice over six pairs; within 1 1 3: 8 64 64; across nine.
    first, second = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[1.0], [1.0], [3.0]])

    within, other = (1 + 1 + 27) / 3, (8 + 64 + 64) / 3
    across = (1 + 1 + 1 + 8 + 8 + 64 + 27 + 27 + 343) / 9
    assert squared_discrepancy(first, second) == pytest.approx(within + other - 2 * across)


def test_the_kernel_is_divided_by_the_number_of_features() -> None:
    first, second = normal(6, 1), normal(6, 1, seed=1)

    wide = squared_discrepancy(first.expand(6, 4), second.expand(6, 4))

    assert wide == pytest.approx(squared_discrepancy(first, second))


def test_the_discrepancy_of_draws_of_one_distribution_is_nought_on_average() -> None:
    pairs = [(normal(40, 8, seed=i), normal(40, 8, seed=i + 100)) for i in range(50)]

    found = torch.tensor([squared_discrepancy(*pair) for pair in pairs])

    assert abs(float(found.mean())) < 2 * float(found.std()) / math.sqrt(50)
    assert found.min() < 0


def test_subsets_average_to_the_discrepancy_of_the_whole() -> None:
    real, fake = normal(600, 8), normal(600, 8, seed=1) + 0.3

    found = compared(Kernel(subsets=60, size=100), real, fake)["KD"]

    assert found == pytest.approx(squared_discrepancy(real, fake), rel=0.05)


def test_identical_sets_are_precise_recalled_and_covered() -> None:
    features = normal(700, 6)

    scores = compared(Neighbours(size=500), features, features)

    assert (scores["precision"], scores["recall"], scores["coverage"]) == (1, 1, 1)
    assert scores["density"] == pytest.approx(1)


def test_two_far_clusters_have_nothing_in_common() -> None:
    scores = compared(Neighbours(), normal(300, 6), normal(200, 6, seed=1) + 100)

    assert set(scores.values()) == {0}
    assert set(scores) == Neighbours.higher


def test_one_fake_repeated_is_precise_and_recalls_nothing() -> None:
    real = normal(300, 6)
    scores = compared(Neighbours(), real, real[real.norm(dim=1).argmin()].expand(300, 6))

    assert scores["precision"] == 1
    assert scores["recall"] == 0
    assert scores["coverage"] < 0.5


def test_neighbours_are_the_same_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = normal(150, 6), normal(90, 6, seed=1)
    whole = compared(Neighbours(), real, fake)

    monkeypatch.setattr("ganzoo_metrics.nearest.ROWS", 16)

    assert torch.cat(list(distances(real, fake))).shape == (150, 90)
    assert len(list(distances(real, fake))) == 38
    assert compared(Neighbours(), real, fake) == whole


def test_distances_are_those_of_all_pairs() -> None:
    real, fake = normal(30, 5), normal(20, 5, seed=1)

    found = torch.cat(list(distances(real.float(), fake.float())))

    assert torch.allclose(found, torch.cdist(real, fake), atol=1e-6)


def logits(classes: Tensor, count: int = 10) -> Tensor:
    return torch.nn.functional.one_hot(classes, count).float()


def of_classes(classes: Tensor, labels: Tensor | None = None) -> Embedded:
    return side(torch.zeros(len(classes), 2), class_logits=logits(classes), labels=labels)


EVEN = torch.arange(1000) % 10


def test_the_same_classes_in_the_same_shares_do_not_diverge() -> None:
    scores = Classes().score(of_classes(EVEN), of_classes(EVEN), of_classes(EVEN))

    assert scores == {"classes-seen": 10, "classes-KL": 0}


def test_a_missing_class_is_missed() -> None:
    real, fake = of_classes(EVEN, EVEN), of_classes(EVEN[EVEN != 8])

    scores = Classes().score(real, fake, real)

    assert scores["classes-seen"] == 9
    assert scores["classes-KL"] == pytest.approx(math.log(10 / 9))
    assert "label-accuracy" not in scores


def test_a_class_is_seen_above_a_tenth_of_its_share() -> None:
    few = torch.cat([EVEN[EVEN != 8], torch.full((9,), 8)])
    more = torch.cat([few, torch.full((2,), 8)])
    real = of_classes(EVEN)

    seen = [Classes().score(real, of_classes(x), real)["classes-seen"] for x in (few, more)]

    assert seen == [9, 10]


def test_one_class_alone_diverges_by_the_logarithm_of_their_number() -> None:
    real = of_classes(EVEN)

    scores = Classes().score(real, of_classes(torch.full((50,), 3)), real)

    assert scores == {"classes-seen": 1, "classes-KL": pytest.approx(math.log(10))}


def test_a_class_that_the_reference_lacks_counts_as_one_image_of_it() -> None:
    real, fake = of_classes(EVEN[EVEN != 8]), of_classes(torch.full((50,), 8))

    scores = Classes().score(real, fake, real)

    assert scores["classes-seen"] == 0
    assert scores["classes-KL"] == pytest.approx(math.log(901))


def test_labels_are_compared_with_what_the_fakes_are_taken_for() -> None:
    asked = EVEN.clone()
    asked[:250] = (asked[:250] + 1) % 10
    real = of_classes(EVEN, EVEN)

    assert Classes().score(real, of_classes(EVEN, asked), real)["label-accuracy"] == 0.75


def test_an_extractor_of_other_classes_or_none_says_nothing_of_classes() -> None:
    blind, other = side(torch.zeros(9, 2)), of_classes(EVEN, EVEN // 3)

    assert Classes().score(blind, blind, blind) == {}
    assert Classes().score(other, other, other) == {}


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor, Tensor]:
    """Return a reference, held-out images and fresh ones as an ideal generator would make."""
    return tuple(
        Digits(count=count, seed=seed, split="test").load(28)[0]
        for seed, count in ((0, 2000), (1, 500), (2, 500))
    )  # type: ignore[return-value]


def judged(real: Tensor, fake: Tensor, held_out: Tensor, **options: int) -> dict[str, float]:
    sides = [side(torch.zeros(len(p), 1), pixels=p) for p in (real, fake, held_out)]
    return dict(Copies(**options).score(*sides))


def test_fresh_images_are_as_far_from_the_data_as_held_out_ones(
    digits: tuple[Tensor, Tensor, Tensor],
) -> None:
    real, held_out, fresh = digits

    scores = judged(real, fresh, held_out)

    assert scores["nn-ratio"] == pytest.approx(1, abs=0.05)
    assert scores["copied"] < 0.01
    assert scores["duplicates"] < 0.01


def test_held_out_images_judged_as_fakes_give_the_floor(
    digits: tuple[Tensor, Tensor, Tensor],
) -> None:
    real, held_out, _ = digits

    scores = judged(real, held_out, held_out, size=200)

    assert scores["nn-ratio"] != 1
    assert scores["nn-ratio"] == pytest.approx(1, abs=0.1)
    assert scores["copied"] < 0.02


def test_memorised_images_are_copied(digits: tuple[Tensor, Tensor, Tensor]) -> None:
    real, held_out, fresh = digits
    half = torch.cat([real[:250], fresh[:250]])

    assert judged(real, real[:500], held_out) == {"nn-ratio": 0, "copied": 1, "duplicates": 0}
    assert judged(real, half, held_out)["copied"] == pytest.approx(0.5, abs=0.01)


def test_a_copy_with_a_little_noise_is_still_a_copy(
    digits: tuple[Tensor, Tensor, Tensor],
) -> None:
    real, held_out, _ = digits
    noisy = (real[:300].float() + 5 * normal(300, 1, 28, 28)).clamp(0, 255).byte()

    scores = judged(real, noisy, held_out)

    assert scores["copied"] == 1
    assert scores["nn-ratio"] < COPIED


def test_repeated_fakes_are_duplicates(digits: tuple[Tensor, Tensor, Tensor]) -> None:
    real, held_out, fresh = digits
    twice = torch.cat([fresh[:200], fresh[:100]])

    assert judged(real, fresh[:1].expand(300, -1, -1, -1), held_out)["duplicates"] == 1
    assert judged(real, twice, held_out)["duplicates"] == pytest.approx(2 / 3, abs=0.01)


def test_images_that_are_all_alike_say_nothing() -> None:
    alike = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)

    assert judged(alike, alike, alike) == {}


@pytest.mark.parametrize("same", [False, True])
def test_the_nearest_image_is_found_in_parts(
    same: bool, digits: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, others, _ = digits
    real = others if same else real[:300]
    rows = flat(others, 32).double(), flat(real, 32).double()
    wanted = torch.cdist(*rows) / 28
    if same:
        wanted.fill_diagonal_(torch.inf)

    monkeypatch.setattr("ganzoo_metrics.nearest.ROWS", 64)

    found = nearest_pixels(others, real, 32, same=same)
    assert torch.allclose(found, wanted.amin(1).float(), atol=1e-5)


def test_large_images_are_pooled_before_they_are_compared() -> None:
    pixels = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    pixels[1, :, ::2, ::2] = 255

    assert flat(pixels, 32).shape == (2, 3 * 32 * 32)
    assert flat(pixels, 32)[1].tolist() == pytest.approx([0.25] * (3 * 32 * 32))


def test_draws_are_the_same_every_time_and_others_for_other_words() -> None:
    rows = torch.arange(100)

    assert drawn(rows, 100, "a") is rows
    assert drawn(rows, 40, "a").equal(drawn(rows, 40, "a"))
    assert not drawn(rows, 40, "a").equal(drawn(rows, 40, "b"))
    assert len(drawn(rows, 40, "a").unique()) == 40


def full(count: int, seed: int = 0) -> Embedded:
    pixels = (normal(count, 1, 8, 8, seed=seed) * 40 + 128).clamp(0, 255).byte()
    classes = torch.arange(count) % 10
    return Embedded(pixels, normal(count, 8, seed=seed).float(), classes, logits(classes))


def described() -> list[tuple[str, set[str]]]:
    return [
        ("frechet", {"FD"}),
        ("kernel", {"KD"}),
        ("prdc", {"precision", "recall", "density", "coverage"}),
        ("classes", {"classes-seen", "classes-KL", "label-accuracy"}),
        ("copies", {"nn-ratio", "copied", "duplicates"}),
    ]


@pytest.mark.parametrize(("name", "values"), described())
def test_every_metric_is_found_by_its_name_and_gives_its_values(
    name: str, values: set[str]
) -> None:
    registry = Registry.discover(only=())
    metric: Metric = make(
        registry.load(registry.find("metric", name)), settings={}, where="metric"
    )
    state = torch.get_rng_state()

    first = metric.score(full(60), full(50, seed=1), full(40, seed=2))

    assert set(first) == values
    assert all(isinstance(value, float) for value in first.values())
    assert metric.higher <= values
    assert metric.score(full(60), full(50, seed=1), full(40, seed=2)) == first
    assert torch.get_rng_state().equal(state)


@pytest.mark.parametrize("made", ALL)
def test_too_few_images_say_nothing_and_break_nothing(made: Callable[[], Metric]) -> None:
    for count in (0, 1):
        scores = made().score(full(20), full(count), full(20))
        assert all(math.isfinite(value) for value in scores.values())


def test_the_protocol_tells_every_setting() -> None:
    parts: list[Metric] = [
        *(Kernel(subsets=n, size=s) for n, s in ((1, 10), (2, 10), (2, 20))),
        *(Neighbours(k=k, size=s) for k, s in ((3, 10), (5, 10), (5, 20))),
        *(Copies(size=s) for s in (10, 20)),
    ]

    told = [part.protocol for part in parts]

    assert len(set(told)) == len(told)
    assert all(a != b for a, b in pairwise(told))
