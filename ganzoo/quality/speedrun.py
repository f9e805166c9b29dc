"""Time to quality: when runs first reached each target, over seeds, and the file that says so.

Nothing here trains; rows come from run folders or from a published file.
"""

import json
import shlex
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal, final

import ganzoo
from ganzoo.errors import DataError, GateError
from ganzoo.files import write_aside
from ganzoo.rundir import RunDir, slug

SCHEMA = 1
"""Version of the published file; newer ones are refused."""

ALLOWED = 1.25
"""A target counts as reached again within so many times the published images."""

Clock = Literal["cpu_sec", "wall_sec"]

_TAKEN = ("kimg", "cpu_sec", "wall_sec")
_HERE = ("--seed", "--seeds", "--out", "--data-root", "--device")
_SHOWN = ("-q", "--quiet", "--json", "--plain")


@final
@dataclass(frozen=True)
class Moment:
    """An evaluation: its value, and what training had taken by then."""

    value: float
    kimg: float
    cpu_sec: float
    wall_sec: float


@final
@dataclass(frozen=True)
class Row:
    """What one run reached, and when.

    Attributes:
        recipe: Model and preset.
        command: What to type to train it again; without places of one machine.
        seed: Of the run.
        commit: Of the checkout of ganzoo that trained it; empty where it was none.
        dirty: Whether files of the checkout had changed since.
        device: In words.
        threads: Of torch on the CPU.
        torch: Version.
        ganzoo: Version.
        metric: Name of the headline: ``FD-lenet``.
        protocol: Of its values; different ones are never in one table.
        higher: Whether more is better.
        targets: Values to reach, the easiest first.
        reached: For each of them, the first evaluation that is as good; None: never.
        final: The last evaluation; None when the run failed before the first.
        best: The best one.
    """

    recipe: str
    command: str
    seed: int
    commit: str
    dirty: bool
    device: str
    threads: int | None
    torch: str
    ganzoo: str
    metric: str
    protocol: str
    higher: bool
    targets: tuple[float, ...]
    reached: tuple[Moment | None, ...]
    final: Moment | None
    best: Moment | None

    @property
    def clock(self) -> Clock:
        """Which seconds count: of all threads on a CPU, of the wall on a GPU."""
        return "cpu_sec" if self.device.startswith("cpu") else "wall_sec"

    @property
    def without_seed(self) -> str:
        """The command of every seed."""
        return self.command.rpartition(" --seed ")[0]

    @staticmethod
    def from_json(said: dict[str, Any]) -> "Row":
        """Return the row that :func:`write` wrote; unknown keys are passed over."""
        row = {name: said[name] for name in Row.__dataclass_fields__}
        row["reached"] = tuple(_moment(each) for each in said["reached"])
        row["targets"] = tuple(map(float, said["targets"]))
        return Row(**{**row, "final": _moment(said["final"]), "best": _moment(said["best"])})


@final
@dataclass(frozen=True)
class Table:
    """Runs that may be compared: one protocol, one device.

    Attributes:
        title: What the numbers are.
        heads: Of the columns.
        lines: Cells, the best recipe first.
        below: What must be read with them.
    """

    title: str
    heads: list[str]
    lines: list[list[str]]
    below: list[str]


def checkout() -> dict[str, Any]:
    """Return commit and dirty of the checkout that ganzoo is run from, as a run records them."""
    root = Path(ganzoo.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return {"commit": "", "dirty": False}
    said = [
        subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True).stdout
        for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    return {"commit": said[0].strip(), "dirty": bool(said[1].strip())}


def rows_of(runs: Iterable[RunDir], targets: Sequence[float]) -> tuple[list[Row], list[str]]:
    """Return a row for each run, and why others have none.

    A run that failed before its first evaluation counts as one that reached nothing, where another
    seed of its command says by which protocol.

    Args:
        runs: Folders.
        targets: Values of their headline.
    """
    found: list[Row] = []
    blank: list[Row] = []
    left_out: list[str] = []
    for run in runs:
        try:
            row = _row(run, targets)
        except DataError as error:
            left_out.append(str(error))
            continue
        (found if row.final else blank).append(row)
    for row in blank:
        same = [r for r in found if (r.without_seed, r.device) == (row.without_seed, row.device)]
        if same:
            asked = {name: getattr(same[0], name) for name in ("metric", "protocol", "higher")}
            found.append(Row(**{**vars(row), **asked, "targets": same[0].targets}))
        else:
            left_out.append(f"{row.recipe}, seed {row.seed}: was not evaluated while it trained")
    return found, left_out


def tables(rows: Sequence[Row]) -> list[Table]:
    """Return a table for each protocol and device; one line a recipe."""
    kinds: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        kinds.setdefault((row.protocol, row.device), []).append(row)
    return [_table(each) for each in kinds.values()]


def markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """Return a table for a page."""
    rule = [":--", *["--:"] * (len(heads) - 1)]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return [f"| {' | '.join(line)} |" for line in (heads, rule, *cells)]


def page(rows: Sequence[Row]) -> str:
    """Return all tables in markdown."""
    parts = [
        [f"### {table.title}", "", *markdown(table.heads, table.lines), ""]
        + [f"- {line}" for line in table.below]
        for table in tables(rows)
    ]
    return "\n\n".join("\n".join(part) for part in parts) or "No rows yet."


def read(path: Path) -> list[Row]:
    """Return the rows of a published file.

    Raises:
        DataError: It cannot be read, or is from a newer ganzoo.
    """
    try:
        said = json.loads(path.read_bytes())
        if said["schema"] > SCHEMA:
            raise DataError(f"{path}: has schema {said['schema']}, this ganzoo reads {SCHEMA}")
        return [Row.from_json(each) for each in said["rows"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as a speedrun ({error!r})") from error


def to_json(rows: Sequence[Row]) -> str:
    """Return rows as the published file has them."""
    said = {"schema": SCHEMA, "rows": [asdict(row) for row in rows]}
    return json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False)


def publish(path: Path, rows: Sequence[Row]) -> None:
    """Add rows to a file; one with the command, protocol and device of an old one replaces it.

    Raises:
        DataError: The file is there and cannot be read.
        MachineError: It cannot be written.
    """
    old = read(path) if path.exists() else []
    merged = {(r.protocol, r.device, r.recipe, r.command): r for r in (*old, *rows)}
    write_aside(path, to_json([merged[key] for key in sorted(merged)]) + "\n")


def passed(published: Row, again: Row) -> list[bool]:
    """Return for each target whether a run reached it like the published one.

    Raises:
        GateError: They were judged by different protocols.
    """
    if again.protocol != published.protocol:
        raise GateError(
            f"{published.recipe}, seed {published.seed}: judged here by {again.protocol or '-'},"
            f" published by {published.protocol}; such values do not compare"
        )
    pairs = zip(published.reached, again.reached, strict=True)
    return [
        old is None or (new is not None and new.kimg <= ALLOWED * old.kimg) for old, new in pairs
    ]


def _moment(said: dict[str, Any] | None) -> Moment | None:
    if said is None:
        return None
    return Moment(**{name: float(said[name]) for name in Moment.__dataclass_fields__})


def _row(run: RunDir, targets: Sequence[float]) -> Row:
    info = run.read_info()
    try:
        config = tomllib.loads(run.config.read_text(encoding="utf-8"))
        seed = int(config["training"]["seed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{run.config}: cannot be read ({error}); restore the file") from error
    head, where = info.get("best") or {}, info.get("environment", {})
    metric, higher = str(head.get("metric", "")), bool(head.get("higher"))
    column = slug(metric)
    moments = [
        Moment(float(row[column]), *(float(row.get(name) or 0) for name in _TAKEN))
        for row in run.read_metrics()
        if row.get(column) is not None
    ]
    sign = -1 if higher else 1
    asked = tuple(sorted(map(float, targets), reverse=not higher))
    return Row(
        recipe=" ".join(filter(None, (info.get("model", "?"), config.get("preset")))),
        command=_again(info.get("command", ""), seed),
        seed=seed,
        commit=info.get("commit", ""),
        dirty=bool(info.get("dirty")),
        device=where.get("device", "?"),
        threads=where.get("threads"),
        torch=where.get("torch", "?"),
        ganzoo=where.get("ganzoo", "?"),
        metric=metric,
        protocol=head.get("protocol", ""),
        higher=higher,
        targets=asked,
        reached=tuple(
            next((m for m in moments if sign * m.value <= sign * target), None) for target in asked
        ),
        final=moments[-1] if moments else None,
        best=min(moments, key=lambda m: sign * m.value, default=None),
    )


def _again(command: str, seed: int) -> str:
    """Return a command with one seed, and without what holds for one machine or one screen."""
    words, kept = iter(shlex.split(command)[1:]), []
    for word in words:
        if word in _HERE:
            next(words, None)
        elif word not in ("train", *_SHOWN) and word.partition("=")[0] not in _HERE:
            kept.append(word)
    return shlex.join(["ganzoo", "train", *kept, "--seed", str(seed)])


def _table(rows: Sequence[Row]) -> Table:
    first = rows[0]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.recipe, row.without_seed), []).append(row)
    targets = sorted({t for row in rows for t in row.targets}, reverse=not first.higher)
    ranked = sorted(groups.items(), key=lambda group: _rank(group[1], targets))
    names = [recipe for (recipe, _), _ in ranked]
    lines, below = [], [f"{first.metric} = {first.protocol}"]
    for i, ((recipe, command), group) in enumerate(ranked):
        name = recipe if names.count(recipe) == 1 else f"{recipe} ({names[:i].count(recipe) + 1})"
        ends = [row.final for row in group if row.final]
        last = [_spread([end.value for end in ends]), _spread([end.kimg for end in ends])]
        times = [_reached(group, target) for target in targets]
        lines.append([name, *times, *last, str(len(group))])
        below.append(f"{name}: `{command} --seed N`")
    sign = ">=" if first.higher else "<="
    seconds = "CPU time, all threads" if first.clock == "cpu_sec" else "wall time"
    heads = ["recipe", *(f"{sign} {target:g}" for target in targets), "last", "kimg", "seeds"]
    title = f"{first.metric}, {first.device}: seconds of training ({seconds})"
    return Table(title, heads, lines, below)


def _times(group: Sequence[Row], target: float) -> list[float]:
    """Return the seconds of those seeds that reached a target."""
    pairs = [(row, dict(zip(row.targets, row.reached, strict=True)).get(target)) for row in group]
    return [float(getattr(moment, row.clock)) for row, moment in pairs if moment]


def _rank(group: Sequence[Row], targets: Sequence[float]) -> tuple[int, float, float]:
    """What recipes are sorted by: the hardest target reached, by how many seeds, and when."""
    for i in reversed(range(len(targets))):
        times = _times(group, targets[i])
        if times:
            return -i, -len(times) / len(group), mean(times)
    return 1, 0.0, 0.0


def _reached(group: Sequence[Row], target: float) -> str:
    times = _times(group, target)
    if not times:
        return "-" if any(target in row.targets for row in group) else ""
    short = f" ({len(times)} of {len(group)})" if len(times) < len(group) else ""
    return _spread(times) + short


def _spread(values: Sequence[float]) -> str:
    """Return mean and sample standard deviation, three figures of the mean."""
    if not values:
        return "-"
    digits = 2 if mean(values) < 10 else 1 if mean(values) < 100 else 0
    off = f" ± {stdev(values):.{digits}f}" if len(set(values)) > 1 else ""
    return f"{mean(values):.{digits}f}{off}"
