"""Where two states differ, entry by entry: the first names what a resumed run had forgotten."""

from collections.abc import Iterator
from typing import Any

from ganzoo.training.skeleton import digest


def differences(first: Any, second: Any, place: str = "state") -> Iterator[str]:
    """Yield what differs between two state trees, as ``extra.parts.augment.ada.p differs``.

    Args:
        first: A tree of :meth:`Trainer.state_dict <ganzoo.training.trainer.Trainer.state_dict>`.
        second: Another.
        place: What the root is called, where it is no tree.

    Raises:
        CheckpointError: A tree holds something that is no state.
    """
    if isinstance(first, dict) and isinstance(second, dict):
        for key in first | second:
            here = str(key) if place == "state" else f"{place}.{key}"
            if key in first and key in second:
                yield from differences(first[key], second[key], here)
            else:
                yield f"{here} is only in the {'first' if key in first else 'second'}"
    elif isinstance(first, list | tuple) and type(first) is type(second):
        if len(first) != len(second):
            yield f"{place} has {len(first)} entries and {len(second)}"
        for number, pair in enumerate(zip(first, second, strict=False)):
            yield from differences(*pair, f"{place}.{number}")
    elif digest(first) != digest(second):
        yield f"{place} differs"
