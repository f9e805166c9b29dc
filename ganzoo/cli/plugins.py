"""``ganzoo plugins``: what is installed, from metadata alone; one is asked by name, all by --load.

A stranger's plugin is loaded in a process of its own, so that one that crashes or never answers is
named like any other.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.main import as_typed
from ganzoo.cli.screen import Cells, say, table
from ganzoo.discovery import PluginState, ask, asker
from ganzoo.errors import PluginError, did_you_mean
from ganzoo.known import Known
from ganzoo.registry import Registry

_PATIENCE = 10.0
"""Seconds in which a plugin has to say what it offers."""

_HELP = (
    "  all about one: ganzoo plugins NAME     load times, and what breaks: ganzoo plugins --load"
)

Told = Mapping[str, Any]
"""What is said of one plugin, as ``--json`` prints it."""


@click.command("plugins")
@click.argument("name", required=False)
@click.option("--load", is_flag=True, help="Load each: what breaks, and how long it takes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@plugin_options
@click.pass_obj
def command(asked: Asked, name: str | None, load: bool, as_json: bool) -> None:
    """List the installed plugins, and known ones that are not.

    With NAME, all about one: what it offers, what of it is expected to fail, and the traceback if
    it is broken.
    """
    registry = asked.registry(asks=False)
    absent = [_known(each) for each in registry.absent()]
    if name is not None:
        told = [_named(registry, name, absent)]
    elif load:
        told = [*answers(registry.plugins.values(), asked.plugins), *absent]
    else:
        told = [*map(_described, registry.plugins.values()), *absent]
    if as_json:
        say(json.dumps({"schema": 1, "plugins": told}, ensure_ascii=False, indent=2))
    elif name is None:
        _table(told)
        say("", as_typed(_HELP, asked.program))
    else:
        _one(told[0])


def answers(states: Iterable[PluginState], files: Sequence[str]) -> list[Told]:
    """Ask every plugin what it offers: our own here, each stranger's in a process of its own.

    Args:
        states: What is installed.
        files: Values of ``-p``, which the other processes are given too.
    """
    words, manager, states = [w for file in files for w in ("-p", file)], asker(), list(states)
    own = {
        state.name: _described(ask(state.name, state.source, manager))
        for state in states
        if state.source.first_party and state.status == "installed"
    }
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda state: own.get(state.name) or _apart(state, words), states))


def load_time(told: Told) -> str:
    """Return how long it took to load a plugin, and whether torch was loaded for it."""
    if told["load_ms"] is None:
        return "-"
    return f"{told['load_ms']:.0f} ms{', imports torch' * told['imported_torch']}"


def _apart(state: PluginState, words: Sequence[str]) -> Told:
    """Ask a plugin in another process."""
    known = _described(state)
    if state.status != "installed":
        return known
    line = [sys.executable, "-m", "ganzoo", "plugins", state.name, "--json", *words]
    try:
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return {**known, "state": "broken", "reason": f"did not answer in {_PATIENCE:.0f} s"}
    if done.returncode < 0:
        return {**known, "state": "broken", "reason": f"killed by signal {-done.returncode}"}
    try:
        (said,) = json.loads(done.stdout)["plugins"]
        return {**known, **said}
    except (ValueError, KeyError, TypeError):
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        reason = f"exit code {done.returncode}: {' '.join(last)}"
        return {**known, "state": "broken", "reason": reason}


def _named(registry: Registry, name: str, absent: Iterable[Told]) -> Told:
    for state in registry.plugins.values():
        if name == state.name or state.source.answers_to((name,)):
            installed = state.status == "installed"
            return _described(ask(state.name, state.source, asker()) if installed else state)
    for told in absent:
        if name in (told["plugin"], told["distribution"]):
            return told
    near = did_you_mean(name, registry.plugins)
    raise PluginError(f"no plugin called {name!r}.{near}", hint="all plugins: ganzoo plugins")


def _described(state: PluginState) -> Told:
    notes = [f"{what} is left out: {why}" for what, why in state.notes.items()]
    asked = state.load_ms > 0
    return {
        "plugin": state.name,
        "distribution": state.distribution,
        "version": state.version,
        "entry_point": state.value,
        "state": state.status,
        "reason": "; ".join([state.reason] * bool(state.reason) + notes),
        "offers": [{"kind": i.kind, "name": i.name} for i in state.items] if asked else None,
        "expected_failures": [
            {"kind": item.kind, "name": item.name, "check": str(check), "reason": str(why)}
            for item in state.items
            for check, why in item.expected_failures.items()
        ],
        "load_ms": round(state.load_ms, 1) if asked else None,
        "imported_torch": state.imported_torch,
        "traceback": state.traceback,
    }


def _known(known: Known) -> Told:
    return {
        "plugin": known.name,
        "distribution": known.distribution,
        "version": "",
        "entry_point": "",
        "state": "not installed",
        "reason": known.install,
        "summary": known.summary,
        "offers": [{"kind": k, "name": n} for k, names in known.offers.items() for n in names],
        "expected_failures": [],
        "load_ms": None,
        "imported_torch": False,
        "traceback": "",
    }


def _table(plugins: Iterable[Told]) -> None:
    rows = []
    for told in plugins:
        cells = [told["plugin"], told["distribution"] or "a file"]
        cells += [told[key] or "-" for key in ("version", "entry_point", "state")]
        rows.append(Cells((*cells, load_time(told), told["reason"]), dim=told["state"] != "ok"))
    heads = ("plugin", "distribution", "version", "entry point", "state", "load time", "more")
    table(heads, rows)


def _one(told: Told) -> None:
    offers = ", ".join(f"{each['kind']} {each['name']}" for each in told["offers"] or ())
    say(f"{told['plugin']} - {told['distribution'] or 'a file'} {told['version']}".rstrip())
    fields = [
        ("what", told.get("summary", "")),
        ("entry point", told["entry_point"]),
        ("state", told["state"]),
        ("load time", load_time(told)),
        ("offers", offers or "nothing"),
        ("more", told["reason"]),
    ]
    fields += [
        ("may fail", f"{each['kind']} {each['name']}, {each['check']}: {each['reason']}")
        for each in told["expected_failures"]
    ]
    say(*(f"  {name:<11}  {text}" for name, text in fields if text))
    if told["traceback"]:
        say("", told["traceback"].rstrip())
