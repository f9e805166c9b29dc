"""What is printed, where, and for whom. Values in, text out; nothing changes training.

Colours are known here and in ``live.py`` alone; rich is imported only for a terminal. Results go
to stdout; progress, remarks and errors to stderr.
"""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

import click

from ganzoo.cli import wording
from ganzoo.cli.watching import Cells as Cells
from ganzoo.cli.watching import Screen
from ganzoo.events import (
    Event,
    Finished,
    Pictured,
    Remarked,
    Scored,
    Started,
    Ticked,
    Waiting,
)


@runtime_checkable
class Sink(Protocol):
    """Where lines go: a stream, or what a test puts in its place."""

    def write(self, text: str, /) -> object:
        """Take some text."""

    def flush(self) -> object:
        """Let it be seen."""


def choose(program: str, *, quiet: bool, as_json: bool, plain: bool) -> Screen:
    """Return the screen for this terminal and these flags."""
    if as_json:
        return JsonScreen(sys.stdout)
    if quiet:
        return QuietScreen()
    if not plain and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from rich.console import Console

        from ganzoo.cli.live import LiveScreen

        return LiveScreen(Console(stderr=True, highlight=False, markup=False), program)
    return PlainScreen(sys.stderr, program)


@final
class QuietScreen(Screen):
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Show nothing."""


@final
class JsonScreen(Screen):
    """One JSON object a line, for programs; the first key is the event."""

    def __init__(self, out: Sink) -> None:
        self._out = out

    def show(self, event: Event) -> None:
        said = {f.name: _plain(getattr(event, f.name)) for f in fields(event) if f.name != "nimg"}
        if not isinstance(event, Waiting | Started):
            said["nimg"] = event.nimg
        line = {"event": type(event).__name__.lower(), **said}
        print(wording.harmless(json.dumps(line, ensure_ascii=False)), file=self._out, flush=True)


def _plain(value: Any) -> Any:
    """A value as JSON has it: paths are text, numbers that are not finite null."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return {k: _plain(v) for k, v in value.items()} if hasattr(value, "items") else value


@final
class PlainScreen(Screen):
    """Lines without colour or cursor, for logs and pipes: one a tick, with the time of day."""

    def __init__(
        self, out: Sink, program: str, now: Callable[[], datetime] = datetime.now
    ) -> None:
        self._out, self._program, self._now = out, program, now
        self._start: Started | None = None
        self._began = now()
        self._pictured = False

    def show(self, event: Event) -> None:
        for line in self._lines(event):
            print(wording.one_line(line), file=self._out, flush=True)

    def _lines(self, event: Event) -> list[str]:
        if isinstance(event, Waiting):
            return [f"{event.what} ..."]
        if isinstance(event, Started):
            self._start, self._began = event, self._now()
            return wording.header(event)
        if isinstance(event, Ticked) and self._start is not None:
            now = self._now()
            left = wording.eta(self._start, event.nimg, (now - self._began).total_seconds())
            return [wording.plain_row(event, self._start, now, left)]
        if isinstance(event, Pictured) and event.what == "generated" and not self._pictured:
            self._pictured = True
            return [f"pictures  {wording.shown_path(event.path)}"]
        if isinstance(event, Scored):
            return [wording.scored(event)]
        if isinstance(event, Remarked):
            return wording.remarked(event, self._program)
        if isinstance(event, Finished):
            return wording.ending(event, self._start, self._program)
        return []


def table(heads: Sequence[str], rows: Sequence[Cells], *, right: Sequence[str] = ()) -> None:
    """Print a table on stdout: in colour and folded on a terminal, else as plain columns.

    Args:
        heads: Names of the columns.
        rows: What stands below.
        right: Columns of numbers.
    """
    rows = [Cells([wording.one_line(cell) for cell in row.cells], dim=row.dim) for row in rows]
    if sys.stdout.isatty():
        from ganzoo.cli.live import print_table

        print_table(heads, rows, right)
        return
    lines = [list(heads), *(list(row.cells) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    for line in lines:
        cells = [
            f"{text:>{width}}" if head in right else f"{text:<{width}}"
            for head, text, width in zip(heads, line, widths, strict=True)
        ]
        click.echo(f"  {'  '.join(cells)}".rstrip())


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield what shows a line on a terminal in place of the one before; else it shows nothing."""
    shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    width = 0

    def tell(line: str) -> None:
        nonlocal width
        if shown:
            seen = wording.one_line(line)
            click.echo(f"\r{seen:<{width}}", err=True, nl=False)
            width = len(seen)

    try:
        yield tell
    finally:
        if width:
            click.echo(f"\r{'':<{width}}\r", err=True, nl=False)


def say(*lines: str) -> None:
    """Print results on stdout."""
    for line in lines:
        click.echo(wording.harmless(line))


def remark(line: str) -> None:
    """Print one line on stderr."""
    click.echo(wording.harmless(line), err=True)


def complain(message: str, hint: str | None = None) -> None:
    """Print an error on stderr: one line, with what helps after it."""
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    word = click.style("error:", fg="red", bold=True) if coloured else "error:"
    told = wording.one_line(f"{message}{f'   {hint}' if hint else ''}")
    click.echo(f"{word} {told}", err=True)
