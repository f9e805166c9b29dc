"""One run from its first word to its folder: written, stopped, resumed, sampled, repeated."""

import json
import os
import signal
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import ganzoo
from ganzoo import api, files, runner
from ganzoo.build import outline
from ganzoo.errors import CheckpointError, FitError, MachineError, RecipeError
from ganzoo.events import Event, Finished, Pictured, Saved, Started, Ticked
from ganzoo.interfaces import Loss
from ganzoo.made import make_pictures
from ganzoo.options import schema
from ganzoo.plan import Plan, resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint
from ganzoo.training.skeleton import digest
from ganzoo.training.trainer import Trainer

SMALL = (
    "dataset.count=256",
    "generator.width=4",
    "discriminator.width=4",
    "training.batch_size=32",
    "training.tick_kimg=0.128",
    "training.checkpoint_kimg=0.25",
)


class Notes:
    """Keeps every event; may press Ctrl-C at the first tick."""

    def __init__(self, *, stop: bool = False) -> None:
        self.events: list[Event] = []
        self._stop = stop

    def show(self, event: Event) -> None:
        self.events.append(event)
        if self._stop and isinstance(event, Ticked):
            self._stop = False
            signal.raise_signal(signal.SIGINT)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def registry() -> Registry:
    return Registry.discover(only=())


def plan(kimg: float = 0.512, sets: Sequence[str] = (), **words: Any) -> Plan:
    return resolve(registry(), "dcgan", sets=[*SMALL, f"training.kimg={kimg}", *sets], **words)


def train(out: Path, notes: Notes | None = None, **words: Any) -> RunDir:
    made = words.pop("plan", None) or plan()
    observers = [] if notes is None else [notes]
    done = runner.train(made, registry(), out=out, device="cpu", observers=observers, **words)
    return RunDir.open(done.run)


def last_state(run: RunDir) -> str:
    groups = dict(checkpoint.load(run.checkpoints).groups)
    del groups["clock"]
    return digest(groups)


def trace(run: RunDir) -> list[tuple[int, float]]:
    return [(row["nimg"], row["d_loss"]) for row in run.read_metrics()]


def test_a_run_leaves_a_folder_that_tells_everything(tmp_path: Path) -> None:
    notes = Notes()

    run = train(tmp_path, notes)

    assert run.path.name == "0001-dcgan-digits"
    assert [event.nimg for event in notes.of(Ticked)] == [128, 256, 384, 512]
    assert run.real_sample.exists()
    assert run.sample(0).exists()
    assert run.sample(512).exists()
    assert checkpoint.moments(run.checkpoints) == [256, 512]
    info = run.read_info()
    assert info["status"] == "done"
    assert info["made_by"]["generator"]["id"] == "dcgan/dcgan"
    assert info["made_by"]["generator"]["distribution"] == "torch-ganzoo"
    row = run.read_metrics()[-1]
    assert {
        "kimg",
        "step",
        "epoch",
        "cpu_sec",
        "d_loss",
        "g_loss",
        "d_real",
        "d_fake",
        "d_acc",
    } <= set(row)
    assert notes.of(Finished)[0].status == "done"
    assert notes.of(Started)[0].total_nimg == 512
    assert notes.of(Saved)[-1].nimg == 512


def test_the_first_pictures_come_before_the_first_tick(tmp_path: Path) -> None:
    notes = Notes()
    train(tmp_path, notes)

    kinds = [type(event) for event in notes.events]

    assert kinds.index(Pictured) < kinds.index(Ticked)


def test_a_checkpoint_holds_safetensors_and_json_only(tmp_path: Path) -> None:
    run = train(tmp_path)

    names = {path.name for path in run.checkpoint(512).iterdir()}

    assert {"generator.safetensors", "generator_ema.safetensors", "state.json"} <= names
    assert {Path(name).suffix for name in names} == {".safetensors", ".json"}


def test_ctrl_c_saves_and_the_resumed_run_ends_as_if_it_had_not_come(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole")
    notes = Notes(stop=True)
    stopped = train(tmp_path / "stopped", notes)
    assert notes.of(Finished)[0].signal == signal.SIGINT
    assert stopped.read_info()["status"] == "stopped"

    done = runner.resume(stopped, registry(), device="cpu")

    assert done.status == "done"
    assert last_state(stopped) == last_state(whole)
    assert trace(stopped) == trace(whole)


@pytest.mark.parametrize("step", [5, 8])
def test_a_run_stopped_in_any_step_leaves_the_trace_of_one_that_was_not(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick ends with step 8: the stop is asked for while its row is yet to be written."""
    made, play = plan(sets=["training.sample_kimg=10"]), Trainer.play_step
    whole = train(tmp_path / "whole", plan=made)

    def played(trainer: Trainer) -> None:
        play(trainer)
        if trainer.step == step:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "play_step", played)
    stopped = train(tmp_path / "stopped", plan=made)
    assert stopped.read_info()["nimg"] == step * 32
    monkeypatch.undo()

    runner.resume(stopped, registry(), device="cpu")

    times = ("wall_sec", "cpu_sec")
    rows, same = (
        [{name: value for name, value in row.items() if name not in times} for row in each]
        for each in (stopped.read_metrics(), whole.read_metrics())
    )
    assert rows == same


def test_a_finished_run_says_how_to_go_on_and_goes_on(tmp_path: Path) -> None:
    run = train(tmp_path)
    with pytest.raises(RecipeError, match=r"--kimg \+"):
        runner.resume(run, registry(), device="cpu")

    done = runner.resume(run, registry(), device="cpu", kimg="+0.128")

    assert done.nimg == 640
    assert [nimg for nimg, _ in trace(run)] == [128, 256, 384, 512, 640]


def test_resume_from_an_older_checkpoint_goes_another_way(tmp_path: Path) -> None:
    run = train(tmp_path)
    before = last_state(run)

    runner.resume(run, registry(), device="cpu", start=256)

    assert last_state(run) == before
    assert [nimg for nimg, _ in trace(run)] == [128, 256, 384, 512]


def test_a_run_without_a_checkpoint_cannot_be_resumed(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "empty")
    run.update_info(made_by={})

    with pytest.raises(CheckpointError):
        runner.resume(run, registry())


def test_changed_data_is_noticed_before_training_goes_on(tmp_path: Path) -> None:
    run = train(tmp_path)
    text = run.config.read_text(encoding="utf-8").replace("count = 256", "count = 300")
    run.config.write_text(text, encoding="utf-8")

    before = trace(run)

    with pytest.raises(CheckpointError, match=r"dataset\.count was 256 and is 300 now"):
        runner.resume(run, registry(), device="cpu", kimg="+1", start=256)

    assert trace(run) == before
    assert checkpoint.moments(run.checkpoints) == [256, 512]
    assert run.config.read_text(encoding="utf-8") == text


def test_the_config_of_a_run_repeats_it(tmp_path: Path) -> None:
    first = train(tmp_path)
    again = train(tmp_path, plan=resolve(registry(), None, config=first.config))

    assert last_state(again) == last_state(first)
    assert "learning_rate" in tomllib.loads(first.config.read_text())["optimizer"]["generator"]


def test_pictures_are_a_function_of_their_seed_not_of_their_mates(tmp_path: Path) -> None:
    run = train(tmp_path)
    many, few = tmp_path / "many.safetensors", tmp_path / "few.safetensors"

    make_pictures(run, registry(), seeds=range(8), device="cpu", output=many)
    make_pictures(run, registry(), seeds=[5], device="cpu", output=few)

    images = load_file(many)["images"]
    assert images.shape == (8, 1, 32, 32)
    assert images.dtype == torch.uint8
    difference = images[5].int() - load_file(few)["images"][0].int()
    assert difference.abs().max() <= 1


def test_a_conditional_run_draws_the_class_that_is_asked_for(tmp_path: Path) -> None:
    run = train(tmp_path, plan=plan(overrides={"training.conditional": True}))
    path = tmp_path / "sevens.safetensors"

    make_pictures(run, registry(), seeds=range(4), label=7, device="cpu", output=path)

    assert load_file(path)["labels"].tolist() == [7] * 4
    with pytest.raises(RecipeError, match="0 to 9"):
        make_pictures(run, registry(), seeds=[0], label=10, device="cpu", output=path)


def test_steps_and_epochs_are_lengths_too(tmp_path: Path) -> None:
    notes = Notes()
    train(tmp_path, notes, steps=5)
    train(tmp_path, notes, epochs=1.0)

    assert [event.nimg for event in notes.of(Finished)] == [160, 256]


def test_wasserstein_without_a_bound_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    alone = plan(replace={"loss": "wgan"}, add={"regularizer": ["none"]})

    with pytest.raises(FitError, match="--regularizer gp"):
        train(tmp_path, plan=alone)

    assert list(tmp_path.iterdir()) == []


def test_r1_with_r2_bounds_the_slope_and_r1_alone_does_not() -> None:
    def fits(*names: str) -> bool:
        made = plan(replace={"loss": "wgan"}, add={"regularizer": ["none", *names]})
        try:
            outline(made, registry())
        except FitError:
            return False
        return True

    assert [fits("r1"), fits("r1", "r2"), fits("gp"), fits("clip")] == [False, True, True, True]


def test_python_takes_objects_wherever_it_takes_names(tmp_path: Path) -> None:
    class Mine(Loss):
        def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
            return (real - 1).square() + fake.square()

        def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
            return (fake - 1).square()

    rng = torch.Generator().manual_seed(0)
    pictures = [(torch.rand(1, 32, 32, generator=rng), i % 2) for i in range(64)]
    settings = {"training.batch_size": 16, "generator.width": 4, "discriminator.width": 4}

    run = ganzoo.train(
        "dcgan",
        dataset=pictures,
        loss=Mine(),
        settings=settings,
        kimg=0.064,
        out=tmp_path,
        device="cpu",
        observers=[],
    )
    made_by = json.loads((run.path / "run.json").read_text())["made_by"]

    assert made_by["loss"]["id"] == made_by["dataset"]["id"] == "local"
    assert run.sample(3).shape == (3, 1, 32, 32)
    assert run.samples().size[0] > 32
    with pytest.raises(RecipeError, match="pass it again"):
        ganzoo.resume(api.Run(run.rundir), kimg="+0.064", observers=[])
    longer = ganzoo.resume(run, kimg="+0.064", observers=[], device="cpu")
    assert longer.metrics[-1]["nimg"] == 128


def test_without_posix_locks_and_folder_syncs_a_run_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open

    def refuse_folders(path: Any, flags: int, *rest: Any, **words: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "a folder cannot be opened here", str(path))
        return real_open(path, flags, *rest, **words)

    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(os, "open", refuse_folders)

    run = train(tmp_path)
    done = runner.resume(run, registry(), device="cpu", kimg="+0.128")
    path = make_pictures(run, registry(), seeds=range(4), device="cpu")

    assert done.status == "done"
    assert path.exists()


@pytest.mark.parametrize("setting", ["training.precision=tf32", "training.cuda_graph=on"])
def test_what_a_device_cannot_do_leaves_no_folder(setting: str, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="needs a CUDA device"):
        train(tmp_path / "runs", plan=plan(sets=[setting]))

    assert not (tmp_path / "runs").exists()


def test_the_file_of_a_run_holds_every_setting_of_every_part(tmp_path: Path) -> None:
    words = {"add": {"regularizer": ["gp"], "augment": ["diffaugment"], "schedule": ["decay"]}}
    run = train(tmp_path, plan=plan(0.032, **words))

    tables = tomllib.loads(run.config.read_text(encoding="utf-8"))

    made = outline(plan(0.032, **words), registry())
    assert {"loss", "regularizer.gp", "augment.diffaugment", "schedule.decay"} <= set(made.made_by)
    for slot, by in made.made_by.items():
        kind, _, name = slot.partition(".")
        known = schema(registry().load(registry().find(by["kind"], by["id"])))
        assert set(known) <= set(tables[kind][name] if name else tables[kind]), slot
