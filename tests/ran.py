"""Run folders as if trained: records by the real writers, numbers as a test says them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.files import write_aside
from ganzoo.plan import resolve
from ganzoo.quality.scores import Scores, Value, write_scores
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir

LENET = "frechet, 64 dimensions; lenet 0a1b; 10,000 generated against 60,000 of digits"


def a_run(
    root: Path,
    model: str = "dcgan",
    sets: Sequence[str] = (),
    *,
    row: Mapping[str, float] | None = None,
    evaluations: Mapping[int, Mapping[str, Any]] | None = None,
    **info: Any,
) -> RunDir:
    """Make a finished run.

    Args:
        root: Where.
        model: Of the run.
        sets: Settings, ``"loss.use=hinge"``.
        row: More readings of the last row of the trace.
        evaluations: Arguments of :func:`scores` by images shown.
        info: More keys of run.json.
    """
    plan = resolve(Registry.discover(only=()), model, sets=sets)
    run = RunDir.create(root, f"{model}-digits")
    write_aside(run.config, plan.to_toml())
    said = {"status": "done", "model": model, "dataset": "digits", "resolution": 32}
    made_by = {"loss": {"id": plan.parts["loss"].name, "distribution": "torch-ganzoo"}}
    environment = {"ganzoo": "0.1.0", "device": "cpu (2 threads)"}
    run.update_info(
        **{**said, "fingerprint": "f" * 64, "made_by": made_by, "environment": environment, **info}
    )
    usual = {"kimg": 300.0, "nimg": 300_000, "wall_sec": 600.0, "cpu_sec": 900.0}
    run.append_metrics({"nimg": 64, "D loss": 9.0, "G loss": 9.0})
    run.append_metrics({**usual, "D loss": 1.25, "G loss": 0.75, **(row or {})})
    for nimg, each in (evaluations or {}).items():
        write_scores(run, scores(nimg, **each))
    return run


def scores(nimg: int, protocol: str = LENET, **values: float) -> Scores:
    """Return an evaluation; underscores of names are written as hyphens, FD is the headline."""
    spaces = {"lenet": "digits/lenet", "pca": "extractors/pca"}
    found = {
        name.replace("_", "-"): Value(
            value=value,
            floor=0.5 if name.startswith("FD") else None,
            higher=name.startswith("coverage"),
            metric="metrics/any",
            extractor=spaces.get(name.rpartition("_")[2], ""),
            protocol=f"{name}: {protocol}",
        )
        for name, value in values.items()
    }
    return Scores("a-run", nimg, found, 10_000, 0, "ema", {"name": "digits"}, cpu_sec=900.0)
