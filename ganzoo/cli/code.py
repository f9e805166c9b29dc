"""``ganzoo info NAME --code``: the classes that are the method, with where they stand."""

import inspect
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec

from ganzoo.cli.screen import say
from ganzoo.cli.wording import shown_path
from ganzoo.registry import Entry, Registry

_METHOD = ("generator", "discriminator", "loss", "regularizer", "algorithm")


def print_code(registry: Registry, entries: Iterable[Entry]) -> None:
    """Print the source of some parts, and of a plugin's straight-line ``step`` where it has one.

    Only the parts that make the method are printed when there are several.
    """
    chosen = list(entries)
    if len(chosen) > 1:
        chosen = [entry for entry in chosen if entry.kind in _METHOD]
    for entry in chosen:
        _print(f"{entry.kind} {entry.id}", registry.load(entry))
    for package in dict.fromkeys(entry.component.target.partition(".")[0] for entry in chosen):
        if package != "ganzoo" and find_spec(package) and find_spec(f"{package}.step"):
            _print("one step, in a line", import_module(f"{package}.step").step)


def _print(what: str, found: type | object) -> None:
    from pathlib import Path

    file = inspect.getsourcefile(found) or "?"  # type: ignore[arg-type]
    lines, first = inspect.getsourcelines(found)  # type: ignore[arg-type]
    say(f"# {what}   {shown_path(Path(file))}:{first}", "".join(lines), "")
