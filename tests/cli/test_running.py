"""Train, resume and sample through the command line, on the smallest run there is."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from ganzoo.cli.main import main

TINY = [
    *("train", "gan", "--batch-size", "8", "--device", "cpu", "--resolution", "28"),
    *("--set", "generator.width=8", "--set", "discriminator.width=8", "--set", "dataset.count=40"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one tiny run was trained."""
    here = tmp_path_factory.mktemp("trained")
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", *TINY, "--kimg", "0.08"],
        capture_output=True,
        text=True,
        check=True,
        cwd=here,
    )
    (here / "said.txt").write_text(done.stderr)
    assert done.stdout == ""
    return here


def test_a_run_ends_with_commands_that_work(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    said = (trained / "said.txt").read_text()
    next_commands = [
        line.split("python -m ganzoo ")[1].split("   ")[0].split()
        for line in said.splitlines()
        if "python -m ganzoo " in line
    ]

    assert [words[0] for words in next_commands] == ["sample", "eval", "resume", "runs"]
    for words in next_commands:
        assert main([*words, "--help"]) == 0
    assert main([*next_commands[0], "-n", "4", "--device", "cpu"]) == 0
    assert (trained / capsys.readouterr().out.splitlines()[-1]).is_file()
    assert "length  2 epochs = 0.1 kimg = 10 batches of 8" in said
    assert " epoch 2/2 kimg 0.08 d_loss " in said


def test_a_run_notes_the_program_as_the_words_that_were_typed(trained: Path) -> None:
    info = json.loads((trained / "runs" / "0001-gan-digits" / "run.json").read_text())
    assert info["command"].startswith("python -m ganzoo train gan --batch-size 8 ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--minutes", "nan"], "--minutes nan is no length"),
        (["--minutes", "inf"], "--minutes inf is no length"),
        (["--kimg", "-1"], "--kimg '-1' is no length"),
        (["--kimg", "0.08"], "go on with --kimg +0.08"),
    ],
)
def test_a_run_does_not_go_on_without_an_end(
    words: list[str],
    told: str,
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(trained)

    assert main(["resume", "1", "--device", "cpu", *words]) == 2
    assert told in capsys.readouterr().err


def test_sample_quiet_prints_only_the_path_and_a_picture_depends_on_its_seed_alone(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    one, two = ["--seed", "0-5", "-o", "a.safetensors"], ["--seed", "3-4", "-o", "b.safetensors"]
    for words in (one, two):
        assert main(["sample", "last", "-q", "--device", "cpu", *words]) == 0

    out, err = capsys.readouterr()
    assert out.splitlines() == ["a.safetensors", "b.safetensors"]
    assert err == ""
    first, second = (load_file(name)["images"] for name in out.splitlines())
    assert first.shape == (6, 1, 28, 28)
    assert (first[3:5] == second).all()


def test_json_is_only_events_and_quiet_only_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([*TINY, "--steps", "4", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["event"] == "finished"
    assert events[-1]["nimg"] == 32

    assert main(["resume", "--kimg", "+0.016", "--quiet", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert Path(out.strip()).name == "0001-gan-digits"
    assert err == ""
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["nimg"] == 48


def test_ctrl_c_saves_and_is_exit_130(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "ganzoo",
        *TINY,
        "--minutes",
        "5",
        "--set",
        "training.tick_kimg=0.04",
    ]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as running:
        assert running.stderr is not None
        said = ""
        for line in running.stderr:
            said += line
            if " d_loss " in line:
                running.send_signal(signal.SIGINT)
                break
        said += running.stderr.read()

    assert running.returncode == 130
    assert "stopped and saved at" in said
    assert any((tmp_path / "runs" / "0001-gan-digits" / "checkpoints").iterdir())


@pytest.mark.parametrize(
    "words", [["--set", "generator.widht=3"], ["--loss", "wgan"]], ids=["setting", "fit"]
)
def test_what_no_seed_can_train_is_said_once(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([*TINY, *words, "--seeds", "0,1,2", "--quiet"]) == 2

    err = capsys.readouterr().err
    assert err.count("error: ") == len(err.splitlines()) == 1
    assert "seed 0" not in err
