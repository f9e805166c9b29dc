"""What a name means: the parts and models of every plugin, and how to find one among them.

Nothing heavy is imported before :meth:`Registry.load`.
"""

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, final

from ganzoo.discovery import (
    PluginState,
    Source,
    ask,
    asker,
    interrupted,
    plain,
    reason_of,
    refusal,
    scan,
)
from ganzoo.errors import GanzooError, PluginError, RecipeError, did_you_mean
from ganzoo.known import Known, known_plugins
from ganzoo.spec import KINDS, Component, Recipe

_FLAGS = ("generator", "discriminator", "loss", "regularizer", "augment", "dataset")


@final
@dataclass(frozen=True)
class Entry:
    """One component or recipe, and the plugin that offers it."""

    item: Component | Recipe
    plugin: str
    source: Source = field(repr=False)

    @property
    def name(self) -> str:
        """The short name."""
        return self.item.name

    @property
    def kind(self) -> str:
        """The kind; ``recipe`` for a recipe."""
        return self.item.kind

    @property
    def full_id(self) -> str:
        """``plugin/name``, which always finds it."""
        return f"{self.plugin}/{self.name}"

    @property
    def id(self) -> str:
        """The shortest name that will always find it: first-party short names are reserved."""
        return self.name if self.source.first_party else self.full_id

    @property
    def component(self) -> Component:
        """The component."""
        assert isinstance(self.item, Component), f"{self.full_id} is a recipe"
        return self.item

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        assert isinstance(self.item, Recipe), f"{self.full_id} is a component"
        return self.item


@final
class Registry:
    """Every plugin of this process and what its names mean.

    Args:
        sources: Plugins, the first-party ones first.
        only: Names of the third-party plugins to use; None for all. Files are always used.
        blocked: Names of plugins not to import, whoever made them.
        strict: Raise at the first broken plugin.
        asks: Import plugins and ask what they offer; else only their metadata are known.

    Raises:
        PluginError: A plugin is broken, and ``strict``.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        only: Sequence[str] | None = None,
        blocked: Iterable[str] = (),
        strict: bool = False,
        asks: bool = True,
    ) -> None:
        self._states: dict[str, PluginState] = {}
        self._entries: list[Entry] = []
        refused, manager = tuple(blocked), asker()
        for source in sources:
            name = _free_name(source, self._states)
            state = refusal(name, source, only, refused) or (
                ask(name, source, manager) if asks else PluginState(name, source, "installed")
            )
            if strict and state.status == "broken":
                error = PluginError(
                    f"plugin {name} ({source.maker}) is broken: {state.reason}",
                    hint=_cure(name, source),
                )
                error.add_note(state.traceback)
                raise error
            self._states[name] = state
            self._entries += [Entry(item, name, source) for item in state.items]

    @classmethod
    def discover(
        cls,
        only: str | Sequence[str] | None = None,
        blocked: Iterable[str] = (),
        files: Iterable[str | Path] = (),
        strict: bool = False,
        asks: bool = True,
    ) -> "Registry":
        """Return the registry of everything installed, and of plugins in single files.

        Args:
            only: As above; a string lists names with commas, and an empty one names nobody.
                None: what the variable GANZOO_PLUGINS says, if it is set.
            blocked: As above.
            files: Paths of Python files that are plugins.
            strict: As above.
            asks: As above.
        """
        only = os.environ.get("GANZOO_PLUGINS") if only is None else only
        named = [name.strip() for name in only.split(",")] if isinstance(only, str) else only
        sources = [*cls.scan(), *map(Source.of_file, files)]
        return cls(sources, only=named, blocked=blocked, strict=strict, asks=asks)

    @staticmethod
    def scan() -> list[Source]:
        """Return the installed plugins, from metadata alone: nothing of theirs is imported."""
        return scan()

    @property
    def plugins(self) -> Mapping[str, PluginState]:
        """Every plugin by its name, whatever became of it."""
        return MappingProxyType(self._states)

    def broken(self) -> list[PluginState]:
        """Return the plugins that somebody installed and that cannot be used."""
        states = self._states.values()
        return [state for state in states if state.status in ("broken", "incompatible")]

    def absent(self) -> list[Known]:
        """Return the plugins that are known and not installed."""
        here = {plain(state.distribution or "") for state in self._states.values()}
        return [each for each in known_plugins() if each.distribution not in here]

    def components(self, kind: str | None = None) -> list[Entry]:
        """Return the components, of one kind or of all."""
        if kind is not None:
            _check_kind(kind)
        parts = [entry for entry in self._entries if isinstance(entry.item, Component)]
        return [entry for entry in parts if kind in (None, entry.kind)]

    def recipes(self) -> list[Entry]:
        """Return the recipes."""
        return [entry for entry in self._entries if isinstance(entry.item, Recipe)]

    def find(self, kind: str, name: str) -> Entry:
        """Return what a name means: a full id, or a short name that is first-party or unique.

        Case does not matter, and ``_`` does for ``-``.

        Raises:
            RecipeError: Nothing, or more than one thing, has that name.
            PluginError: It belongs to a plugin that cannot be used.
        """
        _check_kind(kind)
        found = self._candidates(kind, name)
        if len(found) == 1:
            return found[0]
        if found:
            ids = " or ".join(sorted(entry.full_id for entry in found))
            raise RecipeError(f"{_word(kind)} {name!r} is ambiguous; say {ids}")
        raise self._not_found(kind, name)

    def own(self, plugin: str, kind: str, name: str) -> Entry | None:
        """Return what a plugin itself offers by a short name; None for nothing."""
        wanted = plain(f"{plugin}/{name}")
        found = (e for e in self._entries if e.kind == kind and plain(e.full_id) == wanted)
        return next(found, None)

    def load(self, entry: Entry) -> type[Any]:
        """Import the class of a component.

        Raises:
            PluginError: It cannot be imported; the message names plugin, target and reason.
        """
        found: type[Any] = _imported(entry, entry.component.target, "class")
        return found

    def step(self, entry: Entry) -> Callable[..., None]:
        """Import the step of a recipe, written in a line; the recipe must name one.

        Raises:
            PluginError: As :meth:`load`.
        """
        found: Callable[..., None] = _imported(entry, entry.recipe.step, "function")
        return found

    def _candidates(self, kind: str, name: str) -> list[Entry]:
        """The entries that a name may mean; the most trusted door that answers wins."""
        wanted, entries = plain(name), [entry for entry in self._entries if entry.kind == kind]
        doors = (
            [e for e in entries if plain(e.full_id) == wanted],
            [e for e in entries if e.source.first_party and plain(e.name) == wanted],
            [e for e in entries if e.source.first_party and _has_alias(e, wanted)],
            [e for e in entries if plain(e.name) == wanted],
            [e for e in entries if _has_alias(e, wanted)],
        )
        return next((door for door in doors if door), [])

    def _not_found(self, kind: str, name: str) -> GanzooError:
        known = [(each, at) for each in known_plugins() if (at := each.kind_of(kind, plain(name)))]
        for state in self._states.values():
            if problem := _unusable(state, kind, name, [each.name for each, _ in known]):
                return PluginError(problem, hint=_cure(state.name, state.source))
        if elsewhere := self._elsewhere(kind, name):
            return RecipeError(f"no {_word(kind)} {name!r}; {elsewhere}")
        absent = self.absent()
        for each, at in known:
            if each in absent:
                told = f"{_word(at)} {name!r} is in {each.distribution}: {each.install}"
                return RecipeError(told, hint=f"about it: ganzoo plugins {each.name}")
        words = [
            word for e in self._entries if e.kind == kind for word in (e.name, *e.item.aliases)
        ]
        near = did_you_mean(plain(name), get_close_matches(plain(name), words))
        return RecipeError(f"no {_word(kind)} called {name!r}.{near}", hint=self._hint(kind))

    def _elsewhere(self, kind: str, name: str) -> str:
        """What the name means as another kind, and how to ask for it; empty if nothing."""
        for other in ("recipe", *KINDS):
            for entry in self._candidates(other, name) if other != kind else ():
                if isinstance(entry.item, Component):
                    flag = f": --{other} {entry.name}" if other in _FLAGS else ""
                    return f"it is a {_word(other)}{flag}"
                flags = _flags(entry.item, kind)
                return f"it is a model: ganzoo train {entry.name}{', or ' if flags else ''}{flags}"
        return ""

    def _hint(self, kind: str) -> str:
        if not any(state.source.first_party for state in self._states.values()):
            return "ganzoo itself is not installed here: pip install -e ."
        plural = {"loss": "losses"}.get(kind, f"{_word(kind)}s")
        return f"all {plural}: ganzoo list" + ("" if kind == "recipe" else f" --kind {kind}")


def _imported(entry: Entry, target: str, what: Literal["class", "function"]) -> Any:
    """Import what an entry of a plugin points to; a file's own name means the file."""
    module_name, _, attribute = target.partition(":")
    source = entry.source
    if source.distribution is None and plain(module_name) == plain(source.name):
        module_name = source.module
    try:
        found = getattr(import_module(module_name), attribute)
        if isinstance(found, type) != (what == "class") or not callable(found):
            raise TypeError(f"{attribute} is no {what}")
    except GanzooError:
        raise
    except BaseException as error:
        if interrupted(error):
            raise
        raise PluginError(
            f"{_word(entry.kind)} {entry.full_id} (of {source.maker}) cannot be used:"
            f" {target}: {reason_of(error)}",
            hint=_cure(entry.plugin, source),
        ) from error
    return found


def _unusable(state: PluginState, kind: str, name: str, known: Sequence[str]) -> str:
    """Why a name of this plugin cannot be used; empty if the name is not its own.

    Args:
        state: Of the plugin.
        kind: Of what is looked for.
        name: Its name.
        known: Plugins that are known to offer it.
    """
    plugin, _, short = plain(name).rpartition("/")
    for what, why in state.notes.items():
        if plain(what) == f"{kind} {short}" and plugin in ("", plain(state.name)):
            return f"{what} of plugin {state.name} cannot be used: {why}"
    if state.status != "ok" and state.source.answers_to((plugin or short, *known)):
        return f"plugin {state.name} ({state.source.maker}) is {state.status}: {state.reason}"
    return ""


def _cure(plugin: str, source: Source) -> str:
    """Where to look, and for a plugin from an index how to get another version of it."""
    if source.distribution is None:
        return f"ganzoo -p {shlex.quote(source.value)} plugins {plugin}"
    if source.first_party or _is_local(source.distribution):
        return f"ganzoo plugins {plugin}"
    return f"pip install --upgrade {source.distribution}   or   ganzoo plugins {plugin}"


def _is_local(distribution_name: str) -> bool:
    """Whether it was installed from a folder, a file or a repository, as PEP 610 records."""
    try:
        return distribution(distribution_name).read_text("direct_url.json") is not None
    except (PackageNotFoundError, ValueError, OSError):
        return False


def _free_name(source: Source, taken: Mapping[str, object]) -> str:
    if source.name not in taken:
        return source.name
    return f"{source.name}@{source.distribution or 'file'}"


def _flags(recipe: Recipe, kind: str) -> str:
    """The flags that ask for a recipe's part of a kind; for a loss, with its regularizers."""
    wanted = (kind, "regularizer") if kind == "loss" else (kind,)
    named = [(each, recipe.parts.get(each, ())) for each in wanted]
    flat = [(k, n) for k, names in named for n in ([names] if isinstance(names, str) else names)]
    return " ".join(f"--{each} {name}" for each, name in flat)


def _has_alias(entry: Entry, wanted: str) -> bool:
    return wanted in map(plain, entry.item.aliases)


def _check_kind(kind: str) -> None:
    if kind != "recipe" and kind not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise RecipeError(f"no kind {kind!r}.{near}", hint=f"kinds: {', '.join(KINDS)}")


def _word(kind: str) -> str:
    return {"recipe": "model", "dataset": "data set"}.get(kind, kind)
