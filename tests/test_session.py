"""What a run does beside training: it judges itself, remembers its best, and minds its health."""

import itertools
import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from judges import PLUGIN
from test_runner import SMALL, Notes

from ganzoo import runner, session
from ganzoo.cli.main import main
from ganzoo.errors import MachineError
from ganzoo.events import Event, Remarked, Scored, Ticked
from ganzoo.made import moment_called
from ganzoo.plan import resolve
from ganzoo.quality import health
from ganzoo.quality.scores import all_scores, read_scores
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir, listing
from ganzoo.training import checkpoint
from ganzoo_standard.losses import NonSaturating

JUDGED = (
    *SMALL,
    "training.eval_kimg=0.25",
    "training.eval_samples=20",
    'training.eval_metrics=["gap", "size"]',
)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    return Registry.discover(only=(), files=[str(file)])


@pytest.fixture
def sick(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 0.3 kimg on the discriminator is said to win, at once."""
    for name in ("LASTING", "FEW", "VERY_FEW"):
        monkeypatch.setattr(health, name, 0)
    symptoms: Mapping[str, Any] = {"winning": {"kimg": (0.3, 1e9)}}
    monkeypatch.setattr(NonSaturating, "symptoms", symptoms)


def train(
    registry: Registry,
    out: Path,
    notes: Notes | None = None,
    sets: Sequence[str] = (),
    kimg: float = 1.024,
) -> RunDir:
    plan = resolve(registry, "dcgan", sets=[*SMALL, f"training.kimg={kimg}", *sets])
    observers = [] if notes is None else [notes]
    return RunDir.open(
        runner.train(plan, registry, out=out, device="cpu", observers=observers).run
    )


def test_a_run_judges_itself_and_keeps_its_best_checkpoint(
    registry: Registry, tmp_path: Path
) -> None:
    notes = Notes()
    run = train(registry, tmp_path / "runs", notes, [*JUDGED, "training.keep=1"])

    scores = all_scores(run)
    best = run.read_info()["best"]
    values = [each.values["gap-lenet-digits"].value for each in scores]
    assert [each.nimg for each in scores] == [256, 512, 768, 1024]
    assert best["value"] == max(values)
    assert best["metric"] == "gap-lenet-digits"
    assert moment_called(run, "best") == best["nimg"]
    assert set(checkpoint.moments(run.checkpoints)) == {best["nimg"], 1024}
    assert next(event.best for event in notes.of(Scored))
    rows = [row for row in run.read_metrics() if "gap_lenet_digits" in row]
    assert [row["gap_lenet_digits"] for row in rows] == values
    assert scores[-1].cpu_sec == rows[-1]["cpu_sec"]


def test_the_end_is_drawn_and_judged_though_it_is_no_multiple_of_anything(
    registry: Registry, tmp_path: Path
) -> None:
    sets = [*JUDGED, "training.eval_kimg=0.4", "training.sample_kimg=9"]
    run = train(registry, tmp_path / "runs", sets=sets, kimg=0.7)

    assert [each.nimg for each in all_scores(run)] == [512, 704]
    assert run.sample(704).read_bytes() == run.latest_sample.read_bytes()


def test_evaluating_changes_no_bit_of_what_is_trained(registry: Registry, tmp_path: Path) -> None:
    judged = train(registry, tmp_path / "a", sets=JUDGED)
    alone = train(registry, tmp_path / "b", sets=["training.eval_kimg=none"])

    for name in ("generator", "generator_ema", "discriminator", "optimizers"):
        both = [run.checkpoint(1024) / f"{name}.safetensors" for run in (judged, alone)]
        assert both[0].read_bytes() == both[1].read_bytes()


def test_a_judge_that_fails_ends_no_run(registry: Registry, tmp_path: Path) -> None:
    notes = Notes()
    sets = [*JUDGED, 'training.eval_metrics=["gasp"]']
    run = train(registry, tmp_path / "runs", notes, sets)

    assert run.read_info()["status"] == "done"
    assert [event.word for event in notes.of(Remarked)] == ["evaluation"]
    assert "gasp" in notes.of(Remarked)[0].sentence


def test_patience_ends_a_run_that_gets_no_better(registry: Registry, tmp_path: Path) -> None:
    notes = Notes()
    sets = [*JUDGED, 'training.eval_metrics=["size"]', "training.patience=2"]
    run = train(registry, tmp_path / "runs", notes, sets, kimg=4.096)

    info = run.read_info()
    assert (info["status"], info["best"]["nimg"]) == ("done", 256)
    assert info["nimg"] < 1000
    assert [event.word for event in notes.of(Remarked)] == ["patience"]


def test_variety_and_health_are_told_with_every_row(registry: Registry, tmp_path: Path) -> None:
    notes = Notes()
    run = train(registry, tmp_path / "runs", notes)

    assert all("variety" in row for row in run.read_metrics())
    assert {event.health for event in notes.of(Ticked)} == {"balanced"}
    assert run.read_info()["health"] == "balanced"


@pytest.mark.usefixtures("sick")
def test_a_lost_game_is_remarked_on_and_by_default_goes_on(
    registry: Registry, tmp_path: Path
) -> None:
    notes = Notes()
    run = train(registry, tmp_path / "runs", notes)

    remarks = [event for event in run.read_events() if event["kind"] == "remark"]
    assert [(each["word"], each["action"]) for each in remarks] == [("winning", "")]
    assert len(notes.of(Remarked)) == 1
    assert (run.read_info()["status"], run.read_info()["nimg"]) == ("done", 1024)
    assert run.read_info()["health"] == "D is winning, 1 remark"


@pytest.mark.usefixtures("sick")
def test_a_lost_game_can_end_the_run_with_exit_5(tmp_path: Path) -> None:
    sets = [word for text in (*SMALL, "training.kimg=1.024") for word in ("--set", text)]
    out = tmp_path / "runs"
    code = main(["train", "dcgan", *sets, "--on-collapse", "stop", "--out", str(out), "--plain"])

    run = RunDir.open(next(out.glob("0001-*")))
    assert code == 5
    assert run.read_info()["status"] == "collapsed"
    assert run.read_info()["nimg"] < 1024
    assert checkpoint.moments(run.checkpoints)[-1] == run.read_info()["nimg"]


@pytest.mark.usefixtures("sick")
def test_a_lost_game_can_go_back_with_half_the_rates_at_most_three_times(
    registry: Registry, tmp_path: Path
) -> None:
    notes = Notes()
    run = train(registry, tmp_path / "runs", notes, ["training.on_collapse=rollback"])

    kinds = [event["kind"] for event in run.read_events()]
    optimizer = tomllib.loads(run.config.read_text())["optimizer"]["generator"]
    assert kinds.count("rolled-back") == 3
    assert run.read_info()["status"] == "collapsed"
    assert optimizer["learning_rate"] == pytest.approx(2e-3 / 8)
    assert "back to 0.256 kimg" in notes.of(Remarked)[0].action
    nimg = [row["nimg"] for row in run.read_metrics()]
    assert nimg == sorted(set(nimg))


@pytest.mark.usefixtures("sick")
def test_a_rolled_back_trainer_has_the_rates_of_its_new_settings(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    played = runner.Trainer.play_step

    def play(self: runner.Trainer) -> None:
        played(self)
        seen.append(self.optimizers["generator"].param_groups[0]["lr"])

    monkeypatch.setattr(runner.Trainer, "play_step", play)
    run = train(registry, tmp_path / "runs", sets=["training.on_collapse=rollback", "schedule=[]"])

    assert max(seen) == 2e-3
    assert min(seen) == pytest.approx(2e-3 / 8)
    assert run.read_info()["status"] == "collapsed"


def failing(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, calls: Collection[int]
) -> None:
    """Let some calls of a function find the disk full."""
    function, count = getattr(owner, name), itertools.count(1)

    def now_and_then(*words: Any, **more: Any) -> Any:
        if next(count) in calls:
            raise MachineError("the disk is full")
        return function(*words, **more)

    monkeypatch.setattr(owner, name, now_and_then)


def test_two_checkpoints_that_fail_end_no_run(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, checkpoint, "save", (1, 2))
    notes = Notes()
    run = train(registry, tmp_path / "runs", notes)

    assert run.read_info()["status"] == "done"
    assert [event.word for event in notes.of(Remarked)] == ["unsaved", "unsaved"]
    assert notes.of(Remarked)[0].action == "training goes on"
    assert checkpoint.moments(run.checkpoints) == [768, 1024]


@pytest.mark.parametrize(("calls", "nimg"), [((1, 2, 3), 768), ((4,), 1024)])
def test_the_third_in_turn_or_the_last_one_ends_it(
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: Collection[int],
    nimg: int,
) -> None:
    failing(monkeypatch, checkpoint, "save", calls)

    with pytest.raises(MachineError, match="the disk is full"):
        train(registry, tmp_path / "runs")

    (run,) = listing(tmp_path / "runs")
    assert (run.read_info()["status"], run.read_info()["nimg"]) == ("crashed", nimg)


def test_an_observer_that_fails_is_shown_no_more_and_ends_no_run(
    registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Sulking(Notes):
        def show(self, event: Event) -> None:
            super().show(event)
            if isinstance(event, Ticked):
                raise ValueError("enough")

    sulking, notes = Sulking(), Notes()
    plan = resolve(registry, "dcgan", sets=[*SMALL, "training.kimg=0.512"])
    runner.train(plan, registry, out=tmp_path, device="cpu", observers=[sulking, notes])

    assert len(sulking.of(Ticked)) == 1
    assert len(notes.of(Ticked)) > 1
    assert "observer Sulking is shown no more: ValueError: enough" in caplog.text


def test_rows_that_could_not_be_written_are_written_later(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(registry, tmp_path / "whole")
    failing(monkeypatch, RunDir, "append_metrics", range(2, 5))
    failing(monkeypatch, session, "save_grid", range(6, 9))
    notes = Notes()
    run = train(registry, tmp_path / "runs", notes)

    said = [event.sentence for event in notes.of(Remarked)]
    assert run.read_info()["status"] == "done"
    assert sorted(said) == [
        "a sheet of samples was not written: the disk is full",
        "the trace was not written: the disk is full",
    ]
    assert [row["nimg"] for row in run.read_metrics()] == [
        row["nimg"] for row in whole.read_metrics()
    ]


def test_eval_prints_writes_and_holds_a_gate(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(registry, tmp_path / "runs", sets=["training.eval_kimg=none"])
    words = ["eval", str(run.path), "--samples", "64", "--metrics", "frechet,classes"]
    words += ["--extractor", "pca"]
    capsys.readouterr()

    assert main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == read_scores(run, 1024).to_json()
    assert list(said["values"]) == ["FD-pca"]
    assert moment_called(run, "best") == 1024
    assert main([*words, "--require", "FD-pca<=1e9"]) == 0
    assert "floor" in capsys.readouterr().out
    assert main([*words, "--require", "FD-pca<=0.001"]) == 7
    assert "not <= 0.001" in capsys.readouterr().err
    assert main([*words, "--set", "metric.gasp.k=3"]) == 2
    assert main([*words, "--require", "FD"]) == 2
