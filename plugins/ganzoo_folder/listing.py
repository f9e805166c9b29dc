"""What lies in a folder or a zip: its pictures in their order, their headers and their classes."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from statistics import median_low

from ganzoo.data.reading import quiet_pillow
from ganzoo.errors import DataError
from ganzoo_folder.decoding import SUFFIXES, Header, header
from ganzoo_folder.places import Disk, Place, Zip, shown

_UNREAD = (".heic", ".heif", ".avif", ".jxl")
_WORDS = ".png .jpg .webp .bmp .tif .gif, in one folder or one folder a class"


@dataclass(frozen=True)
class Listing:
    """Pictures in their order, with what their headers say.

    Attributes:
        place: Where they lie.
        written: That, as people wrote it.
        headers: What the head of each picture says, by its file.
        others: Number of files that are no pictures, by ending.
        unreadable: Why a picture cannot be read, by its file.
    """

    place: Place
    written: str
    headers: Mapping[Path, Header]
    others: Mapping[str, int]
    unreadable: Mapping[Path, str]

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Their files."""
        return tuple(self.headers)

    @property
    def channels(self) -> int:
        """1 when every picture is grey, else 3."""
        return 1 if all(each.grey for each in self.headers.values()) else 3

    @property
    def side(self) -> int:
        """The middle one of all shorter sides."""
        return median_low(min(each.width, each.height) for each in self.headers.values())

    def name(self, path: Path) -> str:
        """Return how a file is called below the folder or in the zip, fit to be printed."""
        return shown(path.relative_to(self.place.root))

    def without(self, unreadable: Mapping[Path, str]) -> "Listing":
        """Return the listing after some pictures turned out to be damaged."""
        kept = {path: each for path, each in self.headers.items() if path not in unreadable}
        return replace(self, headers=kept, unreadable={**self.unreadable, **unreadable})

    def classes(self) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
        """Return class names, and the class of each picture; None when the folder is flat.

        Raises:
            DataError: There are pictures beside folders of pictures.
        """
        return _classes(self.place.root, self.pictures, self.written)

    def changes(self) -> dict[str, int]:
        """Return the number of pictures by what is done to them, in words."""
        every = self.headers.values()
        counted = {
            "turned as their cameras noted": sum(each.turned for each in every),
            "with transparency": sum(each.transparent for each in every),
            "with several frames: the first is taken": sum(each.moving for each in every),
            "grey -> colour": sum(each.grey for each in every) if self.channels == 3 else 0,
            "cut to the square in their middle": sum(e.width != e.height for e in every),
        }
        return {words: number for words, number in counted.items() if number}

    def notes(self) -> tuple[str, ...]:
        """Return what people should read once before they train."""
        unread = Counter({kind: n for kind, n in self.others.items() if kind in _UNREAD})
        moving = sum(each.moving for each in self.headers.values())
        left_out = [self.name(path) for path in self.unreadable]
        notes = []
        if unread:
            notes.append(f"{shown(self.written)}: {counted(unread)} not read; save them as .png")
        if moving:
            notes.append(f"{counting(moving, 'picture')} with several frames: the first is taken")
        if left_out:
            few = ", ".join(left_out[:3]) + (" ..." if len(left_out) > 3 else "")
            notes.append(f"left out, as they cannot be read: {len(left_out):,} ({few})")
        return tuple(notes)

    def fingerprint(self) -> str:
        """Return a sha256 of where the pictures lie, how they are called, and when they changed.

        Raises:
            DataError: One is gone.
        """
        root = self.place.root
        digest = sha256(os.fsencode(root.resolve()))
        for path in self.pictures:
            try:
                said = (os.fsencode(path.relative_to(root)), *self.place.version(path))
            except OSError as error:
                raise DataError(
                    f"{shown(path)} is gone ({error.strerror}); put it back."
                ) from error
            digest.update(repr(said).encode())
        return digest.hexdigest()


def listing(written: str, *, tolerant: bool) -> Listing:
    """List a folder or a zip, and read the head of every picture.

    Args:
        written: The folder or zip.
        tolerant: Note pictures that cannot be read, and go on.

    Raises:
        DataError: It is missing, or without pictures; one cannot be read.
    """
    place = _place(Path(written).expanduser(), written)
    files = place.files()
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not pictures:
        raise DataError(
            f"no pictures in {shown(written)} ({_inventory(files)}).  Pictures: {_WORDS}."
        )
    headers, unreadable = {}, {}
    with quiet_pillow():
        for path in pictures:
            try:
                headers[path] = header(path, place.peek, among=len(pictures))
            except DataError as error:
                if not tolerant:
                    raise
                unreadable[path] = str(error)
    others = kinds([path for path in files if path.suffix.lower() not in SUFFIXES])
    return Listing(place, written, headers, dict(others), unreadable)


def kinds(files: Sequence[Path]) -> Counter[str]:
    """Count files by the ending of their names."""
    return Counter(path.suffix.lower() or "without an ending" for path in files)


def counting(number: int, noun: str) -> str:
    """Return a number with its noun: ``3 pictures``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def counted(kinds: Counter[str]) -> str:
    """Return the most frequent kinds with their numbers: ``3 .txt, 1 .heic``."""
    most = kinds.most_common(4)
    listed = ", ".join(f"{count:,} {shown(kind)}" for kind, count in most)
    return listed + (" ..." if len(kinds) > len(most) else "")


def _place(root: Path, written: str) -> Place:
    name = shown(written)
    try:
        if root.is_dir():
            return Disk(root)
        if root.is_file() and root.suffix.lower() == ".zip":
            return Zip(root)
        there = root.exists()
    except OSError as error:  # a mount that is gone, a name too long
        raise DataError(f"{name} cannot be opened ({error.strerror}); name a folder.") from error
    if there:
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
    return f" ({counting(files, 'file')})" if files else ""


def _classes(
    root: Path, pictures: Sequence[Path], written: str
) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
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
            f"{shown(written)} holds {counting(len(loose), 'picture')} beside folders of pictures"
            f" ({shown(', '.join(names[:3]))}{' ...' if len(names) > 3 else ''}); put all into one"
            " folder, or each into the folder of its class."
        )
    index = {name: place for place, name in enumerate(names)}
    return tuple(map(shown, names)), tuple(index[parts[depth]] for parts in below)


def _inventory(files: Sequence[Path]) -> str:
    if not files:
        return "no files"
    return f"{counting(len(files), 'file')}: {counted(kinds(files))}"
