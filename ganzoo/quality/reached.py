"""How far one run came: its settings, its last readings, its evaluations."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from ganzoo.errors import DataError
from ganzoo.quality.scores import Scores, all_scores
from ganzoo.rundir import RunDir
from ganzoo.spec import MANY


@final
@dataclass(frozen=True)
class Ran:
    """One run, as far as it came.

    Attributes:
        run: Its folder.
        info: Its run.json.
        settings: By dotted key, as text: of config.toml, and what run.json adds.
        readings: Numbers of the last row of the trace, and ``img_sec``, images a second.
        remarks: Remarks while it trained, in order.
        last: Its newest evaluation.
        best: That with the best headline among those with the protocol of the last.
    """

    run: RunDir
    info: Mapping[str, Any]
    settings: Mapping[str, str]
    readings: Mapping[str, float]
    remarks: Sequence[Mapping[str, Any]] = ()
    last: Scores | None = None
    best: Scores | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.run.path.resolve().name

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "run": self.name,
            "path": str(self.run.path),
            "status": self.info.get("status"),
            "sweep": self.info.get("sweep"),
            "seed": self.settings.get("training.seed"),
            "readings": dict(self.readings),
            "remarks": [dict(each) for each in self.remarks],
            "settings": dict(self.settings),
            "last": self.last and self.last.to_json(),
            "best": self.best and self.best.to_json(),
        }


def read(run: RunDir) -> Ran:
    """Return how far a run came.

    Raises:
        DataError: Its run.json or config.toml is damaged.
    """
    info = run.read_info()
    try:
        said = tomllib.loads(run.config.read_text(encoding="utf-8"))
        settings = dict(_settings(said, info))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(f"{run.config}: cannot be read ({error}); restore the file") from error
    row = (run.read_metrics() or [{}])[-1]
    readings = {name: value for name, value in row.items() if isinstance(value, int | float)}
    if readings.get("wall_sec"):
        readings["img_sec"] = readings.get("nimg", 0) / readings["wall_sec"]
    remarks = [event for event in run.read_events() if event.get("kind") == "remark"]
    scores = [each for each in all_scores(run) if each.values]
    last, best = (scores[-1], _best(scores)) if scores else (None, None)
    return Ran(run, info, settings, readings, remarks, last, best)


def _settings(said: Mapping[str, Any], info: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield dotted keys with their values as text; a part's name stands under its slot."""
    for kind in MANY:
        yield kind, "+".join(table["use"] for table in said.get(kind, {}).values()) or "none"
    for key, value in _flat(said):
        slot = key.removesuffix(".use")
        if key != "complete" and not (slot != key and slot.partition(".")[0] in MANY):
            yield slot, _text(value)
    yield "resolution", _text(info.get("resolution"))
    yield "dataset.fingerprint", _text(info.get("fingerprint"))[:12]
    for name, value in info.get("environment", {}).items():
        yield f"environment.{name}", _text(value)
    for who in info.get("made_by", {}).values():
        if who.get("distribution"):
            yield f"version.{who['distribution']}", _text(who.get("version"))


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else "-" if value is None else str(value)


def _best(scores: Sequence[Scores]) -> Scores:
    name = scores[-1].headline
    head = scores[-1].values[name]
    rivals = [s for s in scores if name in s.values and s.values[name].protocol == head.protocol]
    return min(rivals, key=lambda s: s.values[name].value * (-1 if head.higher else 1))
