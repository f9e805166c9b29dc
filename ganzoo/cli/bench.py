"""``ganzoo bench``: how soon models reach a quality, once more, or beside what papers report."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from ganzoo.cli import screen
from ganzoo.cli import train as training
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.errors import GateError, RecipeError, did_you_mean
from ganzoo.events import Finished
from ganzoo.quality import speedrun
from ganzoo.quality.speedrun import Row
from ganzoo.quality.sweeps import next_sweep, one_by_one, seeds, several
from ganzoo.registry import Entry
from ganzoo.rundir import RunDir, runs_root

_LENGTH = click.FloatRange(min=0, min_open=True)
_MODES = {
    "table": ("targets",),
    "check": ("row", "data_root", "device"),
    "paper": ("data_root", "kimg", "sets", "device", "weights", "samples"),
    "": ("dataset", "data_root", "preset", "kimg", "seeds", "targets", "every", "sets", "device"),
}
_ALWAYS = {"names", "out", "markdown", "as_json", "quiet", "file"}
_SAMPLES = 50_000


def _numbers(ctx: click.Context, _: click.Parameter, value: str | None) -> list[float] | None:
    try:
        return None if value is None else [float(word) for word in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"{value!r}: write 100,50,25,10", ctx) from None


@click.command("bench")
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@click.option("-d", "--dataset", metavar="NAME|FOLDER|ZIP", help="What they learn; mnist.")
@click.option("--data-root", metavar="DIR", help="Where the data set's files lie.")
@click.option("--preset", metavar="NAME", help="Of every model; quick.")
@click.option("--kimg", type=_LENGTH, help="Length in thousands of images; the preset's.")
@click.option("--seeds", metavar="A,B|A-B", help="One run a seed; 0,1,2.")
@click.option("--targets", callback=_numbers, metavar="A,B", help="To reach; 100,50,25,10.")
@click.option("--every", type=_LENGTH, help="Thousands of images between evaluations; 10.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Any setting.")
@click.option("--device", help="cpu, cuda, cuda:1, mps; the best there is if not said.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option("-o", "file", type=click.Path(path_type=Path), help="Add the rows to a JSON file.")
@click.option("--table", is_flag=True, help="Train nothing: names are runs, or JSON files.")
@click.option("--check", type=click.Path(path_type=Path), help="Train rows of a JSON file again.")
@click.option("--row", multiple=True, metavar="N|MODEL/SEED", help="Only these, for --check.")
@click.option("--paper", is_flag=True, help="Presets of papers on CIFAR-10, with FID.")
@click.option("--weights", metavar="FILE", help="Of Inception, for --paper.")
@click.option("--samples", type=click.IntRange(min=2), help="Generated, for --paper; 50 000.")
@click.option("--markdown", is_flag=True, help="A table for a page.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Nothing but the table.")
@plugin_options
@click.pass_obj
def command(asked: Asked, /, **said: Any) -> int:
    """Train each MODEL with each seed and say how soon it reached each target.

    The value is the headline of the data set (FD; less is better), the time is that of training
    alone. --check trains published rows again: exit 7 unless every target is reached within 1.25
    times the published images. --paper makes a table to hold beside those of papers.
    """
    _one_mode(said)
    if said["check"] is not None:
        return _check(asked, said)
    if said["paper"]:
        return _paper(asked, said)
    code = 0
    targets = said["targets"] or [100.0, 50.0, 25.0, 10.0]
    if said["table"]:
        rows, left_out = _read(said, targets)
    else:
        code, runs = _train(asked, said)
        rows, left_out = speedrun.rows_of(runs, targets)
    for line in left_out:
        screen.remark(f"left out: {line}")
    if said["file"] is not None and rows:
        speedrun.publish(said["file"], rows)
    _show(rows, said)
    return code


def _one_mode(said: Mapping[str, Any]) -> None:
    """Refuse options that another one leaves without a meaning."""
    modes = [mode for mode in ("table", "check", "paper") if said[mode]] or [""]
    mode = modes[0]
    given = {name for name, value in said.items() if value not in (None, False, ())}
    idle = sorted(given - _ALWAYS - {mode, *_MODES[mode]})
    if len(modes) > 1 or idle or (mode == "check" and said["names"]):
        words = ", ".join(f"--{name.replace('_', '-')}" for name in idle) or "names"
        raise click.UsageError(f"{words} mean nothing {f'with --{mode}' if mode else 'here'}")
    if mode == "table" and not said["names"]:
        raise click.UsageError("--table needs runs or JSON files: sweep-3, 3-11, speedrun.json")


def _read(said: Mapping[str, Any], targets: Sequence[float]) -> tuple[list[Row], list[str]]:
    files = [Path(name) for name in said["names"] if name.endswith(".json")]
    words = [name for name in said["names"] if not name.endswith(".json")]
    rows, left_out = speedrun.rows_of(several(runs_root(said["out"]), words), targets)
    return [*(row for file in files for row in speedrun.read(file)), *rows], left_out


def _train(asked: Asked, said: Mapping[str, Any]) -> tuple[int, list[RunDir]]:
    """Train every model with every seed; one that fails does not stop the others."""
    preset = said["preset"] or "quick"
    every = f"{said['every'] or 10:g}"
    words = ["-d", said["dataset"] or "mnist", "--preset", preset, *_length(said)]
    words += ["--eval-kimg", every, "--set", f"training.tick_kimg={every}"]
    words += ["--set", 'training.eval_metrics=["frechet", "classes"]']
    words += ["--set", "training.patience=none", *_sets(said)]
    numbers = seeds(said["seeds"] or "0,1,2")
    jobs = [
        [entry.id, *words, "--seed", str(number)]
        for entry in _models(asked, said["names"], preset)
        for number in numbers
    ]
    for job in jobs[:: len(numbers)]:
        _planned(asked, job, said)  # a wrong word is said before anything is made
    sweep = next_sweep(runs_root(said["out"]))
    if not said["quiet"]:
        screen.remark(f"{sweep}: {len(jobs)} runs   {asked.program} bench --table {sweep}")

    def failed(job: int, error: Exception) -> None:
        screen.complain(f"{jobs[job][0]}, seed {jobs[job][-1]}: {error}")

    def play(job: int) -> int:
        return training.ended(_play(asked, jobs[job], said, sweep=sweep), quiet=False)

    code = one_by_one(range(len(jobs)), play, failed)
    try:
        return code, several(runs_root(said["out"]), [sweep])
    except RecipeError:  # none came as far as a folder
        return code, []


def _models(asked: Asked, names: Sequence[str], preset: str) -> list[Entry]:
    registry = asked.registry()
    if names:
        return [registry.find("recipe", name) for name in names]
    return [each for each in registry.recipes() if preset in each.recipe.presets]


def _length(said: Mapping[str, Any]) -> list[str]:
    return [] if said["kimg"] is None else ["--kimg", f"{said['kimg']:g}"]


def _sets(said: Mapping[str, Any]) -> list[str]:
    return [word for each in said["sets"] for word in ("--set", each)]


def _planned(
    asked: Asked, words: Sequence[str], said: Mapping[str, Any]
) -> tuple[Any, Any, Mapping[str, Any]]:
    """Return plan, registry and options of what would be typed after ``ganzoo train``."""
    own = replace(asked, plugins=list(asked.plugins))
    typed = training.command.make_context("train", list(words), obj=own).params
    registry = own.registry()
    return training.plan_of(registry, {**typed, "data_root": said["data_root"]}), registry, typed


def _play(asked: Asked, words: Sequence[str], said: Mapping[str, Any], **record: Any) -> Finished:
    """Train as ``ganzoo train`` with these words does."""
    plan, registry, typed = _planned(asked, words, said)
    from ganzoo import runner

    with screen.choose(asked.program, quiet=said["quiet"], as_json=False, plain=False) as shown:
        return runner.train(
            plan,
            registry,
            out=said["out"],
            device=said["device"],
            observers=[shown],
            epochs=typed["epochs"],
            steps=typed["steps"],
            command=("ganzoo", "train", *words),
            record={**record, **speedrun.checkout()},
        )


def _show(rows: Sequence[Row], said: Mapping[str, Any]) -> None:
    if said["as_json"]:
        screen.say(speedrun.to_json(rows))
    elif said["markdown"]:
        screen.say(speedrun.page(rows))
    else:
        for table in speedrun.tables(rows):
            screen.say(table.title)
            lines = [screen.Cells(tuple(line)) for line in table.lines]
            screen.table(table.heads, lines, right=table.heads[1:])
            screen.say("", *table.below)


def _check(asked: Asked, said: Mapping[str, Any]) -> int:
    """Train published rows again; the first interrupt ends it."""
    published = _chosen(speedrun.read(said["check"]), said["row"])
    missed = total = 0
    for row in published:
        words = shlex.split(row.command)[2:]
        end = _play(asked, words, said)
        if end.signal is not None:
            return 128 + end.signal
        found, left_out = speedrun.rows_of([RunDir(end.run)], row.targets)
        if not found:
            raise GateError(f"{row.recipe}, seed {row.seed}: {left_out[0]}")
        good = speedrun.passed(row, found[0])
        missed, total = missed + good.count(False), total + len(good)
        _show_check(row, found[0], good)
    if missed:
        raise GateError(
            f"{missed} of {total} targets were not reached within {speedrun.ALLOWED:g} times the"
            " published images"
        )
    return 0


def _show_check(row: Row, again: Row, good: Sequence[bool]) -> None:
    screen.say(f"{row.recipe}, seed {row.seed}: {row.metric}; {row.device} -> {again.device}")
    lines = []
    for target, old, new, passes in zip(
        row.targets, row.reached, again.reached, good, strict=True
    ):
        kimg = ["-" if each is None else f"{each.kimg:g}" for each in (old, new)]
        times = [
            None if moment is None else float(getattr(moment, each.clock))
            for moment, each in ((old, row), (new, again))
        ]
        seconds = ["-" if each is None else f"{each:.1f}" for each in times]
        ratio = f"{times[1] / times[0]:.2f}" if times[0] and times[1] else "-"
        verdict = "" if old is None else "ok" if passes else "MISSED"
        lines.append(screen.Cells((f"{target:g}", *kimg, *seconds, ratio, verdict)))
    heads = ("target", "kimg", "here", "seconds", "here", "ratio", "")
    screen.table(heads, lines, right=heads[:-1])


def _chosen(rows: Sequence[Row], words: Sequence[str]) -> list[Row]:
    """Return the rows that words mean: a place in the file, from 1, or MODEL/SEED."""
    names = [f"{row.recipe.split()[0]}/{row.seed}" for row in rows]
    found: list[Row] = []
    for word in words:
        some = [r for i, r in enumerate(rows) if word in (str(i + 1), names[i])]
        if not some:
            raise RecipeError(
                f"--row {word}: the file has {len(rows)} rows.{did_you_mean(word, names)}"
            )
        found += some
    return found if words else list(rows)


def _paper(asked: Asked, said: Mapping[str, Any]) -> int:
    """Train and judge what can be; whatever could not, the table says why."""
    from ganzoo.quality import paper

    registry, device = asked.registry(), said["device"]
    settings = {"weights": said["weights"]} if said["weights"] else {}
    settings |= {"device": device} if device else {}
    words = ["-d", paper.DATA, "--preset", "paper", "--resolution", str(paper.RESOLUTION)]
    words += ["--seed", "0", "--set", "training.eval_kimg=none", *_length(said), *_sets(said)]

    def play(entry: Entry) -> tuple[RunDir, bool]:
        end = _play(asked, [entry.id, *words], said)
        return RunDir(end.run), end.signal is not None

    models = _models(asked, said["names"], "paper") if said["names"] else registry.recipes()
    with screen.progress() as tell:
        lines = paper.measure(
            models,
            registry,
            play,
            settings=settings,
            blocked=paper.obstacle(registry, settings, said["data_root"]),
            samples=said["samples"] or _SAMPLES,
            device=device,
            tell=tell,
        )
    cells, below = [line.cells() for line in lines], paper.notes(lines)
    if said["as_json"]:
        whole = {"schema": 1, "lines": [asdict(line) for line in lines], "notes": below}
        screen.say(json.dumps(whole, ensure_ascii=False, indent=2))
    elif said["markdown"]:
        screen.say(*speedrun.markdown(paper.HEADS, cells), "", *(f"- {line}" for line in below))
    else:
        rows = [screen.Cells(tuple(line)) for line in cells]
        screen.table(paper.HEADS, rows, right=paper.HEADS[2:7])
        screen.say("", *below)
    return 0
