"""Runs that start at once: a process imports torch and ganzoo, then forks a child for each.

A signal to such a child costs a tenth of a second, not the four of a new interpreter.
"""

import atexit
import gc
import importlib.metadata
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, final

import pytest

PATIENCE = 60.0
_SINGLE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

needs_forks = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")


@final
@dataclass(eq=False)
class Child:
    """A process of its own session.

    Attributes:
        pid: Its number, and that of its process group.
        output: The file of what it said, on both streams.
        began: When it was started, on the monotonic clock.
    """

    server: "Forks"
    pid: int
    output: Path
    began: float
    code: int | None = field(default=None, init=False)
    seconds: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._handle = os.pidfd_open(self.pid)

    @property
    def text(self) -> str:
        """What it said."""
        return self.output.read_text("utf-8")

    def ended(self, within: float = 0.0) -> bool:
        """Return whether it has ended, after waiting a little for that."""
        if self.code is None and select.select([self._handle], [], [], within)[0]:
            self.seconds = time.monotonic() - self.began
            self.code = self.server.ask(wait=self.pid)
            os.close(self._handle)
        return self.code is not None

    def send(self, number: int, *, group: bool = False) -> None:
        """Send a signal, to it alone or to its whole process group; none if it has ended."""
        if not self.ended():
            (os.killpg if group else os.kill)(self.pid, number)

    def end(self, number: int | None = None) -> int:
        """Return its exit code, minus the signal that killed it; first send a signal."""
        if number is not None:
            self.send(number)
        if not self.ended(PATIENCE):
            self.send(signal.SIGKILL, group=True)
            self.ended(PATIENCE)
            pytest.fail(f"it did not end:\n{self.text}")
        assert self.code is not None
        return self.code

    def until(self, seen: Callable[[], object]) -> bool:
        """Wait until something is seen; returns whether that was before it ended."""
        limit = time.monotonic() + PATIENCE
        while not seen():
            if self.ended(0.001):
                return bool(seen())
            assert time.monotonic() < limit, self.text
        return True

    def group(self) -> list[int]:
        """Return the processes of its session that live."""
        return [pid for pid, (state, session) in _processes() if session == self.pid]

    def left(self) -> list[int]:
        """Return the processes of its session that live on; those just killed have a moment."""
        limit = time.monotonic() + 2
        while self.group() and time.monotonic() < limit:
            time.sleep(0.01)
        return self.group()


@final
class Forks:
    """The process that forks.

    Args:
        folder: Where what children say is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_SINGLE},
            text=True,
        )
        assert self.ask(threads=None) == 1, "a process with threads cannot be forked safely"

    def ask(self, **words: Any) -> Any:
        """Send a request, and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def call(
        self,
        target: str,
        *args: Any,
        env: Mapping[str, str] | None = None,
        held: bool = False,
    ) -> Child:
        """Start a child that calls a function; what it returns is the exit code.

        Args:
            target: ``module:function``.
            args: JSON values for it.
            env: More of the environment.
            held: Imported and ready, it stops itself until SIGCONT.
        """
        output = self._folder / f"said-{len(self._children)}.txt"
        output.touch()
        began = time.monotonic()
        how = {"target": target, "args": args, "env": dict(env or {}), "held": held}
        child = Child(self, self.ask(start={**how, "output": str(output)}), output, began)
        self._children.append(child)
        return child

    def ganzoo(self, *words: str, env: Mapping[str, str] | None = None) -> Child:
        """Start a command line of ganzoo."""
        return self.call("ganzoo.cli.main:main", words, env=env)

    def close(self) -> None:
        """End it, and the children that a failed test left."""
        for child in self._children:
            child.send(signal.SIGKILL, group=True)
            child.ended(PATIENCE)
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
        shutil.rmtree(self._folder)


@cache
def forks() -> Forks:
    """Return the server of this process; it ends with it."""
    made = Forks(Path(tempfile.mkdtemp(prefix="forks-")))
    atexit.register(made.close)
    return made


def _processes() -> Iterator[tuple[int, tuple[str, int]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if words[0] != "Z":
                yield int(entry.name), (words[0], int(words[3]))


def _serve() -> None:
    """Answer requests until nobody asks."""
    import numpy.ctypeslib  # noqa: F401
    import PIL.Image

    import ganzoo.cli.resume
    import ganzoo.cli.train
    import ganzoo.runner  # noqa: F401
    from ganzoo.registry import Registry

    PIL.Image.init()
    for entry in importlib.metadata.entry_points(group="ganzoo.v1"):
        entry.load()
    assert Registry.discover(only=())
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page
    for line in sys.stdin:
        request = json.loads(line)
        answer: Any = None
        if "threads" in request:
            answer = len([*Path("/proc/self/task").iterdir()])
        elif "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        elif "start" in request:
            answer = os.fork()
            if answer == 0:
                _play(**request["start"])
            if request["start"]["held"]:
                assert os.WIFSTOPPED(os.waitpid(answer, os.WUNTRACED)[1])
        print(json.dumps(answer), flush=True)


def _play(
    target: str, args: Sequence[Any], env: Mapping[str, str], held: bool, output: str
) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever pytest was started with
    for handle, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, output, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, output, os.O_WRONLY | os.O_APPEND),
    ):
        opened = os.open(path, flags, 0o666)
        os.dup2(opened, handle)
        os.close(opened)
    os.environ.update(env)
    sys.argv = ["ganzoo"]
    code = 1
    try:
        module, _, name = target.partition(":")
        play = getattr(importlib.import_module(module), name)
        if held:
            os.kill(os.getpid(), signal.SIGSTOP)
        try:
            code = play(*args)
        except SystemExit as asked:
            code = int(asked.code or 0)
        # As at the end of an interpreter, save for freeing every object: that takes a second.
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
