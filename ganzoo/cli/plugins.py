"""``ganzoo plugins``: what is installed, from metadata alone; one of them is asked by name."""

import json
from typing import Any

import click

from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.main import as_typed
from ganzoo.cli.screen import Cells, say, table
from ganzoo.discovery import PluginState, ask, asker
from ganzoo.errors import PluginError, did_you_mean
from ganzoo.registry import Registry


@click.command("plugins")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@plugin_options
@click.pass_obj
def command(asked: Asked, name: str | None, as_json: bool) -> None:
    """List the installed plugins; with NAME, all about one and the traceback if it is broken."""
    registry = asked.registry(asks=False)
    states = list(registry.plugins.values()) if name is None else [_named(registry, name)]
    if as_json:
        described = {"schema": 1, "plugins": [_described(state) for state in states]}
        say(json.dumps(described, ensure_ascii=False, indent=2))
    elif name is None:
        _table(states)
        say(
            "",
            as_typed(
                "  what one offers or breaks: ganzoo plugins NAME     try them all: ganzoo doctor",
                asked.program,
            ),
        )
    else:
        _one(states[0])


def _named(registry: Registry, name: str) -> PluginState:
    for state in registry.plugins.values():
        if name == state.name or state.source.answers_to((name,)):
            if state.status != "installed":
                return state
            return ask(state.name, state.source, asker())
    near = did_you_mean(name, registry.plugins)
    raise PluginError(f"no plugin called {name!r}.{near}", hint="all plugins: ganzoo plugins")


def _reason(state: PluginState) -> str:
    notes = [f"{what} is left out: {why}" for what, why in state.notes.items()]
    slow = [f"slow: {state.load_ms:.0f} ms, imports torch at registration"]
    return "; ".join([state.reason] * bool(state.reason) + notes + slow * state.imported_torch)


def _table(states: list[PluginState]) -> None:
    rows = [
        Cells(
            (
                state.name,
                state.distribution or "a file",
                state.version,
                state.value,
                state.status,
                _reason(state),
            ),
            dim=state.status != "ok",
        )
        for state in states
    ]
    table(("plugin", "distribution", "version", "entry point", "state", "reason"), rows)


def _one(state: PluginState) -> None:
    offers = ", ".join(f"{item.kind} {item.name}" for item in state.items) or "nothing"
    say(
        f"{state.name} - {state.distribution or 'a file'} {state.version}",
        f"  entry point  {state.value}",
        f"  state        {state.status}   asked in {state.load_ms:.0f} ms",
        f"  offers       {offers}",
    )
    if reason := _reason(state):
        say(f"  reason       {reason}")
    if state.traceback:
        say("", state.traceback.rstrip())


def _described(state: PluginState) -> dict[str, Any]:
    return {
        "plugin": state.name,
        "distribution": state.distribution,
        "version": state.version,
        "entry_point": state.value,
        "state": state.status,
        "reason": _reason(state),
        "offers": None
        if state.status == "installed"
        else [{"kind": item.kind, "name": item.name} for item in state.items],
        "load_ms": round(state.load_ms, 1),
        "traceback": state.traceback,
    }
