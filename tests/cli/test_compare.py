"""What ``ganzoo compare`` prints, to the letter."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ran import a_run
from referencing import Registry, Resource

from ganzoo.cli.compare import unfitting
from ganzoo.cli.main import main
from ganzoo.rundir import RunDir

Said = pytest.CaptureFixture[str]
SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"
LOSSES = {"ns": (11.2, 10.9, 12.4), "hinge": (10.1, 10.3, 9.9), "lsgan": (31.0, 17.0, 24.0)}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


def _schema(name: str) -> dict[str, Any]:
    return dict(json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")))


def _validator(name: str) -> Draft202012Validator:
    scores: Resource[Any] = Resource.from_contents(_schema("scores"))
    known = Registry().with_resource("scores.schema.json", scores)
    return Draft202012Validator(_schema(name), registry=known)


def _losses(short: int = 0) -> list[RunDir]:
    """Three losses with three seeds, the last ``short`` runs missing."""
    runs = [(loss, seed, fd) for loss, fds in LOSSES.items() for seed, fd in enumerate(fds)]
    return [
        a_run(
            Path("runs"),
            sets=[f"loss.use={loss}", f"training.seed={seed}"],
            row={"variety": 0.95, "D acc": 0.74},
            evaluations={300_000: {"FD_lenet": fd, "coverage_lenet": 0.9 - fd / 100}},
            sweep="sweep-1",
        )
        for loss, seed, fd in runs[: len(runs) - short]
    ]


THREE = """\
  loss   runs  FD-lenet (last)  coverage-lenet  variety  D acc  img/s  kimg
  hinge     3       10.1 ± 0.2   0.799 ± 0.002    0.950   74 %    500   300
  ns        3       11.5 ± 0.8   0.785 ± 0.008    0.950   74 %    500   300
  lsgan     3       24.0 ± 7.0   0.660 ± 0.070    0.950   74 %    500   300

FD-lenet = FD_lenet: frechet, 64 dimensions; lenet 0a1b; 10,000 generated against 60,000 of digits\
; held-out real images 0.5
coverage-lenet = coverage_lenet: frechet, 64 dimensions; lenet 0a1b; 10,000 generated against\
 60,000 of digits
± = sample standard deviation over the runs of a row
"""


@pytest.mark.parametrize(
    "words", [["sweep-1"], ["dcgan*"], ["1-9"], [str(i) for i in range(1, 10)]]
)
def test_three_losses_with_three_seeds_are_a_table(words: list[str], capsys: Said) -> None:
    _losses()

    assert main(["compare", *words, "--group", "loss"]) == 0
    assert capsys.readouterr().out == THREE


MARKDOWN = """\
| loss | runs | FD-lenet (last) | coverage-lenet | variety | D acc | img/s | kimg |  |
| :-- | --: | --: | --: | --: | --: | --: | --: | :-- |
| hinge | 3 | 10.1 ± 0.2 | 0.799 ± 0.002 | 0.950 | 74 % | 500 | 300 |  |
| ns | 3 | 11.5 ± 0.8 | 0.785 ± 0.008 | 0.950 | 74 % | 500 | 300 |  |
| lsgan | 1 | 31.0 | 0.590 | 0.950 | 74 % | 500 | 300 | (2 runs short of 3) |

- FD-lenet = FD_lenet: frechet"""


def test_markdown_says_who_is_short_and_the_protocols_below(capsys: Said) -> None:
    _losses(short=2)

    assert main(["compare", "sweep-1", "--group", "loss", "--markdown"]) == 0

    out = capsys.readouterr().out
    assert out.startswith(MARKDOWN)
    assert out.splitlines()[-1] == "- ± = sample standard deviation over the runs of a row"


@pytest.mark.parametrize("more", [["--group", "loss"], ["--at", "best"], []])
def test_json_is_one_object_that_its_schema_describes(more: list[str], capsys: Said) -> None:
    runs = _losses(short=1)
    a_run(Path("runs")).append_event("remark", word="blind", nimg=64)
    a_run(Path("runs")).info.write_text("{")

    assert main(["compare", "1-99", "--json", *more]) == 0

    said = json.loads(capsys.readouterr().out)
    _validator("compare").validate(said)
    assert len(said["runs"]) == 9
    assert len(said["left_out"]) == 1
    assert said["runs"][0]["last"]["values"]["FD-lenet"]["value"] == 9.9 or more[:1] == ["--group"]
    for path in (path for run in runs for path in run.evaluations.iterdir()):
        _validator("scores").validate(json.loads(path.read_text(encoding="utf-8")))


def test_the_schemas_are_schemas_and_refuse_what_is_none(capsys: Said) -> None:
    for name in ("compare", "scores"):
        Draft202012Validator.check_schema(_schema(name))
        assert not _validator(name).is_valid({"schema": 1})
    _losses(short=8)
    main(["compare", "1", "--json"])
    said = json.loads(capsys.readouterr().out)
    said["runs"][0]["last"]["values"] = {}
    assert not _validator("compare").is_valid(said)


def test_protocols_stand_apart_with_marks(capsys: Said) -> None:
    a_run(Path("runs"), evaluations={300_000: {"FD_lenet": 5.0}})
    a_run(Path("runs"), evaluations={300_000: {"FD_lenet": 1.0, "protocol": "10 generated"}})

    assert main(["compare", "1", "2"]) == 0

    assert capsys.readouterr().out == (
        "  run                FD-lenet¹ (last)  FD-lenet² (last)  img/s  kimg\n"
        "  0001-dcgan-digits              5.00                 -    500   300\n"
        "  0002-dcgan-digits                 -              1.00    500   300\n\n"
        "FD-lenet¹ = FD_lenet: frechet, 64 dimensions; lenet 0a1b; 10,000 generated against"
        " 60,000 of digits; held-out real images 0.5\n"
        "FD-lenet² = FD_lenet: 10 generated; held-out real images 0.5\n"
    )


def test_a_run_without_evaluation_shows_losses_and_what_to_type(capsys: Said) -> None:
    a_run(Path("runs"), row={"variety": 0.9})

    assert main(["compare", "last"]) == 0

    assert capsys.readouterr().out == (
        "  run                D loss  G loss  variety  img/s  kimg\n"
        "  0001-dcgan-digits    1.25   0.750    0.900    500   300\n\n"
        "no evaluations yet: ganzoo eval 1\n"
    )


def test_what_is_not_as_it_should_be_stands_beside_the_row(capsys: Said) -> None:
    a_run(Path("runs"), evaluations={300_000: {"FD_lenet": 5.0}})
    for _ in range(2):
        a_run(Path("runs"), status="diverged").append_event("remark", word="blind")
    a_run(Path("runs")).config.write_text("model = ")

    assert main(["compare", "1-4", "--group", "model"]) == 0

    out = capsys.readouterr().out
    assert "(2 of 3 not evaluated, 2 diverged, blind x2, seed 0 3 times)" in out
    assert "\nleft out: runs/0004-dcgan-digits/config.toml: cannot be read" in out
    assert out.endswith("\nno evaluations yet of 2, 3: ganzoo eval 2\n")


def test_what_is_unequal_is_said_and_a_long_list_cut(capsys: Said) -> None:
    a_run(Path("runs"), sets=["training.kimg=100"])
    a_run(Path("runs"), sets=["loss.use=hinge"])
    a_run(Path("runs"), "gan")

    assert main(["compare", "1", "2", "--group", "loss"]) == 0
    assert "not equal: training.kimg 100 | 300\n" in capsys.readouterr().out

    assert main(["compare", "1-3"]) == 0
    (line,) = [o for o in capsys.readouterr().out.splitlines() if o.startswith("not equal")]
    assert line.count(" | ") >= 8
    assert line.endswith("more: --settings shows all")


def test_runs_of_one_seed_are_not_counted_as_several_in_silence(capsys: Said) -> None:
    for seed in (0, 0, 1):
        a_run(Path("runs"), sets=[f"training.seed={seed}"])

    main(["compare", "1-3", "--group", "model"])
    assert "(seed 0 2 times)" in capsys.readouterr().out
    main(["compare", "1-3", "--group", "training.seed"])
    assert "times" not in capsys.readouterr().out


def test_a_long_list_of_runs_is_cut(capsys: Said) -> None:
    for nimg in range(10):
        a_run(Path("runs"), sets=[f"training.kimg={nimg + 1}"])

    assert main(["compare", "dcgan*"]) == 0

    out = capsys.readouterr().out
    assert "not equal: training.kimg 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | ...\n" in out
    assert out.endswith("no evaluations yet of 1, 2, 3, 4, 5, 6, 7, 8, ...: ganzoo eval 1\n")


def test_a_narrow_terminal_shows_the_left_columns_and_names_the_others() -> None:
    heads, rows = (
        ["loss", "FD-lenet (last)", "variety", "kimg", ""],
        [["ns", "1.5", "1", "9", "(x)"]],
    )

    assert unfitting(heads, rows, 50) == []
    assert unfitting(heads, rows, 49) == ["kimg"]
    assert unfitting(heads, rows, 40) == ["variety", "kimg"]


def test_best_says_what_is_best(capsys: Said) -> None:
    evaluations = {100_000: {"FD_lenet": 3.0}, 300_000: {"FD_lenet": 5.0}}
    a_run(Path("runs"), evaluations=evaluations)

    assert main(["compare", "1", "--at", "best"]) == 0

    out = capsys.readouterr().out
    assert "FD-lenet (best)  FD-lenet (last)" in out
    assert out.endswith(
        "best = the evaluation of a run with the lowest FD-lenet; values beside it are of the"
        " best one\n"
    )


def test_settings_prints_the_keys_that_differ_and_nothing_else(capsys: Said) -> None:
    for seed in (0, 5):
        a_run(Path("runs"), sets=[f"training.seed={seed}"])

    assert main(["compare", "1", "2", "--settings"]) == 0
    assert capsys.readouterr().out == (
        "  setting        0001-dcgan-digits  0002-dcgan-digits\n"
        "  training.seed  0                  5\n"
    )
    assert main(["compare", "1", "--settings"]) == 0
    assert capsys.readouterr().out == "no setting differs\n"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "RUNS"),
        (["9"], 2, "no run called"),
        (["7-9"], 2, "'7-9'"),
        (["1", "--group", "los"], 2, "Did you mean loss"),
        (["1", "--json", "--markdown"], 2, "give one"),
        (["1", "--at", "worst"], 2, "worst"),
        (["2"], 3, "run.json"),
    ],
)
def test_an_error_is_one_line_with_the_cure(
    words: list[str], code: int, told: str, capsys: Said
) -> None:
    a_run(Path("runs"))
    a_run(Path("runs")).info.write_text("{")

    assert main(["compare", *words]) == code

    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert len(err.splitlines()) == 1
