"""``ganzoo list``: every model on one line, or every part; nothing heavy is imported."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from ganzoo.cli import wording
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.main import as_typed
from ganzoo.cli.screen import Cells, say, table
from ganzoo.known import Known
from ganzoo.registry import Entry, Registry
from ganzoo.spec import KINDS


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Every part, by kind.")
@click.option("--kind", metavar="KIND", help=f"Parts of one kind: {', '.join(KINDS)}.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@plugin_options
@click.pass_obj
def command(asked: Asked, everything: bool, kind: str | None, as_json: bool) -> None:
    """List the models, or with --all every part that a model can be made of."""
    registry = asked.registry()
    chosen = registry.components(kind) if kind else registry.components()
    if as_json:
        parts = chosen if everything or kind else registry.components("dataset")
        say(json.dumps(_described(registry, parts), ensure_ascii=False, indent=2))
    elif everything or kind:
        _parts(chosen, registry.absent() if not kind else (), asked.program)
    else:
        _models(registry, asked.program)


def _models(registry: Registry, program: str) -> None:
    rows = []
    for entry in registry.recipes():
        model = entry.recipe
        cells = (
            entry.id,
            str(model.year or "-"),
            model.summary,
            wording.sizes(model.sizes),
            wording.maker(entry),
        )
        rows.append(Cells(cells))
    rows.sort(key=lambda row: row.cells[1])
    table(("model", "year", "idea", "sizes", "from"), rows)
    data = "  ".join(entry.id for entry in registry.components("dataset"))
    say(
        "",
        as_typed(f"  data sets: {data}", program),
        as_typed(
            "  one of them: ganzoo info dcgan      losses, penalties, parts: ganzoo list --all",
            program,
        ),
    )


def _parts(entries: Sequence[Entry], absent: Iterable[Known], program: str) -> None:
    ordered = sorted(entries, key=lambda entry: KINDS.index(entry.kind))
    rows = [
        Cells(
            (
                entry.kind,
                entry.id,
                entry.item.summary,
                wording.sizes(entry.item.sizes),
                wording.maker(entry),
            )
        )
        for entry in ordered
    ]
    for each in absent:
        whose = f"not installed ({program} plugins {each.name})"
        rows.append(Cells(("plugin", each.name, each.summary, "", whose), dim=True))
    table(("kind", "name", "what", "sizes", "from"), rows)


def _described(registry: Registry, parts: Sequence[Entry]) -> dict[str, Any]:
    return {
        "schema": 1,
        "models": [
            {
                "model": entry.id,
                "year": entry.recipe.year,
                "idea": entry.recipe.summary,
                "sizes": entry.recipe.sizes,
                "from": wording.maker(entry),
                "paper": entry.recipe.paper,
                "presets": list(entry.recipe.presets),
                "parts": dict(entry.recipe.parts),
            }
            for entry in registry.recipes()
        ],
        "parts": [
            {
                "kind": entry.kind,
                "name": entry.id,
                "what": entry.item.summary,
                "sizes": entry.item.sizes,
                "from": wording.maker(entry),
            }
            for entry in parts
        ],
        "broken": [
            {"plugin": s.name, "from": s.source.maker, "reason": s.reason}
            for s in registry.broken()
        ],
    }
