"""``ganzoo check-plugin``: whether a plugin keeps the promises of the seam, part by part."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

import click

from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.main import as_typed
from ganzoo.cli.screen import Cells, progress, say, table
from ganzoo.errors import PluginError
from ganzoo.registry import Registry

if TYPE_CHECKING:
    from ganzoo.testing import Check

State = Literal["FAIL", "expected", "ok", "skipped"]
_STATES: tuple[State, ...] = ("FAIL", "expected", "ok", "skipped")  # the first tells of a row


@final
@dataclass(frozen=True)
class _Ending:
    """How one check ended.

    Attributes:
        check: The check.
        state: How it ended.
        found: What was found, or why it failed or was skipped.
        cpu_sec: What it cost.
    """

    check: "Check"
    state: State
    found: str
    cpu_sec: float


@click.command("check-plugin")
@click.argument("name", metavar="NAME|FILE.py")
@click.option("-v", "--verbose", is_flag=True, help="A row for every part and check.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@plugin_options
@click.pass_obj
def command(asked: Asked, name: str, verbose: bool, as_json: bool) -> int:
    """Hold a plugin to every promise of the seam; exit code 6 if it breaks one.

    NAME is that of its entry point or of its distribution.
    """
    if name.endswith(".py") and Path(name).is_file():
        asked.plugins.append(name)
    began, registry = _cpu_sec(), asked.registry()
    from ganzoo.testing import checks  # torch

    known = checks(name, registry)
    with progress() as tell:
        endings = list(_endings(known, lambda check: tell(f"checking {check.id}")))
    cpu_sec = _cpu_sec() - began
    failed = [each for each in endings if each.state == "FAIL"]
    if as_json:
        rows = [
            {
                "what": each.check.what,
                "check": each.check.name,
                "state": each.state.lower(),
                "found": each.found,
                "cpu_sec": round(each.cpu_sec, 2),
            }
            for each in endings
        ]
        said = {"schema": 1, "plugin": name, "failed": len(failed), "cpu_sec": round(cpu_sec, 1)}
        say(json.dumps({**said, "checks": rows}, ensure_ascii=False, indent=2))
    else:
        _print(endings, verbose=verbose)
        told = _summary(name, endings, cpu_sec, registry, verbose=verbose)
        say("", as_typed(told, asked.program))
    return PluginError.exit_code if failed else 0


def _endings(known: "Sequence[Check]", tell: "Callable[[Check], None]") -> Iterator[_Ending]:
    from ganzoo.testing import CheckError, SkippedError

    for check in known:
        tell(check)
        began = _cpu_sec()
        state: State = "ok"
        try:
            found = check.run()
            if check.expected:
                state = "FAIL"
                found = f"it passes; take it out of expected_failures ({check.expected})"
        except SkippedError as error:
            state, found = "skipped", str(error)
        except CheckError as error:
            state = "expected" if check.expected else "FAIL"
            found = check.expected or str(error)
        yield _Ending(check, state, found, _cpu_sec() - began)


def _print(endings: Sequence[_Ending], *, verbose: bool) -> None:
    if verbose:
        rows = [_cells(each.check.what, each.check.name, [each]) for each in endings]
        table(("part", "check", "state", "found"), rows)
        return
    from ganzoo.testing import CHECKS

    groups = {name: [each for each in endings if each.check.name == name] for name in CHECKS}
    rows = [_cells("", name, group) for name, group in groups.items() if group]
    table(("check", "state", "found"), rows)


def _cells(what: str, name: str, group: Sequence[_Ending]) -> Cells:
    """One row of one check, or of the same check of several parts: the worst state tells."""
    state = next(state for state in _STATES if any(each.state == state for each in group))
    worst = [each for each in group if each.state == state]
    told = [
        f"{each.check.what}: {each.found}" if state != "ok" and not what else each.found
        for each in worst
    ]
    some = [text for text in dict.fromkeys(told) if text]
    most = len(some) if state == "FAIL" else 2
    found = "; ".join(some[:most]) + (f" and {len(some) - most} more" if some[most:] else "")
    cells = (name, state, found)
    return Cells((what, *cells) if what else cells, dim=state == "skipped")


def _summary(
    name: str,
    endings: Sequence[_Ending],
    cpu_sec: float,
    registry: Registry,
    *,
    verbose: bool,
) -> str:
    counts = {state: sum(each.state == state for each in endings) for state in _STATES}
    words = {"FAIL": "failed", "expected": "failed as expected", "ok": "ok", "skipped": "skipped"}
    told = ", ".join(f"{count} {words[state]}" for state, count in counts.items() if count)
    ending = f"{told}   ({cpu_sec:.0f} CPU-seconds)"
    if not verbose and counts["ok"] < len(endings):
        return f"{ending}   each part: ganzoo check-plugin {name} -v"
    models = [each.check.what for each in endings if each.check.what.startswith("recipe ")]
    if counts["FAIL"] or not models:
        return ending
    recipe = registry.find("recipe", models[0].partition(" ")[2]).recipe
    quick = " --preset quick" if "quick" in recipe.presets else ""
    return f"{ending}   next: ganzoo train {recipe.name}{quick}"


def _cpu_sec() -> float:
    """CPU-seconds of this process and those that it waited for."""
    return sum(os.times()[:4])
