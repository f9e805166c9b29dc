"""Numbers, lengths and lines for people: values in, plain words out; no colour and no terminal."""

import re
import shlex
import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from ganzoo.events import Finished, Remarked, Scored, Started, Ticked
from ganzoo.registry import Entry
from ganzoo.rundir import RunDir, runs_root, slug

KNOWN = ("D loss", "G loss", "D(real)", "D(fake)", "D acc", "C(real)", "C(fake)", "gap", "variety")
"""Columns in the order people read them; others follow."""


_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""What moves a cursor, colours a terminal, or turns the order of letters around."""


def harmless(text: str) -> str:
    """Return a text that only shows: what a terminal would obey is written as its number.

    Names and messages come from files and plugins of strangers. JSON stays the same JSON.
    """
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """Return a text that only shows, and on one line."""
    return harmless(re.sub(r"\s*[\r\n]\s*", " ", text))


def grouped(value: float | int) -> str:
    """Return a number with its thousands apart: ``60 000``, ``1 204.5``."""
    return f"{round(value, 1):,}".removesuffix(".0").replace(",", " ")


def kimg(nimg: int) -> str:
    """Return images shown in thousands."""
    return grouped(nimg / 1000 if nimg < 10_000 else round(nimg / 1000))


def rate(images: float) -> str:
    """Return images a second: ``480``, ``4.9k``."""
    return f"{images / 1000:.1f}k" if images >= 1000 else f"{images:.0f}"


def clock(seconds: float) -> str:
    """Return a length of time: ``0:14``, ``1:02:03``."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def span(seconds: float | int) -> str:
    """Return a length of time roughly: ``14 s``, ``4 min``, ``5:51 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def day(moment: datetime, now: datetime) -> str:
    """Return when something was, in the time zone of both: ``today 14:02``, ``21 Nov 23:52``."""
    days = (now.date() - moment.date()).days
    if days in (0, 1):
        return f"{('today', 'yesterday')[days]} {moment:%H:%M}"
    return f"{moment.day} {moment:%b %H:%M}" if moment.year == now.year else f"{moment:%Y-%m-%d}"


def shown_path(path: Path) -> str:
    """Return a path from here when it lies below, else as it is."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def run_word(run: Path) -> str:
    """Return the shortest word by which a command finds a run from here."""
    number = RunDir(run).number
    if number is not None and run.resolve().parent == runs_root().resolve():
        return str(number)
    return shlex.quote(shown_path(run))


def _out(run: Path) -> str:
    """Return the option by which ``runs`` finds a run; none where it looks anyway."""
    if run.resolve().parent == runs_root().resolve():
        return ""
    return f" --out {shlex.quote(shown_path(run.parent))}"


def sizes(pixels: Sequence[int]) -> str:
    """Return the supported resolutions in a few characters: ``28-64``, ``any``."""
    if not pixels:
        return "any"
    low, high = min(pixels), max(pixels)
    return str(low) if low == high else f"{low}-{high}"


def maker(entry: Entry) -> str:
    """Return who offers something: ``built in``, ``ganzoo-weather 0.2``, a file."""
    return "built in" if entry.source.first_party else entry.source.maker


def epochs(nimg: int, start: Started) -> str:
    """Return images shown in epochs: ``3``, ``0.4``."""
    return f"{nimg / max(1, start.count):.1f}".removesuffix(".0")


def progress(nimg: int, start: Started) -> str:
    """Return how far a run is: ``3/20`` epochs."""
    done = epochs(nimg, start)
    return done if start.total_nimg is None else f"{done}/{epochs(start.total_nimg, start)}"


def header(start: Started) -> list[str]:
    """Return what a run says of itself before it begins."""
    _, height, width = start.image_shape
    classes = f", {start.num_classes} classes" if start.num_classes else ""
    size = f"{width}x{height}, {grouped(start.count)} image{'s' * (start.count != 1)}{classes}"
    lines = [
        f"{start.model} on {start.dataset}   {size}   {start.device}, {start.precision}"
        f"   seed {start.seed}",
        f"run     {start.run}",
        f"length  {_length(start)}    (kimg: 1000 images)",
    ]
    if start.from_nimg:
        lines.append(f"going on at {kimg(start.from_nimg)} kimg")
    return lines + [f"  ! {note}" for note in start.notes]


def _length(start: Started) -> str:
    if start.total_nimg is None:
        return f"{start.minutes or 0:g} min"
    total, batches = start.total_nimg, -(-start.total_nimg // start.batch_size)
    each = epochs(total, start)
    return (
        f"{each} epoch{'s' * (each != '1')} = {kimg(total)} kimg"
        f" = {grouped(batches)} batch{'es' * (batches != 1)} of {start.batch_size}"
    )


def ordered(names: Iterable[str]) -> list[str]:
    """Return the columns of a trace, known ones first."""
    there = list(names)
    return [n for n in KNOWN if n in there] + [n for n in there if n not in KNOWN]


def reading(name: str, value: float) -> str:
    """Return one number of the trace: shares of right answers as percent."""
    if name.endswith(" acc"):
        return f"{value:.0%}".replace("%", " %")
    digits = 2 if name.startswith("D(") else 3
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.3g}"


def score(name: str, value: float) -> str:
    """Return one value of an evaluation: shares with two digits, distances with four figures."""
    if name.startswith(("FD", "FID")):
        return f"{value:.2f}" if abs(value) < 1000 else f"{value:.0f}"
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) >= 0.001 else f"{value:.1e}"


def columns(names: Iterable[str], start: Started, width: int) -> list[str]:
    """Return the columns that fit a width, between the fixed ones."""
    left = width - epoch_width(start) - 2 - _KIMG - 2 - _TIME
    fitting = []
    for name in ordered(names):
        left -= 2 + max(len(name), _CELL)
        if left < 0:
            break
        fitting.append(name)
    return fitting


def heads(names: Sequence[str], start: Started) -> str:
    """Return the heads of the trace."""
    return _row("epoch", "kimg", [(n, n) for n in names], "time", start)


def row(tick: Ticked, names: Sequence[str], start: Started) -> str:
    """Return one line of the trace."""
    said = tick.readings
    cells = [(n, reading(n, said[n]) if n in said else "-") for n in names]
    return _row(progress(tick.nimg, start), kimg(tick.nimg), cells, clock(tick.wall_sec), start)


_CELL, _KIMG, _TIME = 6, 5, 5


def _row(
    first: str, second: str, cells: Iterable[tuple[str, str]], last: str, start: Started
) -> str:
    words = [f"{first:>{epoch_width(start)}}", f"{second:>{_KIMG}}"]
    words += [f"{text:>{max(len(name), _CELL)}}" for name, text in cells]
    return "  ".join([*words, f"{last:>{_TIME}}"])


def epoch_width(start: Started) -> int:
    """Return the room that :func:`progress` takes at most."""
    if start.total_nimg is None:
        return 5
    return max(5, 2 * len(epochs(start.total_nimg, start)) + 3)


def plain_row(tick: Ticked, start: Started, now: datetime, eta: float | None) -> str:
    """Return one line of a log: the trace as ``name value``."""
    said = [f"{slug(n)} {tick.readings[n]:.4g}" for n in ordered(tick.readings)]
    words = [
        f"{now:%H:%M:%S}",
        f"epoch {progress(tick.nimg, start)}",
        f"kimg {tick.nimg / 1000:g}",
    ]
    return " ".join([*words, *said, *([f"eta {eta:.0f}s"] if eta is not None else [])])


def scored(event: Scored) -> str:
    """Return what an evaluation found, the headline with its floor."""
    (first, value), *others = event.values.items()
    floor = event.floors.get(first)
    words = [f"{first} {score(first, value)}"]
    words += [] if floor is None else [f"(floor {score(first, floor)})"]
    words += ["best so far"] if event.best else []
    words += [f"  {name} {score(name, number)}" for name, number in others]
    return f"  = {' '.join(words)}"


def remarked(event: Remarked, program: str) -> list[str]:
    """Return a remark as lines: what was seen, what was done, what helps, where more is said."""
    lines = [f"  ! {event.sentence}"]
    lines += [f"    {event.action}"] if event.action else []
    lines += [f"    try  {'   or  '.join(event.cures)}"] if event.cures else []
    return [*lines, f"    {program} explain {event.word}"]


def eta(start: Started, nimg: int, elapsed: float) -> float | None:
    """Return the seconds that are left; None while nobody knows."""
    if start.total_nimg is None:
        return max(0.0, (start.minutes or 0) * 60 - elapsed)
    done = nimg - start.from_nimg
    return max(0.0, (start.total_nimg - nimg) * elapsed / done) if done > 0 else None


def ending(end: Finished, start: Started | None, program: str) -> list[str]:
    """Return what to say when a run ends: where the pictures are, and what can come next."""
    run, taken, done = run_word(end.run), clock(end.wall_sec), kimg(end.nimg)
    first = {
        "done": f"done in {taken}",
        "stopped": f"stopped and saved at {done} kimg after {taken}",
    }.get(end.status, f"{end.status} at {done} kimg after {taken}")
    best = f"best {end.best}" if end.best else ""
    lines = ["   ".join(word for word in (first, best, end.health) if word)]
    if end.samples is not None:
        lines.append(f"  pictures   {shown_path(end.samples)}")
    more = start.total_nimg if start is not None and start.total_nimg else end.nimg
    going_on = f"{program} resume {run}"
    if end.status == "done":
        going_on += f" --kimg +{max(1, more // 1000)}"
    if end.status in ("done", "stopped"):
        offers = {
            f"{program} sample {run}": "new pictures",
            f"{program} eval {run}": "how good they are",
            going_on: "train on",
            f"{program} runs{_out(end.run)}": "all your runs",
        }
        pad = max(map(len, offers))
        heads = ("  next", *[""] * len(offers))
        lines += [
            f"{head:<13}{typed:<{pad}}   {why}"
            for head, (typed, why) in zip(heads, offers.items(), strict=False)
        ]
    return lines


def terminal_width() -> int:
    """Return the columns of the terminal, at least 60 and at most 120."""
    return max(60, min(shutil.get_terminal_size().columns, 120))
