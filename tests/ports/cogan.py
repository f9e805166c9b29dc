"""CoGAN: two generators and two discriminators that share the layers of what pictures mean.

Coupled Generative Adversarial Networks (Liu and Tuzel, 2016), https://arxiv.org/abs/1606.07536,
eq. 3: the sum of two games, of one z: the generators share their first layers, the discriminators
their last. The second domain is the first one in negative. Each second network holds only what it
does not share: one makes an image of the first generator's features, the other makes features
that the first discriminator judges.
"""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo import component, hookimpl, recipe
from ganzoo.algorithm import Algorithm
from ganzoo.interfaces import Env
from ganzoo.play import D, G, Phase, Play, RunView, Term
from ganzoo.types import Images, Labels, Latents, Logits, Values

G2, D2, WIDTH = "second-generator", "second-discriminator", 64


class SecondGenerator(nn.Sequential):
    def __init__(self, env: Env) -> None:
        size = math.prod(env.image_shape)
        super().__init__(nn.Linear(WIDTH, size), nn.Tanh(), nn.Unflatten(1, env.image_shape))


class SecondDiscriminator(nn.Sequential):
    def __init__(self, env: Env) -> None:
        super().__init__(nn.Flatten(), nn.Linear(math.prod(env.image_shape), WIDTH))


class Generator(nn.Module):
    z_dim = 16

    def __init__(self, env: Env) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(self.z_dim, WIDTH), nn.ReLU())
        self.own = SecondGenerator(env)

    def forward(self, z: Latents, labels: Labels | None = None) -> Mapping[str, Tensor]:
        features = self.shared(z)
        return {"image": self.own(features), "features": features}


class Discriminator(nn.Module):
    def __init__(self, env: Env) -> None:
        super().__init__()
        self.own = SecondDiscriminator(env)
        self.shared = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(WIDTH, 1), nn.Flatten(0))

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        return self.shared(self.own(images))


def second(play: Play, images: Images) -> Logits:
    return play.networks[D].shared(play.networks[D2](images))


def judging(play: Play) -> Values:
    made = play.networks[G2](play.made["features"]).detach()
    first = softplus(-play.real_logits) + softplus(play.fake_logits)
    return first + softplus(-second(play, -play.real)) + softplus(second(play, made))


def fooling(play: Play) -> Values:
    made = play.networks[G2](play.made["features"])
    return softplus(-play.fake_logits) + softplus(-second(play, made))


class Coupled(Algorithm):
    roles: ClassVar[Mapping[str, str]] = {G: G, D: D, G2: "network", D2: "network"}
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {D: (D, D2), G: (G, G2)}

    def phases(self, run: RunView) -> Sequence[Phase]:
        judge = Phase(D, (D, D2), (Term("loss", judging),), new_batch=True, shares_fakes=True)
        return judge, Phase(G, (G, G2), (Term("loss", fooling),), frozen=(D, D2))


@hookimpl
def ganzoo_register() -> list[object]:
    parts = dict.fromkeys((G, D, "algorithm"), "coupled") | {"network": [G2, D2]}
    return [
        component(G, "coupled", "cogan:Generator", "of the first domain"),
        component(D, "coupled", "cogan:Discriminator", "of the first domain"),
        component("network", G2, "cogan:SecondGenerator", "of the second domain"),
        component("network", D2, "cogan:SecondDiscriminator", "of the second domain"),
        component("algorithm", "coupled", "cogan:Coupled", "two games of one z"),
        recipe("cogan", "two domains of one z", parts),
    ]
