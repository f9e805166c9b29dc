"""Faults at a chosen call of the system, by strace: the process dies there, or is refused."""

import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from forks import forks

FILES = (
    "open,openat,creat,mkdir,mkdirat,write,pwrite64,writev,ftruncate,fallocate,msync,fsync,"
    "fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlinkat,fchmodat,"
    "chmod,fchmod,close"
)


@cache
def allowed() -> bool:
    """Return whether a process may be traced and hurt here."""
    if shutil.which("strace") is None:
        return False
    words = ["strace", "-qq", "-e", "trace=none", "-e", "inject=close:error=EIO:when=9999", "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Call:
    """A call of the system.

    Attributes:
        name: ``fsync``.
        nth: How many of that name there were, with this one.
        text: As strace writes it, with the paths of open files.
    """

    name: str
    nth: int
    text: str

    @property
    def named(self) -> list[str]:
        """Names of files in it, in order."""
        return re.findall(r'(?<=")[^"]*(?=", |"\))', self.text)

    @property
    def opened(self) -> str:
        """The path of the open file or folder it begins with."""
        found = re.search(r"\(\w+<([^>]*)>", self.text)
        return found[1] if found else ""


def traced(target: str, *args: Any, fault: str = "") -> tuple[int, list[Call], str]:
    """Call a function in a process of its own, with a fault.

    Args:
        target: ``module:function``.
        args: JSON values for it.
        fault: As strace has it after ``inject=``: ``fsync:signal=KILL:when=3``.

    Returns:
        The exit code, the calls, and what it said.
    """
    child = forks().call(target, *args, held=True)
    log = child.output.with_suffix(".strace")
    words = ["strace", "-f", "-qq", "-y", "-s", "64", "-p", str(child.pid), "-o", str(log)]
    words += ["-e", f"trace={FILES}", "-e", "signal=none"]
    if fault:
        words += ["-e", f"inject={fault}"]
    tracer = subprocess.Popen(words, stderr=subprocess.PIPE)
    status = Path(f"/proc/{child.pid}/status")
    while "TracerPid:\t0" in status.read_text():
        assert tracer.poll() is None, tracer.communicate()
        time.sleep(0.001)
    child.send(signal.SIGCONT)
    code = child.end()
    tracer.communicate()
    lines = log.read_text("utf-8", "replace").splitlines()
    seen: Counter[str] = Counter()
    calls = []
    for line in lines:
        if found := re.match(r"\d+ +(\w+)\(", line):
            seen[found[1]] += 1
            calls.append(Call(found[1], seen[found[1]], line))
    return code, calls, child.text
