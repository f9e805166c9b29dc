"""A folder in which forged plugins are found."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is on ``sys.path``, as are the broken parts."""
    monkeypatch.syspath_prepend(str(HERE / "broken"))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path
