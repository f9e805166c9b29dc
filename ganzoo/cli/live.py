"""The screen of a terminal: a trace that grows above a bar; the only module that imports rich."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganzoo.cli import wording
from ganzoo.cli.pace import Pace, share
from ganzoo.cli.watching import Cells, Screen
from ganzoo.events import Event, Pictured, Remarked, Saved, Scored, Started, Ticked, Waiting

_HINT = "Ctrl-C: stop and save"


@final
class LiveScreen(Screen):
    """A trace that grows, row by row, above a bar that is redrawn.

    Args:
        console: The terminal.
        program: The program as it was typed.
        now: Seconds, for rates.
    """

    def __init__(
        self, console: Console, program: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._program, self._now = console, program, now
        self._live: Live | None = None
        self._start: Started | None = None
        self._waiting = ""
        self._names: list[str] = []
        self._pictures: Path | None = None
        self._saved: tuple[int, float] | None = None
        self._health = ""
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
        elif isinstance(event, Scored):
            self._print(wording.scored(event), "cyan")
        elif isinstance(event, Remarked):
            for line in wording.remarked(event, self._program):
                self._print(line, "yellow")
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

    def bar(self) -> RenderableType:
        """Return what is redrawn; reads the run's progress, at no cost to training."""
        if self._start is None:
            waiting = wording.one_line(self._waiting)
            return Text(f"{waiting} ..." if waiting else "", style="dim")
        return Group(self._progress(self._start), Text(self._footer(), "dim", no_wrap=True))

    def _open(self) -> None:
        """Begin to redraw, four times a second."""
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
        self._console.print(Text(wording.harmless(line), style), soft_wrap=True)

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
        self._health = tick.health
        if not self._names:
            self._names = wording.columns(tick.readings, self._start, self._console.width)
            self._print(wording.heads(self._names, self._start), "bold")
        self._print(wording.row(tick, self._names, self._start))

    def _progress(self, start: Started) -> RenderableType:
        nimg, now = start.nimg(), self._now()
        self._pace.add(nimg, now)
        elapsed, rate = self._pace.elapsed, self._pace.rate
        left = wording.eta(start, nimg, elapsed)
        if start.total_nimg and rate:
            left = (start.total_nimg - nimg) / rate
        done = share(start, nimg, elapsed)
        grid = Table.grid(padding=(0, 1))
        grid.add_row(
            Text(f"epoch {wording.progress(nimg, start):<{wording.epoch_width(start)}}"),
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
        return "    ".join([f"health {self._health}", *words] if self._health else words)


def print_table(heads: Sequence[str], rows: Sequence[Cells], right: Sequence[str]) -> None:
    """Print a table on stdout, folded to the terminal; arguments as :func:`screen.table`."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        drawn.add_column(head, justify="right" if head in right else "left")
    for row in rows:
        drawn.add_row(*map(Text, row.cells), style="dim" if row.dim else None)
    Console(highlight=False).print(drawn)
