"""Ctrl-C and SIGTERM: how a run ends in good order, whatever it is doing."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ganzoo.errors import GanzooError
from ganzoo.rundir import RunDir


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Note the first Ctrl-C or SIGTERM for the next step boundary; the second ends at once."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if caught:
            for process in multiprocessing.active_children():  # those that read images
                process.kill()
            os._exit(128 + number)
        caught.append(number)

    try:
        before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever owns it handles signals
        before = {}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def beginning(run: RunDir) -> Iterator[None]:
    """Let SIGTERM end a run that does not train yet in good order, and say how it ended."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread
        before = None
    try:
        yield
    except BaseException:
        with suppress(GanzooError):
            if run.read_info().get("status") == "starting":
                run.update_info(status="crashed")
        raise
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
