"""With fifty strangers' plugins, nine of them broken, `ganzoo list` is still quick and calm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = """
from ganzoo import component, hookimpl

@hookimpl
def ganzoo_register():
    return [component("loss", "{name}-loss", "{name}:Loss", "a loss")]
"""
BROKEN = {
    "syntax": "def broken(:\n",
    "missing": "import no_such_module_anywhere\n",
    "leaving": "raise SystemExit(3)\n",
    "failing": GOOD.replace("return [", "raise ValueError('no luck')\n    return ["),
    "nothing": "x = 1\n",
    "number": GOOD.split("    return")[0] + "    return 7\n",
    "typo": GOOD.replace("ganzoo_register", "ganzoo_registr"),
    "wants": GOOD.replace("ganzoo_register()", "ganzoo_register(torch)"),
    "loud": "raise RuntimeError('at import')\n",
}


@pytest.fixture
def fifty(tmp_path: Path) -> Path:
    texts = {f"good{i:02d}": GOOD for i in range(41)} | {f"bad_{k}": v for k, v in BROKEN.items()}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text.replace("{name}", name.replace("_", "-")))
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        entry = f"[ganzoo.v1]\n{name.replace('_', '-')} = {name}\n"
        (info / "entry_points.txt").write_text(entry)
    return tmp_path


def test_list_names_nine_broken_plugins_in_a_line_each_and_ends_well(fifty: Path) -> None:
    done = _list(fifty)

    assert done.returncode == 0, done.stderr
    for name in BROKEN:
        lines = [
            line for line in (done.stdout + done.stderr).splitlines() if f"bad-{name}" in line
        ]
        assert len(lines) == 1, name
    assert "dcgan" in done.stdout
    assert "Traceback" not in done.stderr


def test_list_imports_no_torch_with_fifty_plugins(fifty: Path) -> None:
    done = _list(fifty, "-X", "importtime")

    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"torch", "numpy", "rich", "PIL"} & imported


def _list(folder: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    env = dict(os.environ, PYTHONPATH=str(folder))
    return subprocess.run(
        [sys.executable, *flags, "-m", "ganzoo", "list"],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )
