"""``ganzoo train``: words become a plan, and the runner plays it. No option has a default here."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ganzoo.cli import screen
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.errors import DivergedError, FitError, RecipeError
from ganzoo.events import Finished
from ganzoo.plan import Plan, resolve
from ganzoo.quality.sweeps import next_sweep, one_by_one, seeds
from ganzoo.registry import Registry
from ganzoo.rundir import runs_root

_LENGTH = click.FloatRange(min=0, min_open=True)
_TRAINING = (
    "seed",
    "batch_size",
    "precision",
    "cuda_graph",
    "compile",
    "kimg",
    "minutes",
    "resolution",
    "conditional",
    "init_from",
    "eval_kimg",
    "on_collapse",
    "on_nan",
)
_ONE = ("dataset", "loss", "generator", "discriminator")
_MANY = ("regularizer", "augment")


@click.command("train")
@click.argument("name", required=False)
@click.option(
    "-d", "--dataset", metavar="NAME|FOLDER|ZIP", help="A data set, or your own pictures."
)
@click.option("--data-root", metavar="DIR", help="Where the data set's files lie.")
@click.option("--preset", metavar="NAME", help="One of the model's presets: quick, paper.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Any setting.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings (TOML).")
@click.option("--print-config", is_flag=True, help="Print all settings and stop.")
@click.option("--epochs", type=_LENGTH, help="Length in epochs of the data.")
@click.option("--kimg", type=_LENGTH, help="Length in thousands of images.")
@click.option("--steps", type=click.IntRange(min=1), help="Length in steps.")
@click.option("--minutes", type=_LENGTH, help="Length in minutes.")
@click.option("--resolution", type=click.IntRange(min=1), help="Pixels per side.")
@click.option("--conditional/--no-conditional", default=None, help="Tell both players the class.")
@click.option("--seed", type=click.IntRange(min=0), help="Start of every random stream.")
@click.option("--seeds", metavar="A,B|A-B", help="Several runs, one a seed: a sweep.")
@click.option("--device", help="cpu, cuda, cuda:1, mps; the best there is if not said.")
@click.option("--precision", metavar="fp32|tf32|bf16", help="Of the arithmetic.")
@click.option("--cuda-graph", metavar="auto|on|off", help="Record a step once, and replay it.")
@click.option("--compile/--no-compile", default=None, help="Compile networks; takes minutes.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images a step.")
@click.option("--loss", metavar="NAME", help="Another loss.")
@click.option("--generator", metavar="NAME", help="Another generator.")
@click.option("--discriminator", metavar="NAME", help="Another discriminator.")
@click.option("--regularizer", multiple=True, metavar="NAME", help="One more; none clears.")
@click.option("--augment", multiple=True, metavar="NAME", help="One more; none clears.")
@click.option("--eval-kimg", type=_LENGTH, help="Thousands of images between evaluations.")
@click.option(
    "--on-collapse", metavar="warn|stop|rollback", help="What to do when the game is lost."
)
@click.option("--on-nan", metavar="stop|rollback", help="What to do when a number is not finite.")
@click.option("--init-from", metavar="RUN", help="Begin with the networks of a run, RUN@NIMG.")
@click.option("--freeze", multiple=True, metavar="NAME", help="Parameters that never change.")
@click.option("--profile", is_flag=True, help="First measure where the time of a step goes.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON lines on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the run's folder.")
@click.option("--plain", is_flag=True, help="Lines, no bar.")
@plugin_options
@click.pass_obj
def command(asked: Asked, /, **said: Any) -> int:
    """Train the model NAME.

    A first run: ganzoo train dcgan. Every setting: ganzoo info NAME --settings.
    """
    _one_length(said)
    if said["seeds"] is None:
        return _play(asked, said)
    if said["seed"] is not None:
        raise click.UsageError("--seed and --seeds both say which; give one")
    numbers = seeds(said["seeds"])
    if said["print_config"]:
        return _play(asked, {**said, "seed": numbers[0]})
    plan_of(asked.registry(), said)  # a wrong word is said once, before anything is made
    sweep = next_sweep(runs_root(said["out"]))
    if not said["quiet"]:
        screen.remark(f"{sweep}: {len(numbers)} runs   {asked.program} compare {sweep}")

    def failed(seed: int, error: Exception) -> None:
        if isinstance(error, RecipeError | FitError):
            raise error  # what is asked for cannot be, whatever the seed
        screen.complain(f"seed {seed}: {error}", getattr(error, "hint", None))

    def play(seed: int) -> int:
        return _play(asked, {**said, "seed": seed}, {"sweep": sweep})

    return one_by_one(numbers, play, failed)


def _play(asked: Asked, said: Mapping[str, Any], record: Mapping[str, Any] | None = None) -> int:
    """Train once, as the command line says; returns the exit code."""
    registry = asked.registry()
    plan = plan_of(registry, said)
    if said["print_config"]:
        if said["epochs"] is not None or said["steps"] is not None:  # its parts know the kimg
            from ganzoo import build, length

            built = build.outline(plan, registry)
            plan = length.with_length(built, said["epochs"], said["steps"]).plan
        screen.say(plan.to_toml().rstrip())
        return 0
    from ganzoo import runner

    quiet, as_json, plain = said["quiet"], said["as_json"], said["plain"]
    with screen.choose(asked.program, quiet=quiet, as_json=as_json, plain=plain) as shown:
        end = runner.train(
            plan,
            registry,
            out=said["out"],
            device=said["device"],
            observers=[shown],
            epochs=said["epochs"],
            steps=said["steps"],
            command=(*shlex.split(asked.program), *asked.words),
            record=record,
            profile=said["profile"],
        )
    return ended(end, quiet=quiet)


def plan_of(registry: Registry, said: Mapping[str, Any]) -> Plan:
    """Return the plan that a command line asks for.

    Raises:
        RecipeError: An unknown name or setting.
    """
    overrides = {f"training.{key}": said[key] for key in _TRAINING if said[key] is not None}
    if said["freeze"]:
        overrides["training.frozen"] = said["freeze"]
    if said["data_root"] is not None:
        overrides["dataset.root"] = said["data_root"]
    return resolve(
        registry,
        said["name"],
        preset=said["preset"],
        config=said["config"],
        sets=said["sets"],
        replace={kind: said[kind] for kind in _ONE if said[kind] is not None},
        add={kind: said[kind] for kind in _MANY if said[kind]},
        overrides=overrides,
    )


def ended(end: Finished, *, quiet: bool) -> int:
    """Return the exit code of an ended run; with ``quiet`` print its folder."""
    if quiet:
        screen.say(str(end.run))
    sys.stdout.flush()
    if end.status == "collapsed":
        return DivergedError.exit_code
    return 0 if end.signal is None else 128 + end.signal


def _one_length(said: Mapping[str, Any]) -> None:
    given = [f"--{key}" for key in ("epochs", "kimg", "steps", "minutes") if said[key] is not None]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} all say how long; give one")
