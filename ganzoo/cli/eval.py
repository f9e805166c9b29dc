"""``ganzoo eval``: how good a run is, in numbers that carry their protocol."""

import json
import operator
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ganzoo.cli import wording
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.screen import Cells, progress, remark, say, table
from ganzoo.draft import parsed
from ganzoo.errors import GateError, RecipeError, did_you_mean
from ganzoo.quality.scores import Scores, better, note_best, write_scores
from ganzoo.quality.sweeps import several
from ganzoo.rundir import RunDir, runs_root

_COMPARE = {"<=": operator.le, ">=": operator.ge}


@click.command("eval")
@click.argument("runs", nargs=-1)
@click.option("--metrics", metavar="A,B", help="frechet,prdc,classes,kernel,copies if not said.")
@click.option("--extractor", metavar="A,B", help="Spaces to judge in; those of the data set.")
@click.option("--checkpoint", metavar="NIMG|best", help="The newest if not said.")
@click.option("--samples", type=click.IntRange(min=2), help="Generated pictures; 10 000.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the first picture.")
@click.option("--raw", is_flag=True, help="The trained generator, in place of its average.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="metric.prdc.k=3 ...")
@click.option("--require", multiple=True, metavar="NAME<=N", help="Else exit 7; >= too.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option("--device", help="cpu, cuda, cuda:1, mps; the best there is if not said.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run.")
@plugin_options
@click.pass_obj
def command(
    asked: Asked,
    runs: tuple[str, ...],
    metrics: str | None,
    extractor: str | None,
    checkpoint: str | None,
    samples: int | None,
    seed: int,
    raw: bool,
    sets: Sequence[str],
    require: Sequence[str],
    out: Path | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Judge RUNS (numbers, names, folders, sweep-3; by default the last) by their data.

    Fakes of the averaged generator are compared with all real images, in the feature space that
    suits the data and in a second one that is biased differently. Beside each value stands its
    floor: what real images that were held out reach.
    """
    registry, gates = asked.registry(), [_gate(each) for each in require]
    from ganzoo.made import moment_called
    from ganzoo.quality.checkpoints import SAMPLES, evaluate

    for run in several(runs_root(out), runs or ("last",)):
        with progress() as tell:
            scores = evaluate(
                run,
                registry,
                at=moment_called(run, checkpoint),
                samples=samples or SAMPLES,
                seed=seed,
                raw=raw,
                extractors=_names(extractor),
                metrics=_names(metrics),
                settings=_settings(sets),
                device=device,
                tell=tell,
            )
        write_scores(run, scores)
        if scores.values and not raw:
            _note(run, scores)
        if as_json:
            say(json.dumps(scores.to_json(), ensure_ascii=False))
        else:
            _print(scores)
            remark(f"wrote {wording.shown_path(run.evaluation(scores.nimg))}")
        sys.stdout.flush()
        for name, sign, bound in gates:
            _check(scores, name, sign, bound)


def _note(run: RunDir, scores: Scores) -> None:
    """Name it the run's best where it is; what another protocol found stays."""
    best = run.read_info().get("best")
    same = best is None or best["protocol"] == scores.values[scores.headline].protocol
    if same and better(scores, best):
        note_best(run, scores)


def _print(scores: Scores) -> None:
    real = scores.real
    say(
        f"{scores.run} at {wording.kimg(scores.nimg)} kimg: {wording.grouped(scores.samples)}"
        f" pictures ({scores.weights}, seed {scores.seed}) against"
        f" {wording.grouped(real['count'])} of {real['name']}"
    )
    rows = [
        Cells(
            (
                name,
                wording.score(name, each.value),
                "-" if each.floor is None else wording.score(name, each.floor),
                "more" if each.higher else "less",
            )
        )
        for name, each in scores.values.items()
    ]
    table(("value", "here", "floor", "better"), rows, right=("here", "floor"))
    say("  floor: what real images reach that are not among those compared with")
    for name, each in scores.extractors.items():
        say(f"  {name}: {each['dimensions']} features of {each['id']}, {each['digest'][:12]}")
    for line in scores.remarks:
        say(f"  ! {line}")


def _names(said: str | None) -> list[str] | None:
    return None if said is None else [word.strip() for word in said.split(",") if word.strip()]


def _settings(sets: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, value in map(parsed, sets):
        slot, _, name = key.rpartition(".")
        if slot.partition(".")[0] not in ("metric", "extractor") or "." not in slot:
            raise RecipeError(
                f"--set {key}: write metric.NAME.KEY=VALUE or extractor.NAME.KEY=VALUE"
            )
        found.setdefault(slot, {})[name] = value
    return found


def _gate(text: str) -> tuple[str, str, float]:
    found = re.fullmatch(r"\s*([\w.-]+)\s*(<=|>=)\s*([-+.\deE]+)\s*", text)
    try:
        assert found is not None
        return found[1], found[2], float(found[3])
    except (AssertionError, ValueError):
        raise click.UsageError(
            f"--require {text!r}: write FD-lenet<=20 or coverage-lenet>=0.8"
        ) from None


def _check(scores: Scores, name: str, sign: str, bound: float) -> None:
    if name not in scores.values:
        near = did_you_mean(name, scores.values)
        raise RecipeError(f"--require {name}: it was not measured.{near}")
    value = scores.values[name].value
    if not _COMPARE[sign](value, bound):
        raise GateError(f"{scores.run}: {name} is {value:.4g}, not {sign} {bound:g}")
