"""What does not go together is refused, what is unwise is said once, in words with a cure."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from zoo import REGISTRY, Pictures

from ganzoo import build
from ganzoo.errors import FitError, MachineError
from ganzoo.plan import resolve


class Deaf(nn.Module):
    """Makes and judges, and does not listen to labels."""

    z_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 28 * 28)

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        if inputs.ndim == 4:
            return inputs.mean((1, 2, 3)) * self.linear.bias[0]
        return self.linear(inputs).view(-1, 1, 28, 28)


def notes(*words: str, objects: dict[str, Any] | None = None, **parts: Any) -> tuple[str, ...]:
    """Return what is said about dcgan with other words and parts."""
    small = ["generator.width=2", "discriminator.width=2", *words]
    parts = {"replace": {}, "add": {}, **parts}
    plan = resolve(REGISTRY, "dcgan", sets=[*small, "training.resolution=28"], **parts)
    return build.outline(plan, REGISTRY, {"dataset": Pictures(), **(objects or {})}).notes


def test_a_network_that_no_memory_would_hold_is_weighed_and_not_built() -> None:
    resource = pytest.importorskip("resource")  # Windows has none
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MachineError, match=r"generator: dcgan asks for .*GiB.*width = 10000000"):
        notes("generator.width=10000000")
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 2**20
    )  # kB: less than 1 GiB


@pytest.mark.parametrize("penalty", ["r1", "r2", "gp", "dragan"])
def test_a_penalty_on_slopes_warns_of_batch_norm_in_the_discriminator(penalty: str) -> None:
    add = {"regularizer": ["none", penalty]}
    (said,) = (n for n in notes("discriminator.norm=batch", add=add) if "dropped" not in n)
    assert said.startswith(f"regularizer {penalty} is a penalty for each image")
    assert "mixes images (batch norm)" in said
    for norm in ("layer", "group", "instance", "spectral", "none"):
        assert not any("mixes" in n for n in notes(f"discriminator.norm={norm}", add=add))


@pytest.mark.parametrize(
    ("words", "penalties", "missing"),
    [
        ([], [], "fake and real"),
        ([], ["r1"], "fake"),
        ([], ["r2"], "real"),
        ([], ["dragan"], "fake"),
        ([], ["r1", "r2"], ""),
        ([], ["gp"], ""),
        ([], ["clip"], ""),
        (["discriminator.norm=spectral"], [], ""),
    ],
)
def test_wasserstein_needs_a_slope_bounded_everywhere_and_pairs_only_want_it(
    words: list[str], penalties: list[str], missing: str
) -> None:
    add = {"regularizer": ["none", *penalties]}
    paired = notes(*words, replace={"loss": "rpgan"}, add=add)
    assert any(f"bounds the discriminator's slope at {missing} images" in n for n in paired) == (
        bool(missing)
    )
    if not missing:
        notes(*words, replace={"loss": "wgan"}, add=add)
        return
    with pytest.raises(FitError) as found:
        notes(*words, replace={"loss": "wgan"}, add=add)
    assert f"nothing bounds it at {missing} images" in str(found.value)
    assert "add --regularizer gp or --regularizer clip" in str(found.value)


@pytest.mark.parametrize("slot", ["generator", "discriminator"])
def test_a_network_that_takes_no_note_of_the_class_is_named(slot: str) -> None:
    told = {"training.conditional": True}
    said = notes(objects={slot: Deaf()}, overrides=told)
    assert [n.partition(" takes no note of the class")[0] for n in said if "takes" in n] == [
        f"{slot} local"
    ]
    assert not any("takes" in n for n in notes(objects={slot: Deaf()}))
    assert not any("takes" in n for n in notes(overrides=told))


class Lenient(Deaf):
    """Makes and judges without labels too, and otherwise with them."""

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        out = super().forward(inputs)
        return out if labels is None else out + labels.view(-1, *[1] * (out.ndim - 1))


@pytest.mark.parametrize("slot", ["generator", "discriminator"])
def test_a_network_may_do_without_the_class_if_it_heeds_it(slot: str) -> None:
    said = notes(objects={slot: Lenient()}, overrides={"training.conditional": True})
    assert not any("takes" in n for n in said)


def test_a_discriminator_that_names_the_class_is_told_it_by_its_regularizer() -> None:
    told: dict[str, Any] = {"overrides": {"training.conditional": True}}
    judge = {"replace": {"discriminator": "acgan"}}
    alone = notes(**judge, **told)
    assert any(n.startswith("discriminator cgan/acgan takes no note") for n in alone)
    joined = notes(**judge, **told, add={"regularizer": ["auxiliary"]})
    assert not any("takes" in n for n in joined)


def test_an_auxiliary_classifier_needs_a_discriminator_that_names_the_class() -> None:
    told = {"training.conditional": True}
    with pytest.raises(FitError, match=r"needs 'class_logits', which no network here provides"):
        notes(add={"regularizer": ["auxiliary"]}, overrides=told)
    with pytest.raises(FitError, match="names classes, and this run has none"):
        notes(replace={"discriminator": "acgan"}, add={"regularizer": ["auxiliary"]})


class Naming(nn.Module):
    """A discriminator somebody hands in, which names two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(28 * 28, 3)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        out = self.linear(images.flatten(1))
        return {"logits": out[:, 0], "class_logits": out[:, 1:]}


def test_a_network_that_is_handed_in_is_believed_what_it_gives() -> None:
    told = {"training.conditional": True}
    said = notes(
        objects={"discriminator": Naming()}, add={"regularizer": ["auxiliary"]}, overrides=told
    )
    assert not any("takes" in n for n in said)


@pytest.mark.parametrize(("loss", "mixes"), [("ragan", True), ("rahinge", True), ("hinge", False)])
def test_micro_batches_warn_of_a_loss_that_mixes_images(loss: str, mixes: bool) -> None:
    said = notes("training.micro_batch_size=2", replace={"loss": loss})
    assert any("loss (" in n and "micro-batches change its answers" in n for n in said) == mixes


def test_looking_for_deaf_networks_changes_neither_them_nor_chance() -> None:
    torch.manual_seed(0)
    sets = ["generator.width=2", "discriminator.width=2", "training.conditional=true"]
    plan = resolve(REGISTRY, "sngan", sets=sets)
    before = torch.get_rng_state()
    built = build.outline(plan, REGISTRY, {"dataset": Pictures()})
    assert built.env.num_classes == 2
    assert torch.equal(torch.get_rng_state(), before)
    assert all(network.training for network in built.networks.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["training.batch_size=1"], "the batch is one image; take --batch-size 2 or more"),
        (
            ["training.batch_size=25", "training.micro_batch_size=12"],
            "of 25 images in parts of 12 the last is one image; take a micro-batch that",
        ),
    ],
)
def test_one_image_cannot_be_normed_over_a_batch(words: list[str], told: str) -> None:
    with pytest.raises(FitError, match=told):
        notes(*words)
    notes("training.batch_size=25", "training.micro_batch_size=5")
