"""Disks of a few MiB that no other process sees: full, without inodes, read-only.

The functions run in a process of their own: what they mount is gone when it ends.
"""

import ctypes
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from forks import forks
from saving import NEW, groups

from ganzoo.cli.main import main
from ganzoo.errors import MachineError
from ganzoo.training import checkpoint

_MOUNTS, _USERS = 0x20000, 0x10000000  # CLONE_NEWNS, CLONE_NEWUSER


@cache
def allowed() -> bool:
    """Return whether a process may have a disk of its own here."""
    return forks().call("tmpfs:mounted", "size=1m", "/tmp").end() == 0


def mounted(options: str, where: str) -> int:
    """Mount a disk over a folder, for this process alone."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_MOUNTS) and libc.unshare(_MOUNTS | _USERS):
        return 1
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", where]
    private = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, check=False)
    return private.returncode or subprocess.run(mount, check=False).returncode


def play(options: str, where: str, words: Sequence[str], how: str) -> int:
    """Run ganzoo on a small disk, then copy the disk to ``<where>-after``.

    Args:
        options: Of the mount: ``size=2m``.
        where: The folder that becomes it.
        words: Of ganzoo.
        how: ``read-only``: nothing can be written; ``blind``: how much is free is not known;
            ``ballast``: what fills it is deleted after the first save that fails.
    """
    assert mounted(options, where) == 0
    ballast = Path(where, "ballast")
    if how == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", where], check=True)
    if how == "blind":
        plenty = shutil.disk_usage(where)._replace(free=1 << 40)
        shutil.disk_usage = lambda _: plenty  # type: ignore[assignment]
    if how == "ballast":
        ballast.write_bytes(bytes(shutil.disk_usage(where).free - (1 << 18)))
        _after_the_first_failure(ballast)
    code = main(words)
    sys.stderr.flush()
    shutil.copytree(where, f"{where}-after")
    return code


def _after_the_first_failure(ballast: Path) -> None:
    save = checkpoint.save

    def watched(*args: Any, **kwargs: Any) -> Path:
        try:
            return save(*args, **kwargs)
        except MachineError:
            ballast.unlink(missing_ok=True)
            raise

    checkpoint.save = watched


def limited(folder: str, size: int) -> int:
    """Save where no file may be larger than some bytes."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        checkpoint.save(Path(folder), NEW, groups(NEW), keep=2)
    except MachineError as error:
        print(error)
        return error.exit_code
    return 0


def masked(umask: int, words: Sequence[str]) -> int:
    """Run ganzoo with a umask."""
    os.umask(umask)
    return main(words)
