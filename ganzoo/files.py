"""Files that are whole or absent, also after a crash, and locks that end with their process.

The one room with calls that differ between POSIX and Windows. Who writes a file of a run, writes
it through here; an ``OSError`` leaves as a :class:`MachineError` that names file and cure.
"""

import errno
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import final
from weakref import WeakSet

from ganzoo.errors import MachineError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if sys.platform == "win32":
    import msvcrt

ASIDE, TRASH = ".tmp-", ".trash-"  # names of what is not yet, or no longer, whole; pid at the end

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_NOT_OFFERED = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF}
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # a planted link must not lead out of a run's folder
_BEYOND = 1 << 30  # Windows locks bar reading: lock a byte behind the text


def machine_error(path: Path, error: OSError) -> MachineError:
    """Return what to tell a user whose file could not be written."""
    why = error.strerror or str(error)
    if error.errno in _FULL:
        return MachineError(
            f"{path}: the disk is full ({why}); free some room or use another --out"
        )
    if error.errno in _FORBIDDEN:
        return MachineError(
            f"{path}: not allowed to write ({why}); choose another place with --out"
        )
    return MachineError(f"{path}: cannot be written ({why}); check the disk or use another --out")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a :class:`MachineError` about ``path``."""
    try:
        yield
    except OSError as error:
        raise machine_error(path, error) from error


def write_aside(path: Path, data: bytes | str) -> None:
    """Write a file so that a reader sees the old or the new one, whole, whatever happens.

    Missing folders on the way are made.

    Raises:
        MachineError: The disk is full or cannot be written; the old file is untouched.
    """
    aside = path.with_name(f"{ASIDE}{path.name}-{os.getpid()}")
    raw = data.encode() if isinstance(data, str) else data
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with aside.open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            sync_folder(path.parent)
        finally:
            with suppress(OSError):
                aside.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Append one line and hand it to the disk; a torn last line is closed first.

    Raises:
        MachineError: The disk is full or cannot be written.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_LINK | getattr(os, "O_BINARY", 0)
    with writing(path), os.fdopen(os.open(path, flags, 0o666), "a+b") as file:
        torn = False
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
        file.write(("\n" if torn else "").encode() + line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def delete(path: Path) -> None:
    """Delete a file, a link or a folder as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def sync_file(path: Path) -> None:
    """Hand a written file to the disk."""
    with path.open("r+b") as file:  # Windows flushes only what may be written
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Hand the names in a folder to the disk, where the system offers that."""
    if os.name == "nt":
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NOT_OFFERED | _FORBIDDEN:
            raise
    finally:
        os.close(handle)


@final
class Lock:
    """One writer at a time, as a context manager; freed when the process ends, however it ends.

    The file holds ``pid host started``. Forked children do not keep the lock. Where the system
    has no file locks the file itself is the lock, and one left by a dead process is taken over.
    What a killed holder left half written beside the file or deeper goes with its lock.

    Args:
        path: The lock file; made when missing.
        name: What is locked, for the message: ``run 7``.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._handle: int | None = None

    def __enter__(self) -> "Lock":
        """Take the lock.

        Raises:
            MachineError: Somebody else holds it, or the file cannot be written.
        """
        with writing(self.path):
            if self._handle is not None or not self._take():
                raise self._in_use()
        _held.add(self)
        _forget_in_children()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        with suppress(OSError):
            os.ftruncate(handle, 0)
        os.close(handle)
        if not _system_locks():
            self.path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Let go in a forked child; the parent keeps the lock."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _take(self) -> bool:
        flags = os.O_RDWR | os.O_CREAT | _NO_LINK
        if not _system_locks():
            self._drop_leftover()
            flags |= os.O_EXCL
        try:
            handle = os.open(self.path, flags, 0o666)
        except FileExistsError:
            return False
        try:
            if not _lock(handle):
                os.close(handle)
                return False
            self._sweep()
            started = datetime.now(UTC).isoformat(timespec="seconds")
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} {socket.gethostname()} {started}\n".encode())
        except OSError:
            os.close(handle)
            raise
        self._handle = handle
        return True

    def _sweep(self) -> None:
        """Delete what :func:`write_aside` and savers could not finish in a killed holder."""
        pid, _ = self._holder()
        for path in self.path.parent.rglob(f".*-{pid}") if pid.isdecimal() else ():
            if path.name.startswith((ASIDE, TRASH)):
                delete(path)

    def _holder(self) -> tuple[str, str]:
        """Return pid and host from the file; ``?`` where it does not say."""
        try:
            words = self.path.read_bytes()[:500].decode("utf-8", "replace").split()
        except OSError:
            words = []
        pid, host, *_ = (*words, "?", "?")
        return pid, host

    def _in_use(self) -> MachineError:
        pid, host = self._holder()
        return MachineError(
            f"{self.name} is in use by pid {pid} on host {host}; wait or stop it",
            hint=None if _system_locks() else f"if it is gone, delete {self.path}",
        )

    def _drop_leftover(self) -> None:
        if not self.path.exists():
            return
        pid, host = self._holder()
        if pid == "?" or (host == socket.gethostname() and not alive(pid)):
            self.path.unlink(missing_ok=True)


_held: WeakSet[Lock] = WeakSet()


@cache
def _forget_in_children() -> None:
    """A data worker that outlives a killed run must not keep its lock."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget_all)


def _forget_all() -> None:
    for lock in _held:
        lock.forget()


def _system_locks() -> bool:
    return fcntl is not None or sys.platform == "win32"


def _lock(handle: int) -> bool:
    """Lock an open file without waiting; return whether nobody else has."""
    if sys.platform == "win32":
        os.lseek(handle, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(handle, 0, os.SEEK_SET)
    elif fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
    return True


def alive(pid: str) -> bool:
    """Return whether a process of this machine lives; where that cannot be asked, it does."""
    if os.name != "posix":
        return True  # signal 0 would end a process there
    try:
        os.kill(int(pid), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except OSError:
        return True
    return True
