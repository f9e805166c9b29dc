"""Freed memory is kept: the system has to clear hardly a page while steps are repeated."""

import platform
import subprocess
import sys

import pytest

from ganzoo.training import memory
from ganzoo.training.memory import keep_memory

_FAULTS = """
import resource, torch
from ganzoo.training.memory import keep_memory

torch.set_num_threads(1)
keep_memory()

def step():
    blocks = [torch.ones(n << 18) for n in range(1, 21)]  # 1 to 20 MiB
    del blocks

counts = []
for _ in range(11):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step()
    counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sorted(counts)[5])  # of the step in the middle: the heap may grow once or twice
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tunes glibc")
def test_a_repeated_step_asks_the_system_for_no_pages() -> None:
    words = [sys.executable, "-c", _FAULTS]
    done = subprocess.run(words, capture_output=True, text=True, check=True)

    assert int(done.stdout) < 100  # of 53,760; without it mostly all of them


def test_who_has_tuned_the_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(memory.ctypes, "CDLL", opened.append)
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    keep_memory()
    assert opened == []

    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_")
    keep_memory()
    assert opened == [None]
