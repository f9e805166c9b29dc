"""Freed memory is kept: the system has to clear hardly a page while steps are repeated."""

import os
import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys, torch
from ganzoo.training.memory import keep_memory

torch.set_num_threads(1)
if sys.argv[1] == "keep":
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


def faults(word: str, **environ: str) -> int:
    """Return the page faults of a step."""
    env = {**os.environ, **environ}
    words = [sys.executable, "-c", _FAULTS, word]
    return int(subprocess.run(words, capture_output=True, text=True, check=True, env=env).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tunes glibc")
def test_a_repeated_step_asks_the_system_for_no_pages() -> None:
    usual = faults("usual")
    assert usual > 1_000
    assert faults("keep") < usual / 20
    assert faults("keep", MALLOC_TRIM_THRESHOLD_="131072") > 1_000  # somebody chose otherwise
