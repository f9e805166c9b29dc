"""``ganzoo data``: what pictures are like before anybody trains on them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ganzoo.cli.asked import Asked, plugin_options


@click.group("data")
def command() -> None:
    """Look at a data set, or at your own pictures, before you train on them."""


def _options(fn: Callable[..., None]) -> Callable[..., None]:
    for add in (
        click.argument("name", metavar="NAME|FOLDER|ZIP"),
        click.option("--resolution", type=click.IntRange(min=1), help="Pixels per side."),
        click.option("--data-root", metavar="DIR", help="Where the data set's files lie."),
        click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Any setting."),
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The picture; NAME-preview.png if not said.",
        ),
    ):
        fn = add(fn)
    return plugin_options(fn)


@command.command("check")
@_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def check(asked: Asked, /, as_json: bool, **said: Any) -> None:
    """Say what is usable and what is done to it; exit code 3 if nobody could train on it.

    Every picture is decoded, and 64 of them are shown in one, as a model will see them.
    """
    from ganzoo.cli.survey import check as look

    look(asked, said, as_json=as_json)


@command.command("preview")
@_options
@click.pass_obj
def preview(asked: Asked, /, **said: Any) -> None:
    """Write one picture of 64 pictures, as a model will see them; print its path."""
    from ganzoo.cli.survey import preview as draw

    draw(asked, said)
