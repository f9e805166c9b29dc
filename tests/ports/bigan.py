"""BiGAN (ALI): the discriminator judges pairs, (x, E(x)) against (G(z), z).

Adversarial Feature Learning (Donahue et al., 2017), https://arxiv.org/abs/1605.09782, eq. 3, and
Adversarially Learned Inference (Dumoulin et al., 2017), https://arxiv.org/abs/1606.00704: D as in
the first game; G and E minimize, with labels exchanged, -log D(G(z), z) - log(1 - D(x, E(x))).
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo import component, hookimpl, recipe
from ganzoo.algorithm import Algorithm
from ganzoo.interfaces import Env
from ganzoo.play import D, G, Phase, Play, RunView, Term
from ganzoo.types import Images, Labels, Latents, Logits, Values

Z, WIDTH, APART = 16, 64, {"gradients": "the encoder is no part of forward"}


class BothWays(nn.Module):
    z_dim = Z

    def __init__(self, env: Env) -> None:
        super().__init__()
        size, shape = math.prod(env.image_shape), nn.Unflatten(1, env.image_shape)
        there = nn.Linear(Z, WIDTH), nn.ReLU(), nn.Linear(WIDTH, size), nn.Tanh(), shape
        back = nn.Flatten(), nn.Linear(size, WIDTH), nn.ReLU(), nn.Linear(WIDTH, Z)
        self.decoder, self.encoder = nn.Sequential(*there), nn.Sequential(*back)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        return self.decoder(z)


class PairDiscriminator(nn.Module):
    def __init__(self, env: Env) -> None:
        super().__init__()
        first = nn.Linear(math.prod(env.image_shape) + Z, WIDTH)
        self.layers = nn.Sequential(first, nn.LeakyReLU(0.2), nn.Linear(WIDTH, 1))

    def forward(self, images: Images, labels: None = None, z: Latents | None = None) -> Logits:
        z = images.new_zeros(len(images), Z) if z is None else z  # who asks without is no play
        return self.layers(torch.cat([images.flatten(1), z], 1)).squeeze(1)


class Pairs(Play):
    @cached_property
    def real_out(self) -> Mapping[str, Tensor]:
        with torch.set_grad_enabled(self.trains(G)):
            code = self.networks[G].encoder(self.real)
        return {"logits": self.networks[D](self.real, self.labels, code)}

    @cached_property
    def fake_out(self) -> Mapping[str, Tensor]:
        return {"logits": self.networks[D](self.fake, self.labels, self.draw.z)}


def judging(play: Play) -> Values:
    return softplus(-play.real_logits) + softplus(play.fake_logits)


def fooling(play: Play) -> Values:
    return softplus(play.real_logits) + softplus(-play.fake_logits)


class Inference(Algorithm):
    play: ClassVar[type[Play]] = Pairs

    def phases(self, run: RunView) -> Sequence[Phase]:
        judge = Phase(D, (D,), (Term("loss", judging),), new_batch=True, shares_fakes=True)
        return judge, Phase(G, (G,), (Term("loss", fooling),), frozen=(D,))


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "both-ways", "discriminator": "pairs", "algorithm": "inference"}
    return [
        component(G, "both-ways", "bigan:BothWays", "and an encoder", expected_failures=APART),
        component("discriminator", "pairs", "bigan:PairDiscriminator", "images with latents"),
        component("algorithm", "inference", "bigan:Inference", "pairs against pairs"),
        recipe("bigan", "an encoder learns beside the generator", parts),
    ]
