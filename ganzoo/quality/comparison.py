"""Runs side by side: what each reached, mean and spread over a group, and what is not equal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean, stdev
from typing import Any, Literal, final

from ganzoo.errors import DataError, RecipeError, did_you_mean
from ganzoo.quality.reached import Ran, read
from ganzoo.quality.scores import Scores, Value
from ganzoo.rundir import RunDir
from ganzoo.spec import MANY

SCHEMA = 1
"""Version of what :meth:`Comparison.to_json` returns."""

At = Literal["last", "best"]

_BESIDE = ("coverage", "classes-kl", "label-accuracy", "nn-ratio")
_READINGS = ("d_loss", "g_loss", "variety", "d_acc", "img_sec", "kimg")
_CLOCKS = {"nimg", "step", "epoch", "wall_sec"}
_VETO, _TRACE, _REST = 10, 20, 99
_OF_MODEL = ("preset", "generator", "discriminator", "loss", "algorithm", "optimizer", *MANY)
_IDLE = {
    *(f"training.{name}" for name in ("seed", "keep", "workers", "resident_gib", "rehearse")),
    *(f"training.{name}_kimg" for name in ("tick", "sample", "checkpoint")),
    *("environment.threads", "environment.python"),
}
"""Settings that do not decide how good a run gets."""


@final
@dataclass(frozen=True)
class Column:
    """What stands in a column; different protocols never share one.

    Attributes:
        name: Of the value or reading: ``FD-lenet``, ``variety``.
        protocol: How the value came about; empty for readings.
        at: Which evaluation it is of; None for readings.
        higher: Whether more is better.
        floor: What held-out real images reach; None for readings.
        rank: Place in the table; the headline has 0.
        shown: Whether people see it.
    """

    name: str
    protocol: str = ""
    at: At | None = None
    higher: bool = field(default=False, compare=False)
    floor: float | None = field(default=None, compare=False)
    rank: int = field(default=_REST, compare=False)
    shown: bool = field(default=False, compare=False)


@final
@dataclass(frozen=True)
class Cell:
    """Mean and sample standard deviation over ``n`` runs; no deviation of one."""

    mean: float
    sd: float | None
    n: int


@final
@dataclass(frozen=True)
class Row:
    """The runs of a group.

    Attributes:
        group: What they share; without a group the run's name.
        runs: The runs.
        cells: One a column; None where no run says anything.
        short: Runs that the largest group has more.
    """

    group: str
    runs: Sequence[Ran]
    cells: Sequence[Cell | None]
    short: int


@final
@dataclass(frozen=True)
class Comparison:
    """A table.

    Attributes:
        group: The dotted key that groups runs; None: one row a run.
        at: Which evaluation the values beside the headline are of.
        columns: All there are, from the left.
        rows: The best first.
        unequal: What differs beside the group and the seed, with the values, by dotted key.
        left_out: Why a run could not be read, as sentences.
    """

    group: str | None
    at: At
    columns: Sequence[Column]
    rows: Sequence[Row]
    unequal: Mapping[str, Sequence[str]]
    left_out: Sequence[str]

    @property
    def runs(self) -> list[Ran]:
        """Every run, in the order of the rows."""
        return [ran for row in self.rows for ran in row.runs]

    def to_json(self) -> dict[str, Any]:
        """Return plain values under a schema."""
        rows = [
            {
                "group": row.group,
                "runs": [ran.name for ran in row.runs],
                "short": row.short,
                "cells": [cell and asdict(cell) for cell in row.cells],
            }
            for row in self.rows
        ]
        return {
            "schema": SCHEMA,
            "group": self.group,
            "at": self.at,
            "columns": [asdict(column) for column in self.columns],
            "rows": rows,
            "runs": [ran.to_json() for ran in self.runs],
            "unequal": {key: list(values) for key, values in self.unequal.items()},
            "left_out": list(self.left_out),
        }


def compare(runs: Sequence[RunDir], group: str | None = None, at: At = "last") -> Comparison:
    """Return runs side by side.

    Args:
        runs: One or more.
        group: A dotted key or slot whose value groups them; None: one row a run.
        at: Whether values are of each run's last evaluation, or of the one with the best headline.

    Raises:
        DataError: None of the runs can be read.
        RecipeError: No run has such a key.
    """
    rans, left_out = _read(runs)
    key = None if group is None else _known(rans, group)
    groups: dict[str, list[Ran]] = {}
    for ran in rans:
        groups.setdefault(ran.name if key is None else ran.settings.get(key, "-"), []).append(ran)
    judged = [ran.last.nimg for ran in rans if ran.last is not None]
    moments: Sequence[At] = (
        (at,) if all(ran.last is ran.best for ran in rans) else ("best", "last")
    )
    numbers = {
        id(ran): {**_values(ran, at, moments), **_readings(ran, not judged)} for ran in rans
    }
    columns = _ordered(column for ran in rans for column in numbers[id(ran)])
    most = max(map(len, groups.values()))
    rows = [
        Row(name, each, [_cell(numbers[id(r)].get(c) for r in each) for c in columns], short)
        for name, each in groups.items()
        for short in [most - len(each)]
    ]
    leads = [i for i, column in enumerate(columns) if column.rank == 0 and column.at == at]
    rows.sort(key=lambda row: [_goodness(columns[i], row.cells[i]) for i in leads])
    unequal = _unequal(list(groups.values()), key)
    if at == "last" and len({*judged}) > 1:
        unequal["evaluated at kimg"] = [f"{nimg / 1000:g}" for nimg in sorted({*judged})]
    return Comparison(key, at, columns, rows, unequal, left_out)


def differing(runs: Sequence[RunDir]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the names of runs, and by dotted key the settings in which they differ.

    Raises:
        DataError: One of the runs cannot be read.
    """
    rans = [read(run) for run in runs]
    table = {key: [ran.settings.get(key, "-") for ran in rans] for key in _keys(rans)}
    return [ran.name for ran in rans], {k: v for k, v in table.items() if len({*v}) > 1}


def _read(runs: Sequence[RunDir]) -> tuple[list[Ran], list[str]]:
    rans, left_out = [], []
    for run in runs:
        try:
            rans.append(read(run))
        except DataError as error:
            if len(runs) == 1:
                raise
            left_out.append(str(error))
    if not rans:
        raise DataError(f"none of {len(runs)} runs can be read: {left_out[0]}")
    return rans, left_out


def _keys(rans: Sequence[Ran]) -> list[str]:
    return list(dict.fromkeys(key for ran in rans for key in ran.settings))


def _known(rans: Sequence[Ran], group: str) -> str:
    key, known = group.removesuffix(".use"), _keys(rans)
    if key not in known:
        raise RecipeError(
            f"--group {group}: no run has such a setting.{did_you_mean(key, known)}",
            hint="what differs: ganzoo compare RUNS --settings",
        )
    return key


def _values(ran: Ran, at: At, moments: Sequence[At]) -> dict[Column, float]:
    """Return the values of the moment ``at``, and of the other one the headline alone."""
    found = {}
    for moment in moments:
        scores = ran.best if moment == "best" else ran.last
        for name, value, rank in _ranked(scores) if scores else ():
            if moment == at or rank == 0:
                known = (value.higher, value.floor, rank, rank < _REST)
                found[Column(name, value.protocol, moment, *known)] = value.value
    return found


def _readings(ran: Ran, losses: bool) -> dict[Column, float]:
    found = {}
    for name, number in ran.readings.items():
        if name not in _CLOCKS:
            rank = _TRACE + _READINGS.index(name) if name in _READINGS else _REST
            shown = rank < _REST and (losses or not name.endswith("_loss"))
            found[Column(name, rank=rank, shown=shown)] = number
    return found


def _ranked(scores: Scores) -> Iterator[tuple[str, Value, int]]:
    """Yield values with their place: headline, what stands beside it, the second opinion."""
    space, veto = scores.values[scores.headline].extractor, False
    for name, value in scores.values.items():
        rank = _REST
        if name == scores.headline:
            rank = 0
        elif value.extractor in ("", space):
            beside = (i for i, word in enumerate(_BESIDE, 1) if name.lower().startswith(word))
            rank = next(beside, _REST)
        elif not veto:
            rank, veto = _VETO, True
        yield name, value, rank


def _ordered(columns: Iterable[Column]) -> list[Column]:
    """Return each column once, from the left."""
    once = list(dict.fromkeys(columns))
    names, protocols = [c.name for c in once], [c.protocol for c in once]
    once.sort(
        key=lambda c: (c.rank, names.index(c.name), protocols.index(c.protocol), c.at == "last")
    )
    return once


def _cell(numbers: Iterable[float | None]) -> Cell | None:
    there = [float(number) for number in numbers if number is not None]
    if not there:
        return None
    return Cell(mean(there), stdev(there) if len(there) > 1 else None, len(there))


def _goodness(column: Column, cell: Cell | None) -> tuple[bool, float]:
    """What rows are sorted by: the best first, those without a value last."""
    return (True, 0.0) if cell is None else (False, cell.mean * (-1 if column.higher else 1))


def _unequal(groups: Sequence[Sequence[Ran]], key: str | None) -> dict[str, list[str]]:
    """Return the settings that differ, but for those that are the group's own matter."""
    rans, found = [ran for group in groups for ran in group], {}
    for name in _keys(rans):
        absent = None if name.startswith("version.") else "-"
        each = [dict.fromkeys(ran.settings.get(name, absent) for ran in g) for g in groups]
        seen = [value for value in dict.fromkeys(v for some in each for v in some) if value]
        own = name == key or (_belongs(name, key) and all(len(some) == 1 for some in each))
        if len(seen) > 1 and not own and name not in _IDLE:
            found[name] = seen
    return found


def _belongs(name: str, key: str | None) -> bool:
    if key == "model":
        return name.partition(".")[0] in _OF_MODEL
    return key is not None and name.startswith(f"{key}.")
