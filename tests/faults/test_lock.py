"""One writer at a time: who comes second is told who is there; a dead one holds nothing."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from forks import forks, needs_forks
from PIL import Image
from small import info, left, only_run, resume, train

from ganzoo.files import ASIDE, TRASH, Lock

pytestmark = [pytest.mark.faults, needs_forks]

Note = Callable[[str, str], None]


@pytest.mark.parametrize("starts", [2, 8])
def test_of_several_that_go_on_with_one_run_one_does_and_the_others_say_who(
    starts: int, tmp_path: Path, measured: Note
) -> None:
    child = forks().ganzoo(*train(tmp_path, "training.kimg=0.064"))
    assert child.end() == 0
    run = only_run(tmp_path)
    children = [forks().ganzoo(*resume(run), "--kimg", "64") for _ in range(starts)]
    for child in children:
        child.until(lambda child=child: "length" in child.text)
    (winner,) = [child for child in children if not child.ended()]
    refused = [child for child in children if child is not winner]
    assert info(run)["pid"] == winner.pid
    assert {child.code for child in refused} == {4}
    who = f"is in use by pid {winner.pid} on host {socket.gethostname()}"
    for child in refused:
        assert child.text.count("\n") == 1
        assert who in child.text
    assert winner.end(signal.SIGTERM) == 143
    slowest = max(child.seconds for child in refused)
    measured("B11", f"{starts} starts: 1 runs, others exit 4 with pid, host in {slowest:.2f} s")


def test_the_lock_of_a_killed_run_is_free_at_once_though_its_workers_live(
    tmp_path: Path, measured: Note
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(64):
        Image.effect_noise((28, 28), i + 1).save(pictures / f"{i}.png")
    out = tmp_path / "out"
    child = forks().ganzoo(*train(out, "training.kimg=64", pictures=pictures))
    assert child.until(lambda: any(out.glob("*/checkpoints/0*")))
    workers = [pid for pid in child.group() if pid != child.pid]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)  # it cannot notice, and end
    run = only_run(out)
    (run / "samples" / f"{ASIDE}latest.png-{child.pid}").touch()
    (run / "checkpoints" / f"{TRASH}000000001-{child.pid}").mkdir()
    assert child.end(signal.SIGKILL) == -9
    with Lock(run / ".lock", "it"):
        assert workers
        assert set(workers) <= set(child.group())
        assert left(run) == []
    os.killpg(child.pid, signal.SIGKILL)
    measured("B11", "lock of a SIGKILLed run: free at once, its worker alive; leftovers swept")
