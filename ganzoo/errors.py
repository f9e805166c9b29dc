"""What can go wrong, as a tree, and what the program then answers to the shell.

A message is one sentence a user can act on: where, what was found, and the cure.

    GanzooError            exit 1   the root; everything a user may see
     ├─ RecipeError        exit 2   an unknown name, setting or value
     ├─ FitError           exit 2   two parts that do not go together; both are named
     ├─ DataError          exit 3   missing, unreadable or unsuitable data
     ├─ MachineError       exit 4   device, extra, disk, or a run somebody else holds
     ├─ DivergedError      exit 5   a number that is not finite
     ├─ PluginError        exit 6   a plugin that was asked for and cannot be used
     ├─ GateError          exit 7   a value that does not reach what was required of it
     └─ CheckpointError    exit 8   no usable checkpoint
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class GanzooError(Exception):
    """The root of everything ganzoo raises on purpose.

    Attributes:
        exit_code: What the command line returns to the shell.
        hint: A command or a place that helps; shown after the message.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class RecipeError(GanzooError):
    """A name, a setting or a value that the recipe cannot have."""

    exit_code = 2


class FitError(GanzooError):
    """Two parts that do not fit each other; the message names both."""

    exit_code = 2


class DataError(GanzooError):
    """Data that is missing, unreadable, empty or unsuitable."""

    exit_code = 3


class MachineError(GanzooError):
    """The machine lacks something: a device, an optional package, room, or a free run folder."""

    exit_code = 4


class DivergedError(GanzooError):
    """Training produced a number that is not finite."""

    exit_code = 5


class PluginError(GanzooError):
    """A plugin that was asked for by name and cannot be used."""

    exit_code = 6


class GateError(GanzooError):
    """A measured value that does not reach what was required of it."""

    exit_code = 7


class CheckpointError(GanzooError):
    """No checkpoint that could be used."""

    exit_code = 8


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return ``"  Did you mean X?"`` for the nearest candidates, or an empty string.

    Candidates whose last dotted word equals ``word`` count as near: ``width`` suggests
    ``generator.width``.
    """
    pool = sorted(set(candidates))
    near = [name for name in pool if name.rsplit(".", 1)[-1] == word.rsplit(".", 1)[-1]]
    near += [name for name in get_close_matches(word, pool, n=3, cutoff=0.5) if name not in near]
    return f"  Did you mean {' or '.join(near[:3])}?" if near else ""
