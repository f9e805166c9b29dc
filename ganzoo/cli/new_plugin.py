"""``ganzoo new-plugin``: a package of one's own that trains before a line of it is written."""

import shlex
import subprocess
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import click

from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.main import as_typed
from ganzoo.cli.screen import say
from ganzoo.discovery import plain
from ganzoo.errors import PluginError
from ganzoo.registry import Registry
from ganzoo.scaffold.package import KINDS, check_name, texts, write

_NEXT = (
    "{pip} install -e ./{folder}",
    "ganzoo check-plugin {name}",
    "ganzoo train {name} --preset quick",
    "ganzoo sample last",
    "ganzoo list",
)
"""From an empty folder to one's own line in the list."""


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(list(KINDS)), default="model", help="What it adds; model."
)
@plugin_options
@click.pass_obj
def command(asked: Asked, name: str, kind: str) -> None:
    """Write the package ganzoo-NAME here, a tiny working part of one kind with its tests."""
    check_name(name)
    _refuse_taken(name, asked.registry())
    folder = Path(f"ganzoo-{name}")
    files = texts(name, kind, author=_author(name), year=datetime.now().year)
    write(folder, files)
    notes = _notes(name, kind, files)
    width = max(map(len, notes))
    say(f"{folder}/", *(f"  {path:<{width}}  {note}" for path, note in notes.items()))
    say(f"  {', '.join(sorted(Path(path).name for path in files if path not in notes))}")
    lines = next_commands(name, asked.program)
    say(*(f"{head:<6}{line}" for head, line in zip(["next:", *[""] * 9], lines, strict=False)))


def next_commands(name: str, program: str) -> list[str]:
    """Return what to type after ``new-plugin``, with the program and its pip as typed."""
    pip = "pip"
    if program.startswith("python "):
        pip = "python -m pip"
    elif program != "ganzoo":
        pip = shlex.quote(str(Path(shlex.split(program)[0]).with_name("pip")))
    lines = [line.format(pip=pip, folder=f"ganzoo-{name}", name=name) for line in _NEXT]
    return [as_typed(line, program) for line in lines]


def _refuse_taken(name: str, registry: Registry) -> None:
    """Refuse the name of a plugin that is here, of its package, or of what it offers.

    Raises:
        PluginError: It is taken; the message says by whom.
    """
    for state in registry.plugins.values():
        if state.source.answers_to((name, f"ganzoo-{name}")):
            raise PluginError(
                f"{name} is taken: plugin {state.name} ({state.source.maker}); choose another name"
            )
    for entry in [*registry.components(), *registry.recipes()]:
        if name in map(plain, (entry.name, *entry.item.aliases)):
            what = "model" if entry.kind == "recipe" else entry.kind
            raise PluginError(
                f"{name} is taken: a {what} of {entry.source.maker}; choose another name"
            )
    module = f"ganzoo_{name.replace('-', '_')}"
    if find_spec(module) is not None:
        raise PluginError(f"{name} is taken: there is a package {module}; choose another name")


def _author(name: str) -> str:
    """The name that git knows; without one, the authors of the package."""
    try:
        asked = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, check=False
        )
        found = " ".join(asked.stdout.split())
    except OSError:  # no git here
        found = ""
    return found or f"the authors of ganzoo-{name}"


def _notes(name: str, kind: str, files: dict[str, str]) -> dict[str, str]:
    """What is said of each file, the ones to look at first."""
    module, room = f"ganzoo_{name.replace('-', '_')}", KINDS[kind].room
    test, heavy = f"tests/test_{module.removeprefix('ganzoo_')}.py", f"src/{module}/{room}.py"
    return {
        "pyproject.toml": f'[project.entry-points."ganzoo.v1"]  {name} = "{module}.plugin"',
        f"src/{module}/plugin.py": "what it offers; light, imports no torch",
        heavy: f"{len(files[heavy].splitlines())} lines: {KINDS[kind].code}",
        test: "ganzoo's own checks, in two lines",
        "README.md": "what it does, one picture, the result table",
    }
