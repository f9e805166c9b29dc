"""Your own pictures: a folder or a zip, flat or with one folder a class.

Everything is listed and every header read before anything is decoded; everything is decoded before
the first step, and kept in the cache. Nothing is left out without a word.
"""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from statistics import median_low
from typing import Annotated, final

import torch
from jaxtyping import UInt8
from torch import Tensor

from ganzoo.data.cache import cached
from ganzoo.data.reading import gathered, quiet_pillow
from ganzoo.errors import DataError
from ganzoo.interfaces import DataInfo, Dataset, Reader
from ganzoo.options import Opt
from ganzoo.types import Labels, Pixels
from ganzoo_folder.decoding import SUFFIXES, decoded, header
from ganzoo_folder.places import Disk, Place, Zip, shown

_VERSION = 1
"""Raise it with any change of a pixel: old cache files are then left alone."""

_UNREAD = (".heic", ".heif", ".avif", ".jxl")
_WORDS = ".png .jpg .webp .bmp .tif .gif, in one folder or one folder a class"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Found:
    """Pictures in their order, with what their headers say.

    Attributes:
        place: Where they lie.
        pictures: Their files.
        classes: The class of each; None when the folder is flat.
        names: What the classes are called.
        channels: 1 when every picture is grey, else 3.
        side: The middle one of all shorter sides.
    """

    place: Place
    pictures: tuple[Path, ...]
    classes: tuple[int, ...] | None
    names: tuple[str, ...]
    channels: int
    side: int


@final
class Folder(Dataset):
    """Pictures of any size and shape; each is cut to the square in its middle and resized.

    A flat folder has no classes. In a folder of folders, each is a class and gives all pictures
    below it; a lone folder is looked into. Files whose names start with a dot are passed over.

    Args:
        path: The folder, or a zip, which is read where it is.
    """

    def __init__(self, *, path: Annotated[str, Opt("folder or zip with pictures")]) -> None:
        self._path = path
        self._found: _Found | None = None

    def describe(self, resolution: int | None = None) -> DataInfo:
        found = self._scanned()
        side, counted = resolution or found.side, Counter(found.classes or ())
        return DataInfo(
            image_shape=(found.channels, side, side),
            count=len(found.pictures),
            num_classes=len(found.names),
            class_counts=tuple(counted[index] for index in range(len(found.names))),
            class_names=found.names,
        )

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        found = self._scanned()
        side = resolution or found.side
        key = {
            "dataset": f"folder-{Path(self._path).name}",
            "version": _VERSION,
            "files": _fingerprint(found),
            "classes": found.names,
            "resolution": side,
        }
        reader = _Reader(found, side)
        return cached(key, lambda: (gathered(reader, range(len(reader))), reader.labels))

    def reader(self, resolution: int | None = None) -> Reader:
        found = self._scanned()
        return _Reader(found, resolution or found.side)

    def _scanned(self) -> _Found:
        """Listed once: what was described is what is loaded."""
        if self._found is None:
            self._found = _scan(_place(Path(self._path).expanduser(), self._path), self._path)
        return self._found


@final
class _Reader:
    """One picture after the other, here or in another process."""

    def __init__(self, found: _Found, resolution: int) -> None:
        self.labels = None if found.classes is None else torch.tensor(found.classes)
        self._found = found
        self._resolution = resolution

    def __len__(self) -> int:
        return len(self._found.pictures)

    def __call__(self, index: int) -> UInt8[Tensor, "c h w"]:
        return decoded(
            self._found.pictures[index],
            channels=self._found.channels,
            resolution=self._resolution,
            opened=self._found.place.open,
        )


def _place(root: Path, written: str) -> Place:
    if root.is_dir():
        return Disk(root)
    if root.is_file() and root.suffix.lower() == ".zip":
        return Zip(root)
    name = shown(written)
    if root.exists():
        cure = "unpack it and name the folder"
        if root.suffix.lower() not in (".tar", ".gz", ".tgz", ".7z", ".rar"):
            cure = "name the folder or zip that holds your pictures"
        raise DataError(f"{name} is a file; {cure}.")
    raise DataError(f"{name} does not exist.{_neighbour(root, written)}")


def _neighbour(root: Path, written: str) -> str:
    """Return a hint at a folder or zip beside the one that is not there."""
    try:
        paths = [path for path in root.parent.iterdir() if path.is_dir() or path.suffix == ".zip"]
    except OSError:
        paths = []
    near = get_close_matches(root.name, [path.name for path in paths], n=1)
    if not near:
        return "  Name a folder with pictures."
    beside = written.rstrip("/")[: -len(root.name)] + near[0]
    return f"  Did you mean {shown(beside)}{_size(root.parent / near[0])}?"


def _size(folder: Path) -> str:
    try:
        files = sum(1 for path in folder.iterdir() if path.is_file())
    except OSError:
        files = 0
    return f" ({_count(files, 'file')})" if files else ""


def _scan(place: Place, written: str) -> _Found:
    files = place.files()
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not pictures:
        raise DataError(
            f"no pictures in {shown(written)} ({_inventory(files)}).  Pictures: {_WORDS}."
        )
    unread = Counter(path.suffix.lower() for path in files if path.suffix.lower() in _UNREAD)
    if unread:
        _log.warning("%s: %s not read; save them as .png", shown(written), _counted(unread))
    names, classes = _classes(place.root, pictures, written)
    with quiet_pillow():
        headers = [header(path, place.peek) for path in pictures]
    return _Found(
        place=place,
        pictures=tuple(pictures),
        classes=classes,
        names=names,
        channels=1 if all(each.grey for each in headers) else 3,
        side=median_low(min(each.width, each.height) for each in headers),
    )


def _classes(
    root: Path, pictures: Sequence[Path], written: str
) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    """Return class names, and the class of each picture; None when the folder is flat."""
    below = [path.relative_to(root).parts for path in pictures]
    depth = 0
    # A lone folder is packing, not a class.
    while len({parts[depth] for parts in below}) == 1 and all(
        len(parts) > depth + 1 for parts in below
    ):
        depth += 1
    loose = [parts for parts in below if len(parts) == depth + 1]
    if len(loose) == len(below):
        return (), None
    names = sorted({parts[depth] for parts in below if len(parts) > depth + 1})
    if loose:
        raise DataError(
            f"{shown(written)} holds {_count(len(loose), 'picture')} beside folders of pictures"
            f" ({shown(', '.join(names[:3]))}{' ...' if len(names) > 3 else ''}); put all into one"
            " folder, or each into the folder of its class."
        )
    index = {name: place for place, name in enumerate(names)}
    return tuple(map(shown, names)), tuple(index[parts[depth]] for parts in below)


def _inventory(files: Sequence[Path]) -> str:
    if not files:
        return "no files"
    kinds = Counter(path.suffix.lower() or "without an ending" for path in files)
    return f"{_count(len(files), 'file')}: {_counted(kinds)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _counted(kinds: Counter[str]) -> str:
    most = kinds.most_common(4)
    listed = ", ".join(f"{count:,} {shown(kind)}" for kind, count in most)
    return listed + (" ..." if len(kinds) > len(most) else "")


def _fingerprint(found: _Found) -> str:
    root = found.place.root
    digest = sha256(os.fsencode(root.resolve()))
    for path in found.pictures:
        try:
            said = (os.fsencode(path.relative_to(root)), *found.place.version(path))
        except OSError as error:
            raise DataError(f"{shown(path)} is gone ({error.strerror}); put it back.") from error
        digest.update(repr(said).encode())
    return digest.hexdigest()
