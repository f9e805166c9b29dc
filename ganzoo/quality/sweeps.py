"""Runs that belong together: sweeps over seeds, and the words that mean several runs at once."""

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ganzoo.errors import DataError, GanzooError, RecipeError, did_you_mean
from ganzoo.files import writing
from ganzoo.rundir import RunDir, find, listing

_SWEEP = re.compile(r"\.?sweep-(\d+)")
_MOST = 1000


def seeds(said: str) -> list[int]:
    """Return the seeds of ``0,1,2`` or ``0-4`` or both, ``0-2,7``, each once.

    Raises:
        RecipeError: It is none of these.
    """
    found: list[int] = []
    for word in said.replace(" ", "").split(","):
        match = re.fullmatch(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", word)
        numbers = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
        if not 0 < len(numbers) <= _MOST:
            what = f"a range of more than {_MOST}" if numbers else "neither a seed nor a range"
            raise RecipeError(f"--seeds {said!r}: {word!r} is {what}; write 0,1,2 or 0-4")
        found += numbers
    return list(dict.fromkeys(found))


def next_sweep(root: Path) -> str:
    """Return a new sweep's name, ``sweep-3``; no name is given twice.

    It is reserved by the folder ``.sweep-3``, which stays: sweeps may begin at the same moment.

    Raises:
        MachineError: The folder cannot be made.
    """
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        names = [*(path.name for path in root.glob(".sweep-*")), *_sweeps(root)]
        number = max((int(m[1]) for m in map(_SWEEP.fullmatch, names) if m), default=0)
        while True:
            number += 1
            try:
                (root / f".sweep-{number}").mkdir()
                return f"sweep-{number}"
            except FileExistsError:
                continue


def one_by_one(
    numbers: Iterable[int],
    play: Callable[[int], int],
    failed: Callable[[int, Exception], None],
) -> int:
    """Train with one seed after another; one that fails does not stop the others.

    Args:
        numbers: The seeds.
        play: Trains with a seed and returns its exit code.
        failed: Is told of a failure.

    Returns:
        The first exit code that is not 0; a signal ends the sweep.
    """
    first = 0
    for number in numbers:
        try:
            code = play(number)
        except Exception as error:  # of a plugin, too: the other seeds may do better
            failed(number, error)
            code = error.exit_code if isinstance(error, GanzooError) else 1
        first = first or code
        if code > 128:
            break
    return first


def several(root: Path, words: Sequence[str]) -> list[RunDir]:
    """Return the runs that words mean, each once.

    Args:
        root: Where runs are kept.
        words: ``sweep-3``, ``3-11``, ``dcgan*``, or what :func:`ganzoo.rundir.find` knows.

    Raises:
        RecipeError: A word means none.
    """
    found = [run for word in words for run in _meant(root, word)]
    return list({run.path.resolve(): run for run in found}.values())


def _meant(root: Path, word: str) -> list[RunDir]:
    span = re.fullmatch(r"(\d+)-(\d+)", word)
    if span is not None:
        runs = [r for r in listing(root) if int(span[1]) <= (r.number or 0) <= int(span[2])]
    elif _SWEEP.fullmatch(word):
        runs = _sweeps(root).get(word, [])
    elif any(mark in word for mark in "*?["):
        runs = [
            r for r in listing(root) if any(fnmatchcase(n, word) for n in (r.path.name, r.name))
        ]
    else:
        return [find(root, word)]
    if not runs:
        near = did_you_mean(word, _sweeps(root)) if _SWEEP.fullmatch(word) else ""
        raise RecipeError(f"no run in {root} is meant by {word!r}.{near}", hint="ganzoo runs")
    return runs


def _sweeps(root: Path) -> dict[str, list[RunDir]]:
    """Return the runs of every sweep by its name; damaged runs are passed over."""
    found: dict[str, list[RunDir]] = {}
    for run in listing(root):
        try:
            name = run.read_info().get("sweep")
        except DataError:
            continue
        if isinstance(name, str):
            found.setdefault(name, []).append(run)
    return found
