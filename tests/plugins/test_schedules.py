"""How learning rates fall over a run, and what goes with them."""

from typing import Any
from unittest.mock import Mock

import pluggy
import pytest

from ganzoo.algorithm import D, G, RunView
from ganzoo.hookspecs import RunHooks
from ganzoo.interfaces import Env, Schedule
from ganzoo_standard.schedules import Cosine, Decay

ENV = Env((1, 32, 32))


def _rates(part: Schedule, nimg: int, total_nimg: int | None = 900) -> dict[str, Any]:
    return _changes(part, nimg, total_nimg).get("rates", {})


def _changes(part: Schedule, nimg: int, total_nimg: int | None = 900) -> dict[str, dict[str, Any]]:
    """What the part sets as a hook, which is how the trainer calls it."""
    hooks = pluggy.PluginManager("ganzoo")
    hooks.add_hookspecs(RunHooks)
    hooks.register(part)
    names = ("rates", "betas", "weights", "average")
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    run = Mock(
        spec=RunView,
        nimg=nimg,
        total_nimg=total_nimg,
        penalties=("r1", "r2"),
        betas=lambda player: {G: (0.0, 0.9), D: (0.5, 0.9)}[player],
        set_rate=found["rates"].__setitem__,
        set_betas=found["betas"].__setitem__,
        set_weight=found["weights"].__setitem__,
        set_ema_halflife=lambda kimg: found["average"].update(kimg=kimg),
    )
    hooks.hook.step_start(run=run)
    return {name: each for name, each in found.items() if each}


@pytest.mark.parametrize(
    ("nimg", "factor"), [(0, 1.0), (600, 1.0), (750, 0.5), (900, 0.0), (1000, 0.0)]
)
def test_decay_keeps_the_rate_for_two_thirds_and_then_falls_in_a_line(
    nimg: int, factor: float
) -> None:
    assert _rates(Decay(ENV), nimg)[G] == pytest.approx(factor)


@pytest.mark.parametrize(("nimg", "factor"), [(0, 1.0), (300, 0.75), (450, 0.5), (900, 0.0)])
def test_the_cosine_falls_from_the_start_along_half_a_wave(nimg: int, factor: float) -> None:
    assert _rates(Cosine(ENV), nimg)[G] == pytest.approx(factor)


@pytest.mark.parametrize("cls", [Decay, Cosine])
def test_a_schedule_begins_and_ends_where_it_is_told(cls: type[Decay | Cosine]) -> None:
    part = cls(ENV, start=0.5, final=0.2)
    assert _rates(part, 450)[G] == pytest.approx(1.0)
    assert _rates(part, 675)[G] == pytest.approx(0.6)
    assert _rates(part, 900)[G] == pytest.approx(0.2)


@pytest.mark.parametrize("cls", [Decay, Cosine])
def test_both_players_slow_down_unless_one_is_named(cls: type[Decay | Cosine]) -> None:
    assert set(_rates(cls(ENV), 700)) == {G, D}
    assert set(_rates(cls(ENV, players=(D,)), 700)) == {D}


@pytest.mark.parametrize("cls", [Decay, Cosine])
def test_a_run_whose_length_is_not_known_keeps_its_rates(cls: type[Decay | Cosine]) -> None:
    assert _rates(cls(ENV), 800, total_nimg=None) == {}


@pytest.mark.parametrize(
    ("nimg", "rate", "penalty", "beta2", "halflife"),
    [
        (0, 1.0, 1.0, 0.9, 0.0),
        (300, 0.8125, 0.775, 0.9225, 1250.0),
        (450, 0.625, 0.55, 0.945, 2500.0),
        (900, 0.25, 0.1, 0.99, 5000.0),
        (1000, 0.25, 0.1, 0.99, 5000.0),
    ],
)
def test_penalties_moments_and_the_average_go_along_the_cosine_when_told(
    nimg: int, rate: float, penalty: float, beta2: float, halflife: float
) -> None:
    part = Cosine(ENV, final=0.25, penalty=0.1, beta2=0.99, ema_halflife_kimg=5000.0)

    assert _changes(part, nimg) == {
        "rates": pytest.approx({G: rate, D: rate}),
        "betas": {G: pytest.approx((0.0, beta2)), D: pytest.approx((0.5, beta2))},
        "weights": pytest.approx({"r1": penalty, "r2": penalty}),
        "average": pytest.approx({"kimg": halflife}),
    }


def test_what_is_not_told_stays_as_it_was_set() -> None:
    assert set(_changes(Cosine(ENV), 450)) == {"rates"}
    assert set(_changes(Cosine(ENV, penalty=0.0), 450)) == {"rates", "weights"}
    assert set(_changes(Cosine(ENV, beta2=0.99, players=(D,)), 450)["betas"]) == {D}
    everything = Cosine(ENV, penalty=0.1, beta2=0.99, ema_halflife_kimg=1.0)
    assert _changes(everything, 450, total_nimg=None) == {}
