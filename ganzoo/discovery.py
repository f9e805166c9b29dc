"""Which plugins there are, and what each answers when it is asked.

pluggy registers, validates and calls; discovery is ours, so that one broken plugin costs only
itself. Only light modules are imported here.
"""

import os
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.metadata import Distribution, EntryPoint, distributions
from importlib.util import module_from_spec, spec_from_file_location
from opcode import opmap
from pathlib import Path
from typing import Any, Literal, final

import pluggy

from ganzoo.errors import PluginError
from ganzoo.hookspecs import Registration
from ganzoo.spec import Component, Recipe

GROUP = "ganzoo.v1"
"""The entry-point group; its number is the version of the contract."""

FIRST_PARTY = "torch-ganzoo"
"""The distribution whose short names nobody can take."""

_ANSWER = "ganzoo_register"

_MODULE = re.compile(r"[A-Za-z_][\w.]*(:[\w.]+)?$")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)

_RAISE = opmap["RAISE_VARARGS"]
_KNOWN = ("ganzoo", "pluggy", "click", "torch")  # their lines do not say whose fault it is

Status = Literal["ok", "installed", "disabled", "broken", "incompatible"]


@final
@dataclass(frozen=True)
class Source:
    """Where a plugin comes from: an entry point of a distribution, or a file.

    Attributes:
        name: Of the entry point, or the file without ``.py``.
        value: What is imported: a module, or the path of a file.
        distribution: Its name; None for a file.
        group: The entry-point group.
        installed: The version of the distribution; None for a file, or where none is written.
    """

    name: str
    value: str
    distribution: str | None = None
    group: str = GROUP
    installed: str | None = field(default=None, repr=False, compare=False)

    @cached_property
    def version(self) -> str:
        """The version of the distribution; of a file, the start of its sha256."""
        if self.distribution is None:
            path = Path(self.value)
            code = path.read_bytes() if path.is_file() else b""
            return f"sha256:{sha256(code).hexdigest()[:12]}"
        return self.installed or "unknown"

    @property
    def maker(self) -> str:
        """Who made it, for people: ``ganzoo-weather 0.2``, or the path of a file."""
        return f"{self.distribution} {self.version}" if self.distribution else self.value

    @property
    def first_party(self) -> bool:
        """Whether it is part of ganzoo itself."""
        return self.distribution is not None and plain(self.distribution) == FIRST_PARTY

    @property
    def module(self) -> str:
        """The name its module has in this process; of a file, one that no other file has."""
        if self.distribution is not None:
            return self.value
        return f"_ganzoo_file_{sha256(self.value.encode()).hexdigest()[:12]}_{self.name}"

    def answers_to(self, names: Iterable[str]) -> bool:
        """Return whether its name or that of its distribution is among ``names``."""
        own = {plain(self.name), plain(self.distribution or self.name)}
        return not own.isdisjoint(map(plain, names))

    def load(self) -> Any:
        """Import the light module and return it.

        Raises:
            PluginError: There is nothing that could be imported.
        """
        if self.distribution is not None:
            if not _MODULE.match(self.value):
                raise PluginError(f"its entry point {self.value!r} is not 'package.module'")
            return EntryPoint(self.name, self.value, self.group).load()
        spec = spec_from_file_location(self.module, self.value)
        if spec is None or spec.loader is None:
            raise PluginError(f"{self.value} is no Python file")
        module = module_from_spec(spec)
        sys.modules[self.module] = module  # dataclasses and annotations look their module up here
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[self.module]
            raise
        return module

    @staticmethod
    def of_file(path: str | Path) -> "Source":
        """Return the source of a plugin in one file."""
        full = Path(path).expanduser().resolve()
        return Source(full.stem, str(full))


@final
@dataclass(frozen=True)
class PluginState:
    """What became of one plugin.

    Attributes:
        name: Its id in this process.
        source: Where it comes from.
        status: What it is; ``installed`` where nobody asked it yet.
        reason: Why it is not ok; empty when it is.
        traceback: Of what broke it; empty otherwise.
        load_ms: Milliseconds it took to import and ask.
        items: What it offers.
        notes: Why a single component is left out, by ``"kind name"``.
        imported_torch: Whether asking it imported torch, which makes every command slow.
    """

    name: str
    source: Source
    status: Status = "ok"
    reason: str = ""
    traceback: str = field(default="", repr=False)
    load_ms: float = 0.0
    items: tuple[Component | Recipe, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    imported_torch: bool = False

    @property
    def distribution(self) -> str | None:
        """The distribution; None for a file."""
        return self.source.distribution

    @cached_property
    def version(self) -> str:
        """The version; of a file, read only when asked for."""
        return self.source.version

    @property
    def value(self) -> str:
        """What is imported."""
        return self.source.value


def scan() -> list[Source]:
    """Return the installed plugins, from metadata alone: nothing of theirs is imported."""
    found: dict[str, list[Source]] = {}
    for dist in distributions():
        text = _entry_points_text(dist)
        if "[ganzoo.v" in text:
            name, version = _name_and_version(dist)
            if name not in found:
                found[name] = list(_sources_of(dist, name, version))
    flat = [source for sources in found.values() for source in sources]
    return sorted(flat, key=lambda s: (not s.first_party, s.distribution or "", s.name))


def asker() -> pluggy.PluginManager:
    """Return what asks plugins, one after the other; to make one for each would take longer."""
    manager = pluggy.PluginManager("ganzoo")
    manager.add_hookspecs(Registration)
    return manager


def ask(name: str, source: Source, manager: pluggy.PluginManager) -> PluginState:
    """Import a plugin and ask what it offers; whatever it does wrong becomes its state.

    Args:
        name: Its id in this process.
        source: Where it comes from.
        manager: What :func:`asker` returned.
    """
    began, had_torch = time.perf_counter(), "torch" in sys.modules
    status: Status = "ok"
    reason = trace = ""
    items: tuple[Component | Recipe, ...] = ()
    notes: dict[str, str] = {}
    try:
        with redirect_stdout(sys.stderr):  # stdout is for results, and may be read by a program
            items, notes = _sorted_out(_answers(source.load(), manager))
        if notes and not items:
            raise PluginError("; ".join(f"{what}: {why}" for what, why in notes.items()))
    except BaseException as error:
        if interrupted(error):
            error.add_note(f"while plugin {name} ({source.maker}) was asked; -p no:{name}")
            raise
        status, reason, trace = "broken", reason_of(error), traceback.format_exc()
    return PluginState(
        name=name,
        source=source,
        status=status,
        reason=reason,
        traceback=trace,
        load_ms=(time.perf_counter() - began) * 1000,
        items=items,
        notes=notes,
        imported_torch="torch" in sys.modules and not had_torch,
    )


def _answers(plugin: Any, manager: pluggy.PluginManager) -> list[Component | Recipe]:
    """What ``ganzoo_register`` returns. The plugin is forgotten again, also when it fails."""
    try:
        manager.register(plugin)
        manager.check_pending()
        if not manager.get_hookcallers(plugin):
            lacks = "has ganzoo_register without" if hasattr(plugin, _ANSWER) else "has no"
            raise PluginError(f"{lacks} @ganzoo.hookimpl def {_ANSWER}()")
        answers = manager.hook.ganzoo_register()
    finally:
        if manager.is_registered(plugin):
            manager.unregister(plugin)
    items: list[Component | Recipe] = []
    for answer in answers:
        if isinstance(answer, str | Mapping) or not isinstance(answer, Iterable):
            raise PluginError(f"{_ANSWER} returned {answer!r}, not a list of components")
        items += answer
    for item in items:
        if not isinstance(item, Component | Recipe):
            raise PluginError(f"{_ANSWER} returned {item!r} among its components")
    return items


def _sorted_out(
    items: Iterable[Component | Recipe],
) -> tuple[tuple[Component | Recipe, ...], dict[str, str]]:
    """Keep what is well described; note why the rest is left out."""
    kept: dict[tuple[str, str], Component | Recipe] = {}
    notes: dict[str, str] = {}
    for item in items:
        try:
            problems = item.problems()
            dict(item.expected_failures.items())
        except (TypeError, AttributeError) as error:
            problems = [f"its description cannot be read: {error}"]
        if not problems and (item.kind, item.name) in kept:
            problems = ["it is offered twice"]
        if problems:
            notes[f"{item.kind} {item.name}"] = "; ".join(problems)
        else:
            kept[item.kind, item.name] = item
    return tuple(kept.values()), notes


def refusal(
    name: str, source: Source, only: Sequence[str] | None, blocked: Iterable[str]
) -> PluginState | None:
    """Return the state of a plugin that is not even imported; None for one that is to be."""
    if source.group != GROUP:
        reason = f"it is made for {source.group}; this ganzoo speaks {GROUP}"
        return PluginState(name, source, "incompatible", reason)
    if source.distribution is not None and not _NAME.fullmatch(source.name):
        reason = f"the name of its entry point, {source.name!r}, is not letters, digits, '-', '.'"
        return PluginState(name, source, "broken", reason)
    if source.answers_to(blocked):
        return PluginState(name, source, "disabled", f"blocked by -p no:{source.name}")
    free = source.first_party or source.distribution is None or only is None
    if not free and not source.answers_to(only or ()):
        return PluginState(name, source, "disabled", "not named in GANZOO_PLUGINS")
    return None


def _entry_points_text(dist: Distribution) -> str:
    try:
        return dist.read_text("entry_points.txt") or ""
    except (OSError, UnicodeError):
        return ""  # a stranger's damaged metadata must not end every command


def _name_and_version(dist: Distribution) -> tuple[str, str | None]:
    """Both at once: whenever either is asked for, the metadata are parsed anew.

    Where they cannot be read, the name of their folder says both.
    """
    name = version = None
    with suppress(OSError, ValueError, TypeError):  # not there, or no text
        metadata = dist.metadata
        name, version = ((metadata.get_all(key) or [None])[0] for key in ("Name", "Version"))
    folder, _, written = Path(str(getattr(dist, "_path", "unknown"))).stem.partition("-")
    return name or folder, version or written or None


def _sources_of(dist: Distribution, name: str, version: str | None) -> Iterator[Source]:
    """The plugins of a distribution; those of another contract only if it has none of ours."""
    try:
        points = [point for point in dist.entry_points if point.group.startswith("ganzoo.v")]
    except (TypeError, ValueError, AttributeError) as error:  # a line without "name = module"
        yield Source(name, f"entry_points.txt: {error}", name, GROUP, version)
        return
    spoken = [point for point in points if point.group == GROUP] or points
    for point in spoken:
        yield Source(point.name, point.value, name, point.group, version)


def plain(name: str) -> str:
    """Return a name as names are compared: lower case, ``-`` for ``_``."""
    return name.strip().lower().replace("_", "-")


def reason_of(error: BaseException) -> str:
    """Return an error on one line, with its type unless it is our own, and where it came from."""
    told = error.msg if isinstance(error, SyntaxError) else str(error)
    text = " ".join(told.split())
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}{_place(error)}"


def _place(error: BaseException) -> str:
    """The last line of somebody else's code on the way to an error; empty if there is none."""
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno))
    known = [str(sys.modules[name].__file__) for name in _KNOWN if name in sys.modules]
    ours = ("<", *(f"{Path(file).parent}{os.sep}" for file in known))
    foreign = [(Path(file), line) for file, line in frames if not file.startswith(ours)]
    return "".join(f" ({'/'.join(f.parts[-2:])}:{line})" for f, line in foreign[-1:])


def interrupted(error: BaseException) -> bool:
    """Return whether somebody pressed Ctrl-C; a plugin may raise the same by a line of its own."""
    if not isinstance(error, KeyboardInterrupt):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or trace.tb_frame.f_code.co_code[trace.tb_lasti] != _RAISE
