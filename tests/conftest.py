"""Fixtures shared by all tests: small, quick, and never on a network."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
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
