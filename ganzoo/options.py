"""Settings are the keyword-only parameters of a constructor: one source of truth.

They are read from its signature, shown by ``info``, checked here with the origin of the value in
the message, and handed to the constructor. A default has no second home.
"""

import inspect
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ganzoo.errors import PluginError, RecipeError

Part = TypeVar("Part")
Number: TypeAlias = int | float

_SIGNS = {"ge": ">=", "le": "<=", "gt": ">", "lt": "<"}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_NONE = type(None)


class Opt:
    """Help and bounds of a setting: ``width: Annotated[int, Opt("channels", ge=8)] = 16``.

    Args:
        help: One line for people.
        ge: At least this; of a list, each of its values.
        le: At most this.
        gt: More than this.
        lt: Less than this.
    """

    __slots__ = ("bounds", "help")

    def __init__(
        self,
        help: str = "",
        *,
        ge: Number | None = None,
        le: Number | None = None,
        gt: Number | None = None,
        lt: Number | None = None,
    ) -> None:
        given = {"ge": ge, "le": le, "gt": gt, "lt": lt}
        self.help = help
        self.bounds = {name: bound for name, bound in given.items() if bound is not None}


@dataclass(frozen=True)
class Option:
    """One setting of a part.

    Attributes:
        name: The parameter's name.
        type: Its annotation, without :class:`Opt`.
        default: Its default; None where it is required.
        required: Whether it has no default.
        help: One line for people.
        bounds: Limits by name: ``ge``, ``le``, ``gt``, ``lt``.
    """

    name: str
    type: Any
    default: Any
    required: bool
    help: str
    bounds: Mapping[str, Number]

    @property
    def values(self) -> str:
        """What it may be, in words: ``a whole number >= 1``."""
        limits = [f"{_SIGNS[name]} {bound:g}" for name, bound in self.bounds.items()]
        return " ".join([_words(self.type), " and ".join(limits)]).strip()

    def parse(self, value: object, where: str) -> Any:
        """Return ``value`` as the constructor takes it.

        Args:
            value: What TOML or Python gave; whole numbers do for numbers, lists for tuples, and
                the word ``none`` for None.
            where: The dotted key, for the message.

        Raises:
            RecipeError: The value is of another type or out of bounds.
        """
        try:
            parsed = _converted(self.type, value)
        except (TypeError, ValueError, OverflowError):
            raise RecipeError(f"{where}: {value!r} is not {self.values}.") from None
        for each in parsed if isinstance(parsed, tuple | list) else (parsed,):
            if each is not None and not all(
                _within(each, *bound) for bound in self.bounds.items()
            ):
                raise RecipeError(f"{where}: {value!r} is not {self.values}.")
        return parsed


def schema(cls: Callable[..., object]) -> dict[str, Option]:
    """Return the settings of a class (or a frozen dataclass with ``kw_only``), by name.

    Raises:
        PluginError: An annotation names something its module does not have.
    """
    fn = inspect.unwrap(cls.__init__ if inspect.isclass(cls) else cls)
    given = {
        p.name: p for p in inspect.signature(fn).parameters.values() if p.kind is p.KEYWORD_ONLY
    }
    written = types.SimpleNamespace(
        __annotations__={n: p.annotation for n, p in given.items() if p.annotation is not p.empty}
    )
    try:
        hints = get_type_hints(written, getattr(fn, "__globals__", {}), include_extras=True)
    except NameError as error:
        raise PluginError(
            f"the settings of {_path(cls)} cannot be read: {error}; import the name outside"
            " TYPE_CHECKING"
        ) from error
    return {name: _option(parameter, hints.get(name, Any)) for name, parameter in given.items()}


def checked(
    cls: Callable[..., object],
    settings: Mapping[str, Any],
    where: str,
    *,
    origins: Mapping[str, str] | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """Return ``settings`` as the constructor of ``cls`` takes them.

    Args:
        cls: Whose settings they are.
        settings: Values by name.
        where: The table they stand in, ``generator``.
        origins: Where a value came from, by dotted key.
        name: What people call the part; by default the class's own name.

    Raises:
        RecipeError: An unknown or missing setting, or a value that it cannot have.
    """
    known, called = schema(cls), name or getattr(cls, "__name__", repr(cls))
    parsed = {}
    for setting, value in settings.items():
        key = f"{where}.{setting}"
        source = (origins or {}).get(key)
        ending = f"  (from {source})" if source else ""
        if setting not in known:
            near = [f"{where}.{each}" for each in get_close_matches(setting, known, cutoff=0.5)]
            advice = f"  Did you mean {' or '.join(near)}?" if near else ""
            raise RecipeError(
                f"{key}: {called} has no setting {setting!r}.{advice}{ending}",
                hint=f"it has: {', '.join(known)}" if known else "it has no settings",
            )
        try:
            parsed[setting] = known[setting].parse(value, key)
        except RecipeError as error:
            raise RecipeError(f"{error}{ending}", hint=known[setting].help or None) from None
    missing = [
        f"{where}.{n}" for n, option in known.items() if option.required and n not in parsed
    ]
    if missing:
        raise RecipeError(
            f"{called} needs {' and '.join(missing)}; give it with --set {missing[0]}=..."
        )
    return parsed


def make(
    cls: Callable[..., Part],
    *args: object,
    settings: Mapping[str, Any],
    where: str,
    origins: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Part:
    """Return ``cls(*args, **settings)`` with every setting checked first.

    Positional arguments that the constructor does not take are left out: a loss without settings
    needs no constructor.

    Raises:
        RecipeError: As :func:`checked`.
    """
    parsed = checked(cls, settings, where, origins=origins, name=name)
    return cls(*args[: _positional(cls)], **parsed)


def _option(parameter: inspect.Parameter, hint: Any) -> Option:
    opt = _opt(hint) or Opt()
    required = parameter.default is parameter.empty
    return Option(
        name=parameter.name,
        type=_bare(hint),
        default=None if required else parameter.default,
        required=required,
        help=opt.help,
        bounds=opt.bounds,
    )


def _opt(hint: Any) -> Opt | None:
    """The first Opt of an annotation, also inside ``Annotated[int, Opt()] | None``."""
    if get_origin(hint) is Annotated:
        return next((extra for extra in get_args(hint)[1:] if isinstance(extra, Opt)), None)
    if _is_union(hint):
        return next((opt for member in get_args(hint) if (opt := _opt(member))), None)
    return None


def _bare(hint: Any) -> Any:
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if _is_union(hint):
        return Union[tuple(_bare(member) for member in get_args(hint))]  # noqa: UP007
    return hint


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _positional(cls: Callable[..., object]) -> int | None:
    """How many positional arguments a constructor takes; None for any number."""
    if inspect.isclass(cls) and cls.__init__ is object.__init__ and cls.__new__ is object.__new__:
        return 0
    parameters = inspect.signature(cls).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _within(value: Any, name: str, bound: Number) -> bool:
    outside = {
        "ge": value < bound,
        "le": value > bound,
        "gt": value <= bound,
        "lt": value >= bound,
    }
    return not outside[name]


def _converted(hint: Any, value: Any) -> Any:
    """Return ``value`` as ``hint`` wants it; raise TypeError or ValueError where it is not."""
    origin = get_origin(hint)
    if hint is Any:
        return value
    if _is_union(hint):
        return _one_of(get_args(hint), value)
    if origin is Literal:
        return _chosen(get_args(hint), value)
    if origin in (tuple, list) or hint in (tuple, list):
        return _sequence(hint, value)
    if isinstance(value, bool) and hint in (int, float):
        raise TypeError
    if hint is float and isinstance(value, int | float):
        return _number(value)
    if hint is int and isinstance(value, int | float) and value == int(value):
        return _whole(int(value))  # 1e5 is how TOML writes a large whole number
    if isinstance(value, origin or hint):
        return value
    raise TypeError


def _number(value: Number) -> float:
    if not math.isfinite(value):
        raise ValueError
    return float(value)


def _whole(value: int) -> int:
    if value.bit_length() > 63:  # no tensor can count so far
        raise ValueError
    return value


def _chosen(choices: tuple[Any, ...], value: Any) -> Any:
    for choice in choices:
        if choice == value and isinstance(choice, bool) == isinstance(value, bool):
            return choice
    raise ValueError


def _one_of(members: tuple[Any, ...], value: Any) -> Any:
    if _NONE in members and value in (None, "none", "None"):
        return None
    for member in members:
        if member is _NONE:
            continue
        try:
            return _converted(member, value)
        except (TypeError, ValueError):
            continue
    raise TypeError


def _sequence(hint: Any, value: Any) -> Any:
    if not isinstance(value, tuple | list):
        raise TypeError
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        if len(inner) != len(value):
            raise ValueError
        return tuple(_converted(each, item) for each, item in zip(inner, value, strict=True))
    each = inner[0] if inner else Any
    return kind(_converted(each, item) for item in value)


def _words(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(str, inner))
    if _is_union(hint):
        members = [_words(member) for member in inner if member is not _NONE]
        return " or ".join(members + (["none"] if _NONE in inner else []))
    if origin in (tuple, list):
        if origin is tuple and inner[-1] is not Ellipsis:
            return f"a list of {len(inner)} ({', '.join(map(_words, inner))})"
        return f"a list, each {_words(inner[0])}"
    return _WORDS.get(hint) or str(getattr(hint, "__name__", hint))


def _path(cls: Callable[..., object]) -> str:
    return f"{cls.__module__}:{getattr(cls, '__qualname__', cls)}"
