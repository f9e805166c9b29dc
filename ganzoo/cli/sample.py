"""``ganzoo sample``: pictures from a trained model."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from ganzoo.cli import wording
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.screen import remark, say
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir, find, runs_root

_MOST = 1_000_000


@click.command("sample")
@click.argument("run", metavar="RUN")
@click.option(
    "-n", "--count", type=click.IntRange(1, _MOST), help="How many; a grid full if not said."
)
@click.option("--seed", metavar="N|A-B", help="Seed of the first picture, or of all: 0-63.")
@click.option("--label", metavar="N|NAME", help="Class; all in turn if not said.")
@click.option(
    "--psi", type=float, help="Truncation: under 1, nearer to the mean; none if not said."
)
@click.option("--walk", is_flag=True, help="Walk from seed to seed, as WebP and as frames.")
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    help="Of a walk, from one seed to the next.",
)
@click.option("--mix", is_flag=True, help="Mix styles: half of the seeds are rows, half columns.")
@click.option("--layers", metavar="A-B", help="Of a mix, those of the column; the coarse half.")
@click.option("--attention", is_flag=True, help="Draw what places of each picture look at.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A .png grid, or .safetensors with images [n, c, h, w] and labels; of a walk .webp or"
    " a folder.",
)
@click.option(
    "--given",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="What a model that makes images of images makes them of; its data if not said.",
)
@click.option("--pretrained", is_flag=True, help="RUN is a model: the one that came with it.")
@click.option("--checkpoint", metavar="NIMG|best", help="The newest if not said.")
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
    label: str | None,
    psi: float | None,
    walk: bool,
    frames: int | None,
    mix: bool,
    layers: str | None,
    attention: bool,
    output: Path | None,
    given: Path | None,
    pretrained: bool,
    checkpoint: str | None,
    out: Path | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Make pictures with the model of RUN: a number, a name, a folder, or last.

    The same seed gives the same picture, whatever the others are. A model with classes is asked
    for one with --label, and else shows each in a column of its own.

    A style-based model keeps w between a seed and its picture: --psi pulls it to its mean, and
    --mix shows every row's picture with the w of the column's in some layers.

    A model with self-attention shows with --attention, in colours, what five places of each
    picture look at.

    A model that makes images of images draws what it was given, what it made of it and, where the
    data knows, what it should be, side by side; --given FOLDER hands it your own.

    With --pretrained, RUN is the name of a model, and the pictures are of the trained generator
    that came with it, here where you are.
    """
    numbers = seeds(seed, count)
    if frames is not None and not walk:
        raise click.UsageError("--frames is of a walk; add --walk")
    if layers is not None and not mix:
        raise click.UsageError("--layers is of a mix; add --mix")
    _only_one(walk=walk, mix=mix, attention=attention)
    registry = asked.registry()
    with _model(registry, run, out, pretrained=pretrained) as found:
        from ganzoo.made import class_of, make_pictures, moment_called, pairs_of, usual_count

        chosen = None if label is None else class_of(found, label)
        said: dict[str, Any] = {"label": chosen, "psi": psi, "device": device}
        said |= {"output": output, "at": moment_called(found, checkpoint)}
        if pretrained and output is None:
            said["output"] = Path(found.path.name + (".webp" if walk else ".png"))
        if mix:
            from ganzoo.styles import MIXED, make_mix

            shown = numbers or seeds(seed, MIXED)
            what = f"a mix of {len(shown)} pictures"
            path = make_mix(found, registry, seeds=shown, layers=_layers(layers), **said)
        elif walk:
            from ganzoo.walk import FRAMES, STOPS, make_walk

            shown = numbers or seeds(seed, STOPS)
            each = frames or FRAMES
            what = f"a walk of {len(shown) * each} frames past {len(shown)} pictures"
            path = make_walk(found, registry, seeds=shown, frames=each, **said)
        elif attention:
            from ganzoo.attention import LOOKED, make_attention

            shown = numbers or seeds(seed, LOOKED)
            what = f"maps of attention in {len(shown)} pictures"
            path = make_attention(found, registry, seeds=shown, **said)
        else:
            pairs = pairs_of(found, registry, given)
            shown = numbers or seeds(seed, usual_count(found, chosen, pairs))
            what = f"{wording.grouped(len(shown))} pictures"
            path = make_pictures(found, registry, seeds=shown, pairs=pairs, **said)
    if not quiet:
        remark(f"{what} of {found.path.name}")
    say(str(path) if quiet else wording.shown_path(path))


def _only_one(*, walk: bool, mix: bool, attention: bool) -> None:
    """Refuse two things at once."""
    if walk and mix:
        raise click.UsageError("a walk does not mix; choose --walk or --mix")
    if attention and (walk or mix):
        raise click.UsageError("maps are of pictures alone; choose --attention, --walk or --mix")


@contextmanager
def _model(
    registry: Registry, word: str, out: Path | None, *, pretrained: bool
) -> Iterator[RunDir]:
    """Yield the run of a word, or, where it is a model's name, the one that its plugin ships."""
    if not pretrained:
        yield find(runs_root(out), word)
        return
    from ganzoo.published import file_of, unpack

    with TemporaryDirectory() as folder:
        yield unpack(file_of(registry, word), Path(folder))


def _layers(said: str | None) -> Sequence[int] | None:
    """Return the layers of a mix; None where nobody said which."""
    return None if said is None else seeds(said, None, "--layers") or [int(said)]


def seeds(said: str | None, count: int | None, option: str = "--seed") -> Sequence[int]:
    """Return one seed a picture; none where nobody said how many.

    Raises:
        UsageError: It is neither ``7`` nor ``0-63``, or a range comes with another count.
    """
    found = re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", said or "0")
    if found is None:
        raise click.UsageError(f"{option} {said!r} is neither a number nor a range such as 0-63")
    first, last = int(found[1]), found[2]
    if last is None:
        return range(first, first + (count or 0))
    numbers = range(first, int(last) + 1)
    if len(numbers) > _MOST:
        raise click.UsageError(f"{option} {said}: at most {_MOST} at once")
    if not numbers:
        raise click.UsageError(f"{option} {said}: the range is empty; write {last}-{first}")
    if count not in (None, len(numbers)):
        raise click.UsageError(f"--seed {said} is {len(numbers)} pictures, not -n {count}")
    return numbers
