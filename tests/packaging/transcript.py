"""Walks from an empty folder to a line of one's own in ``ganzoo list``, and writes the page of it.

``PYTHONPATH=tests python tests/packaging/transcript.py`` writes docs/first-plugin.md. Commands,
output and times are those of the walk; :mod:`fresh` says what is borrowed for it.
"""

import os
import platform
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from fresh import Fresh, fresh

from ganzoo.cli.new_plugin import next_commands
from ganzoo.cli.wording import clock

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first-plugin.md"

COMMANDS = ("pip install torch-ganzoo", "ganzoo new-plugin weather")
KEPT = {"pip": (0, 1), "train": (6, 9), "list": (4, 3)}
"""Lines that are shown from the beginning and from the end of long output."""

_PAGE = """\
# From an empty folder to your own line in `ganzoo list`

{count} commands and {total} minutes, of which {train} trained a GAN that nobody has edited yet.
This page is a transcript: `tests/packaging/transcript.py` typed the commands below and wrote down
what they printed, with `...` where lines are left out, and how long each took. Measured on
{device}.
PyTorch and the other packages that ganzoo needs were there already; their download is not in the
time.

{walk}\
What to edit is `ganzoo-weather/src/ganzoo_weather/networks.py`; what is installed sees every
change at once. What a network, a loss or a data set must be is on one page,
[`interfaces.py`](../ganzoo/interfaces.py), and `ganzoo check-plugin weather` says whether it still
is. For other parts there is `ganzoo new-plugin NAME --kind loss`, or `regularizer`, `augment`,
`dataset`, `metric`; each comes with a model that uses it. To publish, `python -m build
ganzoo-weather` makes the wheel; its README has the table for what `ganzoo bench` and `ganzoo eval`
say.
"""


def main() -> None:
    """Walk, and write the page."""
    with TemporaryDirectory() as folder:
        place = fresh(Path(folder))
        place.build(ROOT)
        PAGE.write_text(_page(place), encoding="utf-8")


def _page(place: Fresh) -> str:
    load = os.getloadavg()[0]
    walk, times = "", dict[str, float]()
    for line in (*COMMANDS, *next_commands("weather", "ganzoo")):
        words = line.split()
        began = time.perf_counter()
        printed = place.run(words).splitlines()
        took = times[line] = time.perf_counter() - began
        print(f"{line}  {took:.1f} s", file=sys.stderr)
        shown = _shortened(printed, KEPT.get(words[0], KEPT.get(words[1])))
        walk += "\n".join([f"{took:.0f} s:\n", "```text", f"$ {line}", *shown, "```", "\n"])
    return _PAGE.format(
        count=walk.count("\n$ "),
        total=clock(sum(times.values())),
        train=clock(times["ganzoo train weather --preset quick"]),
        walk=walk,
        device=f"{os.cpu_count()} CPU cores ({platform.machine()}, no GPU; {_busy(load)})",
    )


def _shortened(lines: list[str], kept: tuple[int, int] | None) -> list[str]:
    shown = [line.rstrip() for line in lines]
    if kept is None or len(shown) <= sum(kept) + 1:
        return shown
    return [*shown[: kept[0]], "...", *shown[-kept[1] :]]


def _busy(load: float) -> str:
    return "idle" if load < 0.5 else f"shared with other work: load average {load:.1f} before"


if __name__ == "__main__":
    main()
