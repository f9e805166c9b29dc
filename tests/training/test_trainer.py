"""The trainer: phases, sharing, accumulation, averages, hooks, state."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from tiny import TinyDiscriminator, TinyGenerator, TinyLoss, experiment
from torch import Tensor, nn

from ganzoo.algorithm import Play, RunView
from ganzoo.errors import DivergedError, FitError, PluginError
from ganzoo.hookspecs import hookimpl
from ganzoo.interfaces import Augment, Loss, Regularizer, Schedule
from ganzoo.settings import Optimizer
from ganzoo.training.ranks import Ranks
from ganzoo.training.skeleton import digest
from ganzoo.training.trainer import Trainer

CPU = torch.device("cpu")


def trainer(total: int = 80, **settings: Any) -> Trainer:
    return Trainer(experiment(**settings), CPU, total_nimg=total)


def state_of(made: Trainer) -> str:
    groups = made.state_dict()
    del groups["clock"]
    return digest(groups)


class Slope(Regularizer):
    on = ("discriminator",)
    input_grads = ("real",)
    second_order = True

    def __init__(self, interval: int = 1, weight: float = 1.0) -> None:
        self.interval, self.weight = interval, weight
        self.step = 0
        self.acted: list[int] = []

    @hookimpl
    def step_start(self, run: RunView) -> None:
        self.step = run.step

    def penalty(self, play: Play) -> Tensor:
        self.acted.append(self.step)
        return play.gradient(play.real_logits, play.real).square().flatten(1).sum(1)


class Diary(Schedule):
    def __init__(self) -> None:
        self.said: list[str] = []

    @hookimpl
    def run_start(self, run: RunView) -> None:
        self.said.append("start")

    @hookimpl
    def step_start(self, run: RunView) -> None:
        self.said.append(f"step {run.step}")
        run.set_rate("generator", 0.5)

    @hookimpl
    def run_end(self, run: RunView, error: BaseException | None) -> None:
        self.said.append(f"end {error}")


def test_a_tick_comes_every_so_many_images_and_at_the_end() -> None:
    ticks = list(trainer(total=80).ticks(32))

    assert [tick.nimg for tick in ticks] == [32, 64, 80]
    assert ticks[-1].step == 10
    assert {"D loss", "G loss"} <= set(ticks[0].readings)
    assert ticks[-1].cpu_sec > 0


def test_a_stop_request_ends_at_the_next_step_with_an_irregular_tick() -> None:
    asked = iter([False, True])

    ticks = list(trainer().ticks(1000, stop=lambda: next(asked)))

    assert [(tick.nimg, tick.regular) for tick in ticks] == [(16, False)]


def test_the_same_seed_gives_the_same_run() -> None:
    first, second, other = trainer(), trainer(), trainer(seed=1)
    for each in (first, second, other):
        list(each.ticks(40))

    assert state_of(first) == state_of(second)
    assert state_of(first) != state_of(other)


@pytest.mark.parametrize("d_steps", [1, 3])
def test_fakes_are_made_once_for_the_last_move_of_d_and_the_move_of_g(d_steps: int) -> None:
    made = trainer(d_steps=d_steps)
    generator = made.networks["generator"]
    assert isinstance(generator, TinyGenerator)

    made.play_step()

    assert generator.passes == d_steps


def test_a_loss_that_never_asks_for_real_logits_never_computes_them() -> None:
    made = trainer()
    discriminator = made.networks["discriminator"]
    assert isinstance(discriminator, TinyDiscriminator)

    made.play_step()

    assert discriminator.passes == 3  # real and fake for D, fake for G


def test_shared_fakes_change_nothing_but_the_time() -> None:
    shared, split = trainer(dtype=torch.float64), trainer(dtype=torch.float64)
    whole = split.experiment.algorithm.phases(split.view)
    for each in (shared, split):
        each.networks["generator"].eval()  # batch norm would count the extra pass
    for phase in whole:
        object.__setattr__(phase, "shares_fakes", False)

    for each in (shared, split):
        each.play_step()

    for one, other in zip(
        *(each.networks["generator"].parameters() for each in (shared, split)), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_accumulated_gradients_and_readings_equal_those_of_the_whole_batch(size: int) -> None:
    whole = trainer(dtype=torch.float64)
    parts = trainer(dtype=torch.float64, training={"micro_batch_size": size})
    for each in (whole, parts):
        each.networks["generator"].eval()
        each.play_step()

    told, expected = parts.readings.means(), whole.readings.means()
    assert told == pytest.approx(expected, rel=1e-12)

    for one, other in zip(whole.networks.values(), parts.networks.values(), strict=True):
        for p, q in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-6, atol=1e-9)


def test_the_move_of_g_leaves_no_gradient_in_d() -> None:
    made = trainer()
    made.play_step()
    phase = made.experiment.algorithm.phases(made.view)[-1]
    made.networks["discriminator"].zero_grad(set_to_none=True)

    made.backward(phase)

    assert all(p.grad is None for p in made.networks["discriminator"].parameters())
    assert all(p.requires_grad for p in made.networks["discriminator"].parameters())


def test_a_lazy_penalty_acts_every_interval_th_step_and_that_much_stronger() -> None:
    lazy = Slope(interval=4, weight=0.5)
    made = trainer(regularizers={"slope": lazy})
    list(made.ticks(1000))

    assert lazy.acted == [0, 4, 8]


def test_weight_zero_is_no_penalty_at_all() -> None:
    without = trainer(dtype=torch.float64)
    with_zero = trainer(dtype=torch.float64, regularizers={"slope": Slope(weight=0.0)})
    for each in (without, with_zero):
        each.play_step()

    for one, other in zip(
        without.networks["discriminator"].parameters(),
        with_zero.networks["discriminator"].parameters(),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_a_penalty_that_hides_its_input_gradient_is_told_what_to_declare() -> None:
    class Forgetful(Slope):
        input_grads = ()

    made = trainer(regularizers={"slope": Forgetful()})

    with pytest.raises(FitError, match="input_grads"):
        made.play_step()


def test_hooks_of_the_run_s_own_parts_are_called_in_order() -> None:
    diary = Diary()
    made = trainer(total=16, schedules={"diary": diary})
    list(made.ticks(1000))

    assert diary.said == ["start", "step 0", "step 1", "end None"]
    assert made.optimizers["generator"].param_groups[0]["lr"] == pytest.approx(5e-3)


class Misspelled(TinyLoss):
    @hookimpl
    def step_begin(self, run: RunView) -> None: ...


class Demanding(TinyLoss):
    @hookimpl
    def step_start(self, run: RunView, weather: str) -> None: ...


@pytest.mark.parametrize(("part", "what"), [(Misspelled, "step_begin"), (Demanding, "weather")])
def test_a_hook_that_there_is_not_names_its_part(part: type[Loss], what: str) -> None:
    with pytest.raises(PluginError, match=f"^loss: .*{what}"):
        trainer(loss=part())


class Steers(Schedule):
    """Sets everything a schedule can, as a function of the images shown, or once in a run."""

    def __init__(self, *, once: bool = False) -> None:
        self.once = once

    @hookimpl
    def step_start(self, run: RunView) -> None:
        if self.once and run.step:
            return
        done = 0.25 if self.once else run.nimg / 160
        for player in ("generator", "discriminator"):
            run.set_betas(player, (run.betas(player)[0], 0.9 + 0.09 * done))
        for name in run.penalties:
            run.set_weight(name, 1 - done)
        run.set_ema_halflife(0.1 * done)


def test_a_schedule_sets_moments_weights_and_average() -> None:
    made = trainer(total=160, regularizers={"slope": Slope(weight=0.5)}, schedules={"s": Steers()})
    plain = trainer(total=160, regularizers={"slope": Slope(weight=0.5)})
    for each in (made, plain):
        each.nimg = 80
        each.play_step()

    for optimizer in made.optimizers.values():
        assert optimizer.param_groups[0]["betas"] == pytest.approx((0.0, 0.945))
    assert made.average.halflife_kimg == pytest.approx(0.05)
    assert made.weights == {"slope": 0.5}
    ours, theirs = (_slope_of_d(each) for each in (made, plain))
    assert ours != theirs


def _slope_of_d(made: Trainer) -> list[float]:
    parameters = made.networks["discriminator"].parameters()
    return [value for p in parameters if p.grad is not None for value in p.grad.flatten().tolist()]


@pytest.mark.parametrize("factor", [0.0, 0.25, 3.0])
def test_the_weight_of_a_penalty_times_a_factor_is_that_weight(factor: float) -> None:
    times = trainer(dtype=torch.float64, regularizers={"slope": Slope(weight=0.5)})
    times.view.set_weight("slope", factor)
    wrote = trainer(dtype=torch.float64, regularizers={"slope": Slope(weight=0.5 * factor)})
    for each in (times, wrote):
        each.play_step()

    pairs = zip(_slope_of_d(times), _slope_of_d(wrote), strict=True)
    assert all(one == pytest.approx(other, rel=1e-12, abs=1e-15) for one, other in pairs)


@pytest.mark.parametrize(
    ("use", "name", "expected"),
    [("adam", "betas", (0.1, 0.95)), ("rmsprop", "alpha", 0.95), ("sgd", "momentum", 0.1)],
)
def test_an_optimizer_has_its_new_moments_also_after_it_forgot_the_old_ones(
    use: Any, name: str, expected: Any
) -> None:
    said = dict.fromkeys(("generator", "discriminator"), Optimizer(use=use))
    made = trainer(optimizers=said)
    made.view.set_betas("generator", (0.1, 0.95))
    assert made.optimizers["generator"].param_groups[0][name] == expected

    made.view.reset_optimizer("generator")

    assert made.optimizers["generator"].param_groups[0][name] == expected
    assert made.optimizers["discriminator"].param_groups[0][name] != expected
    assert made.view.betas("generator") == (0.0, 0.99)


def test_what_a_schedule_cannot_set_is_named_with_what_it_may_mean() -> None:
    view = trainer(regularizers={"slope": Slope()}).view
    with pytest.raises(FitError, match=r"no regularizer 'slop'\.  Did you mean slope\?"):
        view.set_weight("slop", 1.0)
    with pytest.raises(FitError, match=r"no player 'generater'\.  Did you mean generator\?"):
        view.set_betas("generater", (0.0, 0.9))
    with pytest.raises(FitError, match="no player 'both'"):
        view.betas("both")


@pytest.mark.parametrize("once", [False, True])
def test_what_schedules_set_goes_on_exactly_also_where_nobody_sets_it_again(once: bool) -> None:
    def made(total: int, seed: int = 0) -> Trainer:
        slope, steers = {"slope": Slope(weight=0.5)}, {"steers": Steers(once=once)}
        return trainer(total, seed=seed, regularizers=slope, schedules=steers)

    through, first, second = made(160), made(80), made(160, seed=9)
    list(through.ticks(40))
    list(first.ticks(40))
    second.load_state_dict(first.state_dict())
    second.reset_optimizer("generator")  # what is in force is known before a schedule speaks
    assert second.optimizers["generator"].param_groups[0]["betas"][1] > 0.9
    second.load_state_dict(first.state_dict())
    list(second.ticks(40))

    assert 0 < second.weights["slope"] < 1
    assert state_of(second) == state_of(through)


def test_an_augment_sees_real_and_fake_alike_and_draws_from_its_own_stream() -> None:
    class Shift(Augment):
        def __init__(self) -> None:
            self.seen = 0

        def __call__(self, images: Tensor, rng: torch.Generator) -> Tensor:
            self.seen += 1
            return images + torch.rand((), generator=rng)

    shift = Shift()
    made = trainer(augments={"shift": shift})
    made.play_step()

    assert shift.seen == 3
    assert "augment.shift" in made.streams.state_dict()


def test_a_number_that_is_not_finite_is_found_at_the_tick() -> None:
    class Broken(Loss):
        def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
            return (real - fake) / 0.0

        def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
            return -fake

    with pytest.raises(DivergedError, match="learning rate"):
        list(trainer(loss=Broken()).ticks(16))


def test_an_error_says_which_part_it_came_from() -> None:
    class Late(Diary):
        @hookimpl
        def step_end(self, run: RunView) -> None:
            raise ValueError("lost")

    with pytest.raises(ValueError, match="lost") as found:
        list(trainer(schedules={"late": Late()}).ticks(16))

    assert found.value.__notes__ == ["in schedule.late"]


def test_the_average_lags_behind_by_its_half_life() -> None:
    made = trainer(total=8000)
    list(made.ticks(8000))
    live = made.networks["generator"].state_dict()
    average = made.average.network.state_dict()

    assert not torch.equal(live["linear.weight"], average["linear.weight"])
    assert torch.equal(live["norm.running_mean"], average["norm.running_mean"])


def test_a_resumed_run_ends_in_the_state_of_one_that_never_stopped() -> None:
    through = trainer(total=160)
    list(through.ticks(40))
    first = trainer(total=80)
    list(first.ticks(40))
    kept = first.state_dict()

    second = trainer(total=160, seed=9)
    torch.manual_seed(77)
    second.load_state_dict(kept)
    list(second.ticks(40))

    assert state_of(second) == state_of(through)


def test_forgetting_any_one_item_of_the_state_is_noticed() -> None:
    through = trainer(total=160)
    list(through.ticks(40))
    first = trainer(total=80)
    list(first.ticks(40))
    kept = first.state_dict()
    fresh = trainer(total=160, seed=9).state_dict()

    unnoticed = [
        name for name in _items(kept) if _resumed_without(name, kept, fresh) == state_of(through)
    ]

    assert unnoticed == []


def _items(kept: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Every item that training changes; the rest equals its fresh value."""
    extra = [("extra", name) for name in ("step", "nimg")]
    return [
        ("generator",),
        ("discriminator",),
        ("generator_ema",),
        ("optimizers",),
        *extra,
        ("rng-00000", "streams"),
    ]


def _resumed_without(name: tuple[str, ...], kept: dict[str, Any], fresh: dict[str, Any]) -> str:
    mixed = {k: dict(v) for k, v in kept.items()}
    if len(name) == 1:
        mixed[name[0]] = fresh[name[0]]
    else:
        mixed[name[0]][name[1]] = fresh[name[0]][name[1]]
    made = trainer(total=160, seed=9)
    made.load_state_dict(mixed)
    list(made.ticks(40))
    return state_of(made)


def test_two_ranks_together_play_the_batch_of_one() -> None:
    whole = trainer(dtype=torch.float64)
    ranks = [
        Trainer(experiment(dtype=torch.float64), CPU, total_nimg=80, ranks=Ranks(r, 2))
        for r in (0, 1)
    ]
    draws = [each.take()[0] for each in ranks]
    expected = whole.take()[0]

    torch.testing.assert_close(torch.cat([d.z for d in draws]), expected.z)
    torch.testing.assert_close(torch.cat([d.real for d in draws]), expected.real)
    assert [each.nimg for each in ranks] == [whole.nimg] * 2


def test_a_batch_that_cannot_be_shared_names_the_nearest() -> None:
    with pytest.raises(FitError, match="nearest is 6"):
        Ranks(0, 3).share(8)


def test_losses_of_patches_are_averaged_after_the_loss() -> None:
    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 2)

        def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
            return self.conv(images)[:, 0]

    parts = experiment()
    made = trainer(networks={"generator": parts.networks["generator"], "discriminator": Patches()})
    made.play_step()

    assert isinstance(made.experiment.loss, TinyLoss)
    assert made.readings.means()["D loss"] > 0


def test_a_checkpoint_from_before_schedules_set_these_goes_on_as_it_did() -> None:
    through, first, second = trainer(160), trainer(80), trainer(160, seed=9)
    list(through.ticks(40))
    list(first.ticks(40))
    saved = first.state_dict()
    for name in ("betas", "weights", "ema_halflife_kimg"):
        del saved["extra"][name]

    second.load_state_dict(saved)
    list(second.ticks(40))

    assert state_of(second) == state_of(through)
