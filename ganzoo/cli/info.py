"""``ganzoo info``: what a model or a part is. Only --settings, --code and --trace import torch."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import click

from ganzoo.cli import wording
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.main import as_typed
from ganzoo.cli.screen import Cells, say, table
from ganzoo.errors import RecipeError
from ganzoo.plan import Plan, resolve
from ganzoo.registry import Entry, Registry
from ganzoo.settings import Optimizer, Training
from ganzoo.spec import KINDS, MANY, Component

_INDENT = 17


@click.command("info")
@click.argument("name")
@click.option("--kind", metavar="KIND", help="Which part, when several have the name.")
@click.option("--settings", is_flag=True, help="Every setting, its default and its bounds.")
@click.option("--code", is_flag=True, help="The code: of a model one step, of a part its class.")
@click.option("--trace", is_flag=True, help="The data flow, layer by layer.")
@click.option("--preset", metavar="NAME", help="Of a model, for --settings and --trace.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Likewise.")
@plugin_options
@click.pass_obj
def command(
    asked: Asked,
    name: str,
    kind: str | None,
    settings: bool,
    code: bool,
    trace: bool,
    preset: str | None,
    sets: tuple[str, ...],
) -> None:
    """Describe the model or part NAME, and how to read its numbers."""
    registry = asked.registry()
    entries = named(registry, name, kind)
    first = entries[0]
    if not (settings or code or trace):
        for entry in entries:
            say(*_description(registry, entry, asked.program), "")
        return
    plan = None
    if not isinstance(first.item, Component):
        plan = resolve(registry, first.full_id, preset=preset, sets=sets)
    if settings:
        _settings(registry, entries, plan)
    if code:
        from ganzoo.cli.code import print_model, print_parts

        if plan is None:
            print_parts(registry, entries)
        else:
            print_model(registry, first, parts_of(registry, plan).values())
    if trace:
        if plan is None:
            raise RecipeError(f"{name} is a part; --trace is of a model")
        from ganzoo.cli.flow import print_flow

        print_flow(plan, registry)


def named(registry: Registry, name: str, kind: str | None = None) -> list[Entry]:
    """Return the model of that name, else every part that has it.

    Raises:
        RecipeError: Nothing has it.
    """
    if kind is not None:
        return [registry.find(kind, name)]
    try:
        return [registry.find("recipe", name)]
    except RecipeError as error:
        found = []
        for each in KINDS:
            try:
                found.append(registry.find(each, name))
            except RecipeError:
                continue
        if not found:
            raise error from None
        return found


def parts_of(registry: Registry, plan: Plan) -> Mapping[str, Entry]:
    """Return the components that a plan names, by slot."""
    return {
        slot: registry.find(slot.partition(".")[0], part.name) for slot, part in plan.parts.items()
    }


def facts(registry: Registry, entry: Entry) -> dict[str, list[str]]:
    """Return what a description says beside its name and summary: texts by what they are of."""
    item = entry.item
    found: dict[str, Iterable[str]] = {"paper": [item.paper]}
    if isinstance(item, Component):
        found["sizes"] = [_pixels(item.sizes)]
        found["gives"] = [", ".join(item.provides)]
        found["needs"] = [", ".join(item.needs)]
        found["judged by"] = [", ".join((*item.metrics, *item.extractors))]
    else:
        found["year"] = [str(item.year or "")]
        found["sizes"] = [_pixels(item.sizes) + ", the first by default"]
        found["parts"] = _part_lines(registry, item.parts)
        said = {**({"training.conditional": True} if item.conditional else {}), **item.set}
        found["settings"] = [f"{key} = {value}" for key, value in said.items()]
        found["presets"] = [
            f"{name}: " + ", ".join(f"{key} = {value}" for key, value in preset.items())
            for name, preset in item.presets.items()
        ]
        found["how to read it"] = [item.reading]
        found["others report"] = [item.reported]
    found["also called"] = [", ".join(item.aliases)]
    told = {name: [text for text in texts if text] for name, texts in found.items()}
    return {name: texts for name, texts in told.items() if texts}


def _description(registry: Registry, entry: Entry, program: str) -> list[str]:
    item = entry.item
    kind = "" if not isinstance(item, Component) else f"{item.kind} "
    lines = [f"{kind}{entry.id} - {item.summary}"]
    for name, texts in facts(registry, entry).items():
        lines += _listed(name, texts)
    from_where = f"plugin {entry.plugin}: {entry.source.value}"
    lines += _listed("from", [f"{wording.maker(entry)} ({from_where})"])
    examples = [f"ganzoo info {entry.id} --settings"]
    if not isinstance(item, Component):
        more = (f"ganzoo info {entry.id} --{view}" for view in ("code", "trace"))
        examples = [f"ganzoo train {entry.id}", *examples, *more]
        examples += [f"ganzoo sample {entry.id} --pretrained"] if item.pretrained else []
    return [*lines, *_listed("try", [as_typed(each, program) for each in examples])]


def _part_lines(registry: Registry, parts: Mapping[str, Any]) -> list[str]:
    lines = []
    for kind, names in parts.items():
        for name in [names] if isinstance(names, str) else names:
            try:
                what = registry.find(kind, name).item.summary
            except RecipeError:
                what = "not installed"
            lines.append(f"{kind} {name}: {what}")
    return lines


def _pixels(sizes: Iterable[int]) -> str:
    listed = ", ".join(map(str, sizes))
    return f"{listed} px" if listed else "any"


def _listed(name: str, texts: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for text in texts:
        room = max(20, wording.terminal_width() - _INDENT)
        lines += textwrap.wrap(text, room, drop_whitespace=True, break_on_hyphens=False) or [""]
    heads = [f"  {name:<{_INDENT - 2}}", *[" " * _INDENT] * (len(lines) - 1)]
    return [f"{head}{line}" for head, line in zip(heads, lines, strict=True)]


def _settings(registry: Registry, entries: Iterable[Entry], plan: Plan | None) -> None:
    """Print every setting as the classes declare it; the classes are imported."""
    if plan is None:
        for entry in entries:
            slot = f"{entry.kind}.{entry.name}" if entry.kind in MANY else entry.kind
            _table(slot, entry.name, registry.load(entry), {}, None)
        return
    for slot, entry in parts_of(registry, plan).items():
        _table(slot, entry.name, registry.load(entry), plan.parts[slot].settings, plan)
    _table("training", "", Training, vars(plan.training), plan)
    for player, optimizer in plan.optimizers.items():
        _table(f"optimizer.{player}", "", Optimizer, vars(optimizer), plan)


def _table(
    slot: str, name: str, cls: type[Any], given: Mapping[str, Any], plan: Plan | None
) -> None:
    from ganzoo.options import schema

    rows = []
    for key, option in schema(cls).items():
        value = given.get(key, "(required)" if option.required else option.default)
        origin = plan.origin(f"{slot}.{key}") if plan else "default"
        rows.append(Cells((f"{slot}.{key}", str(value), origin, option.values, option.help)))
    say(f"[{slot}]{f'  {name}' if name else ''}{'' if rows else '  no settings'}")
    if rows:
        table(("setting", "value", "from", "may be", "meaning"), rows)
    say("")
