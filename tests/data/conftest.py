"""Every test here has a cache of its own and no network."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(home: Path) -> None:
    """Use it."""
