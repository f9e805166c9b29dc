"""What the commands print and answer to the shell; nothing is trained here."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from ganzoo.cli.main import COMMANDS, as_typed, calm_threads, main, program_name
from ganzoo.cli.sample import seeds
from ganzoo.registry import Entry, Registry
from ganzoo.rundir import RunDir

Said = pytest.CaptureFixture[str]

BROKEN = "import einops_that_nobody_has\n"
WORKING = """
from ganzoo import Component, hookimpl

@hookimpl
def ganzoo_register():
    return [Component("loss", "cosine", "mine:Cosine", "angles")]
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


def test_a_wrong_word_of_a_command_within_a_command_points_at_its_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["checkpoint", "verify", "--nonsense"]) == 2
    assert "ganzoo checkpoint verify --help" in capsys.readouterr().err


def a_run(root: Path, **info: object) -> RunDir:
    run = RunDir.create(root, "dcgan-digits")
    said = {"model": "dcgan", "dataset": "digits", "resolution": 32, "total_kimg": 300.0}
    run.update_info(**{"status": "done", "nimg": 180_000, "wall_sec": 240.0, **said, **info})
    return run


def test_ganzoo_alone_says_eight_lines_that_name_only_existing_commands(capsys: Said) -> None:
    assert main([]) == 0

    out = capsys.readouterr().out
    named = [line.split("ganzoo ")[1].split()[0] for line in out.splitlines()[2:6]]
    assert len(out.splitlines()) == 8
    assert set(named) <= set(COMMANDS)


def test_help_shows_every_command_and_imports_none(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    for name in COMMANDS:
        monkeypatch.delitem(sys.modules, f"ganzoo.cli.{name}", raising=False)

    assert main(["--help"]) == 0

    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)
    assert not {f"ganzoo.cli.{name}" for name in COMMANDS} & set(sys.modules)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: Said) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: ganzoo {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["trian"], 2, "Did you mean train?"),
        (["train", "dgcan"], 2, "Did you mean dcgan"),
        (["info", "dgcan"], 2, "Did you mean dcgan"),
        (["train", "dcgan", "--batchsize", "3"], 2, "--batch-size"),
        (["train", "dcgan", "--set", "training.batchsize=64"], 2, "training.batch_size"),
        (["train", "dcgan", "--set", "widht=64"], 2, "no such setting"),
        (["train", "dcgan", "--preset", "quikc"], 2, "Did you mean quick?"),
        (["train", "dcgan", "--loss", "hing"], 2, "Did you mean hinge"),
        (["train", "dcgan", "--epochs", "2", "--kimg", "9"], 2, "--epochs and --kimg"),
        (["train", "dcgan", "--minutes", "0"], 2, "--minutes"),
        (["train", "dcgan", "--seeds", "0-100000"], 2, "a range of more than 1000"),
        (["train"], 2, "ganzoo list"),
        (["train", "dcgan", "--config", "no.toml"], 2, "no.toml"),
        (["train", "dcgan", "-d", "./photo"], 3, "photos"),
        (["train", "dcgan", "-d", "./texts"], 3, "no pictures"),
        (["train", "dcgan", "-d", "mnits"], 2, "Did you mean mnist"),
        (["train", "dcgan", "--device", "cdua"], 4, "Did you mean cuda"),
        (["train", "dcgan", "--resolution", "200"], 2, "256"),
        (["resume"], 2, "no runs"),
        (["resume", "7", "--kimg", "9", "--minutes", "9"], 2, "--kimg and --minutes"),
        (["sample", "9"], 2, "no runs"),
        (["sample", "9", "--seed", "a"], 2, "0-63"),
        (["plugins", "dcgn"], 6, "Did you mean dcgan"),
        (["list", "--kind", "los"], 2, "Did you mean loss"),
        (["-p", "mine.py", "list"], 6, "mine.py"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code_and_the_cure(
    words: list[str], code: int, told: str, capsys: Said
) -> None:
    Path("photos").mkdir()
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("a")

    assert main(words) == code

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert told in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
    assert not Path("runs").exists()


def test_a_run_without_checkpoint_is_exit_8(tmp_path: Path, capsys: Said) -> None:
    run = a_run(
        tmp_path / "runs",
        made_by={"generator": {"kind": "generator", "id": "dcgan/dcgan", "distribution": "x"}},
        env={"image_shape": [1, 32, 32], "condition": {"kind": "none", "shape": []}},
    )

    for words in (["sample", "1"], ["export", "1"], ["eval", "1"]):
        assert main(words) == 8
        err = capsys.readouterr().err
        assert "has no checkpoint yet   start a new one: ganzoo train" in err
        assert "resume" not in err
        with run.hold():
            assert main(words) == 8
        err = capsys.readouterr().err
        assert "has no checkpoint yet   run 1 is in use by pid" in err


@pytest.mark.parametrize("env", [None, 5, {"condition": {}}, {"image_shape": [1, 32]}])
def test_a_record_that_does_not_say_what_the_parts_were_built_for_is_exit_8(
    env: object, tmp_path: Path, capsys: Said
) -> None:
    run = a_run(tmp_path / "runs", **({} if env is None else {"env": env}))

    assert main(["sample", "1"]) == 8
    err = capsys.readouterr().err
    assert f"run.json of {run.name} does not say what its parts were built for" in err
    assert len(err.splitlines()) == 1


def test_a_bug_is_one_line_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise KeyError("width")

    monkeypatch.setattr("ganzoo.cli.asked.Registry.discover", breaks)

    assert main(["list"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: KeyError: 'width'")
    assert "ganzoo --debug list" in err
    assert "Traceback" not in err

    assert main(["list", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_exit_130(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ganzoo.cli.asked.Registry.discover", interrupted)

    assert main(["list"]) == 130
    assert capsys.readouterr().err.strip() == "error: interrupted"


def test_list_shows_models_and_data_sets(capsys: Said) -> None:
    assert main(["list"]) == 0

    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["model", "year", "idea", "sizes", "from"]
    assert re.search(r"  dcgan +2015", out)
    assert "1-64    built in" in out
    assert "data sets: digits" in out


def test_list_all_shows_every_kind_and_json_is_one_object(capsys: Said) -> None:
    assert main(["list", "--all"]) == 0
    assert "regularizer    r1" in capsys.readouterr().out

    assert main(["list", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"gan", "dcgan"} <= {each["model"] for each in said["models"]}
    assert {each["kind"] for each in said["parts"]} == {"dataset"}


def test_a_plugin_in_a_file_is_used_wherever_p_stands(capsys: Said) -> None:
    Path("mine.py").write_text(WORKING)

    for words in (["-p", "mine.py", "list", "--all"], ["list", "--all", "-p", "mine.py"]):
        assert main(words) == 0
        assert "mine/cosine" in capsys.readouterr().out


def test_a_broken_plugin_file_is_exit_6_and_a_blocked_plugin_is_left_out(capsys: Said) -> None:
    Path("mine.py").write_text(BROKEN)

    assert main(["-p", "mine.py", "list"]) == 6
    assert "einops_that_nobody_has" in capsys.readouterr().err

    assert main(["list", "-p", "no:dcgan"]) == 0
    assert "dcgan" not in capsys.readouterr().out.partition("data sets")[0]


def test_a_broken_installed_plugin_costs_only_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    installed(tmp_path / "site", monkeypatch)

    assert main(["list"]) == 0
    out, told = capsys.readouterr()
    assert "dcgan" in out
    assert "moss" not in out
    (line,) = told.splitlines()
    assert line.startswith("remark: plugin moss (ganzoo-moss 0.1) is broken: ModuleNotFoundError:")
    assert "(site/ganzoo_moss.py:1)" in line
    assert line.endswith("   ganzoo plugins moss")
    assert main(["plugins", "moss"]) == 0
    assert "Traceback" in capsys.readouterr().out
    assert main(["list", "--strict-plugins"]) == 6
    capsys.readouterr()
    monkeypatch.setenv("GANZOO_PLUGINS", "")
    assert main(["list"]) == 0
    assert "moss" not in "".join(capsys.readouterr())


def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution whose plugin cannot be imported."""
    meta = site / "ganzoo_moss-0.1.dist-info"
    meta.mkdir(parents=True)
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-moss\nVersion: 0.1\n")
    (meta / "entry_points.txt").write_text("[ganzoo.v1]\nmoss = ganzoo_moss\n")
    (site / "ganzoo_moss.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(site))


def test_plugins_imports_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    installed(tmp_path / "site", monkeypatch)
    sys.modules.pop("ganzoo_moss", None)

    assert main(["plugins"]) == 0

    row = next(line for line in capsys.readouterr().out.splitlines() if "ganzoo-moss" in line)
    assert row.split() == ["moss", "ganzoo-moss", "0.1", "ganzoo_moss", "installed", "-"]


def test_plugins_shows_what_is_installed(capsys: Said) -> None:
    assert main(["plugins"]) == 0
    assert "torch-ganzoo" in capsys.readouterr().out

    assert main(["plugins", "--json"]) == 0
    states = json.loads(capsys.readouterr().out)["plugins"]
    assert {"std", "dcgan"} <= {e["plugin"] for e in states if e["state"] == "installed"}

    assert main(["plugins", "dcgan", "--json"]) == 0
    (dcgan,) = json.loads(capsys.readouterr().out)["plugins"]
    assert dcgan["state"] == "ok"
    assert {"kind": "recipe", "name": "dcgan"} in dcgan["offers"]


def test_info_says_how_to_read_a_model(capsys: Said) -> None:
    assert main(["info", "dcgan"]) == 0

    out = capsys.readouterr().out
    assert "how to read it" in out
    assert "regularizer r1: half the squared slope" in out
    assert max(map(len, out.splitlines())) <= 80


def test_info_finds_a_part_by_its_name_alone(capsys: Said) -> None:
    assert main(["info", "hinge"]) == 0
    assert capsys.readouterr().out.startswith("loss hinge - ")

    assert main(["info", "dcgan", "--kind", "generator"]) == 0
    assert capsys.readouterr().out.startswith("generator dcgan - ")


def test_info_settings_names_value_origin_and_bounds(capsys: Said) -> None:
    assert main(["info", "dcgan", "--settings", "--set", "generator.width=24"]) == 0

    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "generator.width" in line)
    assert row.split()[:3] == ["generator.width", "24", "--set"]
    assert "optimizer.discriminator.learning_rate" in out


def test_info_code_of_a_part_is_its_class_and_where_it_stands(capsys: Said) -> None:
    assert main(["info", "mlp", "--kind", "generator", "--code"]) == 0

    out = capsys.readouterr().out
    assert "# generator mlp   " in out
    assert "networks.py:" in out
    assert "class MLPGenerator" in out


@pytest.mark.parametrize("entry", Registry.discover(only=()).recipes(), ids=lambda e: e.name)
def test_info_code_of_a_model_is_its_step_beside_where_its_networks_stand(
    entry: Entry, capsys: Said
) -> None:
    assert main(["info", entry.name, "--code"]) == 0

    out = capsys.readouterr().out
    _, _, function = entry.recipe.step.partition(":")
    for kind in ("generator", "discriminator"):
        assert re.search(rf"^# {kind} {entry.recipe.parts[kind]} .*networks\.py:\d+$", out, re.M)
    assert f"def {function}(" in out
    assert "of_generator.step()" in out


STEP = """
from ganzoo import hookimpl, recipe

PARTS = {"generator": "mlp", "discriminator": "mlp", "loss": "ns"}


def step(generator, discriminator, optimizers, batches, index):
    "Wait."


@hookimpl
def ganzoo_register():
    return [recipe("other", "a model", PARTS, step="NAMED")]
"""


@pytest.mark.parametrize(
    ("named", "code", "told"),
    [
        ("", 0, "comes without its step"),
        ("other:step", 0, "def step(generator, discriminator"),
        ("other:PARTS", 6, "other:PARTS: TypeError: PARTS is no function"),
        ("other:nothing", 6, "cannot be used: other:nothing"),
        ("nowhere:step", 6, "cannot be used: nowhere:step"),
    ],
)
def test_info_code_finds_the_step_of_a_file_or_says_what_is_wrong(
    named: str, code: int, told: str, tmp_path: Path, capsys: Said
) -> None:
    file = tmp_path / "other.py"
    file.write_text(STEP.replace("NAMED", named))

    assert main(["-p", str(file), "info", "other", "--code"]) == code
    assert told in "".join(capsys.readouterr())


def test_info_trace_follows_z_to_a_probability(capsys: Said) -> None:
    assert main(["info", "dcgan", "--trace", "--set", "training.batch_size=4"]) == 0

    words = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()]
    names = [w for w in words if w in ("z", "generator", "images", "logits", "P(real)")]
    assert names == ["z", "generator", "images", "logits", "P(real)", "generator"]


def test_info_trace_of_a_critic_claims_no_probability(capsys: Said) -> None:
    words = ["--set", "loss.use=wgan", "--set", "regularizer.gp.weight=10"]
    assert main(["info", "dcgan", "--trace", "--set", "training.batch_size=4", *words]) == 0
    assert "P(real)" not in capsys.readouterr().out


def test_print_config_repeats_itself(capsys: Said) -> None:
    assert main(["train", "dcgan", "--kimg", "7", "--loss", "hinge", "--print-config"]) == 0
    first = capsys.readouterr().out
    Path("mine.toml").write_text(first)

    assert main(["train", "--config", "mine.toml", "--print-config"]) == 0
    again = capsys.readouterr().out
    assert [line.partition(" #")[0] for line in first.splitlines()] == [
        line.partition(" #")[0] for line in again.splitlines()
    ]
    assert "kimg = 7" in first
    assert 'use = "hinge" # --loss' in first


@pytest.mark.parametrize(
    ("words", "kimg"),
    [
        (["--steps", "5"], "kimg = 0.04 # --steps"),
        (["--epochs", "3"], "kimg = 0.12 # --epochs"),
        (["--steps", "5", "--seeds", "1,2"], "kimg = 0.04 # --steps"),
    ],
)
def test_print_config_keeps_a_length_in_steps_or_epochs(
    words: list[str], kimg: str, capsys: Said
) -> None:
    tiny = ["train", "gan", "--batch-size", "8", "--set", "dataset.count=40"]

    assert main([*tiny, *words, "--print-config"]) == 0

    printed = capsys.readouterr().out
    assert kimg in printed
    Path("mine.toml").write_text(printed)
    assert main(["train", "--config", "mine.toml", "--print-config"]) == 0
    assert kimg.partition(" #")[0] + " # mine.toml" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema": 1, "model": 5, "nimg": "x"}',
        '{"schema": 1, "best": {"value": 3}}',
        '{"schema": 1, "best": 3}',
        '{"schema": 1, "nimg": 7, "total_kimg": "x"}',
        '{"schema": 1, "wall_sec": [1]}',
        '{"schema": 1, "wall_sec": NaN}',
        '{"schema": 1, "wall_sec": Infinity}',
    ],
)
def test_a_record_that_ganzoo_did_not_write_costs_its_own_row_only(
    text: str, tmp_path: Path, capsys: Said
) -> None:
    a_run(tmp_path / "runs").info.write_text(text)
    a_run(tmp_path / "runs")

    assert main(["runs"]) == 0
    _, second, first = capsys.readouterr().out.splitlines()
    assert first.split() == ["1", "0001-dcgan-digits", "damaged"]
    assert "180/300" in second

    assert main(["runs", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["runs"]
    assert [each["status"] for each in said] == ["done", "damaged"]
    assert "restore the file" in said[1]["why"]


def test_runs_reads_only_the_record_and_the_end_of_the_trace(tmp_path: Path, capsys: Said) -> None:
    root = tmp_path / "runs"
    a_run(root)
    running = a_run(root, status="running", nimg=None, wall_sec=None, host="elsewhere")
    running.append_metrics({"nimg": 1_204_000, "wall_sec": 21060.0})
    with running.metrics.open("a") as file:
        file.write('{"nimg": 99')
    a_run(root).info.write_text("{")

    assert main(["runs"]) == 0

    head, broken, second, first = capsys.readouterr().out.splitlines()
    heads = "# model data res kimg best health status when time"
    assert head.split() == heads.split()
    assert broken.split()[:3] == ["3", "0003-dcgan-digits", "damaged"]
    assert "1 204" in second
    assert "running  since" in second
    assert "5:51 h" in second
    assert "180/300" in first
    assert "4 min" in first


@pytest.mark.skipif(os.name != "posix", reason="needs signal 0")
def test_a_run_whose_process_is_gone_is_not_shown_as_running(tmp_path: Path, capsys: Said) -> None:
    import socket

    gone = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", ""])
    os.waitpid(gone, 0)
    a_run(tmp_path / "runs", status="running", host=socket.gethostname(), pid=gone)

    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["status"] == "killed"


def test_no_runs_is_no_error(capsys: Said) -> None:
    assert main(["runs"]) == 0
    assert "ganzoo train dcgan" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("/somewhere/ganzoo/__main__.py", "python -m ganzoo"),
        (".venv/bin/ganzoo", ".venv/bin/ganzoo"),
        ("my env/bin/ganzoo", "'my env/bin/ganzoo'"),
        ("/usr/bin/pytest", "ganzoo"),
    ],
)
def test_the_program_is_named_as_it_was_typed(
    typed: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganzoo.cli.main.shutil.which", lambda _: None)
    assert program_name(typed) == shown


def test_a_program_on_the_path_is_named_by_its_short_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "bin" / "ganzoo"
    monkeypatch.setattr("ganzoo.cli.main.shutil.which", lambda _: str(tool))
    assert program_name(str(tool)) == "ganzoo"


def test_hints_repeat_the_program(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setattr(sys, "argv", ["x/ganzoo/__main__.py"])

    assert main(["train", "dgcan"]) == 2

    assert "python -m ganzoo list" in capsys.readouterr().err
    assert as_typed("see ganzoo runs, torch-ganzoo list", "g") == "see g runs, torch-ganzoo list"


def test_threads_sleep_while_they_wait_on_a_shared_machine_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1), raising=False)
    idle: dict[str, str] = {}
    shared, decided = {"CI": "1"}, {"CI": "1", "OMP_WAIT_POLICY": "ACTIVE"}
    for environ in (idle, shared, decided):
        calm_threads(environ)
    busy: dict[str, str] = {}
    monkeypatch.setattr(os, "getloadavg", lambda: (1e3, 0.1, 0.1), raising=False)
    calm_threads(busy)

    assert idle == {}
    assert shared["OMP_WAIT_POLICY"] == busy["OMP_WAIT_POLICY"] == "PASSIVE"
    assert decided["OMP_WAIT_POLICY"] == "ACTIVE"


def test_seeds_are_a_number_or_a_range() -> None:
    assert list(seeds("7", 2)) == [7, 8]
    assert list(seeds("3-5", None)) == [3, 4, 5]
    assert list(seeds(None, None)) == []
