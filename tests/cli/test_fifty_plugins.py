"""With fifty strangers' plugins, nine of them broken, `ganzoo list` is still quick and calm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from strangers import BROKEN, WORKING, install


@pytest.fixture
def fifty(tmp_path: Path) -> Path:
    for i in range(41):
        install(tmp_path, f"good{i:02d}", WORKING)
    for name, (code, _) in BROKEN.items():
        install(tmp_path, name, code)
    return tmp_path


def test_list_imports_no_torch_and_ends_well_with_fifty_plugins(fifty: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ganzoo", "list", "--kind", "loss"],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ, PYTHONPATH=str(fifty)),
    )

    assert done.returncode == 0
    assert done.stdout.count("/squares  ") == 41
    assert "  hinge  " in done.stdout
    assert done.stderr.count("remark: plugin ") == len(BROKEN)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"torch", "numpy", "rich", "PIL", "tomllib"} & imported
