"""A run that several files of tests damage, each a copy of its own."""

import pytest
from forged import tiny_run

from ganzoo.rundir import RunDir


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run with two checkpoints; nobody changes it."""
    return tiny_run(tmp_path_factory.mktemp("trained"))
