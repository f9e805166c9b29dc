"""Commands that only look import nothing heavy; each runs in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

_ASK = """
import sys
from ganzoo.cli.main import main
code = main({words!r})
heavy = [name for name in ("torch", "torchvision", "numpy", "PIL", "rich") if name in sys.modules]
print("heavy:", heavy, code, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["train", "--help"],
        ["list"],
        ["list", "--all"],
        ["info", "dcgan"],
        ["runs"],
        ["explain"],
        ["explain", "variety"],
        ["compare", "--help"],
        ["plugins"],
        ["train", "dcgan", "--print-config"],
    ],
    ids=" ".join,
)
def test_looking_imports_no_torch_and_no_rich_in_a_pipe(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ASK.format(words=words)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    assert "heavy: [] 0" in done.stderr


def test_who_reads_no_further_is_told_of_no_error() -> None:
    words = [sys.executable, "-m", "ganzoo", "list", "--all"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.close()

        assert listing.stderr.read() == b""
        assert listing.wait() == 1
