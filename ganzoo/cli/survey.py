"""A data set looked at from all sides: lines for people, or JSON, and one picture of 64."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ganzoo import build
from ganzoo.cli.asked import Asked
from ganzoo.cli.screen import say
from ganzoo.data.reading import gathered
from ganzoo.errors import DataError
from ganzoo.interfaces import DataInfo, Dataset, Survey
from ganzoo.pictures import save_grid
from ganzoo.plan import resolve

_SHOWN, _WIDEST, _NAMED = 64, 256, 5
_FEW, _VERY_FEW = 20_000, 300


def check(asked: Asked, said: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what a data set is like.

    Raises:
        DataError: Nobody could train on it; what can be said of it is printed before.
    """
    dataset = _dataset(asked, said)
    survey = dataset.survey()
    if survey is not None and not as_json:
        say(said["name"], *_lines(survey))
    problem, info, path = None, None, None
    try:
        info, path = _preview(dataset, said)
    except DataError as error:
        problem = error
    if as_json:
        found = {
            "schema": 1,
            "data": said["name"],
            "survey": None if survey is None else asdict(survey),
            "info": None if info is None else asdict(info),
            "preview": None if path is None else str(path),
            "problem": None if problem is None else str(problem),
        }
        say(json.dumps(found, ensure_ascii=False, indent=2))
    if problem is not None:
        raise problem
    if info is not None and not as_json:
        say(*([said["name"]] if survey is None else []), _row("gives", _given(info)))
        say(*_advice(info), _row("preview", f"{path}   (as a model will see them)"))
        say(f"next: {asked.program} train dcgan -d {said['name']}")


def preview(asked: Asked, said: Mapping[str, Any]) -> None:
    """Write one picture of 64, and print its path.

    Raises:
        DataError: Nobody could train on it.
    """
    say(str(_preview(_dataset(asked, said), said)[1]))


def _dataset(asked: Asked, said: Mapping[str, Any]) -> Dataset:
    registry = asked.registry()
    root = {} if said["data_root"] is None else {"dataset.root": said["data_root"]}
    plan = resolve(
        registry,
        registry.recipes()[0].full_id,  # any: only its data set is built
        sets=said["sets"],
        replace={"dataset": said["name"]},
        overrides=root,
    )
    return build.dataset(registry, plan)[0]


def _preview(dataset: Dataset, said: Mapping[str, Any]) -> tuple[DataInfo, Path]:
    """Write the picture; returns what the data set gives, and where the picture is."""
    native = dataset.describe().image_shape[-1]
    side = said["resolution"] or (_WIDEST if native > _WIDEST else None)
    info, reader = dataset.describe(side), dataset.reader(side)
    shown = min(_SHOWN, info.count)
    chosen = [place * info.count // shown for place in range(shown)]  # of every class some
    pixels = dataset.load(side)[0][chosen] if reader is None else gathered(reader, chosen)
    path = said["output"] or _sheet(said["name"])
    save_grid(path, pixels)
    return info, path


def _sheet(name: str) -> Path:
    """Where the picture goes: here, or beside the data where here is inside of them."""
    data, here = Path(name).expanduser().resolve(), Path.cwd()
    called = data if Path(name).name in ("", "..") else Path(name)
    file = Path(f"{called.name.removesuffix('.zip')}-preview.png")
    return data.parent / file if here.is_relative_to(data) else file


def _lines(survey: Survey) -> list[str]:
    count, unread = sum(survey.pictures.values()), survey.unreadable
    usable = f"{_number(count, 'picture')}   ({_counts(survey.pictures)})"
    lines = [_row("usable", usable if count else "no picture")]
    if survey.others:
        lines.append(_row("passed over", f"no pictures: {_counts(survey.others)}"))
    if unread:
        lines.append(_row("cannot be read", f"{len(unread):,}"))
        lines += [f"    {why}" for why in list(unread.values())[:_NAMED]]
        lines += ["    ..."] if len(unread) > _NAMED else []
    if survey.sizes:
        least, middle, most = (f"{width}x{height}" for width, height in survey.sizes)
        lines.append(_row("sizes", least if least == most else f"{least} ... {middle} ... {most}"))
    for place, (what, number) in enumerate(survey.changes.items()):
        lines.append(_row("" if place else "done to them", f"{number:,} {what}"))
    if survey.copies:
        lines.append(_row("copies", f"{survey.copies:,} look like one before them"))
    return lines


def _given(info: DataInfo) -> str:
    channels, height, width = info.image_shape
    kind = {1: "grey", 3: "in colour"}.get(channels, f"of {channels} channels")
    classes = f", {info.num_classes:,} classes" if info.num_classes else ""
    return f"{_number(info.count, 'image')} of {width}x{height}, {kind}{classes}"


def _advice(info: DataInfo) -> Sequence[str]:
    if info.count >= _FEW:
        return ()
    copied = ", which the model will mostly copy" if info.count < _VERY_FEW else ""
    return (_row("advice", f"few pictures{copied}: try --augment ada"),)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {number:,}" for kind, number in kinds.items())


def _row(head: str, text: str) -> str:
    return f"  {head:<14}  {text}"
