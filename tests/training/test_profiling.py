"""Where the time goes: what is measured, what is said, and that the run is left as it is."""

import gc
import gzip
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny import experiment
from torch import Tensor
from zoo import REGISTRY

from ganzoo import runner
from ganzoo.algorithm import Play
from ganzoo.events import Event, Started
from ganzoo.interfaces import Regularizer
from ganzoo.plan import resolve
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint, profiling
from ganzoo.training.profiling import Profile, Stopwatch, advice, profile_steps, summary
from ganzoo.training.skeleton import digest
from ganzoo.training.trainer import Trainer

CPU = torch.device("cpu")
MEASURED = Profile(
    images_per_sec=1000.0,
    step_sec=0.008,
    parts={"discriminator: update": 0.006, "data": 0.002},
    families={"convolution": 0.4, "copies": 0.6},
    busy=None,
    kernels=500.0,
)


def train(out: Path, *, profile: bool, said: list[Event]) -> RunDir:
    sets = ["dataset.count=256", "training.kimg=1", "training.batch_size=32"]
    sets += ["generator.width=4", "discriminator.width=4", "training.rehearse=false"]
    plan = resolve(REGISTRY, "dcgan", sets=sets)
    ended = runner.train(
        plan,
        REGISTRY,
        out=out,
        device="cpu",
        profile=profile,
        observers=[SimpleNamespace(show=said.append)],
    )
    return RunDir.open(ended.run)


def test_a_profiled_run_is_the_run_bit_for_bit(tmp_path: Path) -> None:
    said: list[Event] = []
    runs = [train(tmp_path / str(p), profile=p, said=said) for p in (True, False)]

    states = [dict(checkpoint.load(run.checkpoints).groups) for run in runs]
    for state in states:
        del state["clock"]
    assert digest(states[0]) == digest(states[1])
    assert not runs[1].profile.exists()
    page = (runs[0].profile / "summary.md").read_text(encoding="utf-8")
    assert "| discriminator: passes forward and back |" in page
    assert "| convolution |" in page
    assert page.startswith(f"# Where the time of {runs[0].path.name} goes\n\n**")
    with gzip.open(runs[0].profile / "trace.json.gz") as trace:
        assert json.load(trace)["traceEvents"]
    (note, *_) = [n for e in said if isinstance(e, Started) for n in e.notes if "images/s" in n]
    assert note.endswith("summary.md")


def test_time_counts_for_the_innermost_part(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: now[0])
    watch = Stopwatch(CPU)

    def wait(seconds: float) -> None:
        now[0] += seconds

    def outer() -> None:
        wait(2)
        watch.around("inner", wait)(3)
        wait(4)

    wait(1)
    watch.around("outer", outer)()
    wait(5)
    watch.turn()

    assert watch.seconds == {"hooks and Python between": 6, "outer": 6, "inner": 3}


def test_a_card_is_busy_where_any_kernel_runs() -> None:
    assert profiling._covered([(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.0, 2.0)]) == 4.0


@pytest.mark.parametrize(
    ("busy", "convolution", "says"),
    [
        (0.3, 0.9, "launch-bound: the card computes 30% of the time"),
        (0.9, 0.1, "compute-bound: the card computes 90% of the time"),
        (None, 0.6, "compute-bound: 60% of the operators' time is convolutions"),
        (None, 0.2, "overhead-bound: 20% of the operators' time is convolutions"),
    ],
)
def test_the_verdict_names_its_figure(busy: float | None, convolution: float, says: str) -> None:
    found = replace(MEASURED, busy=busy, families={"convolution": convolution})
    assert found.verdict.startswith(says)


@pytest.mark.parametrize("busy", [None, 0.3, 0.9])
def test_where_half_of_a_step_is_data_the_verdict_says_so_and_no_other_advice_is_given(
    busy: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    parts = {"data": 0.77, "rest": 0.23}
    found = replace(MEASURED, parts=parts, families={"convolution": 0.9}, busy=busy)
    made = Trainer(experiment(), CPU)
    assert found.verdict == "data-bound: 77% of a step goes into data"
    assert "The device waits for images" in summary(found, made, "0007-tiny")
    assert ["resident_gib" in line for line in advice(found, made)] == [True]

    bare = replace(found, parts={"data": 0.49, "rest": 0.51})
    assert not bare.verdict.startswith("data-bound")


class Slope(Regularizer):
    second_order = True
    input_grads = ("real",)

    def __init__(self, interval: int = 1) -> None:
        self.interval = interval

    def penalty(self, play: Play) -> Tensor:
        return play.gradient(play.real_logits, play.real).square().flatten(1).sum(1)


@pytest.mark.parametrize(("interval", "timed", "traced"), [(1, 20, 3), (8, 16, 8), (16, 16, 16)])
def test_what_is_seldom_due_has_its_share_of_the_steps(
    interval: int, timed: int, traced: int, tmp_path: Path
) -> None:
    game = experiment(regularizers={"slope": Slope(interval)})

    with torch.random.fork_rng([]):
        found, page = profiling._measure(game, CPU, tmp_path)

    assert (found.timed, found.traced) == (timed, traced)
    assert f"every operator of {traced} steps" in page


def test_nothing_of_a_copy_stays_behind(tmp_path: Path) -> None:
    gc.collect()
    before = {id(each) for each in gc.get_objects() if type(each) is Trainer}

    said = profile_steps(experiment(), CPU, tmp_path)

    assert said.endswith("summary.md")
    assert {id(each) for each in gc.get_objects() if type(each) is Trainer} <= before


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("aten::normal_", "random numbers"),
        ("distribution_elementwise_grid_stride_kernel<normal_kernel>", "random numbers"),
        ("cutlass_80_tensorop_s1688fprop_optimized", "convolution"),
        ("aten::convolution_backward", "convolution"),
        ("aten::addmm", "matrix product"),
        ("aten::native_batch_norm", "norm"),
        ("aten::_fused_adam_", "optimizer and average"),
        ("aten::index_select", "copies"),
        ("aten::leaky_relu", "element by element, sums"),
    ],
)
def test_an_operator_is_of_the_family_its_name_says(name: str, family: str) -> None:
    assert profiling._shares([(name, 1.0)]) == {family: 1.0}


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "_cores", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


@pytest.mark.usefixtures("two_threads")
def test_advice_follows_from_what_was_measured() -> None:
    made = Trainer(experiment(), CPU)
    fine = replace(MEASURED, parts={"data": 0.0, "rest": 1.0}, families={"convolution": 0.9})
    assert advice(fine, made) == []
    assert "this is what the device gives" in summary(fine, made, "0007-tiny")
    assert "resident_gib" in advice(replace(fine, parts=MEASURED.parts), made)[0]
    assert "--batch-size" in advice(replace(fine, families={"copies": 1.0}), made)[0]
    waits = advice(replace(fine, busy=0.2), made)
    assert ["--batch-size" in waits[0], "--cuda-graph auto" in waits[1]] == [True, True]
    assert "--precision tf32" in advice(replace(fine, busy=0.9), made)[0]
    for interval, count in ((1, 1), (4, 0)):
        lazy = Trainer(experiment(regularizers={"slope": Slope(interval)}), CPU)
        assert sum("regularizer.slope.interval" in each for each in advice(fine, lazy)) == count


def test_a_part_that_fails_on_a_copy_costs_the_profile_and_not_the_run(tmp_path: Path) -> None:
    class Uncopied(Slope):
        def __deepcopy__(self, memo: object) -> "Uncopied":
            raise RuntimeError("there is only one")

    game = experiment(regularizers={"slope": Uncopied()})
    assert profile_steps(game, CPU, tmp_path / "profile") == (
        "not profiled: RuntimeError('there is only one')"
    )
