"""The screen: the only room that knows colours. Values in, text out; nothing changes training.

rich is imported only for a terminal. Results go to stdout; progress, remarks and errors to stderr.
"""

import json
import math
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, final

import click

from ganzoo.cli import wording
from ganzoo.cli.pace import Pace, share
from ganzoo.events import Event, Finished, Pictured, Saved, Started, Ticked, Waiting

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_HINT = "Ctrl-C: stop and save"


class Screen(ABC):
    """An observer with an end: as a context manager it leaves the terminal as it was."""

    @abstractmethod
    def show(self, event: Event) -> None:
        """Show one event."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self.close()

    def close(self) -> None:  # noqa: B027 - most have nothing to put back
        """Put the terminal back."""


def choose(program: str, *, quiet: bool, as_json: bool, plain: bool) -> Screen:
    """Return the screen for this terminal and these flags."""
    if as_json:
        return JsonScreen(sys.stdout)
    if quiet:
        return QuietScreen()
    if not plain and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from rich.console import Console

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

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def show(self, event: Event) -> None:
        said = {f.name: _plain(getattr(event, f.name)) for f in fields(event) if f.name != "nimg"}
        if not isinstance(event, Waiting | Started):
            said["nimg"] = event.nimg
        line = {"event": type(event).__name__.lower(), **said}
        print(json.dumps(line, ensure_ascii=False), file=self._out, flush=True)


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
        self, out: IO[str], program: str, now: Callable[[], datetime] = datetime.now
    ) -> None:
        self._out, self._program, self._now = out, program, now
        self._start: Started | None = None
        self._began = now()
        self._pictured = False

    def show(self, event: Event) -> None:
        for line in self._lines(event):
            print(line, file=self._out, flush=True)

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
        if isinstance(event, Finished):
            return wording.ending(event, self._start, self._program)
        return []


@final
class LiveScreen(Screen):
    """A trace that grows, row by row, above a bar that is redrawn.

    Args:
        console: The terminal.
        program: The program as it was typed.
        now: Seconds, for rates.
    """

    def __init__(
        self, console: "Console", program: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._program, self._now = console, program, now
        self._live: Live | None = None
        self._start: Started | None = None
        self._waiting = ""
        self._names: list[str] = []
        self._pictures: Path | None = None
        self._saved: tuple[int, float] | None = None
        self._pace = Pace()

    def show(self, event: Event) -> None:
        if isinstance(event, Waiting):
            self._waiting = event.what
        elif isinstance(event, Started):
            self._begin(event)
        elif isinstance(event, Pictured):
            self._picture(event)
        elif isinstance(event, Ticked):
            self._row(event)
        elif isinstance(event, Saved):
            self._saved = (event.nimg, self._now())
        else:
            self.close()
            for line in ["", *wording.ending(event, self._start, self._program)]:
                self._print(line, "bold" if line.startswith("done") else "")
            return
        self._open()

    def close(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def bar(self) -> "RenderableType":
        """Return what is redrawn; reads the run's progress, at no cost to training."""
        from rich.console import Group
        from rich.text import Text

        if self._start is None:
            return Text(f"{self._waiting} ..." if self._waiting else "", style="dim")
        return Group(self._progress(self._start), Text(self._footer(), "dim", no_wrap=True))

    def _open(self) -> None:
        """Begin to redraw, four times a second."""
        from rich.live import Live

        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self.bar,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=self._console.is_terminal,
            )
            self._live.start()

    def _print(self, line: str, style: str = "") -> None:
        """Print above the bar; a long line is left to the terminal to fold."""
        self._console.print(line, style=style or None, soft_wrap=True)

    def _begin(self, start: Started) -> None:
        self._start, self._waiting = start, ""
        self._pace.add(start.nimg(), self._now())
        first, *rest = wording.header(start)
        self._print(first, "bold")
        for line in rest:
            self._print(line, "yellow" if line.startswith("  !") else "")

    def _picture(self, event: Pictured) -> None:
        if event.what != "generated":
            return
        if self._pictures is None:
            self._print(f"pictures  {wording.shown_path(event.path)}")
            self._print("")
        self._pictures = event.path

    def _row(self, tick: Ticked) -> None:
        if self._start is None:
            return
        if not self._names:
            self._names = wording.columns(tick.readings, self._start, self._console.width)
            self._print(wording.heads(self._names, self._start), "bold")
        self._print(wording.row(tick, self._names, self._start))

    def _progress(self, start: Started) -> "RenderableType":
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        nimg, now = start.nimg(), self._now()
        self._pace.add(nimg, now)
        elapsed, rate = self._pace.elapsed, self._pace.rate
        left = wording.eta(start, nimg, elapsed)
        if start.total_nimg and rate:
            left = (start.total_nimg - nimg) / rate
        done = share(start, nimg, elapsed)
        grid = Table.grid(padding=(0, 1))
        grid.add_row(
            Text(f"epoch {wording.progress(nimg, start)}"),
            ProgressBar(total=1.0, completed=done, width=max(10, self._console.width - 60)),
            Text(f"{done:4.0%}"),
            Text(f"{wording.kimg(nimg)} kimg"),
            Text(f"{wording.rate(rate)} img/s", "cyan"),
            Text(f"{wording.clock(elapsed)} < {'?' if left is None else wording.clock(left)}"),
        )
        return grid

    def _footer(self) -> str:
        words = [_HINT]
        if self._saved is not None:
            nimg, when = self._saved
            ago = wording.span(self._now() - when)
            words.insert(0, f"saved at {wording.kimg(nimg)} kimg, {ago} ago")
        return "    ".join(words)


@final
@dataclass(frozen=True)
class Cells:
    """One row of a table.

    Attributes:
        cells: Its words.
        dim: Whether it is less important than the others.
    """

    cells: Sequence[str]
    dim: bool = False


def table(heads: Sequence[str], rows: Sequence[Cells], *, right: Sequence[str] = ()) -> None:
    """Print a table on stdout: in colour and folded on a terminal, else as plain columns.

    Args:
        heads: Names of the columns.
        rows: What stands below.
        right: Columns of numbers.
    """
    if sys.stdout.isatty():
        _rich_table(heads, rows, right)
        return
    lines = [list(heads), *(list(row.cells) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    for line in lines:
        cells = [
            f"{text:>{width}}" if head in right else f"{text:<{width}}"
            for head, text, width in zip(heads, line, widths, strict=True)
        ]
        click.echo(f"  {'  '.join(cells)}".rstrip())


def _rich_table(heads: Sequence[str], rows: Sequence[Cells], right: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        drawn.add_column(head, justify="right" if head in right else "left")
    for row in rows:
        drawn.add_row(*map(Text, row.cells), style="dim" if row.dim else None)
    Console(highlight=False).print(drawn)


def say(*lines: str) -> None:
    """Print results on stdout."""
    for line in lines:
        click.echo(line)


def remark(line: str) -> None:
    """Print one line on stderr."""
    click.echo(line, err=True)


def complain(message: str, hint: str | None = None) -> None:
    """Print an error on stderr: one line, with what helps after it."""
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    word = click.style("error:", fg="red", bold=True) if coloured else "error:"
    click.echo(f"{word} {message}{f'   {hint}' if hint else ''}", err=True)
