"""`ganzoo doctor` says what this machine can do, and what to do about the rest."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ganzoo.cli.main import main

Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))


def examined(capsys: Said, code: int = 0) -> dict[str, Any]:
    assert main(["doctor", "--json"]) == code
    findings = json.loads(capsys.readouterr().out)["findings"]
    return {each["what"]: each for each in findings}


def test_a_sound_machine_has_nothing_to_fix(capsys: Said) -> None:
    assert main(["doctor"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("ganzoo ")
    assert "\n0 to fix, " in out
    assert "matches" in out


def test_every_line_is_there_and_the_plugins_are_counted(capsys: Said) -> None:
    found = examined(capsys)

    assert list(found) == [
        "torch", "GPU", "CPU", "disk", "cache", "extras", "plugins", "terminal",
    ]  # fmt: skip
    fine, _, whole = found["plugins"]["found"].removesuffix(" ok").partition(" of ")
    assert fine == whole


def test_the_cache_tells_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    data = tmp_path / "home" / "data"
    (data / "cifar-10-batches-py").mkdir(parents=True)
    (data / "digits-0123abcd.safetensors").write_bytes(b"x")

    assert ": cifar-10-batches-py, digits; GANZOO_OFFLINE" in examined(capsys)["cache"]["advice"]


def test_a_torch_that_cannot_be_imported_is_exit_4(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)

    torch = examined(capsys, 4)["torch"]
    assert torch["state"] == "to fix"
    assert "torchvision" in torch["advice"]


def test_a_torchvision_for_another_torch_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr("ganzoo.cli.doctor.requires", lambda _: ["numpy", "torch==1.0.0"])

    assert examined(capsys, 4)["torch"]["advice"].endswith("was made for torch==1.0.0")


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_full_disk_is_exit_4(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 1 << 40, 1 << 20))

    assert "free some room" in examined(capsys, 4)["disk"]["advice"]


def test_an_extra_that_is_not_there_says_how_to_add_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr("ganzoo.cli.doctor.find_spec", lambda _: None)

    extras = examined(capsys)["extras"]
    assert extras["state"] == "to know"
    assert 'pip install "torch-ganzoo[fid]"' in extras["advice"]
