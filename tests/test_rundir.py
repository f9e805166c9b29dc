"""A run's folder: numbers, words that name a run, and records that survive a kill."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ganzoo import rundir
from ganzoo.errors import DataError, MachineError, RecipeError
from ganzoo.rundir import RunDir, find, listing, moment, moment_of, runs_root, slug


def _runs(root: Path, *names: str) -> list[RunDir]:
    return [RunDir.create(root, name) for name in names]


def test_runs_are_numbered_from_one_past_the_highest(tmp_path: Path) -> None:
    (tmp_path / "0041-copied").mkdir()
    run = RunDir.create(tmp_path, "dcgan-digits")
    assert run.path == tmp_path / "0042-dcgan-digits"
    assert (run.number, run.name) == (42, "dcgan-digits")
    assert run.read_info()["schema"] == 1


def test_a_name_cannot_lead_out_of_the_runs_folder(tmp_path: Path) -> None:
    assert RunDir.create(tmp_path, "../../etc/x y").path == tmp_path / "0001-etc-x-y"
    assert RunDir.create(tmp_path, "..").path == tmp_path / "0002-run"


def test_runs_started_at_once_never_share_a_number(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda i: RunDir.create(tmp_path, f"run-{i % 3}"), range(24)))
    assert len({run.number for run in runs}) == 24
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_reservation_left_by_a_killed_start_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".0001").mkdir()
    assert RunDir.create(tmp_path, "gan").number == 2


def test_a_place_that_cannot_be_written_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match=r"file/runs: cannot be written .*--out"):
        RunDir.create(tmp_path / "file" / "runs", "gan")


def test_every_path_stands_where_the_decisions_say(tmp_path: Path) -> None:
    (run,) = _runs(tmp_path, "gan")
    here = {
        name: getattr(run, name).relative_to(run.path).as_posix()
        for name in (
            *("lock", "info", "config", "metrics", "events", "samples", "real_sample"),
            *("latest_sample", "checkpoints", "evaluations", "made", "crash", "report"),
        )
    }
    assert list(here.values()) == [
        *(".lock", "run.json", "config.toml", "metrics.jsonl", "events.jsonl", "samples"),
        *("samples/real.png", "samples/latest.png", "checkpoints", "eval", "made", "crash"),
        "report.html",
    ]
    assert run.sample(180224) == run.samples / "000180224.png"
    assert run.checkpoint(180224) == run.checkpoints / "000180224"
    assert run.evaluation(180224) == run.path / "eval" / "000180224.json"


def test_a_moment_is_nine_digits_and_nothing_else_is_one() -> None:
    assert moment(180224) == "000180224"
    assert moment_of(moment(10**9)) == 10**9
    names = ("", "180224", ".tmp-000180224-1", "0000000001", "٠٠٠١٨٠٢٢٤", "00018022x")
    assert [moment_of(name) for name in names] == [None] * 6


@pytest.mark.parametrize(
    ("column", "spelled"),
    [("D(real)", "d_real"), ("D acc", "d_acc"), ("D loss", "d_loss"), ("fd_lenet7", "fd_lenet7")],
)
def test_a_column_is_spelled_as_a_slug(column: str, spelled: str) -> None:
    assert slug(column) == spelled


def test_each_sampling_has_a_folder_of_its_own(tmp_path: Path) -> None:
    (run,) = _runs(tmp_path, "gan")
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: run.next_made(), range(8)))
    assert sorted(path.name for path in folders) == [f"{i:04d}" for i in range(1, 9)]


@pytest.mark.parametrize(
    "word", ["2", "0002", "0002-dc", "0002-dcgan-digits", "dc", "dcgan-digits"]
)
def test_a_run_is_found_by_number_or_name(word: str, tmp_path: Path) -> None:
    _runs(tmp_path, "gan-digits", "dcgan-digits", "gan-faces")
    assert find(tmp_path, word).number == 2


def test_last_is_the_highest_number_and_a_path_is_itself(tmp_path: Path) -> None:
    runs = _runs(tmp_path / "runs", "a", "b")
    assert find(tmp_path / "runs", "last") == runs[1]
    assert find(tmp_path / "elsewhere", str(runs[0].path)) == runs[0]
    runs[0].path.rename(tmp_path / "kept")
    moved = find(tmp_path / "runs", str(tmp_path / "kept"))
    assert (moved.number, moved.name) == (None, "kept")


def test_best_compares_what_can_be_compared(tmp_path: Path) -> None:
    runs = _runs(tmp_path, "a", "b", "c", "d")
    scores = [("fd_lenet7", 12.0, "mnist"), ("fd_lenet7", 17.0, "mnist"), ("fid", 1.0, "mnist")]
    scores.append(("fd_lenet7", 15.0, "mnist"))
    for run, (metric, value, data) in zip(runs, scores, strict=True):
        run.update_info(best={"metric": metric, "value": value, "protocol": data})
    assert find(tmp_path, "best") == runs[0]


def test_best_is_the_highest_where_more_is_better(tmp_path: Path) -> None:
    runs = _runs(tmp_path, "a", "b")
    for run, value in zip(runs, (25.0, 17.0), strict=True):
        run.update_info(best={"metric": "modes", "value": value, "higher": True, "protocol": "p"})
    assert find(tmp_path, "best") == runs[0]


def test_best_without_a_score_says_that_there_is_none(tmp_path: Path) -> None:
    _runs(tmp_path, "a")
    with pytest.raises(RecipeError, match="has a score yet"):
        find(tmp_path, "best")


def test_an_unknown_run_suggests_a_near_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _runs(Path("runs"), "dcgan-digits")
    with pytest.raises(
        RecipeError, match=r"no run called 'dcgan-digts' in \./runs\.  Did you"
    ) as e:
        find(Path("runs"), "dcgan-digts")
    assert "dcgan-digits" in str(e.value)
    with pytest.raises(RecipeError, match=r"no run called '9'"):
        find(Path("runs"), "9")
    with pytest.raises(RecipeError, match=r"no runs in \./none yet; start one"):
        find(Path("none"), "last")


def test_a_word_for_several_runs_asks_for_the_number(tmp_path: Path) -> None:
    _runs(tmp_path, "gan", "gan")
    with pytest.raises(RecipeError, match=r"2 runs in .* 0001-gan, 0002-gan; give the number"):
        find(tmp_path, "gan")


def test_the_listing_passes_over_what_is_no_run(tmp_path: Path) -> None:
    runs = _runs(tmp_path, "a", "b")
    (tmp_path / "0009-empty").mkdir()
    (tmp_path / "notes.txt").write_text("")
    assert listing(tmp_path) == runs
    assert listing(tmp_path / "missing") == []
    with pytest.raises(RecipeError, match=r"0009-empty: not a run, it has no run.json"):
        RunDir.open(tmp_path / "0009-empty")


def test_unknown_keys_of_run_json_are_kept(tmp_path: Path) -> None:
    (run,) = _runs(tmp_path, "a")
    run.write_info({"status": "running", "from_the_future": [1, {"ü": None}]})
    run.update_info(status="done", pid=7)
    known = {"schema": 1, "status": "done", "pid": 7, "from_the_future": [1, {"ü": None}]}
    assert run.read_info() == known


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"status": "done"}', "it has no schema"),
        ('{"schema": true}', "it has no schema"),
        ("[1]", "it has no schema"),
        ('{"schema": 2}', "has schema 2, this ganzoo reads 1; update ganzoo"),
        ('{"schema": 1', "cannot be read"),
    ],
)
def test_a_run_json_that_cannot_be_trusted_is_refused(
    text: str, said: str, tmp_path: Path
) -> None:
    (run,) = _runs(tmp_path, "a")
    run.info.write_text(text)
    with pytest.raises(DataError, match=f"run.json: .*{said}"):
        run.read_info()


def test_the_trace_has_slugs_for_columns_and_null_for_what_is_not_finite(tmp_path: Path) -> None:
    (run,) = _runs(tmp_path, "a")
    run.append_metrics({"nimg": 64, "D(real)": 0.5, "D loss": float("nan")})
    assert run.read_metrics() == [{"nimg": 64, "d_real": 0.5, "d_loss": None}]


def test_a_resumed_trace_has_no_double_and_no_torn_line(tmp_path: Path) -> None:
    (run,) = _runs(tmp_path, "a")
    rows: list[Mapping[str, Any]] = [{"nimg": n, "d_loss": n / 7} for n in (64, 128, 192, 256)]
    for row in rows:
        run.append_metrics(row)
    with run.metrics.open("a") as file:
        file.write('{"nimg": 32')
    run.truncate_metrics(128)
    for row in rows[2:]:
        run.append_metrics(row)
    assert run.metrics.read_text().splitlines() == [json.dumps(row) for row in rows]
    assert run.read_metrics() == rows


def test_truncating_a_run_without_a_trace_makes_none(tmp_path: Path) -> None:
    (run,) = _runs(tmp_path, "a")
    run.truncate_metrics(0)
    assert not run.metrics.exists()


def test_an_event_carries_its_kind_and_the_time(tmp_path: Path) -> None:
    (run,) = _runs(tmp_path, "a")
    run.append_event("resume", nimg=128)
    (event,) = run.read_events()
    assert (event["kind"], event["nimg"]) == ("resume", 128)
    assert event["time"].endswith("+00:00")


def test_a_held_run_is_called_by_its_number(tmp_path: Path) -> None:
    (run,) = _runs(tmp_path, "a")
    with run.hold(), pytest.raises(MachineError, match=r"^run 1 is in use by pid"):
        run.hold().__enter__()


def test_runs_are_kept_in_out_else_the_environment_else_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert runs_root() == Path("runs")
    monkeypatch.setenv("GANZOO_RUNS", "elsewhere")
    assert runs_root() == Path("elsewhere")
    assert runs_root(Path("given")) == Path("given")


def test_the_room_imports_no_torch() -> None:
    code = "import sys, ganzoo.rundir; assert 'torch' not in sys.modules"
    where = str(Path(rundir.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": where}
    )
