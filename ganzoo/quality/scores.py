"""What an evaluation found, as it lies in a run's folder; light, so that tables need no torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, final

from ganzoo.errors import DataError
from ganzoo.files import write_aside
from ganzoo.rundir import RunDir, moment_of

SCHEMA = 1
"""Version of the files that are written; newer ones are refused."""


@final
@dataclass(frozen=True)
class Value:
    """One number, and all that must be equal before it is compared with another.

    Attributes:
        value: The number.
        floor: What real images that were held out reach in place of generated ones; None where
            they cannot say.
        higher: Whether more is better.
        metric: Installed id of the metric.
        extractor: Installed id of the extractor; empty where the metric looks at pixels alone.
        protocol: Metric, settings, extractor with its digest, data, and numbers of images, in one
            line; values with different protocols are never in one column.
    """

    value: float
    floor: float | None
    higher: bool
    metric: str
    extractor: str
    protocol: str


@final
@dataclass(frozen=True)
class Scores:
    """What one evaluation of one checkpoint found.

    Attributes:
        run: The folder's name.
        nimg: Real images that the discriminator had been shown.
        values: By name, the headline first: ``FD-lenet``, ``coverage-lenet``, ``nn-ratio``.
        samples: Generated images.
        seed: Of the first of them; image i has seed + i.
        weights: ``ema``, the averaged generator, or ``raw``.
        real: The reference: name, fingerprint, count, held_out, resolution.
        extractors: Digest, dimensions and provenance by name.
        cpu_sec: CPU-seconds of training up to this checkpoint; None where unknown.
        versions: Of ganzoo and torch.
        remarks: Sentences that people should read beside the values.
    """

    run: str
    nimg: int
    values: Mapping[str, Value]
    samples: int
    seed: int
    weights: str
    real: Mapping[str, Any]
    extractors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cpu_sec: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """Name of the first value."""
        return next(iter(self.values))

    def to_json(self) -> dict[str, Any]:
        """Return plain values under a schema."""
        return {"schema": SCHEMA, **asdict(self), "remarks": list(self.remarks)}


def write_scores(run: RunDir, scores: Scores) -> None:
    """Keep an evaluation in the run's folder; one checkpoint has one file, the newest wins.

    Raises:
        MachineError: It cannot be written.
    """
    run.evaluations.mkdir(exist_ok=True)
    text = json.dumps(scores.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    write_aside(run.evaluation(scores.nimg), text + "\n")


def read_scores(run: RunDir, nimg: int) -> Scores:
    """Return a checkpoint's evaluation.

    Raises:
        DataError: There is none, it is damaged, or it is from a newer ganzoo.
    """
    path = run.evaluation(nimg)
    try:
        said = json.loads(path.read_bytes())
        if said["schema"] > SCHEMA:
            raise DataError(f"{path}: has schema {said['schema']}, this ganzoo reads {SCHEMA}")
        values = {name: Value(**_known(Value, each)) for name, each in said["values"].items()}
        kept = _known(Scores, {**said, "values": values, "remarks": tuple(said["remarks"])})
        return Scores(**kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); ganzoo eval writes it anew") from error


def better(scores: Scores, best: Mapping[str, Any] | None) -> bool:
    """Return whether the headline beats ``best`` of run.json, taken by the same protocol."""
    new = scores.values[scores.headline]
    if best is None or best["protocol"] != new.protocol:
        return True
    return bool(new.value > best["value"] if new.higher else new.value < best["value"])


def note_best(run: RunDir, scores: Scores) -> dict[str, Any]:
    """Name an evaluation the best of its run, by its headline; returns what run.json says."""
    new = scores.values[scores.headline]
    best = {
        "metric": scores.headline,
        "value": new.value,
        "higher": new.higher,
        "nimg": scores.nimg,
        "protocol": new.protocol,
    }
    run.update_info(best=best)
    return best


def all_scores(run: RunDir) -> list[Scores]:
    """Return every evaluation of a run that can be read, the oldest moment first."""
    found = []
    for path in sorted(run.evaluations.glob("*.json")) if run.evaluations.is_dir() else ():
        nimg = moment_of(path.stem)
        try:
            found += [] if nimg is None else [read_scores(run, nimg)]
        except DataError:
            continue
    return found


def _known(cls: type, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that a class knows; files of later versions may have more."""
    return {name: said[name] for name in cls.__dataclass_fields__ if name in said}  # type: ignore[attr-defined]
