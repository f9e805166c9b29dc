"""Adversarial auto-encoder: codes are judged, not images; the decoder is what makes pictures.

Adversarial Autoencoders (Makhzani et al., 2015), https://arxiv.org/abs/1511.05644, section 2: in
turn || x - decoder(encoder(x)) ||^2 for encoder and decoder, then the first game with latents:
z ~ N(0, I) is real, encoder(x) is fake.
"""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import nn
from torch.nn.functional import softplus

from ganzoo import component, hookimpl, recipe
from ganzoo.algorithm import Algorithm
from ganzoo.interfaces import Env
from ganzoo.play import G, Phase, Play, RunView, Term
from ganzoo.types import Latents, Values

ENCODER, JUDGE, REBUILDER, Z, WIDTH = "encoder", "code-judge", "rebuilder", 8, 64


class Encoder(nn.Sequential):
    def __init__(self, env: Env) -> None:
        first = nn.Linear(math.prod(env.image_shape), WIDTH)
        super().__init__(nn.Flatten(), first, nn.ReLU(), nn.Linear(WIDTH, Z))


class CodeJudge(nn.Sequential):
    def __init__(self, env: Env) -> None:
        super().__init__(nn.Linear(Z, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, 1))


def code_of(play: Play) -> Latents:
    with torch.set_grad_enabled(play.trains(ENCODER)):
        return play.networks[ENCODER](play.real)


def rebuilding(play: Play) -> Values:
    return (play.real - play.networks[G](code_of(play))).square().mean((1, 2, 3))


def judging(play: Play) -> Values:
    real, fake = play.networks[JUDGE](play.draw.z), play.networks[JUDGE](code_of(play))
    play.log({"D(prior)": real.sigmoid().mean(), "D(code)": fake.sigmoid().mean()})
    return softplus(-real) + softplus(fake)


def fooling(play: Play) -> Values:
    return softplus(-play.networks[JUDGE](code_of(play)))


class MatchesCodes(Algorithm):
    roles: ClassVar[Mapping[str, str]] = {G: G, ENCODER: "network", JUDGE: "network"}
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        REBUILDER: (ENCODER, G),
        JUDGE: (JUDGE,),
        ENCODER: (ENCODER,),
    }

    def phases(self, run: RunView) -> Sequence[Phase]:
        rebuild = Phase(REBUILDER, (ENCODER, G), (Term("rebuilt", rebuilding),), new_batch=True)
        judge = Phase(JUDGE, (JUDGE,), (Term("loss", judging),))
        fool = Phase(ENCODER, (ENCODER,), (Term("loss", fooling),), frozen=(JUDGE,))
        return rebuild, judge, fool


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {G: "mlp", "algorithm": "codes", "network": [ENCODER, JUDGE]}
    return [
        component("network", ENCODER, "aae:Encoder", "images to latents"),
        component("network", JUDGE, "aae:CodeJudge", "judges latents"),
        component("algorithm", "codes", "aae:MatchesCodes", "codes match the prior"),
        recipe(
            "aae", "an auto-encoder, codes judged", parts, {"generator.z_dim": Z}, sizes=(28, 32)
        ),
    ]
