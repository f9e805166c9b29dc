"""InfoGAN: part of z is a code that the image must tell.

InfoGAN: Interpretable Representation Learning by Information Maximizing GANs (Chen et al., 2016),
https://arxiv.org/abs/1606.03657, eq. 5 and 6: both players add -lambda L_I(G, Q), where
L_I = E log Q(c | G(z, c)) + H(c). Q shares the discriminator's layers: cross entropy of a code of
ten, and for two numbers -log N(c; mean, 1) but for its constant.
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Env, Regularizer
from ganzoo.options import Opt
from ganzoo.play import D, G, Play
from ganzoo.types import Images, Labels, Latents, Values

KINDS, NUMBERS = 10, 2


class Generator(nn.Module):
    z_dim = 32

    def __init__(self, env: Env, *, width: Annotated[int, Opt("units", ge=1)] = 64) -> None:
        super().__init__()
        layers = nn.Linear(32, width), nn.ReLU(), nn.Linear(width, math.prod(env.image_shape))
        self.layers = nn.Sequential(*layers, nn.Tanh(), nn.Unflatten(1, env.image_shape))

    def forward(self, z: Latents, labels: Labels | None = None) -> Mapping[str, Tensor]:
        code = z[:, :KINDS].argmax(1)  # of ten equal normals each is the largest equally often
        told = torch.cat([one_hot(code, KINDS).to(z), z[:, KINDS:]], 1)
        numbers = z[:, KINDS : KINDS + NUMBERS]
        return {"image": self.layers(told), "code": code, "numbers": numbers}


class Discriminator(nn.Module):
    def __init__(self, env: Env, *, width: Annotated[int, Opt("units", ge=1)] = 64) -> None:
        super().__init__()
        first = nn.Linear(math.prod(env.image_shape), width)
        self.shared = nn.Sequential(nn.Flatten(), first, nn.LeakyReLU(0.2))
        self.real, self.q = nn.Linear(width, 1), nn.Linear(width, KINDS + NUMBERS)

    def forward(self, images: Images, labels: Labels | None = None) -> Mapping[str, Tensor]:
        seen = self.shared(images)
        return {"logits": self.real(seen).squeeze(1), "q": self.q(seen)}


class Information(Regularizer):
    on: ClassVar[tuple[str, ...]] = (D, G)

    def __init__(self, env: Env, *, weight: Annotated[float, Opt("lambda", ge=0)] = 1.0) -> None:
        self.weight = weight

    def penalty(self, play: Play) -> Values:
        q = play.fake_out["q"].float()
        surprise = cross_entropy(q[:, :KINDS], play.extra("code"), reduction="none")
        return surprise + 0.5 * (q[:, KINDS:] - play.extra("numbers")).square().sum(1)


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "coded", "discriminator": "q", "loss": "ns", "regularizer": ["info"]}
    gives, needs = ("code", "numbers"), ("code", "numbers", "q")
    return [
        component("generator", "coded", "infogan:Generator", "z has a code", provides=gives),
        component("discriminator", "q", "infogan:Discriminator", "reads it", provides=("q",)),
        component("regularizer", "info", "infogan:Information", "code and image", needs=needs),
        recipe(
            "infogan",
            "the image tells the code",
            parts,
            year=2016,
            paper="https://arxiv.org/abs/1606.03657",
        ),
    ]
