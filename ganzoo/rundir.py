"""A run's folder: the one room that spells its file names, and reads and writes its records.

Folders are numbered and never shared or overwritten. Files of a moment are named by the images
shown to the discriminator so far (nimg), nine digits. Readers ignore keys they do not know.
"""

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

from ganzoo.errors import DataError, GanzooError, MachineError, RecipeError, did_you_mean
from ganzoo.files import Lock, append_line, write_aside, writing

SCHEMA = 1
"""Version of run.json that is written; older ones are read, newer ones refused."""

_NUMBERED = re.compile(r"(\d{4,})-(.+)")


def moment(nimg: int) -> str:
    """Return the name of a moment: ``000180224`` after 180,224 images."""
    return f"{nimg:09d}"


def moment_of(name: str) -> int | None:
    """Return the images shown at a moment, or None when the name is not one."""
    if re.fullmatch("[0-9]{9,18}", name) is None or moment(int(name)) != name:
        return None
    return int(name)


def slug(column: str) -> str:
    """Return a column's name as the trace spells it: ``D(real)`` becomes ``d_real``."""
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


def runs_root(out: Path | None = None) -> Path:
    """Return where runs are kept: ``out``, else ``$GANZOO_RUNS``, else ``runs`` right here."""
    return out if out is not None else Path(os.environ.get("GANZOO_RUNS") or "runs")


@final
class _Inside:
    """A path inside a run's folder; no link leads out of it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, run: "RunDir", owner: type) -> Path:
        path = run.path / self.name
        if path.is_symlink():
            raise MachineError(f"{path}: is a link; put the file or folder itself there")
        return path


@final
@dataclass(frozen=True)
class RunDir:
    """One run's folder.

    Attributes:
        path: The folder; it exists.
    """

    path: Path

    @classmethod
    def create(cls, root: Path, name: str) -> "RunDir":
        """Make the next numbered folder, ``0007-<name>``, with a first run.json.

        Raises:
            MachineError: The folder cannot be made.
        """
        tail = re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-.") or "run"
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
            path = _next_folder(root, tail)
            run = cls(path)
            run.samples.mkdir()
            run.checkpoints.mkdir()
        run.write_info({"name": tail, "started": _now()})
        return run

    @classmethod
    def open(cls, path: Path) -> "RunDir":
        """Take an existing folder.

        Raises:
            RecipeError: It is not a run's folder.
        """
        if not (path / "run.json").is_file():
            found = "has no run.json" if path.is_dir() else "does not exist"
            raise RecipeError(
                f"{path}: not a run, it {found}; name a run by number, name or folder",
                hint="ganzoo runs",
            )
        return cls(path)

    @property
    def number(self) -> int | None:
        """The run's number; None when its folder was renamed."""
        found = _NUMBERED.fullmatch(self.path.resolve().name)
        return int(found[1]) if found else None

    @property
    def name(self) -> str:
        """The folder's name without its number: ``dcgan-digits``."""
        folder = self.path.resolve().name
        return folder if self.number is None else folder.split("-", 1)[1]

    lock = _Inside(".lock")
    info = _Inside("run.json")
    config = _Inside("config.toml")
    metrics = _Inside("metrics.jsonl")
    events = _Inside("events.jsonl")
    samples = _Inside("samples")
    real_sample = _Inside("samples/real.png")
    latest_sample = _Inside("samples/latest.png")
    checkpoints = _Inside("checkpoints")
    evaluations = _Inside("eval")
    made = _Inside("made")
    crash, profile = _Inside("crash"), _Inside("profile")
    report = _Inside("report.html")

    def sample(self, nimg: int) -> Path:
        """Return the path of a moment's grid."""
        return self.samples / f"{moment(nimg)}.png"

    def checkpoint(self, nimg: int) -> Path:
        """Return the path of a moment's checkpoint, a folder."""
        return self.checkpoints / moment(nimg)

    def evaluation(self, nimg: int) -> Path:
        """Return the path of a moment's scores."""
        return self.evaluations / f"{moment(nimg)}.json"

    def next_made(self) -> Path:
        """Make and return the next numbered folder for samples: ``made/0001``.

        Raises:
            MachineError: It cannot be made.
        """
        with writing(self.made):
            self.made.mkdir(exist_ok=True)
            numbers = [int(path.name) for path in _entries(self.made) if path.name.isdecimal()]
            number = max(numbers, default=0) + 1
            while not _made_by_us(self.made / f"{number:04d}"):
                number += 1
        return self.made / f"{number:04d}"

    def hold(self) -> Lock:
        """Return the lock that a writer of this folder holds."""
        number = self.number
        return Lock(self.lock, f"run {self.path if number is None else number}")

    def read_info(self) -> dict[str, Any]:
        """Return run.json.

        Raises:
            DataError: It is missing, damaged, without a schema, or from a newer ganzoo.
        """
        try:
            info = json.loads(self.info.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{self.info}: cannot be read ({error}); restore the file") from error
        schema = info.get("schema") if isinstance(info, dict) else None
        if type(schema) is not int or schema < 1:
            raise DataError(
                f"{self.info}: not written by ganzoo, it has no schema; restore the file"
            )
        if schema > SCHEMA:
            raise DataError(
                f"{self.info}: has schema {schema}, this ganzoo reads {SCHEMA}; update ganzoo"
            )
        return dict(info)

    def write_info(self, info: Mapping[str, Any]) -> None:
        """Replace run.json; the schema is added."""
        whole = {"schema": SCHEMA} | {**info, "schema": SCHEMA}
        text = json.dumps(_finite(whole), indent=2, ensure_ascii=False, allow_nan=False)
        write_aside(self.info, text + "\n")

    def update_info(self, **changes: Any) -> dict[str, Any]:
        """Change some keys of run.json, keep the others, and return the whole."""
        info = {**self.read_info(), **changes}
        self.write_info(info)
        return info

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a line to the trace; columns become slugs, numbers that are not finite null."""
        append_line(self.metrics, _line({slug(name): value for name, value in row.items()}))

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the trace, without torn lines."""
        return list(_rows(self.metrics))

    def truncate_metrics(self, nimg: int) -> None:
        """Drop what the trace says of later moments, so that a resumed run doubles nothing."""
        if not self.metrics.exists():
            return
        kept = [row for row in _rows(self.metrics) if (row.get("nimg") or 0) <= nimg]
        write_aside(self.metrics, "".join(f"{_line(row)}\n" for row in kept))

    def append_event(self, kind: str, **fields: Any) -> None:
        """Note what happened, with the time (UTC)."""
        append_line(self.events, _line({"time": _now(), "kind": kind, **fields}))

    def read_events(self) -> list[dict[str, Any]]:
        """Return what happened, without torn lines."""
        return list(_rows(self.events))


def listing(root: Path) -> list[RunDir]:
    """Return the runs in a folder by number; folders that are no runs are passed over."""
    runs = [RunDir(path) for path in _entries(root) if (path / "run.json").is_file()]
    numbered = [(run.number, run.path.name, run) for run in runs if run.number is not None]
    return [run for _, _, run in sorted(numbered, key=lambda item: item[:2])]


def find(root: Path, word: str) -> RunDir:
    """Return the run somebody means.

    Args:
        root: Where runs are kept.
        word: A number (``7``, ``0007``), a folder or the beginning of its name with or without
            the number, ``last``, or ``best`` (by the protocol of the newest evaluated run).

    Raises:
        RecipeError: There is none, or more than one.
    """
    runs = listing(root)
    if word == "best":
        return _best(root, runs)
    if word == "last" and runs:
        return runs[-1]
    if word.isdecimal():
        matches = [run for run in runs if run.number == int(word)]
    elif (Path(word) / "run.json").is_file():
        return RunDir.open(Path(word))
    else:
        names = [(run, (run.path.name, run.name)) for run in runs]
        matches = [run for run, called in names if word in called]
        matches = matches or [
            run for run, (a, b) in names if a.startswith(word) or b.startswith(word)
        ]
    if not matches or not word:
        raise _unknown(root, runs, word)
    if len(matches) > 1:
        some = ", ".join(run.path.name for run in matches[-5:])
        raise RecipeError(
            f"{len(matches)} runs in {_shown(root)} are called {word!r}: {some}; give the number"
        )
    return matches[0]


def _best(root: Path, runs: Iterable[RunDir]) -> RunDir:
    scored: list[tuple[Any, float, RunDir]] = []
    for run in runs:
        try:
            info = run.read_info()
        except GanzooError:
            continue
        best = info.get("best")
        if isinstance(best, dict) and isinstance(best.get("value"), int | float):
            value = -best["value"] if best.get("higher") else best["value"]
            scored.append(((best.get("metric"), best.get("protocol")), value, run))
    if not scored:
        raise RecipeError(f"no run in {_shown(root)} has a score yet")
    rivals = [entry for entry in scored if entry[0] == scored[-1][0]]
    return min(rivals, key=lambda entry: entry[1])[2]


def _unknown(root: Path, runs: list[RunDir], word: str) -> RecipeError:
    if not runs:
        return RecipeError(f"no runs in {_shown(root)} yet; start one with ganzoo train")
    near = did_you_mean(word, [name for run in runs for name in (run.path.name, run.name)])
    return RecipeError(f"no run called {word!r} in {_shown(root)}.{near}", hint="ganzoo runs")


def _shown(root: Path) -> str:
    return str(root) if root.is_absolute() else f"./{root.as_posix()}"


def _next_folder(root: Path, tail: str) -> Path:
    """Make the next numbered folder; no number is given twice, whatever the names.

    A number is reserved by the exclusive ``.0007`` while its folder is looked for and made.
    """
    number = max(_numbers(root), default=0) + 1
    while True:
        reserved = root / f".{number:04d}"
        if _made_by_us(reserved):
            try:
                if number not in _numbers(root):
                    folder = root / f"{number:04d}-{tail}"
                    folder.mkdir()
                    return folder
            finally:
                reserved.rmdir()
        number += 1


def _numbers(root: Path) -> set[int]:
    found = (_NUMBERED.fullmatch(path.name) for path in _entries(root))
    return {int(match[1]) for match in found if match}


def _entries(root: Path) -> list[Path]:
    return sorted(root.iterdir()) if root.is_dir() else []


def _made_by_us(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(_finite(row), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    """Strict JSON has no word for a number that is not finite."""
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
