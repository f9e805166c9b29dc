"""``ganzoo train --profile``: what a program, and who asked for quiet, is told of it."""

import json
from pathlib import Path

import pytest

from ganzoo.cli.main import main

TINY = [
    *("train", "gan", "--batch-size", "8", "--device", "cpu", "--resolution", "28"),
    *("--set", "generator.width=8", "--set", "discriminator.width=8", "--set", "dataset.count=40"),
    *("--steps", "2", "--profile"),
]


def test_events_name_the_verdict_and_a_page_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([*TINY, "--json"]) == 0

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (note,) = [n for e in events if e["event"] == "started" for n in e["notes"] if "-bound" in n]
    assert "images/s" in note
    page = Path(note.rpartition(" more in ")[2])
    assert page == Path("runs", "0001-gan-digits", "profile", "summary.md")
    assert page.is_file()
    assert (page.parent / "trace.json.gz").is_file()


def test_quiet_prints_only_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([*TINY, "--quiet"]) == 0

    out, err = capsys.readouterr()
    assert Path(out.strip()).name == "0001-gan-digits"
    assert err == ""
