"""No check gives a false alarm on any plugin of ours, and every check is used."""

import pytest

from ganzoo.testing import CHECKS, Check, CheckError, SkippedError, checks

LONG = ("two steps", "same seed", "resume", "penalty")
OURS = checks("torch-ganzoo")
GROUPS = list(dict.fromkeys((check.what, check.name in LONG) for check in OURS))


def alarms(what: str, *, long: bool) -> dict[str, str]:
    """Return what is wrong with one part, by check."""
    found = {}
    for check in OURS:
        if check.what == what and (check.name in LONG) == long and (said := ending(check)):
            found[check.name] = said
    return found


def ending(check: Check) -> str:
    try:
        check.run()
    except SkippedError:
        return ""
    except CheckError as error:
        return "" if check.expected else str(error)
    return "it passes, though it is expected to fail" if check.expected else ""


@pytest.mark.parametrize("what", [what for what, long in GROUPS if not long])
def test_no_part_of_ours_raises_an_alarm(what: str) -> None:
    assert alarms(what, long=False) == {}


@pytest.mark.slow
@pytest.mark.parametrize("what", [what for what, long in GROUPS if long])
def test_no_game_of_ours_raises_an_alarm(what: str) -> None:
    assert alarms(what, long=True) == {}


def test_every_check_of_the_table_is_made_of_some_plugin_of_ours() -> None:
    assert {check.name for check in OURS} == set(CHECKS)
