"""Networks that are told the class, or name it, and what naming it adds to the game."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo.algorithm import D, Draw, G, Phase, Play, Term
from ganzoo.errors import FitError
from ganzoo.interfaces import Env
from ganzoo.nn.conditioning import ConditionalBatchNorm2d
from ganzoo_cgan.networks import (
    AuxiliaryClassifierDiscriminator,
    ConditionalGenerator,
    ProjectionDiscriminator,
)
from ganzoo_cgan.regularizers import AuxiliaryClassifier
from ganzoo_dcgan.networks import DCGANDiscriminator, DCGANGenerator

ENV = Env.classes((1, 32, 32), 10)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_networks_have_as_many_parameters_as_their_layers_say() -> None:
    # dcgan at 32 px with width 16 and 64 latents: 106,976 and, without norm, 42,336
    made = {way: ConditionalGenerator(ENV, z_dim=64, width=16, labels=way) for way in WAYS}
    norms = 64 + 32 + 16
    assert _count(made["onehot"]) == 106_976 + 10 * 1024
    assert _count(made["embed"]) == 106_976 + 64 * 1024 + 10 * 64
    assert _count(made["norm"]) == 106_976 - 2 * norms + 10 * 2 * norms
    plain = DCGANDiscriminator(Env((1, 32, 32)), width=16, norm="none")
    assert _count(ProjectionDiscriminator(ENV, width=16)) == _count(plain) + 1 + 10 * 1024
    assert _count(AuxiliaryClassifierDiscriminator(ENV, width=16)) == (
        _count(plain) + 1 + 10 * (1024 + 1)
    )


WAYS: tuple[Any, ...] = ("onehot", "embed", "norm")


def test_without_classes_every_way_is_dcgan() -> None:
    env = Env((1, 32, 32))
    counts = {_count(ConditionalGenerator(env, z_dim=64, width=16, labels=way)) for way in WAYS}
    assert counts == {_count(DCGANGenerator(env, z_dim=64, width=16))}


def test_one_hot_labels_are_those_of_dcgan() -> None:
    torch.manual_seed(0)
    ours = ConditionalGenerator(ENV, z_dim=5, width=2, labels="onehot").eval()
    theirs = DCGANGenerator(ENV, z_dim=5, width=2).eval()
    z, labels = torch.randn(3, 5), torch.tensor([1, 7, 7])
    weights = [p for p in ours.parameters() if p.ndim > 1]
    for mine, other in zip([p for p in theirs.parameters() if p.ndim > 1], weights, strict=True):
        mine.data.copy_(other)
    for mine, other in zip(
        [m for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)],
        [m for m in ours.modules() if isinstance(m, nn.BatchNorm2d)],
        strict=True,
    ):
        mine.load_state_dict(other.state_dict())
    torch.testing.assert_close(ours(z, labels), theirs(z, labels))


def test_labels_in_the_norms_leave_the_latents_alone() -> None:
    made = ConditionalGenerator(ENV, z_dim=5, width=2, labels="norm")
    norms = [m for m in made.modules() if isinstance(m, ConditionalBatchNorm2d)]
    assert made.linear.in_features == 5
    assert [norm.num_classes for norm in norms] == [10, 10, 10]


def test_the_projection_is_the_inner_product_of_class_and_features() -> None:
    torch.manual_seed(0)
    judge = ProjectionDiscriminator(ENV, width=2).double()
    images = torch.randn(3, 1, 32, 32, dtype=torch.float64)
    a, b = torch.full((3,), 4), torch.full((3,), 9)
    assert judge.head.vectors is not None
    vectors = judge.head.vectors.weight
    found = judge(images, a) - judge(images, b)
    torch.testing.assert_close(found, judge.trunk(images) @ (vectors[4] - vectors[9]))


class _Names(nn.Module):
    """A discriminator whose class logits are the first pixels of an image."""

    def forward(self, images: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        pixels = images.flatten(1)
        return {"logits": pixels.sum(1), "class_logits": pixels[:, :3]}


class _Made(nn.Module):
    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = nn.Parameter(images)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.images * 1


def _play(trains: str, part: AuxiliaryClassifier, real: Tensor, fake: Tensor) -> Play:
    maker, labels = _Made(fake), torch.tensor([0, 1, 2, 2])
    draw = Draw(maker, real, labels, torch.zeros(4, 1))
    phase = Phase(trains, (trains,), (Term("auxiliary", part.penalty),))
    return Play(phase, draw, {G: maker, D: _Names()})


@pytest.mark.parametrize("fakes", [False, True])
def test_each_player_pays_for_classes_that_are_not_recognized(fakes: bool) -> None:
    part = AuxiliaryClassifier(Env.classes((1, 2, 2), 3), generator_share=0.25, fakes=fakes)
    real, fake = torch.randn(4, 1, 2, 2), torch.randn(4, 1, 2, 2)
    surprise = {
        name: -images.flatten(1)[:, :3].log_softmax(1)[torch.arange(4), torch.tensor([0, 1, 2, 2])]
        for name, images in {"real": real, "fake": fake}.items()
    }
    judged = part.penalty(_play(D, part, real, fake))
    torch.testing.assert_close(judged, surprise["real"] + fakes * surprise["fake"])
    made = part.penalty(_play(G, part, real, fake))
    torch.testing.assert_close(made, 0.25 * surprise["fake"])
    assert part.on == (D, G)


def test_naming_the_class_moves_the_generator_towards_it() -> None:
    part = AuxiliaryClassifier(Env.classes((1, 2, 2), 3))
    play = _play(G, part, torch.zeros(4, 1, 2, 2), torch.zeros(4, 1, 2, 2))
    maker = play.networks[G]
    (slope,) = torch.autograd.grad(part.penalty(play).sum(), list(maker.parameters()))
    right = slope.flatten(1)[torch.arange(4), torch.tensor([0, 1, 2, 2])]
    assert (right < 0).all()


def test_without_classes_there_is_nothing_to_name() -> None:
    with pytest.raises(FitError, match="names classes, and this run has none; train with --cond"):
        AuxiliaryClassifier(Env((1, 32, 32)))
    judge = AuxiliaryClassifierDiscriminator(Env((1, 32, 32)), width=2)
    assert list(judge(torch.zeros(2, 1, 32, 32))) == ["logits"]
