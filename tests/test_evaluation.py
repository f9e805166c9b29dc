"""What judges images: references, spaces, floors and names."""

from pathlib import Path
from typing import Any

import pytest
import torch
from judges import PLUGIN, Flat, Mean
from torch import Tensor

from ganzoo.errors import RecipeError
from ganzoo.interfaces import Dataset, Env
from ganzoo.quality import evaluation
from ganzoo.quality.evaluation import Judge, Reference
from ganzoo.registry import Registry
from ganzoo.spec import Component


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    return Registry.discover(only=(), files=[str(file)])


def judge(registry: Registry, data: Dataset | None = None, **words: Any) -> Judge:
    reference = Reference.of(data or Flat(), "flat", 4)
    said = {"extractors": ["mean"], "metrics": ["gap", "size"], **words}
    return Judge(registry, Env((1, 4, 4)), reference, **said)


def flat(value: int, count: int = 8) -> Tensor:
    return torch.full((count, 1, 4, 4), value, dtype=torch.uint8)


def test_a_tenth_is_set_apart_where_there_is_no_test_split() -> None:
    found = Reference.of(Flat(100), "flat", 4)

    real, held = (set(part[:, 0, 0, 0].tolist()) for part in (found.pixels, found.held))
    assert (len(real), len(held), real | held) == (90, 10, set(range(100)))
    assert found.labels is not None
    assert torch.equal(found.labels, found.pixels[:, 0, 0, 0].long() % 2)


def test_a_test_split_is_taken_as_it_is_and_the_whole_set_is_the_reference() -> None:
    found = Reference.of(Flat(100, held=True), "flat", 4)

    assert (len(found.pixels), len(found.held)) == (100, 5)
    assert found.fingerprint != Reference.of(Flat(100), "flat", 4).fingerprint


def test_of_a_larger_set_so_many_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "REFERENCE", 20)

    assert len(Reference.of(Flat(100, held=True), "flat", 4).pixels) == 20


def test_classes_are_asked_for_in_the_shares_of_the_data() -> None:
    labels = Reference.of(Flat(100), "flat", 4).told_like(2000)

    assert labels is not None
    assert 0.4 < labels.float().mean() < 0.6


def test_a_value_has_its_floor_its_direction_and_its_protocol(
    registry: Registry, home: Path
) -> None:
    found = judge(registry, Flat(100, held=True)).score(flat(60), None, "seed 0, ema")

    gap, size = found["gap-mean"], found["size"]
    assert gap.value == pytest.approx(60 - 49.5)
    assert gap.floor == pytest.approx(250 - 49.5)
    assert (gap.higher, size.higher) == (True, False)
    assert gap.protocol.startswith("gap of means; mean abababababab; 8 generated (seed 0, ema)")
    assert "against 100 of flat, 4 px" in gap.protocol
    assert "mean" not in size.protocol
    assert "nothing-mean" not in found


def test_what_looks_at_pixels_speaks_once_whatever_the_spaces(
    registry: Registry, home: Path
) -> None:
    found = judge(registry, extractors=["mean", "extractors/pca"], metrics=["size"])

    assert list(found.score(flat(1), None, "")) == ["size"]


def test_the_name_of_the_literature_needs_ten_thousand_a_side(
    registry: Registry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "GAP" not in judge(registry).score(flat(1, 90), None, "")

    monkeypatch.setattr(evaluation, "NAMED", 50)
    assert "GAP" in judge(registry).score(flat(1, 90), None, "")
    assert "GAP" not in judge(registry).score(flat(1, 49), None, "")


def test_the_reference_is_looked_at_once_and_never_again(registry: Registry, home: Path) -> None:
    Mean.looked = 0
    first = judge(registry).score(flat(9), None, "")
    seen = Mean.looked
    second = judge(registry).score(flat(9), None, "")

    assert (seen, Mean.looked) == (108, 116)
    assert first == second


def test_settings_reach_the_metric_and_strangers_are_refused(
    registry: Registry, home: Path
) -> None:
    doubled = judge(registry, settings={"metric.gap": {"times": 2.0}})

    assert doubled.score(flat(60), None, "")["gap-mean"].value == pytest.approx(
        2 * judge(registry).score(flat(60), None, "")["gap-mean"].value
    )
    with pytest.raises(RecipeError, match=r"metric.gasp.*Did you mean metric.gap"):
        judge(registry, settings={"metric.gasp": {"times": 2.0}})
    with pytest.raises(RecipeError, match="no metric called 'gasp'"):
        judge(registry, metrics=["gasp"])


def test_a_data_set_names_its_judges(registry: Registry, home: Path) -> None:
    own = Component("dataset", "flat", "a:B", "flat", extractors=("mean",), metrics=("gap",))
    reference = Reference.of(Flat(), "flat", 4)
    found = Judge(registry, Env((1, 4, 4)), reference, own)

    assert list(found.described()) == ["mean"]
    assert "gap-mean" in found.score(flat(3, 20), None, "")
    assert found.described()["mean"]["digest"] == Mean.digest
