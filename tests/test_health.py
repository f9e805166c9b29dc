"""The health word, the watchdog and variety: from rows made up here, and nothing trained."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import click
import pytest
import torch

from ganzoo import build
from ganzoo.cli.main import app
from ganzoo.cli.train import plan_of
from ganzoo.errors import RecipeError
from ganzoo.quality import health, terms
from ganzoo.quality.health import CALM, CHECKS, CURES, LASTING, WORDS, Health, Remark, not_finite
from ganzoo.quality.variety import distinct, variety
from ganzoo.quality.watchdog import MOST, ROLLED_BACK, Watchdog
from ganzoo.registry import Registry
from ganzoo_standard import losses

Row = dict[str, Any]

SYMPTOMS = losses.NonSaturating.symptoms
FAIR = {"d_loss": 1.2, "g_loss": 0.9, "d_acc": 0.7, "d_fake": 0.4, "d_real": 0.6, "variety": 0.95}
WON = {"d_acc": 1.0, "d_fake": 0.01}
BLIND = {"d_acc": 0.5, "variety": 0.2}


def rows(*parts: tuple[int, Mapping[str, Any]], every: int = 100, start: int = 0) -> list[Row]:
    """Return rows of a fair game, so many of each part with its own columns."""
    told = [changes for count, changes in parts for _ in range(count)]
    steps = [start + every * (index + 1) for index in range(len(told))]
    return [
        {**FAIR, "step": step, "nimg": 64 * step, **changes}
        for step, changes in zip(steps, told, strict=True)
    ]


def folded(trace: Sequence[Row], made: Health | None = None) -> list[Remark]:
    """Return the remarks on a trace."""
    made = made or Health(SYMPTOMS)
    return [remark for row in trace if (remark := made.look(row))]


def words(trace: Sequence[Row]) -> list[str]:
    """Return the words of the remarks on a trace."""
    return [remark.word for remark in folded(trace)]


@pytest.mark.parametrize(
    ("word", "trace"),
    [
        ("winning", rows((20, WON))),
        ("blind", rows((20, BLIND))),
        ("few-different", rows((10, {}), (9, {"variety": 0.5}))),
        ("few-different", rows((9, {"variety": 0.2}))),
        ("few-different", rows((6, {"distinct": 0.5}), (4, {"distinct": 0.2}))),
        ("diverging", rows((6, {}), (3, {"g_loss": -400.0}))),
        ("diverging", rows((3, {"d_loss": 1e6}))),
        ("copying", rows((6, {}), (2, {"nn_ratio": 0.1}), (5, {}))),
    ],
)
def test_a_remark_is_made_once_and_says_numbers_and_cures(word: str, trace: list[Row]) -> None:
    made = Health(SYMPTOMS)
    (remark,) = folded(trace, made)

    assert (remark.word, remark.cures) == (word, CURES[word])
    assert made.word == word
    assert any(letter.isdigit() for letter in remark.sentence)
    assert "{" not in remark.sentence


@pytest.mark.parametrize("every", [20, 100, 938])
def test_winning_counts_steps_however_seldom_rows_are(every: int) -> None:
    trace = rows((2, {}), (60, WON), every=every)
    made = Health(SYMPTOMS)
    step = next(row["step"] for row in trace if made.look(row))

    assert 0 <= step - 2 * every - LASTING < every


@pytest.mark.parametrize(
    "trace",
    [
        rows((3, {}), (4, WON), (1, {}), (4, WON), (1, {})),
        rows((4, {"variety": 0.1}), (20, {})),
        rows((10, {}), (CHECKS - 1, {"variety": 0.2}), (4, {})),
        rows((20, {"variety": 0.4})),
        rows((20, {"d_acc": 0.5})),
        rows((4, {}), (3, {"g_loss": -60.0})),
        rows((1, {"g_loss": 500.0}), (20, {})),
        rows(*[(1, {"d_loss": loss}) for loss in (0.001, -0.02, 0.5, -7.0, 9.0, -0.01, 21.0)]),
        rows((20, {"nn_ratio": 0.9})),
        rows((20, {"d_loss": None, "d_acc": None, "variety": None, "nn_ratio": None})),
        rows((20, {"distinct": None})),
        rows((20, {"distinct": 0.1})),
        [{"step": step} for step in range(9)],
        [{}],
    ],
)
def test_what_does_not_last_or_is_not_known_is_not_remarked(trace: list[Row]) -> None:
    assert folded(trace) == []


def test_what_is_not_known_in_one_row_ends_nothing() -> None:
    trace = rows((2, WON), (1, {"d_acc": None, "d_fake": None}), (3, WON))

    assert words(trace) == ["winning"]


def test_a_remark_is_made_again_only_after_calm() -> None:
    lost, calm = (9, WON), CALM // 100

    assert words(rows(lost, (calm - 1, {}), lost)) == ["winning"]
    assert words(rows(lost, (calm + 1, {}), lost)) == ["winning", "winning"]


def test_the_cause_is_named_and_not_what_follows_from_it() -> None:
    assert words(rows((1, {}), (20, WON | {"variety": 0.02}))) == ["winning"]
    assert words(rows((20, BLIND | {"variety": 0.02}))) == ["blind"]


def test_a_cause_that_may_yet_last_hides_the_remark_and_not_the_word() -> None:
    made = Health(SYMPTOMS)
    trace = rows((6, {}), (4, {"variety": 0.1}), (1, BLIND))

    assert [remark.word for remark in folded(trace, made)] == ["few-different"]
    assert made.word == "few-different"


def test_two_findings_in_turn_make_two_remarks() -> None:
    trace = rows((10, {}), (5, {"variety": 0.2}), (2, {"d_loss": 1e5, "variety": 0.2}))

    assert words(trace) == ["few-different", "diverging"]


def test_replayed_rows_of_a_file_go_on_where_the_run_was() -> None:
    trace = rows((10, {}), (8, WON), (20, {}), (3, {"variety": 0.2}), (9, WON))
    live, seen = Health(SYMPTOMS), []
    for row in trace:
        seen.append((live.look(row), live.word, live.sound))
    for cut in range(len(trace)):
        again = Health(SYMPTOMS)
        for row in trace[:cut]:
            again.look(json.loads(json.dumps(row)))
        rest = [(again.look(row), again.word, again.sound) for row in trace[cut:]]
        assert rest == seen[cut:]


def test_sound_is_before_the_finding_began_and_not_where_it_was_said() -> None:
    made = Health(SYMPTOMS)
    folded(rows((10, {}), (9, WON)), made)

    assert made.sound == 64 * 1000


def test_a_loss_without_symptoms_is_neither_winning_nor_blind() -> None:
    assert folded(rows((30, WON)), Health({})) == []
    assert folded(rows((30, WON)), Health(losses.Wasserstein.symptoms)) == []


@pytest.mark.parametrize("loss", [losses.Hinge, losses.LeastSquares, losses.RelativisticPairing])
def test_a_loss_that_has_nothing_left_to_teach_is_winning(loss: type[losses.Hinge]) -> None:
    made = Health(loss.symptoms)

    assert [r.word for r in folded(rows((9, {"d_loss": 0.001})), made)] == ["winning"]
    assert folded(rows((9, {"d_loss": 0.2})), Health(loss.symptoms)) == []


@pytest.mark.parametrize(
    "cure", sorted({cure for cures in CURES.values() for cure in cures if "RUN" not in cure})
)
def test_every_cure_can_be_typed(cure: str) -> None:
    command = app.get_command(click.Context(app), "train")
    assert command is not None
    said = command.make_context("train", ["dcgan", *cure.split()]).params
    registry = Registry.discover(only=())

    assert build.outline(plan_of(registry, said), registry).networks


def test_every_word_is_explained_with_the_numbers_that_decide() -> None:
    for word in (*WORDS, "nan"):
        assert terms.find(word) in terms.TERMS
    assert terms.find(WORDS["winning"]) == terms.find("winning") == "d-winning"
    text = terms.TERMS["d-winning"] + terms.TERMS["d-blind"]
    for word in ("winning", "blind"):
        for low, high in losses.NonSaturating.symptoms[word].values():
            assert str(low or high) in text
    assert str(losses.Hinge.symptoms["winning"]["D loss"][1]) in text


def test_terms_are_short_and_found_however_they_are_written() -> None:
    assert {terms.find(name) for name in ("D acc", "d_acc", "d-acc", "D ACC")} == {"D acc"}
    assert all(len(text.splitlines()) <= 7 for text in terms.TERMS.values())
    with pytest.raises(RecipeError, match="variety"):
        terms.find("vareity")


def test_variety_of_real_ones_is_one_and_of_a_constant_zero() -> None:
    real = torch.randint(0, 256, (128, 3, 32, 32), dtype=torch.uint8)
    points = torch.randint(0, 256, (128, 2, 1, 1), dtype=torch.uint8)

    assert variety(real, real) == 1
    assert variety(real[64:], real) == pytest.approx(1, abs=0.1)
    assert variety(points[64:], points) == pytest.approx(1, abs=0.3)
    assert variety(real[:1].expand(64, -1, -1, -1), real) == 0
    assert variety(real // 2, real) == pytest.approx(0.5, abs=0.01)
    assert math.isnan(variety(real, real[:1].expand(64, -1, -1, -1)))


def test_pictures_that_recur_are_not_distinct_however_different_they_are() -> None:
    rng = torch.Generator().manual_seed(0)
    shades = torch.rand(1000, 1, 8, 8, generator=rng).mul(255).byte()
    real = shades.repeat_interleave(4, 2).repeat_interleave(4, 3)
    few = real[:5].repeat(52, 1, 1, 1)[:256]

    assert distinct(real, real) == 1
    assert distinct(real[500:], real) == pytest.approx(1, abs=0.1)
    assert variety(few, real) > 0.7
    assert distinct(few, real) == 0
    assert math.isnan(distinct(few, few))
    assert math.isnan(distinct(real, real[:1]))


def test_variety_is_no_number_where_real_ones_are_alike() -> None:
    alike = torch.full((64, 1, 28, 28), 7, dtype=torch.uint8)

    assert math.isnan(variety(alike, alike))


def decided(
    policy: Any, word: str, *, before: int = 0, healthy: Sequence[int] = (2000, 4000)
) -> Any:
    events = [{"kind": ROLLED_BACK}] * before + [{"kind": "resumed"}]
    dog = Watchdog(policy, events, "stop" if policy == "warn" else policy)
    return dog.decide(Remark(word, "", ()), healthy)


@pytest.mark.parametrize("word", ["winning", "few-different", "diverging", "nan"])
def test_a_collapse_is_warned_of_stopped_or_rolled_back(word: str) -> None:
    back = decided("rollback", word, before=1)

    if word != "nan":  # after which there is nothing to go on with
        assert decided("warn", word).what == "warn"
    assert decided("stop", word).what == "stop"
    assert (back.what, back.nimg) == ("rollback", 4000)


@pytest.mark.parametrize("word", ["blind", "copying"])
def test_of_what_is_no_collapse_people_are_told(word: str) -> None:
    assert {decided(policy, word).what for policy in ("warn", "stop", "rollback")} == {"warn"}


def test_a_rollback_ends_without_a_healthy_checkpoint_or_after_the_third() -> None:
    assert decided("rollback", "nan", healthy=()).what == "stop"
    assert decided("rollback", "nan", before=MOST).what == "stop"
    dog = Watchdog("warn", on_nan="rollback")
    what = [dog.decide(not_finite("D loss"), [0]).what for _ in range(MOST + 1)]
    assert what == ["rollback"] * MOST + ["stop"]


def test_words_are_in_the_order_of_their_urgency() -> None:
    assert list(WORDS)[-1] == "balanced"
    assert all(a > b for a, b in pairwise((health.JUMP, health.FEW, health.VERY_FEW)))
