"""How learning rates fall over a run."""

from unittest.mock import Mock

import pluggy
import pytest

from ganzoo.algorithm import D, G, RunView
from ganzoo.hookspecs import RunHooks
from ganzoo.interfaces import Env, Schedule
from ganzoo_standard.schedules import Cosine, Decay

ENV = Env((1, 32, 32))


def _rates(part: Schedule, nimg: int, total_nimg: int | None = 900) -> dict[str, float]:
    """What the part does as a hook, which is how the trainer calls it."""
    hooks = pluggy.PluginManager("ganzoo")
    hooks.add_hookspecs(RunHooks)
    hooks.register(part)
    rates: dict[str, float] = {}
    run = Mock(spec=RunView, nimg=nimg, total_nimg=total_nimg, set_rate=rates.__setitem__)
    hooks.hook.step_start(run=run)
    return rates


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
