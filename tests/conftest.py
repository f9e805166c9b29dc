"""Fixtures shared by all tests: small, quick, and never on a network."""

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads of two workers would spin
os.environ["GANZOO_OFFLINE"] = "1"

import pytest


@pytest.fixture(autouse=True)
def _own_folders(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the cache and the runs of a test in folders of its own."""
    home = tmp_path_factory.getbasetemp().parent / "ganzoo-home"
    monkeypatch.setenv("GANZOO_HOME", str(home))
    for name in ("GANZOO_DATA", "GANZOO_RUNS", "GANZOO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder that no other test has seen, and that does not exist yet."""
    folder = tmp_path / "home"
    monkeypatch.setenv("GANZOO_HOME", str(folder))
    return folder


@pytest.fixture
def amount() -> Callable[[int, int], int]:
    """Return how many to try: a slice in every push, the whole for the table of promises."""
    return lambda piece, whole: whole if os.environ.get("GANZOO_FAULTS") == "whole" else piece


@pytest.fixture
def measured() -> Callable[[str, str], None]:
    """Return what notes today's number of a promise: its row (``B4``), then what was found."""

    def note(row: str, found: str) -> None:
        if target := os.environ.get("GANZOO_FAULTS_RECORD"):
            with Path(target).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"row": row, "found": found}) + "\n")

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts that tests recorded, summed over all of them."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name.startswith("count: "):
                counts[name.removeprefix("count: ")] += int(str(value))
    for name, value in counts.items():
        terminalreporter.write_line(f"{name}: {value}")
