"""docs/reference.md says what plugins say: ``python tests/test_reference.py`` writes it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ganzoo.cli.info import facts
from ganzoo.interfaces import Augment, Loss, Metric, Regularizer, Schedule
from ganzoo.options import schema
from ganzoo.registry import Entry, Registry
from ganzoo.spec import KINDS, MANY

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"
HEAD = """\
# Every model and part

What `ganzoo info NAME` and `ganzoo info NAME --settings` say of all that comes with ganzoo, on
one page, which `python tests/test_reference.py` writes from the plugins. A setting is given as
`--set KEY=VALUE`; what a part "declares", [interfaces.py](../ganzoo/interfaces.py) explains.
"""

_DECLARES: Mapping[str, tuple[type, ...]] = {
    "loss": (Loss,),
    "regularizer": (Regularizer, Schedule),
    "augment": (Augment, Schedule),
    "schedule": (Schedule,),
    "metric": (Metric,),
    "discriminator": (Regularizer,),
}
"""Where class attributes are declared that a kind may have; a regularizer may be capturable."""


def page() -> str:
    """Return the page: models first, then parts by kind."""
    registry = Registry.discover(only=())
    lines = [HEAD, "Models: " + _links(registry.recipes()) + "."]
    kinds = {kind: registry.components(kind) for kind in KINDS}
    lines += [f"{kind.capitalize()}: {_links(found)}." for kind, found in kinds.items() if found]
    lines += ["## Models", *(text for e in registry.recipes() for text in _model(registry, e))]
    for kind, found in kinds.items():
        if found:
            lines += [f"## {kind.capitalize()}"]
            lines += [text for entry in found for text in _part(registry, entry)]
    return "\n\n".join(line.strip() for line in lines) + "\n"


def _links(entries: Iterable[Entry]) -> str:
    return ", ".join(f"[{entry.name}](#{_anchor(entry)})" for entry in entries)


def _anchor(entry: Entry) -> str:
    """The anchor of its headline, as GitHub makes it."""
    return _headline(entry).lower().replace("/", "").replace(" ", "-")


def _headline(entry: Entry) -> str:
    return f"{entry.full_id} {'model' if entry.kind == 'recipe' else entry.kind}"


def _model(registry: Registry, entry: Entry) -> Iterator[str]:
    yield from (f"### {_headline(entry)}", _sentence(entry.item.summary))
    yield "\n".join(_bullets(facts(registry, entry)))


def _part(registry: Registry, entry: Entry) -> Iterator[str]:
    cls = registry.load(entry)
    said = facts(registry, entry)
    if declared := list(_declared(cls, _DECLARES.get(entry.kind, ()))):
        said["declares"] = [", ".join(declared)]
    yield from (f"### {_headline(entry)}", _sentence(entry.item.summary))
    yield "\n".join(_bullets(said))
    slot = f"{entry.kind}.{entry.name}" if entry.kind in MANY else entry.kind
    if rows := list(_settings(slot, cls)):
        yield "\n".join(["| setting | default | may be | meaning |", "|---|---|---|---|", *rows])


def _declared(cls: type[Any], bases: Iterable[type]) -> Iterator[str]:
    """What a part says of itself to the trainer, where it differs from the default."""
    defaults = {name: value for base in bases for name, value in vars(base).items()}
    for name, default in defaults.items():
        value = getattr(cls, name, default)
        if value == default or name.startswith("_") or name == "symptoms":
            continue
        if isinstance(value, bool):
            yield f"`{name} = {value}`"
        elif isinstance(value, tuple | frozenset):
            yield f"`{name} = {', '.join(sorted(value))}`"
        elif isinstance(value, Mapping):
            yield f"`{name} = {', '.join(f'{k}: {v}' for k, v in value.items())}`"


def _settings(slot: str, cls: type[Any]) -> Iterator[str]:
    for name, option in schema(cls).items():
        default = "required" if option.required else f"`{option.default}`"
        cells = (f"`{slot}.{name}`", default, _plain(option.values), _plain(option.help))
        yield f"| {' | '.join(cells)} |"


def _bullets(said: Mapping[str, list[str]]) -> Iterator[str]:
    for name, texts in said.items():
        if len(texts) == 1:
            yield f"- {name}: {_plain(texts[0])}"
        elif name == "settings":
            yield f"- {name}: {', '.join(f'`{text}`' for text in texts)}"
        else:
            yield f"- {name}:"
            yield from (f"  - {_plain(text)}" for text in texts)


def _sentence(text: str) -> str:
    return f"{_plain(text[0].upper() + text[1:])}."


def _plain(text: str) -> str:
    """Text in which Markdown sees no table and no tag; what was declared as code stays so."""
    return re.sub(r"(?=[|*]|<\w)", r"\\", text)


def test_the_reference_says_what_the_plugins_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tests/test_reference.py"


def test_the_reference_holds_every_part_every_model_and_every_setting() -> None:
    registry, text = Registry.discover(only=()), PAGE.read_text(encoding="utf-8")
    entries = [*registry.components(), *registry.recipes()]
    settings = [name for e in registry.components() for name in schema(registry.load(e))]

    assert len(entries) > 50
    assert len(settings) > 100
    assert [e.full_id for e in entries if f"\n### {_headline(e)}\n" not in text] == []
    assert [name for name in settings if f".{name}` |" not in text] == []
    assert [e.full_id for e in entries if text.count(f"](#{_anchor(e)})") != 1] == []


def test_every_model_names_its_paper_and_says_how_to_read_it() -> None:
    recipes = [entry.recipe for entry in Registry.discover(only=()).recipes()]

    assert [each.name for each in recipes if not (each.paper and each.reading and each.year)] == []


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
