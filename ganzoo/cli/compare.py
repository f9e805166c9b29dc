"""``ganzoo compare``: runs side by side, from their folders alone."""

import json
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from ganzoo.cli import wording
from ganzoo.cli.asked import Asked
from ganzoo.cli.main import as_typed
from ganzoo.cli.screen import Cells, say, table
from ganzoo.quality.comparison import At, Cell, Column, Comparison, Row, compare, differing
from ganzoo.quality.sweeps import several
from ganzoo.rundir import RunDir, runs_root

_HEADS = {"d_loss": "D loss", "g_loss": "G loss", "d_acc": "D acc", "img_sec": "img/s"}
_MOST, _NOTE = 8, 12
_SMALL = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@click.command("compare")
@click.argument("runs", nargs=-1, required=True)
@click.option("--group", metavar="KEY", help="One row a value: loss, model, any setting.")
@click.option(
    "--at",
    type=click.Choice(("last", "best")),
    default="last",
    help="Values of each run's last evaluation, or of its best.",
)
@click.option("--settings", is_flag=True, help="Only the settings that differ.")
@click.option("--markdown", is_flag=True, help="A table for a page.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.pass_obj
def command(
    asked: Asked,
    runs: tuple[str, ...],
    group: str | None,
    at: At,
    settings: bool,
    markdown: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Compare RUNS: numbers, names, 'dcgan*', 3-11, sweep-3; mean ± deviation over a group."""
    if settings + markdown + as_json > 1:
        raise click.UsageError("--settings, --markdown and --json exclude each other; give one")
    chosen = several(runs_root(out), runs)
    if settings:
        _print_settings(chosen)
        return
    found = compare(chosen, group, at)
    if as_json:
        say(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
        return
    heads, rows = tabled(found)
    if markdown:
        say(*_markdown(heads, rows), "", *(f"- {line}" for line in _below(found)))
        return
    hidden = unfitting(heads, rows, wording.terminal_width()) if sys.stdout.isatty() else []
    shown = [i for i, head in enumerate(heads) if head not in hidden]
    cells = [Cells([row[i] for i in shown]) for row in rows]
    table([heads[i] for i in shown], cells, right=[head for head in heads[1:] if head])
    more = [f"no room for {', '.join(hidden)}: --markdown has all"] if hidden else []
    say("", *(as_typed(line, asked.program) for line in (*_below(found), *more)))


def tabled(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the heads and rows of a comparison: first the group, last a note if any is due."""
    shown = [i for i, column in enumerate(found.columns) if column.shown]
    marks = _marks(found)
    heads = [found.group or "run"] + ["runs"] * (found.group is not None)
    heads += [_head(found.columns[i], marks) for i in shown]
    digits = [_decimals(found, i) for i in range(len(found.columns))]
    rows = [
        [row.group]
        + [str(len(row.runs))] * (found.group is not None)
        + [_text(found.columns[i], row.cells[i], digits[i]) for i in shown]
        + [_note(row, found)]
        for row in found.rows
    ]
    if any(row[-1] for row in rows):
        return [*heads, ""], rows
    return heads, [row[:-1] for row in rows]


def unfitting(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the columns for which a terminal has no room; the left ones matter most."""
    left, hidden = width - (_NOTE if not heads[-1] else 0), []
    for i, head in enumerate(heads):
        left -= 2 + max(len(line[i]) for line in (heads, *rows)) if head else 0
        if head and left < 0:
            hidden.append(head)
    return hidden


def _marks(found: Comparison) -> dict[tuple[str, str], str]:
    """Return a footnote's mark for each of several protocols of one shown name."""
    pairs = dict.fromkeys((c.name, c.protocol) for c in found.columns if c.shown)
    names = [name for name, _ in pairs]
    doubtful = [pair for pair in pairs if names.count(pair[0]) > 1]
    return {pair: str(i).translate(_SMALL) for i, pair in enumerate(doubtful, 1)}


def _head(column: Column, marks: Mapping[tuple[str, str], str]) -> str:
    name = _HEADS.get(column.name, column.name) + marks.get((column.name, column.protocol), "")
    return f"{name} ({column.at})" if column.rank == 0 else name


def _decimals(found: Comparison, i: int) -> int:
    """Return how many digits give the largest mean of a column three in all."""
    most = max((abs(cell.mean) for row in found.rows if (cell := row.cells[i])), default=0.0)
    return min(4, max(0, 2 - math.floor(math.log10(most)))) if most else 0


def _text(column: Column, cell: Cell | None, digits: int) -> str:
    if cell is None:
        return "-"
    if column.name == "d_acc":
        return wording.reading("D acc", cell.mean)
    if column.name in ("kimg", "img_sec"):
        return wording.grouped(cell.mean if cell.mean < 10 else round(cell.mean))
    mean = f"{cell.mean:,.{digits}f}".replace(",", " ")
    return mean if cell.sd is None or not column.at else f"{mean} ± {cell.sd:.{digits}f}"


def _note(row: Row, found: Comparison) -> str:
    count, said = len(row.runs), []
    if row.short:
        said.append(f"{row.short} run{'s' * (row.short > 1)} short of {count + row.short}")
    blank = sum(ran.last is None for ran in row.runs)
    if blank and any(ran.last is not None for ran in found.runs):
        said.append(f"{blank} of {count} not evaluated")
    states = Counter(str(ran.info.get("status")) for ran in row.runs)
    said += [f"{n} {state}" for state, n in states.items() if state != "done"]
    words = Counter(str(each.get("word", "remark")) for ran in row.runs for each in ran.remarks)
    said += [f"{word} x{n}" if n > 1 else word for word, n in words.items()]
    seeds = Counter(ran.settings.get("training.seed") for ran in row.runs)
    if found.group != "training.seed":
        said += [f"seed {seed} {n} times" for seed, n in seeds.items() if n > 1]
    return f"({', '.join(said)})" if said else ""


def _below(found: Comparison) -> list[str]:
    """Return what must be read with the numbers: protocols, what is unequal, what lacks."""
    marks, lines = _marks(found), {}
    for column in found.columns:
        if column.shown and column.at:
            floor = "" if column.floor is None else f"; held-out real images {column.floor:.3g}"
            mark = marks.get((column.name, column.protocol), "")
            lines[column.name, column.protocol] = f"{column.name}{mark} = {column.protocol}{floor}"
    said = list(lines.values())
    if lines and any(len(row.runs) > 1 for row in found.rows):
        said.append("± = sample standard deviation over the runs of a row")
    for column in [c for c in found.columns if c.rank == 0 and c.at == "best"][:1]:
        word = "highest" if column.higher else "lowest"
        said.append(
            f"best = the evaluation of a run with the {word} {column.name}; values beside it are"
            f" of the {found.at} one"
        )
    unequal = [f"{key} {_some(seen, ' | ')}" for key, seen in found.unequal.items()]
    if unequal:
        rest = len(unequal) - _MOST
        more = [f"{rest} more: --settings shows all"] if rest > 0 else []
        said.append(f"not equal: {'; '.join(unequal[:_MOST] + more)}")
    said += [f"left out: {why}" for why in found.left_out]
    blank = [wording.run_word(ran.run.path) for ran in found.runs if ran.last is None]
    if blank:
        of = f" of {_some(blank, ', ')}" if len(blank) > 1 else ""
        said.append(f"no evaluations yet{of}: ganzoo eval {blank[0]}")
    return said


def _some(words: Sequence[str], between: str) -> str:
    return between.join([*words[:_MOST], *(["..."] if len(words) > _MOST else [])])


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = [":--", *("--:" if head else ":--" for head in heads[1:])]
    lines = [heads, rule, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _print_settings(runs: Sequence[RunDir]) -> None:
    names, found = differing(runs)
    if not found:
        say("no setting differs")
        return
    table(("setting", *names), [Cells((key, *values)) for key, values in found.items()])
