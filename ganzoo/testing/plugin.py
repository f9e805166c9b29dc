"""All checks of a plugin, and those of the plugin as a whole: it loads, and lightly."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import distributions, metadata
from pathlib import Path

from torch import nn

from ganzoo.algorithm import Algorithm
from ganzoo.discovery import GROUP, PluginState, plain
from ganzoo.errors import PluginError, did_you_mean
from ganzoo.interfaces import Augment, Dataset, Loss, Metric, Regularizer, Schedule
from ganzoo.registry import Entry, Registry
from ganzoo.spec import KINDS, Component, Recipe
from ganzoo.testing import games, networks, parts
from ganzoo.testing.check import CHECKS, Check, CheckError, SkippedError, ready
from ganzoo.testing.subject import NETWORKS, Subject

_ASK = """
import sys
sys.path[:] = {path!r}
from ganzoo.discovery import Source, ask, asker
raise SystemExit(ask("?", Source("?", {module!r}, "?"), asker()).imported_torch)
"""
"""Asks a plugin in a process of its own, which ends with 1 if that imported torch."""

_MOST_LETTERS, _POINTS = 100, "entry_points.txt"

_BASES = {
    base.__name__.lower(): base
    for base in (Loss, Regularizer, Augment, Algorithm, Schedule, Dataset, Metric)
} | dict.fromkeys((*NETWORKS, "network"), nn.Module)

_Test = Callable[[Subject], str]
_OF_PARTS: tuple[tuple[str, Sequence[str], _Test], ...] = (
    ("options", KINDS, parts.options),
    ("options", ("recipe",), parts.presets),
    ("shapes", NETWORKS, networks.shapes),
    ("shapes", ("loss",), parts.loss_shapes),
    ("shapes", ("augment",), parts.augment_shapes),
    ("range", ("generator",), networks.bounded),
    ("finite", NETWORKS, networks.finite),
    ("finite", ("loss",), parts.loss_finite),
    ("gradients", NETWORKS, networks.gradients),
    ("gradients", ("augment",), parts.augment_gradients),
    ("latents", ("generator",), networks.latents),
    ("classes", NETWORKS, networks.classes),
    ("raw logits", ("discriminator",), networks.raw),
    ("second gradients", ("discriminator",), networks.second_gradients),
    ("state", (*NETWORKS, "network"), networks.state),
    ("samples alone", ("generator",), networks.samples_alone),
    ("directions", ("loss",), parts.directions),
    ("randomness", ("augment",), parts.randomness),
    ("data", ("dataset",), parts.data),
    ("scores", ("metric",), parts.scores),
    ("features", ("extractor",), parts.features),
)
_OF_GAMES = {
    "two steps": games.two_steps,
    "memory": games.memory,
    "same seed": games.same_seed,
    "resume": games.resume,
}
_PLAYED = ("recipe", *NETWORKS, "loss", "regularizer", "augment", "schedule", "algorithm")


def checks(name: str, registry: Registry | None = None) -> list[Check]:
    """Return every check of a plugin, to be run one by one.

    Args:
        name: Of the entry point, of the distribution, or the path of a plugin in one file.
        registry: What names mean; None: what is installed, and that file.

    Raises:
        PluginError: There is no such plugin, or it is disabled.
    """
    path = Path(name).expanduser()
    files = [path] if path.suffix == ".py" else []
    if files and not path.is_file():
        raise PluginError(f"{name}: there is no such file")
    registry = registry or Registry.discover(files=files)
    wanted, known = str(path.resolve()) if files else name, registry.plugins.values()
    states = [state for state in known if wanted in (state.name, state.value)]
    states = states or [state for state in known if state.source.answers_to((wanted,))]
    if not states:
        return [_of_a_stranger(name, registry)]
    return [check for state in states for check in _of_plugin(state, registry)]


def _of_plugin(state: PluginState, registry: Registry) -> Iterator[Check]:
    if state.status == "disabled":
        raise PluginError(f"plugin {state.name} is disabled: {state.reason}")
    what, group = f"plugin {state.name}", state.source.group
    yield Check(what, "api version", ready(partial(_version, group)))
    if group != GROUP:
        return
    yield Check(what, "loads", ready(partial(_loads, state)))
    if state.status != "ok":
        return
    yield Check(what, "light", ready(partial(_light, state)))
    yield Check(what, "describes itself", ready(partial(_licensed, state)))
    for item in state.items:
        entry = Entry(item, state.name, state.source)
        for name, test in _tests(entry, registry):
            expected = item.expected_failures.get(name, "")
            yield Check(f"{entry.kind} {entry.full_id}", name, ready(test), expected)


def _tests(entry: Entry, registry: Registry) -> Iterator[tuple[str, Callable[[], str]]]:
    """The checks of one part or recipe, by name."""
    subject = Subject(entry, registry)
    yield "loads", partial(_resolves, entry, registry)
    yield "describes itself", partial(_described, entry, registry)
    told = any(recipe.recipe.conditional for recipe in subject.recipes)
    for name, kinds, test in _OF_PARTS:
        if entry.kind in kinds and (told or name != "classes"):
            yield name, partial(test, subject)
    game = games.Game(subject)
    if entry.kind == "regularizer":
        yield "penalty", partial(games.penalty, game)
    if entry.kind in _PLAYED and not subject.recipes:
        for name, play in _OF_GAMES.items():
            yield name, partial(play, game)


def _of_a_stranger(name: str, registry: Registry) -> Check:
    """The check of an installed plugin whose group is none of ours."""
    for dist in distributions():
        for point in dist.entry_points if "ganzoo" in str(dist.read_text(_POINTS)) else ():
            named = plain(name) in (plain(point.name), plain(dist.name))
            if named and point.group.startswith("ganzoo"):
                test = ready(partial(_version, point.group))
                return Check(f"plugin {point.name}", "api version", test)
    near = did_you_mean(name, registry.plugins)
    raise PluginError(f"no plugin called {name!r}.{near}", hint="all plugins: ganzoo plugins")


def _version(group: str) -> str:
    if group == GROUP:
        return f"speaks {GROUP}"
    told = f"its entry point is in the group {group!r}, and this ganzoo reads {GROUP!r}"
    raise CheckError(f'{told}; write [project.entry-points."{GROUP}"] and install it again')


def _loads(state: PluginState) -> str:
    if state.status != "ok":
        raise CheckError(f"it is {state.status}: {state.reason}")
    for what, why in state.notes.items():
        raise CheckError(f"{what} is left out: {why}")
    return f"in {state.load_ms:.0f} ms"


def _resolves(entry: Entry, registry: Registry) -> str:
    if isinstance(entry.item, Component):
        cls, base = registry.load(entry), _BASES.get(entry.kind)
        if base is not None and not issubclass(cls, base):
            raise CheckError(f"{cls.__name__} is no {entry.kind}; let it inherit {base.__name__}")
        if missing := getattr(cls, "__abstractmethods__", None):
            raise CheckError(f"{cls.__name__} lacks {' and '.join(sorted(missing))}; write it")
    elif entry.item.step:
        registry.step(entry)
    return ""


def _light(state: PluginState) -> str:
    if state.distribution is None:
        raise SkippedError("a plugin in one file may import torch")
    words = [sys.executable, "-c", _ASK.format(path=sys.path, module=state.value)]
    if subprocess.run(words, capture_output=True, check=False, timeout=120).returncode:
        raise CheckError(f"{state.value} imports torch; do so in the modules that `target` names")
    return "imports no torch at registration"


def _licensed(state: PluginState) -> str:
    if state.distribution is None:
        raise SkippedError("a file has no distribution")
    said = metadata(state.distribution)
    for key in ("License-Expression", "License", "Classifier"):
        for licence in said.get_all(key) or ():
            if licence and (key != "Classifier" or licence.startswith("License ::")):
                return f"licence {licence.splitlines()[0].rpartition(':: ')[2]}"
    raise CheckError('nobody says how it may be used; write license = "MIT" under [project]')


def _described(entry: Entry, registry: Registry) -> str:
    item = entry.item
    if "\n" in item.summary or len(item.summary) > _MOST_LETTERS:
        raise CheckError(f"its summary must be one line of at most {_MOST_LETTERS} letters")
    for name in item.expected_failures:
        if name not in CHECKS:
            raise CheckError(f"there is no check {name!r}.{did_you_mean(name, CHECKS)}")
    if isinstance(item, Recipe) and (item.year is None) != (not item.paper):
        raise CheckError("a recipe with a paper says its year, and one with a year its paper")
    named = item.parts if isinstance(item, Recipe) else {}
    for kind in (each for each in NETWORKS if each in named):
        name = str(named[kind])
        found = registry.own(entry.plugin, kind, name) or registry.find(kind, name)
        made = found.component.sizes
        if made and not 0 < len(item.sizes) == len(set(item.sizes) & set(made)):
            told = f"its {kind} {name} makes {', '.join(map(str, made))} px"
            said = ", ".join(map(str, item.sizes)) or "nothing of sizes"
            raise CheckError(f"{told}, and the recipe says {said}; give it sizes among those")
    return ""
