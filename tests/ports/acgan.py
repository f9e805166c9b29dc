"""ACGAN: the generator is told a class, and the discriminator names it.

Conditional Image Synthesis with Auxiliary Classifier GANs (Odena et al., 2017),
https://arxiv.org/abs/1610.09585, eq. 2 and 3: both players add -L_C, the log-likelihood of the
right class, of real and of generated images.
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Env, Regularizer
from ganzoo.options import Opt
from ganzoo.play import D, G, Play
from ganzoo.types import Images, Labels, Latents, Values

Width = Annotated[int, Opt("units of the hidden layer", ge=1)]


class Generator(nn.Module):
    z_dim = 32

    def __init__(self, env: Env, *, width: Width = 64) -> None:
        super().__init__()
        self.embed = nn.Embedding(max(env.num_classes, 1), 32)
        layers = nn.Linear(32, width), nn.ReLU(), nn.Linear(width, math.prod(env.image_shape))
        self.layers = nn.Sequential(*layers, nn.Tanh(), nn.Unflatten(1, env.image_shape))

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        return self.layers(z if labels is None else z * self.embed(labels))


class Discriminator(nn.Module):
    def __init__(self, env: Env, *, width: Width = 64) -> None:
        super().__init__()
        first = nn.Linear(math.prod(env.image_shape), width)
        self.shared = nn.Sequential(nn.Flatten(), first, nn.LeakyReLU(0.2))
        self.real, self.classes = nn.Linear(width, 1), nn.Linear(width, env.num_classes or 1)

    def forward(self, images: Images, labels: Labels | None = None) -> Mapping[str, Tensor]:
        seen = self.shared(images)
        return {"logits": self.real(seen).squeeze(1), "class_logits": self.classes(seen)}


class Named(Regularizer):
    on: ClassVar[tuple[str, ...]] = (D, G)

    def penalty(self, play: Play) -> Values:
        sides = [play.fake_out] if play.trains(G) else [play.real_out, play.fake_out]
        logits = torch.stack([side["class_logits"].float() for side in sides], -1)  # [n, k, sides]
        assert play.labels is not None
        told = play.labels[:, None].expand(-1, len(sides))
        right = cross_entropy(logits, told, reduction="none")
        play.log({"named": (logits[..., 0].argmax(1) == play.labels).float().mean()})
        return right.mean(1)


@hookimpl
def ganzoo_register() -> list[object]:
    names = {"generator": "told", "discriminator": "namer", "loss": "ns", "regularizer": ["named"]}
    gives, needs = ("class_logits",), ("class_logits",)
    return [
        component("generator", "told", "acgan:Generator", "z times a vector of the class"),
        component("discriminator", "namer", "acgan:Discriminator", "names it", provides=gives),
        component("regularizer", "named", "acgan:Named", "the right class", needs=needs),
        recipe(
            "naming-gan",
            "the discriminator names the class",
            names,
            conditional=True,
            year=2016,
            paper="https://arxiv.org/abs/1610.09585",
        ),
    ]
