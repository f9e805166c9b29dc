"""A recipe in the making: layers of names and settings, the later over the earlier.

A setting belongs to the part that was named when its layer spoke, and goes when that part does.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, final

from ganzoo.errors import RecipeError, did_you_mean
from ganzoo.registry import Entry, Registry
from ganzoo.spec import MANY

ONE = ("dataset", "generator", "discriminator", "loss", "algorithm")
"""Kinds of which a recipe names one."""

LOCAL = "local"
"""The name of a part that was given as an object and is in no registry."""

NONE = "none"
"""The name that takes a part away."""

_TABLES = (*ONE, *MANY, "training", "optimizer")


@final
@dataclass(frozen=True)
class Said:
    """A value as some layer gave it.

    Attributes:
        slot: Where it belongs: ``training``, ``generator``, ``regularizer.r1``.
        value: As TOML or Python gave it.
        origin: Where it came from, for people.
        layer: Which layer that was.
        part: The part it was meant for; None where it is not of a part.
    """

    slot: str
    value: Any
    origin: str
    layer: str
    part: str | None = None


@final
@dataclass(frozen=True)
class _Word:
    """One dotted key of a layer, taken apart; no setting where the key is a whole slot."""

    key: str
    slot: str
    setting: str
    value: Any

    @property
    def kind(self) -> str:
        return self.slot.partition(".")[0]

    @property
    def names_part(self) -> bool:
        return self.kind in (*ONE, *MANY) and self.setting in ("use", "")


@final
class Draft:
    """Names of parts by slot (``generator``, ``regularizer.r1``) and everything that was said.

    Args:
        registry: What names mean.
        known: Dotted keys that always exist, for suggestions.
    """

    def __init__(self, registry: Registry, known: Iterable[str]) -> None:
        self._registry = registry
        self._known = tuple(known)
        self._home = ""
        self._of_recipe: dict[str, Said] = {}
        self.names: dict[str, str] = {}
        self.values: dict[str, Said] = {}

    def apply(self, tables: Mapping[str, Any], origin: str, *, layer: str | None = None) -> None:
        """Put a layer over what was said: nested tables, dotted keys, or both.

        Raises:
            RecipeError: An unknown key, or a name that means nothing.
        """
        try:
            words = [self._word(key, value, origin) for key, value in _flat(tables)]
        except RecursionError:
            raise RecipeError(f"{origin}: its tables are nested too deep") from None
        for word in words:
            if word.names_part:
                self._name(word, origin)
        gone = {word.slot for word in words if word.names_part and word.value == NONE}
        for word in words:
            if not word.names_part and word.slot not in gone:
                self._set(word, origin, layer or origin)

    @contextmanager
    def at_home(self, plugin: str) -> Iterator[None]:
        """Let short names mean the parts of a plugin first: what its recipes say."""
        self._home = plugin
        try:
            yield
        finally:
            self._home, self._of_recipe = "", dict(self.values)

    def add(self, kind: str, name: str, origin: str) -> None:
        """Add a part of a kind of which there may be several; ``none`` clears them all.

        Raises:
            RecipeError: The name means nothing.
        """
        if name == NONE:
            kept = {s: n for s, n in self.names.items() if s.partition(".")[0] != kind}
            self.names = kept
            return
        entry = self._found(kind, name, origin)
        slot = f"{kind}.{entry.name}"
        if self.names.get(slot, entry.id) != entry.id:
            slot = f"{kind}.{entry.full_id.replace('/', '-')}"
        self._take(slot, entry.id, origin)

    def settings(self, slot: str) -> dict[str, Any]:
        """Return what was said for a slot and still holds, without the name of its part."""
        own = {
            key.removeprefix(f"{slot}."): said.value
            for key, said in self.values.items()
            if said.slot == slot and self._holds(said)
        }
        if slot in self.names:
            own.pop("use", None)
        return own

    def origins(self) -> dict[str, str]:
        """Return where each value that still holds came from, by dotted key."""
        return {key: said.origin for key, said in self.values.items() if self._holds(said)}

    def dropped(self) -> tuple[str, ...]:
        """Return, as sentences, what went with the part that it was meant for.

        What a recipe or a preset said goes without a word: nobody asked for it.
        """
        return tuple(
            f"{key} = {said.value} (from {said.origin}) was for {said.part} and is dropped"
            for key, said in self.values.items()
            if not key.endswith(".use") and not self._holds(said)
            if said is not self._of_recipe.get(key)
        )

    def forget(self, key: str) -> None:
        """Drop a value as if nobody had said it."""
        self.values.pop(key, None)

    def _holds(self, said: Said) -> bool:
        return said.part is None or self.names.get(said.slot) == said.part

    def _word(self, key: str, value: Any, origin: str) -> _Word:
        head, _, rest = key.partition(".")
        if head in ONE:
            return _Word(key, head, rest or "use", value)
        if head in MANY and "." not in rest:  # a list of names, or a table with nothing in it
            return _Word(key, f"{head}.{rest}" if rest else head, "", value)
        slot, _, setting = key.rpartition(".")
        if head in MANY or (head, slot) == ("training", head):
            return _Word(key, slot, setting, value)
        if head == "optimizer" and slot.count(".") == 1:
            return _Word(key, slot, setting, value)
        near = did_you_mean(key, (*_TABLES, *self._known, *self.values))
        tables = ", ".join(_TABLES)
        raise RecipeError(
            f"{key}: there is no such setting.{near}  (from {origin})", hint=f"tables: {tables}"
        )

    def _name(self, word: _Word, origin: str) -> None:
        if word.slot in MANY:
            self.add(word.slot, NONE, origin)
            names = [word.value] if isinstance(word.value, str) else word.value
            if not _are_names(names):
                raise RecipeError(
                    f"{word.key}: {word.value!r} is no list of names  (from {origin})"
                )
            for name in names:
                self.add(word.slot, name, origin)
            return
        name = word.slot.partition(".")[2] if word.value == {} else word.value
        if not isinstance(name, str):
            raise RecipeError(f"{word.key}: {name!r} is no name  (from {origin})")
        if name == NONE:
            self.names.pop(word.slot, None)
            self._say(f"{word.slot}.use", Said(word.slot, NONE, origin, origin))
        elif name == LOCAL:
            self._take(word.slot, LOCAL, origin)
        elif word.kind == "dataset":
            self._take_dataset(name, origin)
        else:
            self._take(word.slot, self._found(word.kind, name, origin).id, origin)

    def _take(self, slot: str, part: str, origin: str) -> None:
        self.names[slot] = part
        self._say(f"{slot}.use", Said(slot, part, origin, origin, part))

    def _found(self, kind: str, name: str, origin: str) -> Entry:
        """What the registry finds; an error says who asked."""
        try:
            own = self._registry.own(self._home, kind, name)
            return self._registry.find(kind, name) if own is None else own
        except RecipeError as error:
            raise RecipeError(f"{error}  (from {origin})", hint=error.hint) from None

    def _take_dataset(self, name: str, origin: str) -> None:
        """A registered name, or else a path, which means the part that reads folders and zips."""
        try:
            self._take("dataset", self._found("dataset", name, origin).id, origin)
        except RecipeError:
            path = _path(name)
            if path is None:
                raise
            part = self._registry.find("dataset", "folder").id
            self._take("dataset", part, origin)
            self._say("dataset.path", Said("dataset", str(path.resolve()), origin, origin, part))

    def _set(self, word: _Word, origin: str, layer: str) -> None:
        part = None
        if word.kind in (*ONE, *MANY):
            if word.slot not in self.names and word.kind in ONE:
                said, cure = self.values.get(f"{word.slot}.use"), f"--set {word.slot}.use=NAME"
                why = f" ({said.origin} says {said.value})" if said else ""
                raise RecipeError(
                    f"{word.key}: there is no {word.slot}{why}; name one with {cure}"
                    f"  (from {origin})"
                )
            if word.slot not in self.names:
                self._name(_Word(word.key, word.slot, "", word.slot.partition(".")[2]), origin)
            part = self.names[word.slot]
        self._say(word.key, Said(word.slot, word.value, origin, layer, part))

    def _say(self, key: str, said: Said) -> None:
        self.values.pop(key, None)  # so that the order of keys is the order of speaking
        self.values[key] = said


def parsed(text: str) -> tuple[str, Any]:
    """Return key and value of ``a.b=VALUE``, a value as TOML writes it; what is none is text.

    Raises:
        RecipeError: It has no such form.
    """
    key, _, written = (piece.strip() for piece in text.partition("="))
    if not key or not written:
        raise RecipeError(f"--set {text!r}: write --set training.kimg=100")
    try:
        found = tomllib.loads(f"value = {written}")
    except (ValueError, RecursionError):
        return key, written
    plain = list(found) == ["value"] and not isinstance(found["value"], date | datetime | time)
    return key, found["value"] if plain else written


def _flat(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif value != {} or prefix.partition(".")[0] in MANY:  # [regularizer.r1] names a part
            yield f"{prefix}{key}", value


def _path(name: str) -> Path | None:
    """The path that a name means: it looks like one, or something is there; else None."""
    try:
        path = Path(name).expanduser()
        there = bool(name) and path.exists()
    except (OSError, RuntimeError):  # too long a name, or nobody's home
        return None
    return path if there or name.startswith((".", "/", "~")) or path.suffix == ".zip" else None


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
