"""A rehearsal: what it tells, what it chooses for a card, and that it leaves nothing behind."""

import builtins
import gc
import importlib
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import TinyDiscriminator, experiment
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
from ganzoo.training import rehearsal
from ganzoo.training.experiment import Experiment
from ganzoo.training.rehearsal import rehearse
from ganzoo.training.skeleton import digest
from ganzoo.training.trainer import Trainer

CPU = torch.device("cpu")
GIB = 2**30


class Card:
    """Eight GiB, of which the images that a judge sees at once take a share each."""

    seen = 0

    def __init__(self, mib_an_image: int, total: int = 8 * GIB) -> None:
        self._each, self._total = mib_an_image * 2**20, total

    def limit(self) -> int:
        return self._total

    def peak(self) -> int:
        most, Card.seen = Card.seen * self._each, 0
        return most


class Judge(TinyDiscriminator):
    """Is seen by the card; may have no room for a batch."""

    def __init__(self, most: int = 10**6, *, mixes_samples: bool = False) -> None:
        super().__init__()
        self.most, self.mixes_samples = most, mixes_samples

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        Card.seen = max(Card.seen, len(images))
        return super().forward(images, labels)


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Play as few steps as there can be, and spare the collector what other tests left."""
    monkeypatch.setattr(rehearsal, "_ENOUGH", 0.0)
    gc.freeze()
    yield
    gc.unfreeze()
    Card.seen = 0


def on_card(judge: nn.Module, batch: int = 32, **settings: Any) -> Experiment:
    made = experiment(training={"batch_size": batch, **settings})
    return replace(made, networks={**made.networks, "discriminator": judge})


def of_recipe(name: str, *sets: str, side: int | None = None) -> Experiment:
    recipe = REGISTRY.find("recipe", name).recipe
    networks = {k: REGISTRY.find(k, str(recipe.parts[k])) for k in ("generator", "discriminator")}
    small = [f"{k}.{n}={v}" for k, entry in networks.items() for n, v in least(entry).items()]
    side = side or size_of(*networks.values()) or 0
    plan = resolve(
        REGISTRY,
        name,
        sets=[*small, "training.batch_size=4", "training.kimg=0.04", *sets],
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


@pytest.mark.parametrize("name", ["dcgan", "sngan", "cgan", "progan", "stylegan-lite"])
def test_a_run_with_a_rehearsal_is_bit_for_bit_the_run_without(name: str) -> None:
    assert ended(of_recipe(name), rehearsed=True) == ended(of_recipe(name), rehearsed=False)


def test_the_batch_is_cut_until_it_fits_the_card_and_a_sentence_says_so() -> None:
    training, note = rehearse(on_card(Judge(), kimg=25_000.0), CPU, Card(480))

    assert training.micro_batch_size == 8
    assert note.startswith("batch 32 needs 15.0 GiB of the 7.2 GiB there are: played as 4 x 8; ")
    assert "25,000 kimg take about " in note
    assert note.endswith(" and 3.8 GiB of memory")


def test_the_whole_batch_stays_where_it_fits() -> None:
    training, note = rehearse(on_card(Judge()), CPU, Card(200))

    assert training.micro_batch_size is None
    assert note.startswith("300 kimg take about ")
    assert note.endswith(" and 6.2 GiB of memory")


def test_a_batch_for_which_the_card_has_no_room_at_all_is_cut_too() -> None:
    training, note = rehearse(on_card(Judge(most=10)), CPU, Card(100))

    assert training.micro_batch_size == 8
    assert note.startswith("batch 32 needs more than the 7.2 GiB there are: played as 4 x 8; ")


@pytest.mark.parametrize(
    ("batch", "mixes", "expected"),
    [(20, False, 5), (20, True, 4), (24, True, 4), (64, True, 4), (25, False, 5)],
)
def test_a_judge_that_compares_images_keeps_its_groups_of_four(
    batch: int, mixes: bool, expected: int
) -> None:
    judge = Judge(most=5, mixes_samples=mixes)
    training, note = rehearse(on_card(judge, batch), CPU, Card(1))

    assert training.micro_batch_size == expected
    assert (f"the discriminator mixes {expected} at a time" in note) == mixes


def test_what_fits_in_no_way_is_refused_with_three_cures() -> None:
    with pytest.raises(MachineError) as refused:
        rehearse(on_card(Judge()), CPU, Card(9 * 1024))

    assert str(refused.value) == (
        "at 4 px batch 32 needs 18.0 GiB of the 7.2 GiB there are, even in parts of 2;"
        " use --resolution 2, --set training.precision=bf16 or --device cpu"
    )


def test_a_micro_batch_that_was_set_is_played_as_it_was_set() -> None:
    training, note = rehearse(on_card(Judge(), micro_batch_size=16), CPU, Card(480))

    assert training.micro_batch_size == 16  # 7.5 of 8 GiB, more than would be planned
    assert note.startswith("300 kimg take about ")
    with pytest.raises(MachineError, match="even in parts of 16"):
        rehearse(on_card(Judge(most=8), micro_batch_size=16), CPU, Card(1))


class Growing(Schedule):
    """The batch is larger from half of the run on."""

    def __init__(self, end: int) -> None:
        self.end = end

    @hookimpl
    def step_start(self, run: RunView) -> None:
        assert run.total_nimg is not None
        run.set_batch_size(self.end if run.nimg >= run.total_nimg // 2 else 8)


@pytest.mark.parametrize(("end", "micro"), [(64, 16), (8, None)])
def test_a_schedule_that_makes_the_end_dearer_is_seen(end: int, micro: int | None) -> None:
    made = replace(on_card(Judge(), batch=8), schedules={"growing": Growing(end)})

    training, note = rehearse(made, CPU, Card(300))

    assert training.micro_batch_size == micro
    assert ("batch 64 needs 18.8 GiB" in note) == (end == 64)


def test_networks_that_grow_are_rehearsed_as_large_as_they_become() -> None:
    class Pixels:
        """A card whose memory is what a convolution of the last stage takes."""

        most = 0

        def limit(self) -> int:
            return 2 * GIB

        def peak(self) -> int:
            most, Pixels.most = Pixels.most, 0
            return most

    def watch(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        Pixels.most = max(Pixels.most, output.numel() * 2**16)  # 16 Ki numbers: one GiB

    sets = ("schedule.progressive.stage_kimg=0.01", "schedule.progressive.fade_kimg=0.005")
    made = of_recipe("progan", *sets, side=32)
    for layer in made.networks["discriminator"].modules():
        if not list(layer.children()):
            layer.register_forward_hook(watch)
    short = replace(made, training=replace(made.training, kimg=0.01))  # never leaves 8 px

    assert rehearse(short, CPU, Pixels())[0].micro_batch_size is None
    assert rehearse(made, CPU, Pixels())[0].micro_batch_size == 2


class Lazy(Regularizer):
    on = ("discriminator",)
    acted: list[int]

    def __init__(self) -> None:
        self.interval, self.weight = 4, 1.0

    def penalty(self, play: Play) -> Tensor:
        STEPS.append(play.step)
        return play.real_logits * 0


STEPS: list[int] = []


def test_steps_with_and_without_a_lazy_penalty_are_played() -> None:
    class Watch(Schedule):
        @hookimpl
        def step_start(self, run: RunView) -> None:
            played.append(run.step)

    played: list[int] = []
    STEPS.clear()
    made = experiment(regularizers={"lazy": Lazy()}, schedules={"watch": Watch()})
    rehearse(made, CPU)

    assert set(played) == {0, 1}
    assert set(STEPS) == {0}


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
    made = experiment(training={"minutes": 20.0}, schedules={"growing": Endless()})

    assert rehearse(made, CPU)[1].startswith("20 min are about ")


class Endless(Schedule):
    @hookimpl
    def step_start(self, run: RunView) -> None:
        assert run.total_nimg is None


def test_where_memory_cannot_be_measured_the_time_is_said_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real_import = builtins.__import__

    def without(name: str, *rest: Any, **words: Any) -> Any:
        if name == "resource":
            raise ImportError(name)
        return real_import(name, *rest, **words)

    monkeypatch.setattr(builtins, "__import__", without)
    try:
        note = importlib.reload(rehearsal).rehearse(experiment(), CPU)[1]
    finally:
        monkeypatch.undo()
        importlib.reload(rehearsal)

    assert note.split()[5:] in (["s"], ["min"], ["h"])
    assert rehearsal.Memory(torch.device("mps")).peak() is None


def test_a_part_that_fails_on_a_copy_costs_the_plan_and_not_the_run() -> None:
    class Single(Schedule):
        def __deepcopy__(self, memo: dict[int, Any]) -> "Single":
            raise TypeError("there is only one of me")

        @hookimpl
        def step_start(self, run: RunView) -> None:
            pass

    made = experiment(schedules={"single": Single()})
    training, note = rehearse(made, CPU)

    assert training == made.training
    assert note == "time and memory cannot be foretold: TypeError('there is only one of me')"


@pytest.mark.parametrize(
    ("free", "share", "expected"), [(5, 1.0, 7), (70, 0.1, 8), (70, None, 72)]
)
def test_the_limit_of_a_card_is_what_is_free_or_ours_within_our_share(
    free: int, share: float | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 2 * GIB)
    name = "get_per_process_memory_fraction"
    if share is None:  # an older torch
        monkeypatch.delattr(torch.cuda, name)
    else:
        monkeypatch.setattr(torch.cuda, name, {None: share}.__getitem__)

    assert rehearsal.Memory(torch.device("cuda")).limit() == expected * GIB


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


def test_a_run_is_rehearsed_once_keeps_what_was_chosen_and_is_not_rehearsed_on_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        def __init__(self, device: torch.device) -> None:
            self.tries = 0

        def limit(self) -> int:
            return GIB

        def peak(self) -> int:
            self.tries += 1
            return GIB if self.tries < 4 else GIB // 2  # twice a try: the second fits

    monkeypatch.setattr(rehearsal, "Memory", Small)
    sets = ["dataset.count=40", "generator.width=8", "discriminator.width=8"]
    sets += ["training.batch_size=8", "training.kimg=0.04"]
    notes = Notes()
    plan = resolve(REGISTRY, "gan", sets=sets)
    done = runner.train(plan, REGISTRY, out=tmp_path, device="cpu", observers=[notes])
    run = RunDir.open(done.run)
    chosen = run.config.read_text(encoding="utf-8")

    assert tomllib.loads(chosen)["training"]["micro_batch_size"] == 4
    assert "micro_batch_size = 4 # fits the device" in chosen
    assert len(notes.said()) == 1
    assert "played as 2 x 4; 0.04 kimg take about " in notes.said()[0]

    notes = Notes()
    runner.resume(run, REGISTRY, device="cpu", observers=[notes], kimg="+0.04")

    assert notes.said() == []
    assert len(notes.waits()) == 1
    assert tomllib.loads(run.config.read_text())["training"]["micro_batch_size"] == 4

    quiet = Notes()
    plan = resolve(REGISTRY, "gan", sets=[*sets, "training.rehearse=false"])
    runner.train(plan, REGISTRY, out=tmp_path, device="cpu", observers=[quiet])

    assert quiet.said() == []
