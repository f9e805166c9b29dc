"""When runs reached a quality, from their folders, and the published file.

``python tests/test_speedrun.py`` writes the table of docs/speedrun.json into docs/speedrun.md.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ran import a_run

from ganzoo.errors import DataError, GateError
from ganzoo.quality.speedrun import (
    Row,
    checkout,
    markdown,
    page,
    passed,
    publish,
    read,
    rows_of,
    tables,
)
from ganzoo.rundir import RunDir

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, FILE = DOCS / "speedrun.md", DOCS / "speedrun.json"
BEGIN, END = "<!-- table -->", "<!-- end -->"
CPU = {"device": "cpu (2 threads)", "threads": 2, "torch": "2.11", "ganzoo": "0.1.0"}
CUDA = {**CPU, "device": "cuda:0 NVIDIA H200"}


def _run(
    root: Path,
    *values: float,
    model: str = "dcgan",
    seed: int = 0,
    metric: str = "FD-lenet",
    higher: bool = False,
    protocol: str = "FD; lenet",
    **info: Any,
) -> RunDir:
    """A run evaluated every 10 kimg, at 2 CPU-seconds and one second of the wall a kimg."""
    best = {"metric": metric, "value": 1.0, "higher": higher, "nimg": 1, "protocol": protocol}
    typed = f"ganzoo train {model} --seed {seed} --data-root /data -q --out=there"
    said = {"command": typed, "environment": CPU, "best": best if values else None}
    run = a_run(root, model, [f"training.seed={seed}"], **{**said, **info})
    for i, value in enumerate(values, 1):
        times = {"kimg": 10 * i, "cpu_sec": 20 * i, "wall_sec": 10 * i}
        run.append_metrics({"nimg": 10_000 * i, **times, metric: value})
    return run


def _rows(*runs: RunDir, targets: tuple[float, ...] = (50, 100)) -> list[Row]:
    rows, left_out = rows_of(runs, [float(each) for each in targets])
    assert left_out == []
    return rows


def test_a_target_is_reached_at_the_first_evaluation_that_is_as_good(tmp_path: Path) -> None:
    (row,) = _rows(_run(tmp_path, 300, 100, 49, 60), targets=(10, 50, 100))

    assert row.targets == (100, 50, 10)
    first, second, third = row.reached
    assert first is not None
    assert (first.value, first.kimg, first.cpu_sec, first.wall_sec) == (100, 20, 40, 20)
    assert second is not None
    assert second.kimg == 30
    assert third is None
    assert row.final is not None
    assert (row.final.value, row.final.kimg) == (60, 40)
    assert row.best is not None
    assert row.best.value == 49
    assert row.clock == "cpu_sec"


def test_of_a_metric_where_more_is_better_a_target_is_reached_from_below(tmp_path: Path) -> None:
    run = _run(tmp_path, 0.2, 0.7, 0.6, metric="modes", higher=True)
    (row,) = _rows(run, targets=(0.9, 0.5))

    assert row.targets == (0.5, 0.9)
    assert [each and each.kimg for each in row.reached] == [20, None]
    assert row.best is not None
    assert row.best.value == 0.7
    assert tables([row])[0].heads == ["recipe", ">= 0.5", ">= 0.9", "last", "kimg", "seeds"]


def test_a_command_keeps_what_trains_and_drops_what_holds_for_one_machine(tmp_path: Path) -> None:
    typed = "'python -m ganzoo' -p mine.py train dcgan --seeds 0-2 --set 'a=[1, 2]' --device cuda"
    (row,) = _rows(_run(tmp_path, 5, seed=2, command=typed))

    assert row.command == "ganzoo train -p mine.py dcgan --set 'a=[1, 2]' --seed 2"
    assert row.without_seed == "ganzoo train -p mine.py dcgan --set 'a=[1, 2]'"


def test_recipes_are_lines_over_seeds_the_hardest_target_first(tmp_path: Path) -> None:
    slow = [_run(tmp_path, *([200] * 5), 90, 40, model="gan", seed=s) for s in range(2)]
    mixed = [_run(tmp_path, 90, 40, seed=0), _run(tmp_path, 120, 90, seed=1)]
    never = _run(tmp_path, 500, model="sngan")
    (table,) = tables(_rows(never, *mixed, *slow))

    assert table.lines == [
        ["gan", "120", "140", "40.0", "70.0", "2"],
        ["dcgan", "30.0 ± 14.1", "40.0 (1 of 2)", "65.0 ± 35.4", "20.0", "2"],
        ["sngan", "-", "-", "500", "10.0", "1"],
    ]
    assert table.title == "FD-lenet, cpu (2 threads): seconds of training (CPU time, all threads)"
    assert table.below[:2] == ["FD-lenet = FD; lenet", "gan: `ganzoo train gan --seed N`"]
    assert markdown(table.heads, table.lines)[1] == "| :-- | --: | --: | --: | --: | --: |"


def test_other_settings_of_one_model_are_another_line(tmp_path: Path) -> None:
    runs = [
        _run(tmp_path, 90, seed=0),
        _run(tmp_path, 80, seed=0, command="ganzoo train dcgan --batch-size 8"),
    ]
    (table,) = tables(_rows(*runs))

    assert [line[0] for line in table.lines] == ["dcgan (1)", "dcgan (2)"]


def test_protocols_and_devices_are_never_in_one_table(tmp_path: Path) -> None:
    runs = [
        _run(tmp_path, 90),
        _run(tmp_path, 90, protocol="FD; lenet; 5,000 generated"),
        _run(tmp_path, 90, environment=CUDA),
    ]
    found = tables(_rows(*runs))

    assert len(found) == 3
    assert found[2].title.endswith("seconds of training (wall time)")
    assert [table.lines[0][1] for table in found] == ["20.0", "20.0", "10.0"]


def test_a_run_that_failed_before_any_evaluation_counts_among_the_seeds(tmp_path: Path) -> None:
    good, bad = _run(tmp_path, 40), _run(tmp_path, seed=1, status="diverged")
    alone = _run(tmp_path, model="gan", status="diverged")
    rows, left_out = rows_of([bad, good, alone], [50.0])

    assert tables(rows)[0].lines == [["dcgan", "20.0 (1 of 2)", "40.0", "10.0", "2"]]
    assert left_out == ["gan, seed 0: was not evaluated while it trained"]


def test_a_damaged_run_is_left_out_and_named(tmp_path: Path) -> None:
    run = _run(tmp_path, 40)
    run.config.write_text("seed = ")

    rows, left_out = rows_of([run], [50.0])
    assert rows == []
    assert "config.toml: cannot be read" in left_out[0]


def test_a_file_is_written_by_its_schema_read_back_and_added_to(tmp_path: Path) -> None:
    (first,) = _rows(_run(tmp_path, 90, commit="0a1b", dirty=True))
    (other,) = _rows(_run(tmp_path, 30, seed=1))
    file = tmp_path / "speedrun.json"
    publish(file, [first])
    publish(file, [other, replace(first, torch="3.0")])

    said = json.loads(file.read_text())
    schema = json.loads((DOCS / "schemas" / "speedrun.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(said)
    assert read(file) == [replace(first, torch="3.0"), other]
    assert (first.commit, first.dirty) == ("0a1b", True)
    said["rows"][0]["later"] = 1
    file.write_text(json.dumps(said))
    assert len(read(file)) == 2
    file.write_text(json.dumps({**said, "schema": 2}))
    with pytest.raises(DataError, match="has schema 2, this ganzoo reads 1"):
        read(file)
    file.write_text("[]")
    with pytest.raises(DataError, match="cannot be read as a speedrun"):
        read(file)


def test_a_check_passes_within_a_quarter_more_images_whatever_the_seconds(tmp_path: Path) -> None:
    (published,) = _rows(_run(tmp_path, *([200] * 3), 90), targets=(100, 50))
    (late,) = _rows(_run(tmp_path, *([200] * 4), 90), targets=(100, 50))
    (later,) = _rows(_run(tmp_path, *([200] * 5), 90), targets=(100, 50))
    (never,) = _rows(_run(tmp_path, 200), targets=(100, 50))

    assert passed(published, late) == [True, True]
    assert passed(published, later) == [False, True]
    assert passed(published, never) == [False, True]
    with pytest.raises(GateError, match="such values do not compare"):
        passed(published, replace(late, protocol="FD; pca"))


def test_a_checkout_says_its_commit() -> None:
    said = checkout()

    assert set(said) == {"commit", "dirty"}
    assert len(said["commit"]) in (0, 40)


def test_the_page_shows_the_table_of_the_published_file() -> None:
    text = PAGE.read_text(encoding="utf-8")
    between = text.partition(BEGIN)[2].partition(END)[0]

    assert between.strip() == page(read(FILE)), "run: python tests/test_speedrun.py"
    schema = json.loads((DOCS / "schemas" / "speedrun.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(json.loads(FILE.read_text(encoding="utf-8")))


def _write_page() -> None:
    """Put the table of today between the markers of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    text = f"{before}{BEGIN}\n\n{page(read(FILE))}\n\n{END}{rest.partition(END)[2]}"
    PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    _write_page()
