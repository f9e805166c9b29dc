"""What every augmentation keeps: its randomness, two derivatives, and its place in a run."""

from collections.abc import Callable
from typing import Any

import pytest
import tiny
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from zoo import REGISTRY, Pictures, least

from ganzoo import build
from ganzoo.algorithm import D, Draw, G, Phase, Play
from ganzoo.interfaces import Augment, Env
from ganzoo.options import schema
from ganzoo.plan import resolve
from ganzoo.training.skeleton import digest, pack, unpack
from ganzoo.training.trainer import Trainer
from ganzoo_augment.ada import Ada
from ganzoo_augment.diffaugment import DiffAugment
from ganzoo_standard.regularizers import R1

EVERY: dict[str, Callable[[Env], Augment]] = {
    "diffaugment": DiffAugment,
    "ada": lambda env: Ada(env, start=0.9, pipe=("blit", "geometric", "color", "cutout")),
}
NAMES = [entry.name for entry in REGISTRY.components("augment")]
LOSSES = [entry.name for entry in REGISTRY.components("loss")]
PENALTIES = ["r1", "r2", "gp", "dragan", "drift", "lecam", "clip"]

every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


def _rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _images(count: int, channels: int, side: int) -> Tensor:
    shape = (count, channels, side, side)
    return torch.rand(shape, generator=_rng(1), dtype=torch.float64) * 2 - 1


def test_every_augmentation_there_is_is_tested_here() -> None:
    assert set(NAMES) == set(EVERY)


# -- alone ------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_images_keep_shape_and_format_and_change(
    make: Callable[[Env], Augment], channels: int, dtype: torch.dtype
) -> None:
    images = _images(16, channels, 8).to(dtype)
    made = make(Env((channels, 8, 8)))(images, _rng())

    assert (made.shape, made.dtype) == (images.shape, dtype)
    assert made.isfinite().all()
    assert not (made == images).flatten(1).all(1).all()


@every
def test_a_seed_says_what_happens_and_each_image_has_a_change_of_its_own(
    make: Callable[[Env], Augment],
) -> None:
    part, images = make(Env((3, 8, 8))), _images(1, 3, 8).repeat(12, 1, 1, 1)

    one, same, other = (part(images, _rng(seed)) for seed in (0, 0, 1))

    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert len({tuple(image.flatten().tolist()) for image in one}) == 12


@every
def test_what_happens_does_not_depend_on_the_images_nor_on_their_number_format(
    make: Callable[[Env], Augment],
) -> None:
    """So real and fake images go through the same distribution of changes.

    Which change an image gets shows in where its gradient goes, as every change is affine.
    """
    part, slopes = make(Env((3, 8, 8))), []
    for images in (_images(6, 3, 8), -_images(6, 3, 8) / 3, _images(6, 3, 8).float()):
        leaf = images.requires_grad_()
        weight = _images(7, 3, 8)[1:].to(images.dtype)
        slopes += torch.autograd.grad(part(leaf, _rng()), leaf, weight)

    torch.testing.assert_close(slopes[1], slopes[0])
    torch.testing.assert_close(slopes[2].double(), slopes[0], rtol=1e-4, atol=1e-4)


@every
@pytest.mark.parametrize("channels", [1, 3])
def test_both_derivatives_with_respect_to_the_image_are_right(
    make: Callable[[Env], Augment], channels: int
) -> None:
    part, images = make(Env((channels, 8, 8))), _images(2, channels, 8).requires_grad_()

    def through(images: Tensor) -> Tensor:
        return part(images, _rng(3))

    assert not torch.equal(through(images), images)
    assert torch.autograd.gradcheck(through, (images,), fast_mode=True)
    # the change is affine: its second derivative shows beside something that is not
    assert torch.autograd.gradgradcheck(lambda x: through(x).square(), (images,), fast_mode=True)


@every
def test_nothing_is_asked_of_the_device(make: Callable[[Env], Augment]) -> None:
    """Tensors without values refuse whoever wants to know one."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        images = torch.zeros(4, 3, 16, 16, requires_grad=True)
        made = make(Env((3, 16, 16)))(images, _rng())
        (slope,) = torch.autograd.grad(made.sum(), images)

    assert slope.shape == (4, 3, 16, 16)


# -- in a move --------------------------------------------------------------------------------


class _Quadratic(nn.Module):
    """D(x) = |x|^2 / 2, whose slope is the image that it sees."""

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return 0.5 * images.square().flatten(1).sum(1)


@every
def test_r1_is_the_slope_at_the_image_before_it_was_changed(
    make: Callable[[Env], Augment],
) -> None:
    real, env = _images(5, 3, 8), Env((3, 8, 8))
    part, augment, z = R1(env), make(env), torch.zeros(5, 1, dtype=torch.float64)
    play = Play(
        Phase(D, (D,), ()),
        Draw(nn.Identity(), real, None, z),
        {D: _Quadratic()},
        wants=frozenset(part.input_grads),
        augment=lambda images: augment(images, _rng()),
    )
    found = part.penalty(play)

    leaf = real.clone().requires_grad_()
    seen = augment(leaf, _rng())
    (slope,) = torch.autograd.grad(seen, leaf, seen.detach())  # the transposed change of it

    assert play.real.is_leaf
    torch.testing.assert_close(found, 0.5 * slope.square().flatten(1).sum(1))
    assert not torch.allclose(found, 0.5 * seen.square().flatten(1).sum(1))


class _Spy(Augment):
    """Hands images on to an augmentation, and notes both."""

    def __init__(self, part: Augment) -> None:
        self.part = part
        self.seen: list[tuple[Tensor, Tensor]] = []

    def __call__(self, images: Tensor, rng: torch.Generator) -> Tensor:
        made = self.part(images, rng)
        self.seen.append((images, made))
        return made


@every
def test_real_and_fake_are_changed_independently_in_both_moves_and_fakes_made_once(
    make: Callable[[Env], Augment],
) -> None:
    spy = _Spy(make(Env(tiny.SHAPE)))
    trainer = Trainer(tiny.experiment(augments={"spy": spy}), torch.device("cpu"))
    trainer.play_step()
    (real, _), (judged, one), (fooling, two) = spy.seen

    assert trainer.networks[G].passes == 1
    assert torch.equal(judged, fooling)
    assert not torch.equal(one, two)
    assert [images.requires_grad for images in (real, judged, fooling)] == [False, False, True]
    assert all(p.grad is not None for p in trainer.networks[G].parameters())
    assert trainer.networks[G].linear.weight.grad.abs().sum() > 0


# -- in a run ---------------------------------------------------------------------------------


def _trained(name: str, *, steps: int = 2, sets: tuple[str, ...] = (), **changes: Any) -> Trainer:
    """Play steps of a small recipe with what it is changed to; all parameters stay finite."""
    add = {"augment": ["ada", "diffaugment"]} | changes.pop("add", {})
    recipe = REGISTRY.find("recipe", name).recipe
    entries = [REGISTRY.find(kind, str(recipe.parts[kind])) for kind in (G, D)]
    small = [f"{e.kind}.{key}={value}" for e in entries for key, value in least(e).items()]
    wanted = ["training.batch_size=4", "augment.ada.start=0.5", "augment.ada.kimg=1"]
    plan = resolve(REGISTRY, name, sets=[*small, *wanted, *sets], add=add, **changes)
    data = Pictures(32)
    built = build.outline(plan, REGISTRY, {"dataset": data})
    trainer = Trainer(built.with_data(data), torch.device("cpu"), total_nimg=1000)
    for _ in range(steps):
        trainer.play_step()
    for network in trainer.networks.values():
        assert all(p.isfinite().all() for p in network.parameters())
    return trainer


SIZE = {"training.resolution": 32}


@pytest.mark.parametrize("loss", LOSSES)
def test_both_go_with_every_loss(loss: str) -> None:
    penalties = ["none", "gp"] if loss == "wgan" else ["none", "r1", "r2"]
    made = _trained(
        "dcgan", replace={"loss": loss}, add={"regularizer": penalties}, overrides=SIZE
    )

    readings = made.readings.means()
    assert readings["ada p"] == 0.5
    assert -1 <= readings["ada r"] <= 1


@pytest.mark.parametrize("penalty", PENALTIES)
def test_both_go_with_every_penalty_on_the_discriminator(penalty: str) -> None:
    made = _trained("dcgan", add={"regularizer": ["none", penalty]}, overrides=SIZE)

    assert f"D {penalty}" in made.readings.means()


def test_both_go_with_classes() -> None:
    made = _trained("cgan", overrides=SIZE)

    assert made.experiment.env.num_classes == 2


@pytest.mark.parametrize("d_steps", [1, 2])
def test_p_counts_all_images_of_all_moves_also_in_micro_batches(d_steps: int) -> None:
    sets = ("training.micro_batch_size=2", f"algorithm.d_steps={d_steps}")
    made = _trained("dcgan", steps=4, sets=sets, overrides=SIZE)
    part = made.experiment.augments["ada"]

    assert isinstance(part, Ada)
    changes = made.nimg // 16  # of 4 moves each, on 4 images
    possible = {500 + 16 * k for k in range(-changes, changes + 1)}
    assert int(part.state_dict()["risen"]) in possible - ({500} if d_steps == 1 else set())
    assert part.p.item() == pytest.approx(int(part.state_dict()["risen"]) / 1000)


@pytest.mark.parametrize("stop", [1, 3, 4, 6])
@pytest.mark.parametrize("target", ["0.1", "none"])
def test_a_run_goes_on_exactly_wherever_it_stopped(stop: int, target: str) -> None:
    def play(steps: int, state: dict[str, Any] | None = None) -> Trainer:
        torch.manual_seed(0)
        made = _trained("dcgan", steps=0, sets=(f"augment.ada.target={target}",), overrides=SIZE)
        if state is not None:
            made.load_state_dict(state)
        for _ in range(steps):
            made.play_step()
        return made

    def end(made: Trainer) -> str:
        return digest({k: v for k, v in made.state_dict().items() if k != "clock"})

    whole, first = play(7), play(stop)
    second = play(7 - stop, unpack(*pack(first.state_dict(), "state")))

    assert end(second) == end(whole)
    assert end(first) != end(whole)


def test_p_can_follow_a_run() -> None:
    made = _trained("dcgan", steps=20, sets=("augment.ada.target=none",), overrides=SIZE)

    part = made.experiment.augments["ada"]
    assert isinstance(part, Ada)
    assert 0.5 < part.p.item() < 0.502


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_that_only_compares_logits_and_a_p_that_reads_their_sign_are_remarked_on(
    loss: str,
) -> None:
    def notes(*sets: str) -> list[str]:
        plan = resolve(
            REGISTRY,
            "dcgan",
            sets=sets,
            add={"augment": ["ada", "diffaugment"], "regularizer": ["gp"]},
            replace={"loss": loss},
        )
        built = build.outline(plan, REGISTRY, {"dataset": Pictures(32)})
        return [note for note in built.notes if "sign" in note]

    compares = loss in {"wgan", "rpgan", "ragan", "rahinge"}
    assert notes("augment.ada.target=none") == []
    assert notes() == [
        f"augment ada reads the sign of logits, and loss std/{loss} only compares them, so 0 means"
        " nothing; use --set augment.ada.target=none"
    ] * int(compares)


def test_settings_are_lists_and_words_in_a_recipe() -> None:
    sets = ('augment.diffaugment.policy=["translation"]', "augment.diffaugment.fill=-1")
    made = _trained("dcgan", sets=(*sets, 'augment.ada.pipe=["blit"]'), overrides=SIZE)

    parts = made.experiment.augments
    assert (parts["diffaugment"].policy, parts["diffaugment"].fill) == (("translation",), -1.0)
    assert parts["ada"].pipe == ("blit",)
    assert schema(DiffAugment)["policy"].values.endswith("color, translation, cutout")


@pytest.mark.gpu
@every
def test_a_card_gives_the_derivatives_of_a_cpu_and_is_never_waited_for(
    make: Callable[[Env], Augment],
) -> None:
    part, images = make(Env((3, 16, 16))), _images(8, 3, 16).cuda().requires_grad_()
    if isinstance(part, Ada):
        part.p = part.p.cuda()
    rng = torch.Generator("cuda").manual_seed(0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        (slope,) = torch.autograd.grad(part(images, rng).sum(), images, create_graph=True)
        slope.square().sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")

    def through(images: Tensor) -> Tensor:
        return part(images, torch.Generator("cuda").manual_seed(0)).square()

    assert torch.autograd.gradgradcheck(through, (images.detach()[:2].requires_grad_(),))
