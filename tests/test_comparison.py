"""Runs side by side: means and spreads, protocols apart, what is unequal, and sweeps."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ran import LENET, a_run

from ganzoo.errors import DataError, DivergedError, RecipeError
from ganzoo.quality.comparison import Column, Comparison, Row, compare, differing
from ganzoo.quality.sweeps import next_sweep, one_by_one, seeds, several


def _column(found: Comparison, name: str, **more: str) -> int:
    (i,) = [
        i
        for i, c in enumerate(found.columns)
        if c.name == name and all(getattr(c, key) == value for key, value in more.items())
    ]
    return i


def _mean(found: Comparison, row: Row, name: str) -> float | None:
    cell = row.cells[_column(found, name)]
    return cell and cell.mean


def _shown(found: Comparison) -> list[tuple[str, str | None]]:
    return [(column.name, column.at) for column in found.columns if column.shown]


def test_a_group_has_mean_and_sample_deviation_over_its_runs(tmp_path: Path) -> None:
    runs = [
        a_run(tmp_path, sets=[f"training.seed={i}"], evaluations={300_000: {"FD_lenet": fd}})
        for i, fd in enumerate((10.0, 11.0, 15.0))
    ]

    found = compare(runs, "loss")

    (row,) = found.rows
    cell = row.cells[_column(found, "FD-lenet")]
    assert row.group == "ns"
    assert cell is not None
    assert (cell.mean, cell.n) == (12.0, 3)
    assert cell.sd == pytest.approx(math.sqrt(7.0))
    assert found.unequal == {}


def test_one_run_has_no_deviation(tmp_path: Path) -> None:
    found = compare([a_run(tmp_path, evaluations={300_000: {"FD_lenet": 3.0}})])

    assert [cell.sd for cell in found.rows[0].cells if cell] == [None] * len(found.columns)


def test_rows_are_ordered_by_the_headline_the_best_first_and_the_unknown_last(
    tmp_path: Path,
) -> None:
    runs = [
        a_run(tmp_path, sets=["loss.use=hinge"]),
        a_run(tmp_path, sets=["loss.use=ns"], evaluations={300_000: {"FD_lenet": 5.0}}),
        a_run(tmp_path, sets=["loss.use=lsgan"], evaluations={300_000: {"FD_lenet": 4.0}}),
    ]

    assert [row.group for row in compare(runs, "loss").rows] == ["lsgan", "ns", "hinge"]


def test_a_headline_of_which_more_is_better_is_ordered_downwards(tmp_path: Path) -> None:
    runs = [
        a_run(tmp_path, evaluations={100: {"coverage_lenet": value, "FD_lenet": 1.0}})
        for value in (0.2, 0.9)
    ]

    found = compare(runs)

    assert [_mean(found, row, "coverage-lenet") for row in found.rows] == [0.9, 0.2]


def test_best_and_last_headlines_both_stand_there_where_they_differ(tmp_path: Path) -> None:
    evaluations = {
        100_000: {"FD_lenet": 3.0, "coverage_lenet": 0.9},
        300_000: {"FD_lenet": 5.0, "coverage_lenet": 0.7},
    }
    run = a_run(tmp_path, evaluations=evaluations)

    last, best = compare([run]), compare([run], at="best")

    shown = [("FD-lenet", "best"), ("FD-lenet", "last"), ("coverage-lenet", "last")]
    assert _shown(last)[:3] == shown
    assert _mean(last, last.rows[0], "coverage-lenet") == 0.7
    assert _mean(best, best.rows[0], "coverage-lenet") == 0.9


def test_the_best_is_of_the_protocol_of_the_last(tmp_path: Path) -> None:
    evaluations = {
        100_000: {"FD_lenet": 1.0, "protocol": "10 generated"},
        200_000: {"FD_lenet": 4.0},
        300_000: {"FD_lenet": 5.0},
    }

    found = compare([a_run(tmp_path, evaluations=evaluations)], at="best")

    cell = found.rows[0].cells[_column(found, "FD-lenet", at="best")]
    assert cell is not None
    assert cell.mean == 4.0


def test_different_protocols_never_share_a_column(tmp_path: Path) -> None:
    runs = [
        a_run(tmp_path, evaluations={300_000: {"FD_lenet": 5.0}}),
        a_run(tmp_path, evaluations={300_000: {"FD_lenet": 1.0, "protocol": "10 generated"}}),
    ]

    found = compare(runs, "loss")

    (row,) = found.rows
    columns = [i for i, column in enumerate(found.columns) if column.name == "FD-lenet"]
    assert [(cell.mean, cell.n) for i in columns if (cell := row.cells[i])] == [(5.0, 1), (1.0, 1)]
    assert [found.columns[i].protocol for i in columns] == [
        f"FD_lenet: {LENET}",
        "FD_lenet: 10 generated",
    ]


def test_the_headline_what_stands_beside_it_and_a_second_opinion_are_shown(
    tmp_path: Path,
) -> None:
    values = {"FD_lenet": 1.0, "KD_lenet": 2.0, "nn_ratio": 1.1, "classes_KL_lenet": 0.1}
    values |= {"coverage_lenet": 0.8, "FD_pca": 7.0, "coverage_pca": 0.6}
    run = a_run(tmp_path, evaluations={1000: values}, row={"variety": 0.9, "other": 3.0})

    found = compare([run])

    assert [name for name, _ in _shown(found)] == [
        *("FD-lenet", "coverage-lenet", "classes-KL-lenet", "nn-ratio", "FD-pca"),
        *("variety", "img_sec", "kimg"),
    ]
    assert {"KD-lenet", "coverage-pca", "other", "d_loss", "cpu_sec"} <= {
        column.name for column in found.columns
    }


def test_losses_are_shown_while_nothing_is_evaluated(tmp_path: Path) -> None:
    found = compare([a_run(tmp_path)])

    assert _shown(found) == [(name, None) for name in ("d_loss", "g_loss", "img_sec", "kimg")]


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("loss", ["hinge", "ns"]),
        ("loss.use", ["hinge", "ns"]),
        ("model", ["dcgan"]),
        ("training.batch_size", ["128", "32"]),
        ("regularizer", ["none", "r1"]),
        ("generator.width", ["32", "64"]),
        ("environment.device", ["cpu (2 threads)", "cuda:0"]),
    ],
)
def test_any_key_and_any_slot_can_group(group: str, names: list[str], tmp_path: Path) -> None:
    other = ["loss.use=hinge", "training.batch_size=128", "regularizer=none", "generator.width=32"]
    runs = [
        a_run(tmp_path, sets=["generator.width=64"]),
        a_run(tmp_path, sets=other, environment={"device": "cuda:0"}),
    ]

    assert sorted(row.group for row in compare(runs, group).rows) == names


def test_an_unknown_key_is_told_with_its_neighbour(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no run has such.*Did you mean training\.batch_size"):
        compare([a_run(tmp_path)], "training.batchsize")


def test_what_differs_beside_the_group_and_the_seed_is_unequal(tmp_path: Path) -> None:
    runs = [
        a_run(tmp_path, sets=["training.kimg=100", "training.seed=1"]),
        a_run(tmp_path, sets=["training.kimg=300", "loss.use=hinge"], resolution=64),
    ]

    assert compare(runs, "loss").unequal == {
        "training.kimg": ["100", "300"],
        "resolution": ["32", "64"],
    }
    assert compare(runs).unequal.keys() == {"training.kimg", "resolution", "loss"}


def test_settings_of_a_grouped_part_are_unequal_only_within_a_group(tmp_path: Path) -> None:
    widths = {8: "mlp", 16: "mlp", 32: "dcgan"}
    runs = [
        a_run(tmp_path, sets=[f"generator.use={name}", f"generator.width={width}"])
        for width, name in widths.items()
    ]

    assert compare(runs[1:], "generator").unequal == {}
    assert compare(runs, "generator").unequal == {"generator.width": ["8", "16", "32"]}


def test_models_may_differ_in_all_that_makes_a_model(tmp_path: Path) -> None:
    runs = [a_run(tmp_path, model, ["training.kimg=10"]) for model in ("dcgan", "gan")]

    keys = compare(runs, "model").unequal.keys()

    assert not [key for key in keys if key.split(".")[0] in ("generator", "loss", "optimizer")]


def test_evaluations_of_different_moments_are_unequal(tmp_path: Path) -> None:
    runs = [a_run(tmp_path, evaluations={nimg: {"FD_lenet": 1.0}}) for nimg in (300_000, 50_000)]

    assert compare(runs).unequal["evaluated at kimg"] == ["50", "300"]
    assert "evaluated at kimg" not in compare(runs, at="best").unequal


def test_a_damaged_run_is_left_out_and_said_but_alone_it_is_an_error(tmp_path: Path) -> None:
    whole, damaged, bare = (a_run(tmp_path) for _ in range(3))
    damaged.info.write_text("{")
    bare.config.unlink()

    found = compare([whole, damaged, bare])

    assert [ran.name for ran in found.runs] == ["0001-dcgan-digits"]
    assert ["run.json" in why for why in found.left_out] == [True, False]
    assert "config.toml: cannot be read" in found.left_out[1]
    with pytest.raises(DataError, match=r"run\.json"):
        compare([damaged])
    with pytest.raises(DataError, match="none of 2 runs"):
        compare([damaged, bare])


def test_a_run_that_never_came_to_a_row_stands_there_with_blanks(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.metrics.unlink()

    (row,) = compare([run, a_run(tmp_path)], "model").rows

    assert [cell.n for cell in row.cells if cell] == [1] * len(row.cells)


def test_only_settings_that_differ_are_listed(tmp_path: Path) -> None:
    runs = [a_run(tmp_path, sets=[f"training.seed={seed}"]) for seed in (0, 5)]

    names, found = differing(runs)

    assert names == ["0001-dcgan-digits", "0002-dcgan-digits"]
    assert found == {"training.seed": ["0", "5"]}


def test_columns_are_the_same_by_name_protocol_and_moment_alone() -> None:
    assert Column("FD", "p", "last", floor=1.0) == Column("FD", "p", "last", floor=1.1)
    assert Column("FD", "p", "last") != Column("FD", "q", "last")


@pytest.mark.parametrize(
    ("said", "meant"),
    [("0,1,2", [0, 1, 2]), ("0-4", [0, 1, 2, 3, 4]), ("7", [7]), ("0-1, 1,9", [0, 1, 9])],
)
def test_seeds_are_a_list_or_a_range(said: str, meant: list[int]) -> None:
    assert seeds(said) == meant


@pytest.mark.parametrize("said", ["", "a", "0,", "4-0", "-1", "0-99999999999", "1.5", "٣"])
def test_what_is_no_seed_is_told(said: str) -> None:
    with pytest.raises(RecipeError, match="write 0,1,2 or 0-4"):
        seeds(said)


def test_a_range_that_is_too_long_is_told_with_the_most() -> None:
    assert len(seeds("0-999")) == 1000
    with pytest.raises(RecipeError, match="'0-1000' is a range of more than 1000"):
        seeds("0-1000")


def test_a_sweep_has_the_next_number_and_never_that_of_another(tmp_path: Path) -> None:
    a_run(tmp_path, sweep="sweep-4")
    a_run(tmp_path).info.write_text("{")

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: next_sweep(tmp_path), range(16)))

    assert sorted(names) == sorted(f"sweep-{i}" for i in range(5, 21))
    assert next_sweep(tmp_path / "new") == "sweep-1"


def test_a_failed_run_does_not_stop_the_sweep_and_gives_the_exit_code() -> None:
    played: list[int] = []
    told: list[tuple[int, str]] = []

    def play(seed: int) -> int:
        played.append(seed)
        if seed == 1:
            raise DivergedError("nan")
        if seed == 2:
            raise ValueError("a plugin's")
        return 0

    code = one_by_one(range(4), play, lambda seed, error: told.append((seed, str(error))))

    assert code == 5
    assert played == [0, 1, 2, 3]
    assert told == [(1, "nan"), (2, "a plugin's")]


def test_a_signal_ends_the_sweep() -> None:
    played: list[int] = []

    def play(seed: int) -> int:
        played.append(seed)
        return 130

    assert one_by_one(range(3), play, lambda *_: None) == 130
    assert played == [0]


def test_words_mean_several_runs_each_once(tmp_path: Path) -> None:
    for model, sweep in (("dcgan", None), ("gan", "sweep-1"), ("dcgan", "sweep-1"), ("gan", None)):
        a_run(tmp_path, model, sweep=sweep)

    def numbers(*words: str) -> list[int | None]:
        return [run.number for run in several(tmp_path, words)]

    assert numbers("2-9") == [2, 3, 4]
    assert numbers("gan*") == [2, 4]
    assert numbers("*digits") == [1, 2, 3, 4]
    assert numbers("000[13]-*") == [1, 3]
    assert numbers("sweep-1") == [2, 3]
    assert numbers("last", "4", "1-2", str(tmp_path / "0001-dcgan-digits")) == [4, 1, 2]


@pytest.mark.parametrize("word", ["7-9", "cifar*", "sweep-2", "nothing"])
def test_a_word_that_means_no_run_is_told(word: str, tmp_path: Path) -> None:
    a_run(tmp_path, sweep="sweep-1")

    with pytest.raises(RecipeError, match=f"no run .*{word[:4]}"):
        several(tmp_path, [word])
