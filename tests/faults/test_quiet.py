"""Nothing goes to a network unless somebody asks for what has to be fetched."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

LISTENER = """
import os, sys
HEARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "heard.txt")

def heard(event, args):
    asks = event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib."))
    if asks and event != "socket.gethostname":  # which asks the machine itself
        with open(HEARD, "a") as file:
            file.write(f"{event} {args}\\n")

sys.addaudithook(heard)
"""
RUN = """
import sys
from ganzoo.cli.main import main
codes = {" ".join(words): main(words) for words in WORDS}
print(codes, file=sys.stderr)
sys.exit(any(codes.values()))
"""
TINY = [
    *("train", "gan", "--batch-size", "8", "--device", "cpu", "--resolution", "28"),
    *("--set", "generator.width=8", "--set", "discriminator.width=8", "--set", "dataset.count=40"),
]
COMMANDS = [
    ["list", "--all"],
    ["plugins"],
    ["info", "dcgan", "--settings"],
    [*TINY, "--kimg", "0.08"],
    ["sample", "last", "-n", "4", "--device", "cpu"],
    ["resume", "last", "--kimg", "+0.08", "--device", "cpu"],
    ["runs"],
    ["doctor"],
]


def heard(folder: Path, code: str) -> list[str]:
    """Run some code where every event of a socket is written down, in its children too."""
    (folder / "sitecustomize.py").write_text(LISTENER)
    env = dict(os.environ, PYTHONPATH=str(folder))
    del env["GANZOO_OFFLINE"]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        cwd=folder,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    file = folder / "heard.txt"
    return file.read_text().splitlines() if file.exists() else []


def test_commands_that_need_no_network_open_no_socket(
    tmp_path: Path, measured: Callable[[str, str], None]
) -> None:
    events = heard(tmp_path, RUN.replace("WORDS", repr(COMMANDS)))

    assert events == []
    assert (tmp_path / "runs" / "0001-gan-digits" / "samples" / "latest.png").exists()
    measured("G6", f"0 sockets in {len(COMMANDS)} commands, train and resume among them")


def test_the_listener_hears_a_socket_of_a_child(tmp_path: Path) -> None:
    child = "import socket; socket.socket().close()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"

    assert any(line.startswith("socket.__new__") for line in heard(tmp_path, code))
