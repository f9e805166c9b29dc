"""What is promised beside what was measured today: the table of docs/reliability.md.

``python tests/faults/promises.py`` runs every check whole, prints the table and
writes it into the page; ``--slice`` tries as little as each push does, and only prints.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- table -->", "<!-- end -->"

PROMISES = {
    "A1": "a run resumed at any step ends in the same bits",
    "A2": "each item that a resume would lose is missed by that test",
    "A3": "the same for every model and the parts that remember",
    "A4": "200 SIGKILLs, half of them in a save: the same bits, nothing left over",
    "A5": "SIGKILL at every file call of a save: the last or the one before, exact",
    "A6": "the order of writes survives a power cut, in a model of one",
    "A7": "no row of the trace is missing or doubled",
    "A8": "checkpoints of older versions load; other threads or versions: one line",
    "A9": "changed code: the parameter and both sides are named",
    "A10": "changed settings: allowed ones are said, others refused with both values",
    "A11": "other data is refused, unless allowed",
    "A12": "nothing usable: each reason, and never from the beginning in silence",
    "B1": "Ctrl-C and SIGTERM: the step it stopped at is saved, exit 130 and 143",
    "B2": "a second Ctrl-C leaves at once, the last checkpoint whole",
    "B3": "signals in a save, an evaluation, while data is read",
    "B4": "a full disk: said with its path, training goes on, the third failure ends it",
    "B5": "any I/O error: the last checkpoint is whole, a failed delete fails no save",
    "B6": "one flipped bit anywhere, a cut, swapped or missing file: found and named",
    "B7": "ganzoo checkpoint verify names damage, at 500 MB/s",
    "B8": "old checkpoints go, the newest sound one never",
    "B9": "a 400 MB state is saved within 3 s",
    "B10": "files obey the umask, and no link leads out of the run",
    "B11": "of several starts on one run one goes on, the others name it",
    "B12": "no place to write: said before training, exit 4",
    "C1": "a number that is not finite: found before the update, named, never saved",
    "C2": "--on-nan rollback ends after three times",
    "C3": "no checkpoint holds a number that is not finite",
    "C5": "pictures that recur are seen, real ones never taken for it",
    "C6": "memory that ends: one line with cures, exit 4",
    "E1": "40 bad folders: the right result, or the file's name",
    "E2": "every picture is decoded before the first step",
    "E3": "14 kinds of pixels within 1/255",
    "E4": "bombs are refused by their head, within 200 MB",
    "E5": "no archive writes anywhere",
    "E6": "9 faults of idx files, each named with both sides",
    "E7": "no network: said within 2 s, with what to do",
    "E8": "wrong or stalled downloads leave nothing",
    "E9": "a damaged cache is made again; two runs make the same",
    "F1": "18 hostile plugins: every command lives",
    "F2": "a broken plugin that was asked for: exit 6",
    "F3": "parts that misbehave while training are named",
    "F4": "2,000 random configurations: a run or a sentence",
    "F5": "1,000 random command lines: an exit code, no traceback",
    "G1": "nothing in a checkpoint runs",
    "G2": "forged and hashed anew: refused, or loads as what it says",
    "G3": "a run names no code",
    "G4": "14 attacks on the head of a tensor file",
    "G6": "no socket is opened unless asked",
    "G7": "names from files and plugins cannot drive a terminal or a page",
}
"""Every promise, by its row."""


def measure(*, whole: bool) -> tuple[dict[str, list[str]], bool]:
    """Run the checks; return what each row was found to be, and whether all passed."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.jsonl"
        env = dict(os.environ, GANZOO_FAULTS_RECORD=str(record), OMP_NUM_THREADS="1")
        env["GANZOO_FAULTS"] = "whole" if whole else "slice"
        program = Path(sys.executable).with_name("pytest")
        words = [str(program), "-q", "-n", "2", "-m", "faults and not gpu", "--timeout", "1800"]
        passed = subprocess.run([*words, str(HERE.parent)], env=env, check=False).returncode == 0
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    found: dict[str, list[str]] = {}
    for row in map(json.loads, lines):
        found.setdefault(row["row"], []).append(row["found"])
    return found, passed


def table(found: Mapping[str, Sequence[str]]) -> str:
    """Return the promises beside what was found, as Markdown."""
    rows = ["| | promise | measured |", "|---|---|---|"]
    for name, promise in PROMISES.items():
        said = "; ".join(found.get(name, ())).replace("|", "/")
        rows.append(f"| {name} | {promise} | {said or 'not measured'} |")
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return "\n".join([*rows, "", f"{system}, torch {torch.__version__}, no GPU."])


def main() -> int:
    """Print the table, and write it where all of it was tried and held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slice", action="store_true", help="as little as each push tries")
    asked = parser.parse_args()
    found, passed = measure(whole=not asked.slice)
    told = table(found)
    print(told)
    if passed and not asked.slice:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        text = f"{before}{BEGIN}\n{told}\n{END}{rest.partition(END)[2]}"
        PAGE.write_text(text, encoding="utf-8")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
