"""``ganzoo sample``: pictures from a trained model."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from ganzoo.cli import wording
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.screen import remark, say
from ganzoo.rundir import find, runs_root

_COUNT = 64


@click.command("sample")
@click.argument("run", metavar="RUN")
@click.option("-n", "--count", type=click.IntRange(min=1), help=f"How many; {_COUNT} if not said.")
@click.option("--seed", metavar="N|A-B", help="Seed of the first picture, or of all: 0-63.")
@click.option("--label", type=click.IntRange(min=0), help="Class; all in turn if not said.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A .png grid, or .safetensors with images [n, c, h, w] and labels.",
)
@click.option("--checkpoint", type=int, metavar="NIMG", help="The newest if not said.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option("--device", help="cpu, cuda, cuda:1, mps; the best there is if not said.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the path.")
@plugin_options
@click.pass_obj
def command(
    asked: Asked,
    run: str,
    count: int | None,
    seed: str | None,
    label: int | None,
    output: Path | None,
    checkpoint: int | None,
    out: Path | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Make pictures with the model of RUN: a number, a name, a folder, or last.

    The same seed gives the same picture, whatever the others are.
    """
    numbers = seeds(seed, count)
    found, registry = find(runs_root(out), run), asked.registry()
    from ganzoo.made import make_pictures

    path = make_pictures(
        found,
        registry,
        seeds=numbers,
        label=label,
        device=device,
        output=output,
        at=checkpoint,
    )
    if not quiet:
        remark(f"{wording.grouped(len(numbers))} pictures of {found.path.name}")
    say(str(path) if quiet else wording.shown_path(path))


def seeds(said: str | None, count: int | None) -> Sequence[int]:
    """Return one seed a picture.

    Raises:
        UsageError: It is neither ``7`` nor ``0-63``, or a range comes with another count.
    """
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", said or "0")
    if found is None:
        raise click.UsageError(f"--seed {said!r} is neither a number nor a range such as 0-63")
    first, last = int(found[1]), found[2]
    if last is None:
        return range(first, first + (count or _COUNT))
    numbers = range(first, int(last) + 1)
    if not numbers:
        raise click.UsageError(f"--seed {said}: the range is empty; write {last}-{first}")
    if count not in (None, len(numbers)):
        raise click.UsageError(f"--seed {said} is {len(numbers)} pictures, not -n {count}")
    return numbers
