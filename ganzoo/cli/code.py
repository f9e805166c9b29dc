"""``ganzoo info NAME --code``: of a part its class, of a model one step as a straight line."""

import inspect
from collections.abc import Iterable
from pathlib import Path

from ganzoo.cli.screen import say
from ganzoo.cli.wording import shown_path
from ganzoo.registry import Entry, Registry


def print_parts(registry: Registry, entries: Iterable[Entry]) -> None:
    """Print the class of each part, and where it stands."""
    for entry in entries:
        found = registry.load(entry)
        say(f"# {entry.kind} {entry.id}   {_place(found)}", inspect.getsource(found), "")


def print_model(registry: Registry, model: Entry, parts: Iterable[Entry]) -> None:
    """Print where the parts of a model stand, and then its step, if its maker wrote one down."""
    for entry in parts:
        say(f"# {f'{entry.kind} {entry.id}':<28}{_place(registry.load(entry))}")
    if not model.recipe.step:
        say(
            "", f"# {model.id} comes without its step in a line; a part's: ganzoo info NAME --code"
        )
        return
    found = registry.step(model)
    say("", f"# one step of {model.id}   {_place(found)}", inspect.getsource(found))


def _place(found: object) -> str:
    """Return ``file:line`` of a class or function."""
    file = inspect.getsourcefile(found)  # type: ignore[arg-type]
    line = inspect.getsourcelines(found)[1]  # type: ignore[arg-type]
    return f"{shown_path(Path(file or '?'))}:{line}"
