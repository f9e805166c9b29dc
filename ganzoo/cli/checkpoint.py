"""``ganzoo checkpoint``: whether what a run has saved can still be read."""

import json
from pathlib import Path

import click

from ganzoo.cli.screen import say
from ganzoo.errors import CheckpointError
from ganzoo.rundir import find, moment, runs_root


@click.group("checkpoint")
def command() -> None:
    """Look after the checkpoints of a run."""


@command.command("verify")
@click.argument("run", default="last", metavar="[RUN]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(run: str, out: Path | None, as_json: bool) -> None:
    """Read every checkpoint of RUN (by default the last) and name what is damaged."""
    found = find(runs_root(out), run)
    from ganzoo.training import checkpoint

    there = checkpoint.moments(found.checkpoints)
    problems = {moment(nimg): checkpoint.verify(found.checkpoint(nimg)) for nimg in there}
    if as_json:
        said = [{"checkpoint": name, "problems": wrong} for name, wrong in problems.items()]
        say(json.dumps({"schema": 1, "run": str(found.path), "checkpoints": said}, indent=2))
    for name, wrong in problems.items() if not as_json else ():
        say(f"{name}  {'damaged' if wrong else 'ok'}", *(f"  {problem}" for problem in wrong))
    if not there:
        raise CheckpointError(f"{found.path.name} has no checkpoint yet")
    newest = moment(there[-1])
    if problems[newest]:
        sound = [name for name in problems if not problems[name]]
        cure = f"resume goes on from {sound[-1]}" if sound else "start a new run"
        raise CheckpointError(f"{found.path.name}: the newest checkpoint is damaged; {cure}")
