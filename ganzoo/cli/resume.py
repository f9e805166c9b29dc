"""``ganzoo resume``: go on with a run."""

from pathlib import Path

import click

from ganzoo.cli import screen
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.train import ended
from ganzoo.rundir import find, runs_root


@click.command("resume")
@click.argument("run", default="last", metavar="[RUN]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option("--kimg", metavar="N|+N", help="A new end: 600, or +100 after the old one.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Go on for so long.")
@click.option("--device", help="cpu, cuda, cuda:1, mps; the best there is if not said.")
@click.option("--from", "start", type=int, metavar="NIMG", help="Not from the newest checkpoint.")
@click.option("--allow-other-data", is_flag=True, help="Go on with other images than before.")
@click.option("--weights-only", is_flag=True, help="Only the networks; the rest begins anew.")
@click.option("--trust-code", is_flag=True, help="Run parts that came from a file (with -p FILE).")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON lines on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the run's folder.")
@click.option("--plain", is_flag=True, help="Lines, no bar.")
@plugin_options
@click.pass_obj
def command(
    asked: Asked,
    run: str,
    out: Path | None,
    kimg: str | None,
    minutes: float | None,
    device: str | None,
    start: int | None,
    allow_other_data: bool,
    weights_only: bool,
    trust_code: bool,
    as_json: bool,
    quiet: bool,
    plain: bool,
) -> int:
    """Go on with RUN (a number, a name, a folder; by default the last) where it stopped."""
    if kimg is not None and minutes is not None:
        raise click.UsageError("--kimg and --minutes both say how long; give one")
    found, registry = find(runs_root(out), run), asked.registry()
    from ganzoo import runner

    with screen.choose(asked.program, quiet=quiet, as_json=as_json, plain=plain) as shown:
        end = runner.resume(
            found,
            registry,
            device=device,
            observers=[shown],
            kimg=kimg,
            minutes=minutes,
            start=start,
            trust_code=trust_code,
            allow_other_data=allow_other_data,
            weights_only=weights_only,
        )
    return ended(end, quiet=quiet)
