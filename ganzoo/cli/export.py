"""``ganzoo export``: a trained generator as one file, to keep, to send, or to ship in a plugin."""

from hashlib import sha256
from pathlib import Path

import click

from ganzoo.cli.screen import remark, say
from ganzoo.cli.wording import shown_path
from ganzoo.rundir import find, runs_root


@click.command("export")
@click.argument("run", metavar="RUN")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="A .safetensors file."
)
@click.option("--checkpoint", metavar="NIMG|best", help="The newest if not said.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the path.")
def command(
    run: str,
    output: Path | None,
    checkpoint: str | None,
    out: Path | None,
    quiet: bool,
) -> None:
    """Write the averaged generator of RUN, with its settings and its command, as one file.

    Recipe(pretrained="package:file.safetensors") makes it what ganzoo sample NAME --pretrained
    draws from.
    """
    found = find(runs_root(out), run)
    from ganzoo.made import moment_called
    from ganzoo.published import export

    at = moment_called(found, checkpoint)
    path = export(found, output or Path(f"{found.name}.safetensors"), at)
    if not quiet:
        written = path.read_bytes()
        remark(f"{len(written) / 1e6:.2f} MB, sha256 {sha256(written).hexdigest()}")
    say(str(path) if quiet else shown_path(path))
