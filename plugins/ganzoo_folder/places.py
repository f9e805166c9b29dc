"""Where pictures lie: below a folder, or in a zip, which is read in place.

Both give the same files in the same order: those of a folder first, then its folders, by name.
Names that start with a dot are passed over, and so is what a Mac leaves behind.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias, final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from ganzoo.errors import DataError

_MOST_BYTES = 256 * 2**20
_MOST_RATIO, _SMALL = 200, 2**20
_MOST_MEMBERS, _MOST_TOTAL, _LONGEST_NAME = 5_000_000, 50 * 10**9, 255

Opener: TypeAlias = Callable[[Path], BufferedReader]
"""Opens a file by its path; raises what opening raises, or :class:`Unsuitable`."""


class Unsuitable(Exception):  # noqa: N818
    """A file that ganzoo does not take; the text says why, and follows its name."""


def regular(path: Path) -> BufferedReader:
    """Open a file, and nothing that is not a file: a pipe would wait for its other end.

    Raises:
        Unsuitable: It is something else.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unsuitable("is no regular file; move it away")
    return os.fdopen(handle, "rb")


def shown(path: Path | str) -> str:
    """Return a name as it may be printed: no control characters, no broken letters."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(path))


@final
class Disk:
    """Everything below a folder.

    Links to folders are followed; one that leads back to a folder already seen is not.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self) -> list[Path]:
        """Return every entry that is no folder, each folder looked into once."""
        found: list[Path] = []
        seen: set[tuple[int, int]] = set()
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            try:
                here = folder.stat()
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                raise DataError(
                    f"{shown(folder)} cannot be listed ({error.strerror}); allow reading or move"
                    " it away."
                ) from error
            if (here.st_dev, here.st_ino) in seen:
                continue
            seen.add((here.st_dev, here.st_ino))
            visible = [entry for entry in entries if not _is_hidden(entry.name)]
            folders = [Path(entry.path) for entry in visible if _is_folder(entry)]
            found += [Path(entry.path) for entry in visible if not _is_folder(entry)]
            waiting.extend(reversed(folders))
        return found

    peek = open = staticmethod(regular)

    def version(self, path: Path) -> tuple[int, int]:
        """Return its size, and when it was written."""
        now = path.stat()
        return now.st_size, now.st_mtime_ns


@final
class Zip:
    """The members of a zip.

    Args:
        root: The zip.

    Raises:
        DataError: It is damaged, or cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root, self._process = root, os.getpid()
        try:
            self._archive = ZipFile(root)
        except (OSError, ValueError, NotImplementedError, BadZipFile) as error:
            raise DataError(
                f"{shown(root)} cannot be read ({shown(str(error))}); copy or pack it anew."
            ) from error
        files = [each for each in self._archive.infolist() if not each.is_dir()]
        self._members = {root.joinpath(*_parts(each.filename)): each for each in files}
        if problem := _problem(files, self._members):
            raise DataError(f"{shown(root)} {problem}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return Zip, (self.root,)

    def files(self) -> list[Path]:
        """Return the members that are no folders."""
        members = self._members.items()
        visible = [
            path for path, each in members if not any(map(_is_hidden, _parts(each.filename)))
        ]
        return sorted(visible, key=lambda path: (path.parent.parts, path.name))

    def peek(self, path: Path) -> BufferedReader:
        """Open a member to read its head.

        Raises:
            Unsuitable: It is none that ganzoo takes.
        """
        if self._process != os.getpid():  # forked: two must not share the place of reading
            self._process, self._archive = os.getpid(), ZipFile(self.root)
        _must_suit(self._members[path])
        return BufferedReader(self._archive.open(self._members[path]))  # type: ignore[arg-type]

    def open(self, path: Path) -> BufferedReader:
        """Read a member to its end, so that its checksum is checked; no more than it claims."""
        with self.peek(path) as file:
            return BufferedReader(BytesIO(file.read(self._members[path].file_size + 1)))

    def version(self, path: Path) -> tuple[int, int]:
        """Return its size and its checksum."""
        return self._members[path].file_size, self._members[path].CRC


Place: TypeAlias = Disk | Zip
"""Lists files by their path, ``root`` included, opens them, and can be handed to a process."""


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name.replace("\\", "/").lstrip("/")).parts  # as old Windows tools pack


def _problem(files: Sequence[ZipInfo], members: Mapping[Path, ZipInfo]) -> str | None:
    """Return what no honest zip of pictures has, and the cure."""
    if len(files) > _MOST_MEMBERS:
        return f"has {len(files):,} members, more than {_MOST_MEMBERS:,}; make several of it"
    total = sum(each.file_size for each in files)
    if total > _MOST_TOTAL:
        return f"claims {total:,} bytes, more than {_MOST_TOTAL:,}; unpack it, name the folder"
    for each in files:
        if any(len(os.fsencode(part)) > _LONGEST_NAME for part in _parts(each.filename)):
            return f"holds a name of more than {_LONGEST_NAME} bytes; rename it and pack anew"
    if len(members) < len(files):
        seen = Counter(_parts(each.filename) for each in files)
        return f"holds {shown('/'.join(seen.most_common(1)[0][0]))} twice; pack it anew"
    return None


def _must_suit(member: ZipInfo) -> None:
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        raise Unsuitable("is a link or a device; pack the picture itself")
    if member.flag_bits & 1:
        raise Unsuitable("is encrypted; pack it without a password")
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise Unsuitable("is packed in a rare way; pack it as a plain zip does")
    size, packed = member.file_size, max(member.compress_size, 1)
    if size > _MOST_BYTES or (size > _SMALL and size > _MOST_RATIO * packed):
        raise Unsuitable(f"claims {size:,} bytes, packed in {packed:,}; take it out of the zip")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
