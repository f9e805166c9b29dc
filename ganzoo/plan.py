"""What a run is made of, and how a whole recipe comes about.

Layers in order: the model's recipe, its preset, a file, flags. Every value remembers its origin;
a setting belongs to the part that its layer meant and goes when that part is replaced.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, final

import tomlkit

from ganzoo.draft import ONE, Draft, parsed
from ganzoo.errors import RecipeError, did_you_mean
from ganzoo.options import make, schema
from ganzoo.registry import Registry
from ganzoo.settings import Optimizer, Training
from ganzoo.spec import MANY, Recipe

PLAYERS = ("generator", "discriminator")
"""Players of the standard algorithm, which always have optimizers."""

_STANDARD = {"algorithm": "adversarial", "dataset": "digits"}
"""What nobody has to say."""

_FLAGS = "flags"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Part(NamedTuple):
    """A component by the name that always finds it, and the settings it was given."""

    name: str
    settings: Mapping[str, Any]


@final
@dataclass(frozen=True)
class Plan:
    """A recipe with nothing left open but the defaults of its parts.

    Attributes:
        model: The recipe, by the name that always finds it.
        preset: Its preset; None for the recipe itself.
        parts: By slot: ``generator``, ``regularizer.r1``.
        training: Settings of training.
        optimizers: By player.
        origins: Where each value came from, by dotted key.
        dropped: Settings that went with the part they were meant for, as sentences.
    """

    model: str
    preset: str | None
    parts: Mapping[str, Part]
    training: Training
    optimizers: Mapping[str, Optimizer]
    origins: Mapping[str, str] = field(default_factory=dict, repr=False)
    dropped: tuple[str, ...] = ()

    def origin(self, key: str) -> str:
        """Return where a value came from, by dotted key (``generator.width``)."""
        return self.origins.get(key, "default")

    def of_kind(self, kind: str) -> Mapping[str, Part]:
        """Return the parts of one of the kinds of which there may be several, by their key."""
        prefix = f"{kind}."
        found = {slot: part for slot, part in self.parts.items() if slot.startswith(prefix)}
        return {slot.removeprefix(prefix): part for slot, part in found.items()}

    def with_defaults(self, defaults: Mapping[str, Mapping[str, Any]]) -> "Plan":
        """Return the plan with the defaults of its parts written out, so that they stay.

        Args:
            defaults: Values by slot and setting; what the plan says already, stands.
        """
        parts = {
            slot: Part(part.name, {**defaults.get(slot, {}), **part.settings})
            for slot, part in self.parts.items()
        }
        return dataclasses.replace(self, parts=MappingProxyType(parts))

    def to_toml(self) -> str:
        """Return the plan as a file that repeats the run, with the origin of every value."""
        document = tomlkit.document()
        for line in (f"# note: {note}" for note in self.dropped):
            document.add(tomlkit.comment(line.removeprefix("# ")))
        document.add("model", tomlkit.item(self.model))
        if self.preset is not None:
            document.add("preset", tomlkit.item(self.preset))
        document.add("complete", _commented(True, "the model's own settings are not read"))
        for slot, values in self._tables().items():
            table = tomlkit.table()
            for name, value in values.items():
                table.add(name, _commented(value, self.origin(f"{slot}.{name}")))
            kind, _, key = slot.partition(".")
            if not key:
                document.add(kind, table)
                continue
            if kind not in document:
                document.add(kind, tomlkit.table(is_super_table=True))
            document[kind].append(key, table)
        return tomlkit.dumps(document)

    def settings(self) -> dict[str, Any]:
        """Return every value by dotted key as JSON writes it; a part's name as ``slot.use``."""
        tables = json.loads(json.dumps(self._tables(), default=str))
        return {f"{slot}.{name}": v for slot, table in tables.items() for name, v in table.items()}

    def _tables(self) -> dict[str, dict[str, Any]]:
        training = asdict(self.training)
        del training["minutes" if self.training.minutes is None else "kimg"]
        tables = {slot: {"use": part.name, **part.settings} for slot, part in self.parts.items()}
        tables["training"] = training
        tables |= {f"optimizer.{name}": asdict(each) for name, each in self.optimizers.items()}
        return tables

    @staticmethod
    def from_file(registry: Registry, path: Path) -> "Plan":
        """Return the plan that a file says.

        Raises:
            RecipeError: It cannot be read, names no model, or names what does not exist.
        """
        return resolve(registry, None, config=path)


def resolve(
    registry: Registry,
    name: str | None,
    *,
    preset: str | None = None,
    config: Path | None = None,
    sets: Sequence[str] = (),
    replace: Mapping[str, str] = _NOTHING,
    add: Mapping[str, Sequence[str]] = _NOTHING,
    overrides: Mapping[str, Any] = _NOTHING,
) -> Plan:
    """Return the plan of a run.

    Args:
        registry: What names mean.
        name: Of the model; None: the file names it.
        preset: Of the recipe; None or ``default``: the file's, or the recipe itself.
        config: A TOML file of tables and settings.
        sets: ``"generator.width=64"``, a value as TOML writes it; bare words are text.
        replace: Part by kind, ``{"loss": "hinge"}``.
        add: Parts by kind, ``{"regularizer": ["r1"]}``; ``none`` clears what was there.
        overrides: Values by dotted key, from flags of their own.

    Raises:
        RecipeError: An unknown name or key, or a value that it cannot have.
        PluginError: A name belongs to a plugin that cannot be used.
    """
    file = _File.read(config)
    entry = registry.find("recipe", _model(registry, name, file))
    if file.complete and preset is not None:
        raise RecipeError(
            f"{file.name} says every setting; preset {preset!r} would change nothing"
        )
    wanted = preset or file.preset
    draft = Draft(registry, _known_keys())
    if not file.complete:
        draft.apply(_STANDARD, "default")
        with draft.at_home(entry.plugin):
            _apply_recipe(draft, entry.recipe, wanted)
    draft.apply(file.tables, file.name)
    for kind, part in replace.items():
        draft.apply({kind: part}, f"--{kind}", layer=_FLAGS)
    for kind, names in add.items():
        for part in names:
            draft.add(kind, part, f"--{kind}")
    for key, value in overrides.items():
        flag = key.rpartition(".")[2].replace("_", "-")
        draft.apply({key: value}, f"--{flag}", layer=_FLAGS)
    draft.apply(dict(map(parsed, sets)), "--set", layer=_FLAGS)
    return _plan(draft, entry.id, None if wanted == "default" else wanted)


def _apply_recipe(draft: Draft, recipe: Recipe, preset: str | None) -> None:
    draft.apply({**recipe.parts}, f"recipe {recipe.name}")
    conditional = {"training.conditional": True} if recipe.conditional else {}
    draft.apply({**conditional, **recipe.set}, f"recipe {recipe.name}")
    if preset in (None, "default"):
        return
    if preset not in recipe.presets:
        near = did_you_mean(str(preset), recipe.presets)
        known = ", ".join(("default", *recipe.presets))
        raise RecipeError(
            f"{recipe.name} has no preset {preset!r}.{near}", hint=f"its presets: {known}"
        )
    draft.apply(recipe.presets[str(preset)], f"preset {preset}")


def _plan(draft: Draft, model: str, preset: str | None) -> Plan:
    _settle_length(draft)
    order = [*(kind for kind in ONE if kind in draft.names)]
    order += [slot for kind in MANY for slot in draft.names if slot.startswith(f"{kind}.")]
    origins = draft.origins()
    return Plan(
        model=model,
        preset=preset,
        parts=MappingProxyType({s: Part(draft.names[s], draft.settings(s)) for s in order}),
        training=make(
            Training,
            settings=draft.settings("training"),
            where="training",
            origins=origins,
            name="training",
        ),
        optimizers=MappingProxyType(_optimizers(draft, origins)),
        origins=MappingProxyType(origins),
        dropped=draft.dropped(),
    )


def _optimizers(draft: Draft, origins: Mapping[str, str]) -> dict[str, Optimizer]:
    slots = [key.rpartition(".")[0] for key in draft.values if key.startswith("optimizer.")]
    players = dict.fromkeys((*PLAYERS, *(slot.removeprefix("optimizer.") for slot in slots)))
    standard = draft.names.get("algorithm") == _STANDARD["algorithm"]
    for player in players:
        if standard and player not in PLAYERS:
            near = did_you_mean(player, PLAYERS)
            raise RecipeError(f"optimizer.{player}: there is no player {player!r}.{near}")
    found = {}
    for player in players:
        slot = f"optimizer.{player}"
        found[player] = make(
            Optimizer,
            settings=draft.settings(slot),
            where=slot,
            origins=origins,
            name=f"the {player}'s optimizer",
        )
    return found


def _settle_length(draft: Draft) -> None:
    """A run is as long as the last layer says, in images or in minutes."""
    kimg, minutes = draft.values.get("training.kimg"), draft.values.get("training.minutes")
    if kimg is None or minutes is None:
        return
    if minutes.value in (None, "none"):
        draft.forget("training.minutes")
    elif kimg.layer == minutes.layer:
        raise RecipeError(
            f"training.kimg (from {kimg.origin}) and training.minutes (from {minutes.origin})"
            " both say how long; give one"
        )
    else:
        keys = list(draft.values)
        draft.forget(min(("training.kimg", "training.minutes"), key=keys.index))


@final
@dataclass(frozen=True)
class _File:
    """A file of tables, with the words above its first table."""

    name: str = ""
    model: str | None = None
    preset: str | None = None
    complete: bool = False
    tables: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def read(path: Path | None) -> "_File":
        if path is None:
            return _File()
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise RecipeError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"{path}: is no TOML: {error}") from error
        words = {"model": str, "preset": str, "complete": bool}
        said = {word: tables.pop(word) for word in words if word in tables}
        for word, value in said.items():
            if not isinstance(value, words[word]):
                raise RecipeError(f"{path}: {word}: {value!r} is not {words[word].__name__}")
        return _File(path.name, tables=tables, **said)


def _model(registry: Registry, name: str | None, file: _File) -> str:
    if name is None and file.model is None:
        raise RecipeError("no model is named", hint="all models: ganzoo list")
    if name is not None and file.model is not None:
        ids = [registry.find("recipe", each).full_id for each in (name, file.model)]
        if ids[0] != ids[1]:
            raise RecipeError(f"{file.name} is of model {file.model}, not of {name}; name one")
    return name or file.model or ""


def _known_keys() -> list[str]:
    players = [f"optimizer.{player}.{name}" for player in PLAYERS for name in schema(Optimizer)]
    return [f"training.{name}" for name in schema(Training)] + players


def _commented(value: Any, comment: str) -> Any:
    """A TOML value with a comment; TOML has no None, so it is a word."""
    plain = str(value) if isinstance(value, Path) else value
    item = tomlkit.item("none" if plain is None else plain)
    return item.comment(comment)
