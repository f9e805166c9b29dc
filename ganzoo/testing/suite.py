"""The checks of a plugin as a test of pytest, which only this file needs."""

from collections.abc import Callable, Mapping
from typing import Any

from ganzoo.errors import RecipeError
from ganzoo.testing.check import Check, CheckError, SkippedError
from ganzoo.testing.plugin import checks


def checks_for(
    name: str, *, expected_failures: Mapping[str, str] | None = None
) -> Callable[[Check], None]:
    """Return a test of pytest with one case for each promise of a plugin.

    A package's whole test file is::

        from ganzoo.testing import checks_for

        test_weather = checks_for("weather")

    Args:
        name: Of the entry point, of the distribution, or the path of a plugin in one file.
        expected_failures: Why checks are known to fail, by the name of a check, or for one part
            by ``"generator weather/cloud: range"``. One that passes after all is a failure.

    Raises:
        RecipeError: There is no such check of this plugin.
        PluginError: There is no such plugin.
    """
    import pytest

    known, expected = checks(name), dict(expected_failures or {})
    for key in expected:
        if all(key not in (check.name, check.id) for check in known):
            raise RecipeError(f"expected_failures: {name} has no check {key!r}")
    cases: list[Any] = []
    for check in known:
        reason = expected.get(check.id, expected.get(check.name, check.expected))
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        cases.append(pytest.param(check, id=check.id, marks=marks))

    @pytest.mark.parametrize("check", cases)
    def test(check: Check) -> None:
        try:
            check.run()
        except SkippedError as error:
            pytest.skip(str(error))
        except CheckError as error:
            if error.__cause__ is None:
                pytest.fail(f"{check.id}: {error}", pytrace=False)
            raise

    return test
