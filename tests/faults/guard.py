"""What the interpreter is asked to do while something is read: nothing may be run by it."""

import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from typing import Any

_EVENTS = ("pickle.find_class", "import", "exec", "compile", "marshal.", "code.__new__", "ctypes.")
_ACTS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.", "socket.")


def apart(work: Callable[[], Any]) -> Any:
    """Return what work returns, as JSON has it, in a child that ends with it.

    An audit hook stays as long as its process, and memory has a peak of its own there.
    """
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = json.dumps(work())
        except BaseException:
            said = json.dumps({"broke": traceback.format_exc()})
        with os.fdopen(writes, "w") as pipe:
            pipe.write(said)
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        found = json.loads(pipe.read() or '{"broke": "the child was killed"}')
    os.waitpid(child, 0)
    assert not isinstance(found, dict) or "broke" not in found, found["broke"]
    return found


def watch() -> list[str]:
    """Return a list that grows by each thing the interpreter is asked to run; for good."""
    seen: list[str] = []

    def note(event: str, args: tuple[Any, ...]) -> None:
        if event.startswith((*_EVENTS, *_ACTS)):
            seen.append(f"{event} {args[:1]!r:.80}")

    sys.addaudithook(note)
    return seen


def peak_mb() -> float:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
