"""``ganzoo explain``: what a word of the screen means."""

import click

from ganzoo.cli.asked import Asked
from ganzoo.cli.main import as_typed
from ganzoo.cli.screen import Cells, say, table
from ganzoo.quality.terms import TERMS, find, first_sentence


@click.command("explain")
@click.argument("term", nargs=-1)
@click.pass_obj
def command(asked: Asked, term: tuple[str, ...]) -> None:
    """Say what TERM means, how it is measured and what to try; without one, list all."""
    if not term:
        table(("term", "meaning"), [Cells((name, first_sentence(name))) for name in TERMS])
        return
    name = find(" ".join(term))
    say(name, as_typed(TERMS[name], asked.program))
