"""Numbers that go wrong: found, named, never saved; memory that ends is a sentence with a cure."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from test_runner import SMALL, Notes
from tiny import BrokenSlope
from torch import Tensor

import ganzoo
from ganzoo import runner
from ganzoo.algorithm import D, G
from ganzoo.data.order import batch_indices
from ganzoo.errors import DivergedError, MachineError
from ganzoo.events import Remarked
from ganzoo.quality.evaluation import Judge
from ganzoo.quality.health import REPEATED
from ganzoo.quality.variety import MANY, distinct
from ganzoo.rundir import RunDir, listing
from ganzoo.training import checkpoint
from ganzoo.training.ema import Average
from ganzoo.training.rehearsal import memory
from ganzoo.training.trainer import Trainer
from ganzoo_digits.digits import Digits

pytestmark = pytest.mark.faults

STEP, BATCH = 25, 32
CURES = ("training.micro_batch_size=16", "--precision bf16", "--resolution")


def train(out: Path, *, notes: Notes | None = None, **words: object) -> RunDir:
    """Train a tiny run to its end, and return its folder, however it ended."""
    settings = dict(setting.split("=") for setting in (*SMALL, "training.kimg=1.024"))
    values = {key: json.loads(value) for key, value in settings.items()}
    settings = {**values, "training.rehearse": False, **words.pop("settings", {})}  # type: ignore[dict-item]
    run = ganzoo.train(
        "dcgan", settings=settings, out=out, device="cpu", observers=[notes or Notes()], **words
    )
    return run.rundir


def spoiled(tensor: Tensor) -> None:
    with torch.no_grad():
        tensor.view(-1)[0] = torch.nan


def by_gradient(player: str, patch: pytest.MonkeyPatch) -> None:
    update = Trainer.update

    def broken(self: Trainer, who: str) -> None:
        if (self.step, who) == (STEP, player):
            parameter = next(iter(self.networks[player].parameters()))
            assert parameter.grad is not None
            spoiled(parameter.grad)
        update(self, who)

    patch.setattr(Trainer, "update", broken)


def by_loss(player: str, patch: pytest.MonkeyPatch) -> None:
    total = Trainer._total

    def broken(self: Trainer, play: object, due: object) -> Tensor:
        value = total(self, play, due)  # type: ignore[arg-type]
        spoil = (self.step, play.phase.player) == (STEP, player)  # type: ignore[attr-defined]
        return value * torch.nan if spoil else value

    patch.setattr(Trainer, "_total", broken)


def by_weights(player: str, patch: pytest.MonkeyPatch) -> None:
    play = Trainer.play_step

    def broken(self: Trainer) -> None:
        play(self)
        if self.step == STEP:
            spoiled(next(iter(self.networks[player].parameters())))

    patch.setattr(Trainer, "play_step", broken)


def by_average(player: str, patch: pytest.MonkeyPatch) -> None:
    update = Average.update

    def broken(self: Average, network: torch.nn.Module, kept: float | Tensor) -> None:
        update(self, network, kept)
        self.calls = getattr(self, "calls", 0) + 1  # type: ignore[attr-defined]
        if self.calls == STEP:  # type: ignore[attr-defined]
            spoiled(next(iter(self.network.parameters())))

    patch.setattr(Average, "update", broken)


def by_penalty(player: str, patch: pytest.MonkeyPatch) -> None: ...


WAYS = [
    (way, player)
    for way in (by_gradient, by_loss, by_weights, by_penalty, by_average)
    for player in (D, G)
    if (way, player) != (by_average, D)  # which has none
]


def is_finite(run: RunDir) -> bool:
    groups = checkpoint.load(run.checkpoints).groups
    stems = (G, D, f"{G}_ema")
    return all(
        bool(tensor.isfinite().all())
        for stem in stems
        for tensor in groups[stem].values()
        if tensor.is_floating_point()
    )


def test_a_number_that_is_not_finite_ends_the_run_and_is_never_saved(
    tmp_path: Path, amount: Callable[[int, int], int], measured: Callable[[str, str], None]
) -> None:
    ways, sound = WAYS[:: amount(4, 1)], 0
    for index, (way, player) in enumerate(ways):
        parts = {}
        if way is by_penalty:
            parts["regularizer"] = [BrokenSlope(player, STEP)]
        out = tmp_path / str(index)
        with pytest.MonkeyPatch.context() as patch:
            way(player, patch)
            with pytest.raises(DivergedError, match="no longer a finite number") as found:
                train(out, **parts)
        (run,) = listing(out)
        (crash,) = run.crash.iterdir()
        told = json.loads(crash.read_text())
        moments = checkpoint.moments(run.checkpoints)
        assert found.value.exit_code == 5
        assert run.read_info()["status"] == "diverged"
        assert told["error"] == str(found.value)
        assert len(told["images"]) == BATCH
        if way in (by_gradient, by_loss):
            assert told["step"] == STEP
            start = STEP * BATCH
            assert told["images"] == batch_indices(0, start, BATCH, 256).tolist()
        assert moments[-1] <= (STEP + 1) * BATCH
        sound += is_finite(run)

    assert sound == len(ways)
    measured("C1", f"{sound} of {len(ways)}: found, named, newest checkpoint finite, exit 5")


def test_a_run_goes_back_at_most_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Callable[[str, str], None]
) -> None:
    by_gradient(G, monkeypatch)
    with pytest.raises(DivergedError):
        train(tmp_path / "always", settings={"training.on_nan": "rollback"})
    (always,) = listing(tmp_path / "always")
    kinds = [event["kind"] for event in always.read_events()]
    assert kinds.count("rolled-back") == 3
    assert always.read_info()["status"] == "diverged"
    assert is_finite(always)

    monkeypatch.undo()
    spoiled_once: list[int] = []
    update = Trainer.update

    def broken(self: Trainer, who: str) -> None:
        if self.step == STEP and not spoiled_once:
            spoiled_once.append(self.step)
            parameter = next(iter(self.networks[who].parameters()))
            assert parameter.grad is not None
            spoiled(parameter.grad)
        update(self, who)

    monkeypatch.setattr(Trainer, "update", broken)
    notes = Notes()
    once = train(tmp_path / "once", notes=notes, settings={"training.on_nan": "rollback"})
    actions = [event.action for event in notes.of(Remarked)]
    assert once.read_info()["status"] == "done"
    assert actions == ["back to 0.768 kimg, learning rates times 0.5"]
    measured("C2", "goes back with half the rates; 3 times, then exit 5; nothing not finite saved")


def test_what_is_not_finite_is_never_saved_not_even_as_the_best(
    tmp_path: Path, amount: Callable[[int, int], int], measured: Callable[[str, str], None]
) -> None:
    tried = 0
    for step in range(1, 32, amount(20, 5)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"{__name__}.STEP", step)
            by_average(G, patch)
            with pytest.raises(DivergedError):
                train(tmp_path / str(step), settings={"training.checkpoint_kimg": 0.032})
        (run,) = listing(tmp_path / str(step))
        for nimg in checkpoint.moments(run.checkpoints):
            state = checkpoint.load(run.checkpoints, nimg).groups[f"{G}_ema"]
            assert all(each.isfinite().all() for each in state.values())
            tried += 1
    measured("C3", f"{tried} checkpoints around the moment, none with a number not finite")


def test_pictures_that_recur_are_seen_and_real_ones_never_are(
    measured: Callable[[str, str], None],
) -> None:
    digits, _ = Digits(count=4000).load(32)
    rng = torch.Generator().manual_seed(0)
    real = digits[:MANY]
    caught = []
    for noise in (0, 8):
        for few in (1, 2, 5, 10, 20, 50, 100, 150):
            some = digits[torch.randperm(len(digits), generator=rng)[:few]]
            made = some[torch.randint(few, (MANY,), generator=rng)].float()
            made += noise * torch.randn(made.shape, generator=rng)
            caught.append(distinct(made.clamp(0, 255).byte(), real) < REPEATED)
    fresh = [
        distinct(digits[torch.randperm(len(digits), generator=rng)[:MANY]], real)
        for _ in range(100)
    ]

    assert all(caught)
    assert min(fresh) > REPEATED
    seen = f"{sum(caught)} of {len(caught)} collapses to 1 to 150 pictures seen"
    lowest = f"100 draws of real ones at {min(fresh):.2f} to {max(fresh):.2f}"
    measured("C5", f"{seen} (distinct < {REPEATED}), {lowest}: no false alarm")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, str, int], None]:
    """Return what lets a method run out of memory at its n-th call."""

    def out_of(owner: type, name: str, when: int) -> None:
        method, calls = getattr(owner, name), [0]

        def broken(self: object, *words: object, **more: object) -> object:
            calls[0] += 1
            if calls[0] == when + 1:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return method(self, *words, **more)

        monkeypatch.setattr(owner, name, broken)

    return out_of


@pytest.mark.parametrize("step", [0, 5, 20])
def test_a_step_without_memory_is_a_sentence_with_three_cures(
    step: int, full: Callable[[type, str, int], None], tmp_path: Path
) -> None:
    full(Trainer, "play_step", step)

    with pytest.raises(MachineError) as found:
        train(tmp_path)

    (run,) = listing(tmp_path)
    said = str(found.value)
    assert found.value.exit_code == 4
    assert "at 32 px in batches of 32 played 32 at a time" in said
    assert all(cure in said for cure in CURES)
    assert "\n" not in said
    assert run.read_info()["status"] == "crashed"
    assert checkpoint.moments(run.checkpoints) == ([256, 512] if step == 20 else [])


def test_memory_that_ends_elsewhere_is_a_sentence_too(
    full: Callable[[type, str, int], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    measured: Callable[[str, str], None],
) -> None:
    notes = Notes()
    full(Judge, "score", 0)
    run = train(tmp_path / "judged", notes=notes, settings={"training.eval_kimg": 0.512})
    assert run.read_info()["status"] == "done"  # a judge that fails ends no run
    assert "out of memory" in notes.of(Remarked)[0].sentence
    monkeypatch.undo()

    full(Trainer, "state_dict", 1)
    with pytest.raises(MachineError, match="micro_batch_size"):
        train(tmp_path / "saved")
    (saved,) = listing(tmp_path / "saved")
    assert len(checkpoint.moments(saved.checkpoints)) == 1
    monkeypatch.undo()

    full(Trainer, "load_state_dict", 0)
    with pytest.raises(MachineError, match="micro_batch_size"):
        ganzoo.resume(saved.path, device="cpu", observers=[Notes()])
    monkeypatch.undo()
    assert (
        ganzoo.resume(saved.path, device="cpu", observers=[Notes()]).rundir.read_info()["status"]
        == "done"
    )
    measured("C6", "steps 0, 5, 20, evaluation, save, resume: one line, 3 cures, exit 4, goes on")


def test_a_batch_that_is_too_large_is_halved_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Callable[[str, str], None]
) -> None:
    used = iter([9e9, 9e9, 3e9, 3e9, 3e9, 3e9])

    def meter(device: torch.device) -> tuple[float, float]:
        memory(device)
        return next(used, 3e9), 4e9

    monkeypatch.setattr(runner, "rehearse", lambda game, device: REHEARSE(game, device, meter))
    notes = Notes()
    run = train(tmp_path, notes=notes, settings={"training.rehearse": True})
    assert "micro_batch_size = 16" in run.config.read_text()
    measured("C6", "a batch that does not fit is played in halves, said in a line")


REHEARSE = runner.rehearse
