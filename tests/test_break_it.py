"""The commands of docs/break-it.md break what they say they break, and the run says so."""

import re
import shlex
from pathlib import Path

import pytest

from ganzoo.cli.main import main
from ganzoo.rundir import RunDir

PAGE = Path(__file__).resolve().parents[1] / "docs" / "break-it.md"
CASES = re.findall(
    r"<!-- break: ([\w-]+) -->\n```bash\nganzoo (.+?)\n```", PAGE.read_text(encoding="utf-8")
)


def test_the_page_breaks_training_in_every_way() -> None:
    found = {word for word, _ in CASES}

    assert found == {"winning", "blind", "few-different", "diverging", "nan", "copying"}


@pytest.mark.slow
@pytest.mark.parametrize(("word", "line"), CASES, ids=[word for word, _ in CASES])
def test_a_command_of_the_page_earns_its_remark(word: str, line: str, tmp_path: Path) -> None:
    words = [*shlex.split(line), "--out", str(tmp_path), "--device", "cpu", "--quiet"]

    code = main(words)

    (folder,) = tmp_path.glob("0001-*")
    events = RunDir.open(folder).read_events()
    assert word in [event["word"] for event in events if event["kind"] == "remark"]
    assert code == (5 if word == "nan" else 0)
