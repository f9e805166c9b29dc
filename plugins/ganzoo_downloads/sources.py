"""Where a published set lies on this machine, and who brings it when it lies nowhere.

Looked for in the given root, in ``GANZOO_DATA`` and in the cache, all laid out as torchvision
does. What is fetched is fetched beside the cache and moved in whole: a cut download leaves
nothing, and two processes may fetch at once.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganzoo.data.cache import aside, data_folder
from ganzoo.errors import DataError

Fetch = Callable[[Path], None]
"""Puts a set under a root, laid out as torchvision does; raises what goes wrong."""


@dataclass(frozen=True)
class Source:
    """How a published set is laid out, and where it comes from.

    Attributes:
        name: What people call the set.
        folder: Where its files lie under a root, ``MNIST/raw``.
        files: Files that are needed, unpacked; idx files may also lie there as ``.gz``.
        fetches: What to try, in order, when they are nowhere.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    fetches: tuple[Fetch, ...] = ()


def located(source: Source, root: str | None) -> Path:
    """Return the folder that holds every file of a set, after fetching it where need be.

    Raises:
        DataError: The root is no folder, a set is there in part, or it can be had from nowhere.
    """
    roots = _roots(root)
    for each in roots:
        folder = each / source.folder
        missing = [name for name in source.files if not _holds(folder, name)]
        if not missing:
            return folder
        if len(missing) < len(source.files):
            raise DataError(
                f"{folder} lacks {' and '.join(missing)}; put the missing files there, or move"
                " the others away."
            )
    return _fetched(source, roots)


def _roots(root: str | None) -> list[Path]:
    roots = []
    if root is not None:
        roots.append(Path(root).expanduser())
        if not roots[0].is_dir():
            raise DataError(f"--data-root {root} is no folder; name one, or leave it out.")
    if shared := os.environ.get("GANZOO_DATA"):
        roots.append(Path(shared).expanduser())
    return [*roots, data_folder()]


def _holds(folder: Path, name: str) -> bool:
    return (folder / name).is_file() or (folder / f"{name}.gz").is_file()


def _fetched(source: Source, roots: Sequence[Path]) -> Path:
    if _offline():
        raise _nowhere(source, roots, ["GANZOO_OFFLINE forbids fetching them"])
    reasons = []
    for fetch in source.fetches:
        try:
            return _moved_in(source, fetch)
        except (OSError, RuntimeError, ValueError, EOFError, ImportError, DataError) as error:
            reasons.append(" ".join(str(error).split()) or type(error).__name__)
    raise _nowhere(source, roots, reasons)


def _moved_in(source: Source, fetch: Fetch) -> Path:
    home = data_folder() / source.folder
    with aside(data_folder()) as folder:
        fetch(folder)
        fetched = folder / source.folder
        for packed in fetched.glob("*.gz"):
            packed.unlink()
        home.parent.mkdir(parents=True, exist_ok=True)
        try:
            fetched.rename(home)  # who looks at the same time sees all of it, or nothing
        except OSError:  # somebody else was faster, or there is a part of it
            home.mkdir(exist_ok=True)
            for path in sorted(fetched.iterdir()):
                path.replace(home / path.name)
    return home


def _nowhere(source: Source, roots: Sequence[Path], reasons: Sequence[str]) -> DataError:
    places = ", ".join(str(root / source.folder) for root in roots)
    return DataError(
        f"{source.name}: {' and '.join(source.files)} are not in {places}"
        f" ({'; '.join(reasons)}); put them into {roots[-1] / source.folder}, or into"
        f" D/{source.folder} and say --data-root D, or take --dataset digits, which needs no file."
    )


def _offline() -> bool:
    return os.environ.get("GANZOO_OFFLINE", "") not in ("", "0")
