"""How long a run is to be, said once, and said so that it has an end."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ran import a_run

import ganzoo
from ganzoo import build
from ganzoo.errors import RecipeError
from ganzoo.length import longer, tick_nimg, with_length
from ganzoo.plan import Plan, resolve
from ganzoo.registry import Registry

REGISTRY = Registry.discover(only=())


def a_plan(*sets: str) -> Plan:
    return resolve(REGISTRY, "gan", sets=["training.batch_size=8", "dataset.count=40", *sets])


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"steps": 2, "epochs": 1.0}, "epochs and steps"),
        ({"steps": 2, "kimg": 1.0}, "kimg and steps"),
        ({"epochs": 1.0, "minutes": 1.0}, "epochs and minutes"),
    ],
)
def test_python_takes_one_length_as_the_command_line_does(
    said: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=f"^{named} all say how long; give one"):
        ganzoo.train("gan", out=tmp_path, **said)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("minutes", [math.nan, math.inf, 0.0, -1.0])
def test_a_resumed_run_has_an_end_in_time(minutes: float, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"--minutes \S+ is no length"):
        longer(a_plan(), None, minutes, a_run(tmp_path, "gan"), 40)


@pytest.mark.parametrize("kimg", ["-1", "0", "+0", "+-1", "nan", "inf", "ten"])
def test_a_resumed_run_has_an_end_in_images(kimg: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is no length; write 600 or \\+100") as told:
        longer(a_plan(), kimg, None, a_run(tmp_path, "gan"), 40)
    assert "+-" not in str(told.value).replace(repr(kimg), "")


def test_a_resumed_run_takes_one_length(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="kimg and minutes all say how long"):
        longer(a_plan(), "+1", 1.0, a_run(tmp_path, "gan"), 40)


@pytest.mark.parametrize(
    ("epochs", "steps", "kimg", "origin"),
    [(2.0, None, 0.08, "--epochs"), (None, 5, 0.04, "--steps")],
)
def test_a_length_in_images_says_who_gave_it(
    epochs: float | None, steps: int | None, kimg: float, origin: str
) -> None:
    built = build.outline(a_plan(), REGISTRY)
    timed = replace(built.plan, training=replace(built.plan.training, minutes=3.0))

    plan = with_length(replace(built, plan=timed), epochs, steps).plan

    assert (plan.training.kimg, plan.training.minutes) == (pytest.approx(kimg), None)
    assert plan.origin("training.kimg") == origin


@pytest.mark.parametrize(
    ("count", "total", "images"),
    [(60_000, 600_000, 30_000), (2_000, 30_000, 1_500), (200, 100_000, 1_000)],
)
def test_a_tick_comes_twenty_times_a_run_and_once_an_epoch(
    count: int, total: int, images: int
) -> None:
    built = build.outline(a_plan(f"dataset.count={count}"), REGISTRY)

    assert tick_nimg(built, total) == images
    assert tick_nimg(built, None) == 10_000  # of a run that minutes bound
