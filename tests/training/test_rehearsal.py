"""A rehearsal: what it tells, what it chooses for a card, and that it leaves nothing behind."""

import gc
import math
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny import TinyDiscriminator, TinyLoss, experiment
from torch import Tensor, nn
from zoo import REGISTRY, Pictures, least, size_of

from ganzoo import build, runner
from ganzoo.algorithm import Play, RunView
from ganzoo.errors import MachineError
from ganzoo.events import Event, Started, Waiting
from ganzoo.hookspecs import hookimpl
from ganzoo.interfaces import Regularizer, Schedule
from ganzoo.plan import resolve
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint, rehearsal, ticks
from ganzoo.training.experiment import Experiment
from ganzoo.training.rehearsal import memory, rehearse
from ganzoo.training.skeleton import digest
from ganzoo.training.trainer import Trainer

CPU = torch.device("cpu")
GIB = 2**30
SEEN: list[int] = []
PLAYED: list[tuple[int, int]] = []
NOW = [0.0]


class Card:
    """Eight GiB, of which the images that a judge sees at once take a share each."""

    def __init__(self, mib_an_image: int) -> None:
        self._each = mib_an_image * 2**20

    def __call__(self, device: torch.device) -> tuple[float, float]:
        most = float(max(SEEN, default=0) * self._each)
        SEEN.clear()
        return most, 8.0 * GIB


class Judge(TinyDiscriminator):
    """Is seen by the card; may have no room for a batch."""

    def __init__(self, most: int = 10**6, *, mixes_samples: bool = False) -> None:
        super().__init__()
        self.most, self.mixes_samples = most, mixes_samples

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        SEEN.append(len(images))
        return super().forward(images, labels)


class Watch(Schedule):
    """Notes every step; may play more of a batch from half of the run on."""

    def __init__(self, end: int = 8) -> None:
        self.end = end

    @hookimpl
    def step_start(self, run: RunView) -> None:
        PLAYED.append((run.nimg, run.step))
        run.set_batch_size(self.end if run.nimg >= (run.total_nimg or math.inf) // 2 else 8)


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Play as few steps as there can be, and spare the collector what other tests left."""
    monkeypatch.setattr(rehearsal, "_ENOUGH", 0.0)
    gc.freeze()
    yield
    gc.unfreeze()
    SEEN.clear()
    PLAYED.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass only where a test says so."""
    now = SimpleNamespace(perf_counter=lambda: NOW[0], process_time=lambda: 0.0)
    monkeypatch.setattr(ticks, "time", now)


class SlowLoss(TinyLoss):
    """Takes so many seconds for each image that is real."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        NOW[0] += self.seconds * len(real)
        return super().discriminator(real, fake)


def on_card(judge: nn.Module, batch: int = 32, **settings: Any) -> Experiment:
    made = experiment(training={"batch_size": batch, **settings})
    generator = made.networks["generator"]
    generator.norm = nn.Identity()  # which would need company
    return replace(made, networks={"generator": generator, "discriminator": judge})


def of_recipe(name: str, *sets: str, side: int | None = None, **add: list[str]) -> Experiment:
    recipe = REGISTRY.find("recipe", name).recipe
    networks = {k: REGISTRY.find(k, str(recipe.parts[k])) for k in ("generator", "discriminator")}
    small = [f"{k}.{n}={v}" for k, entry in networks.items() for n, v in least(entry).items()]
    side = side or size_of(*networks.values()) or 0
    plan = resolve(
        REGISTRY,
        name,
        sets=[*small, "training.batch_size=4", "training.kimg=0.04", *sets],
        add=add,
        overrides={"training.resolution": side},
    )
    data = Pictures(side)
    return build.outline(plan, REGISTRY, {"dataset": data}).with_data(data)  # type: ignore[arg-type]


def ended(made: Experiment, *, rehearsed: bool) -> str:
    """Return the state after a few steps."""
    torch.manual_seed(0)
    if rehearsed:
        assert "cannot be foretold" not in rehearse(made, CPU)[1]
    trainer = Trainer(made, CPU, total_nimg=40)
    for _ in range(4):
        trainer.play_step()
    return digest({k: v for k, v in trainer.state_dict().items() if k != "clock"})


@pytest.mark.parametrize(
    ("name", "regularizers"),
    [
        ("dcgan", []),
        ("sngan", ["lecam"]),
        ("gan", ["dragan"]),
        ("progan", []),
        ("stylegan-lite", []),
    ],
)
def test_a_run_with_a_rehearsal_is_bit_for_bit_the_run_without(
    name: str, regularizers: list[str]
) -> None:
    makes = partial(of_recipe, name, regularizer=regularizers)

    assert ended(makes(), rehearsed=True) == ended(makes(), rehearsed=False)


def test_the_batch_is_cut_until_it_fits_the_card_and_a_sentence_says_so() -> None:
    training, note = rehearse(on_card(Judge(), kimg=25_000.0), CPU, Card(480))

    assert training.micro_batch_size == 8
    assert note.startswith(
        "batch 32 needs 15.0 GiB of the 7.2 GiB there are: played as 4 x 8"
        " (--set training.micro_batch_size=8); 25,000 kimg take about "
    )
    assert note.endswith(" and 3.8 GiB of memory")


def test_the_whole_batch_stays_where_it_fits() -> None:
    training, note = rehearse(on_card(Judge()), CPU, Card(200))

    assert training.micro_batch_size is None
    assert note.startswith("300 kimg take about ")
    assert note.endswith(" and 6.2 GiB of memory")


def test_a_batch_for_which_the_card_has_no_room_at_all_is_cut_too() -> None:
    training, note = rehearse(on_card(Judge(most=10)), CPU, Card(100))

    assert training.micro_batch_size == 8
    assert note.startswith("batch 32 needs more than the 7.2 GiB there are: played as 4 x 8 ")


@pytest.mark.parametrize(
    ("batch", "mixes", "expected"),
    [(20, False, 5), (20, True, 4), (24, True, 4), (64, True, 4), (25, True, 5), (6, True, 3)],
)
def test_images_that_see_each_other_stay_in_groups_of_four_where_they_can(
    batch: int, mixes: bool, expected: int
) -> None:
    made = on_card(Judge(most=5, mixes_samples=mixes), batch)
    training, note = rehearse(made, CPU, Card(1))

    assert training.micro_batch_size == expected
    assert (f", mixing {expected} images at a time; " in note) == mixes


def test_a_batch_norm_mixes_images_whether_it_says_so_or_not() -> None:
    made = on_card(Judge(most=3))
    assert rehearse(made, CPU, Card(1))[0].micro_batch_size == 2

    made.networks["generator"].norm = nn.BatchNorm1d(16)
    with pytest.raises(MachineError, match="even in parts of 4;"):
        rehearse(made, CPU, Card(1))


def test_what_fits_in_no_way_is_refused_with_three_cures() -> None:
    with pytest.raises(MachineError) as refused:
        rehearse(on_card(Judge()), CPU, Card(9 * 1024))

    assert str(refused.value) == (
        "at 4 px batch 32 needs 9.0 GiB of the 7.2 GiB there are, even in parts of 1;"
        " use a smaller --resolution, --precision bf16 or --device cpu"
    )


def test_a_micro_batch_that_was_set_is_played_as_it_was_set() -> None:
    training, note = rehearse(on_card(Judge(), micro_batch_size=16), CPU, Card(480))

    assert training.micro_batch_size == 16  # 7.5 of 8 GiB, more than would be planned
    assert note.startswith("300 kimg take about ")
    with pytest.raises(MachineError) as refused:
        rehearse(on_card(Judge(most=8), micro_batch_size=16), CPU, Card(1))
    assert str(refused.value) == (
        "at 4 px batch 32 needs more than the 8.0 GiB there are, even in parts of 16; use a"
        " smaller --resolution, --precision bf16 or --set training.micro_batch_size=8"
    )


@pytest.mark.parametrize(("end", "micro"), [(64, 16), (8, None)])
def test_a_schedule_that_makes_the_end_dearer_is_seen(end: int, micro: int | None) -> None:
    made = replace(on_card(Judge(), batch=8), schedules={"watch": Watch(end)})

    training, note = rehearse(made, CPU, Card(300))

    assert training.micro_batch_size == micro
    assert ("batch 64 needs 18.8 GiB" in note) == (end == 64)


def test_an_end_for_which_there_is_no_room_is_named_by_its_own_batch() -> None:
    made = replace(on_card(Judge(most=16), batch=8), schedules={"watch": Watch(64)})

    training, note = rehearse(made, CPU, Card(1))

    assert training.micro_batch_size == 16
    assert note.startswith("batch 64 needs more than the 7.2 GiB there are: played as 4 x 16 ")


def test_networks_that_grow_are_rehearsed_as_large_as_they_become() -> None:
    def pixels(device: torch.device) -> tuple[float, float]:
        """Say what the outputs of the largest layer take."""
        most = float(max(SEEN, default=0))
        SEEN.clear()
        return most, 2.0 * GIB

    def watch(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        SEEN.append(output.numel() * 2**15)  # 32 Ki numbers: one GiB

    sets = ("schedule.progressive.stage_kimg=0.01", "schedule.progressive.fade_kimg=0.005")
    made = of_recipe("progan", *sets, "training.batch_size=8", side=32)
    for layer in made.networks["discriminator"].modules():
        if not list(layer.children()):
            layer.register_forward_hook(watch)
    short = replace(made, training=replace(made.training, kimg=0.01))  # never leaves 8 px

    assert rehearse(short, CPU, pixels)[0].micro_batch_size is None
    assert rehearse(made, CPU, pixels)[0].micro_batch_size == 4


class Lazy(Regularizer):
    """Acts every fourth step, and then takes long."""

    on = ("discriminator",)
    interval = 4
    weight = 1.0

    def penalty(self, play: Play) -> Tensor:
        NOW[0] += 0.128
        return play.real_logits * 0


@pytest.mark.usefixtures("clock")
def test_a_lazy_penalty_costs_its_share_of_the_steps() -> None:
    made = replace(experiment(loss=SlowLoss(0.004)), regularizers={"lazy": Lazy()})

    note = rehearse(made, CPU)[1]  # (0.032 + 0.128 / 4) seconds for 8 images

    assert note.startswith("300 kimg take about 40 min and ")


@pytest.mark.usefixtures("clock")
def test_steps_are_played_with_all_that_is_due_and_without_at_start_end_and_middle() -> None:
    made = experiment(loss=SlowLoss(0.004), schedules={"watch": Watch(80)})
    note = rehearse(made, CPU, Card(1))[1]

    assert [step for _, step in PLAYED] == [0, 1, 0] * 3
    assert [nimg for nimg, _ in PLAYED] == [0] * 3 + [299_999] * 3 + [150_000] * 3
    assert note.startswith("300 kimg take about 20 min")

    PLAYED.clear()
    rehearse(made, CPU)  # memory does not matter

    assert [nimg for nimg, _ in PLAYED] == [0] * 3 + [299_999] * 3


@pytest.mark.usefixtures("clock")
def test_a_slow_processor_plays_one_step() -> None:
    made = experiment(loss=SlowLoss(1.0), schedules={"watch": Watch(80)})

    assert rehearse(made, CPU)[1].startswith("300 kimg take about 83 h")
    assert PLAYED == [(0, 0)]


def test_a_processor_says_time_and_memory_and_keeps_the_batch() -> None:
    training, note = rehearse(experiment(), CPU)

    assert training == experiment().training
    said = note.split()
    assert said[:4] == ["300", "kimg", "take", "about"]
    assert said[5] in ("s", "min", "h")
    assert said[6:] == ["and", said[7], "GiB", "of", "memory"]
    assert 0.1 <= float(said[7]) < 64


@pytest.mark.parametrize(
    ("pace", "minutes", "said"),
    [
        (0.001, None, "25,000 kimg take about 6.9 h"),
        (0.0144, None, "25,000 kimg take about 100 h"),
        (2.6e-5, None, "25,000 kimg take about 11 min"),
        (1e-6, None, "25,000 kimg take about 25 s"),
        (1e-8, None, "25,000 kimg take about 0.25 s"),
        (0.004, 20.0, "20 min are about 300 kimg"),
        (0.0004, 480.0, "480 min are about 72,000 kimg"),
    ],
)
def test_lengths_are_said_roughly(pace: float, minutes: float | None, said: str) -> None:
    training = replace(experiment().training, kimg=25_000.0, minutes=minutes)

    assert rehearsal._length(training, pace) == said


def test_a_run_bounded_by_minutes_is_told_how_far_it_comes() -> None:
    made = experiment(training={"minutes": 20.0}, schedules={"watch": Watch(80)})

    assert rehearse(made, CPU)[1].startswith("20 min are about ")
    assert {nimg for nimg, _ in PLAYED} == {0}


def test_where_memory_cannot_be_measured_the_time_is_said_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = memory(CPU)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "win32")
        there = memory(CPU)
        patched.setattr(sys, "platform", "darwin")
        in_bytes = memory(CPU)

    note = rehearse(experiment(), CPU, lambda device: there)[1]

    assert there == memory(torch.device("mps")) == (0, math.inf)
    assert here[0] / in_bytes[0] == pytest.approx(1024, rel=0.1)
    assert note.split()[5:] in (["s"], ["min"], ["h"])


def test_a_part_that_fails_on_a_copy_costs_the_forecast_and_not_the_run() -> None:
    class Single(Watch):
        def __deepcopy__(self, memo: dict[int, Any]) -> "Single":
            raise TypeError("there is only one of me")

    made = experiment(schedules={"single": Single()})
    training, note = rehearse(made, CPU)

    assert training == made.training
    assert note == "time and memory cannot be foretold: TypeError('there is only one of me')"


def test_no_room_where_nobody_knows_how_much_there_is_costs_the_forecast_only() -> None:
    training, note = rehearse(on_card(Judge(most=8)), CPU)

    assert training.micro_batch_size is None
    assert "cannot be foretold" in note


@pytest.mark.parametrize(("free", "share", "expected"), [(5, 1.0, 7), (70, 0.1, 8)])
def test_the_limit_of_a_card_is_what_is_free_or_ours_within_our_share(
    free: int, share: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "mem_get_info": (free * GIB, 80 * GIB),
        "memory_reserved": 2 * GIB,
        "max_memory_allocated": 3 * GIB,
        "get_per_process_memory_fraction": share,
        "empty_cache": None,
        "reset_peak_memory_stats": None,
    }
    for name, value in said.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)

    assert memory(torch.device("cuda")) == (3 * GIB, expected * GIB)


class Notes:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def show(self, event: Event) -> None:
        self.events.append(event)

    def said(self) -> list[str]:
        started = [event for event in self.events if isinstance(event, Started)]
        return [note for note in started[-1].notes if "kimg" in note]

    def waits(self) -> list[str]:
        return [event.what for event in self.events if isinstance(event, Waiting)]


SETS = ("dataset.count=40", "generator.width=8", "discriminator.width=8", "training.batch_size=8")


def trained(out: Path, *sets: str) -> tuple[RunDir, Notes]:
    notes = Notes()
    plan = resolve(REGISTRY, "gan", sets=[*SETS, "training.kimg=0.04", *sets])
    done = runner.train(plan, REGISTRY, out=out, device="cpu", observers=[notes])
    return RunDir.open(done.run), notes


def last_state(run: RunDir) -> str:
    groups = checkpoint.load(run.checkpoints).groups
    return digest({k: v for k, v in groups.items() if k != "clock"})


def test_a_whole_run_ends_the_same_whether_it_is_rehearsed_or_not(tmp_path: Path) -> None:
    loud, told = trained(tmp_path)
    quiet, untold = trained(tmp_path, "training.rehearse=false")

    assert len(told.said()) == 1
    assert told.waits()[-1] == "playing a few steps on a copy"
    assert untold.said() == []
    assert untold.waits() == told.waits()[:-1]
    assert last_state(loud) == last_state(quiet)


def test_a_run_keeps_what_was_chosen_and_is_not_rehearsed_on_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[torch.device] = []

    def small(device: torch.device) -> tuple[float, float]:
        calls.append(device)  # before and after each try; the second fits
        return (1.0 if len(calls) < 4 else 0.5) * GIB, 1.0 * GIB

    monkeypatch.setattr(runner, "rehearse", partial(rehearse, meter=small))
    run, notes = trained(tmp_path)
    chosen = run.config.read_text(encoding="utf-8")

    assert tomllib.loads(chosen)["training"]["micro_batch_size"] == 4
    assert "micro_batch_size = 4 # rehearsal" in chosen
    assert len(notes.said()) == 1
    assert "played as 2 x 4 (--set training.micro_batch_size=4)" in notes.said()[0]

    again = Notes()
    runner.resume(run, REGISTRY, device="cpu", observers=[again], kimg="+0.04")

    assert again.said() == ["settings changed: training.kimg 0.04 -> 0.08"]
    assert len(again.waits()) == 1
    assert tomllib.loads(run.config.read_text())["training"]["micro_batch_size"] == 4


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_the_memory_of_a_process_is_not_that_of_the_one_that_started_it() -> None:
    """Linux hands the peak of getrusage on from parent to child."""
    code = "import torch; from ganzoo.training.rehearsal import memory as m;"
    large = f"held = bytearray({2 * GIB}); held[::4096] = b'x' * len(held[::4096]);"
    child = "print(m(torch.device('cpu'))[0])"
    outer = f"import subprocess, sys; {large} subprocess.run([sys.executable, '-c', sys.argv[1]])"
    done = subprocess.run(
        [sys.executable, "-c", outer, code + child], capture_output=True, text=True, check=True
    )

    assert 0 < float(done.stdout) < 1.5 * GIB
