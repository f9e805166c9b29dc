"""A Wasserstein critic whose every layer has spectral norm 1, so that its slope is at most 1.

Wasserstein GAN (Arjovsky et al., 2017), https://arxiv.org/abs/1701.07875, eq. 2, with
Spectral Normalization for GANs (Miyato et al., 2018), https://arxiv.org/abs/1802.05957, eq. 8, in
place of clipping; ReLU-like activations do not add to the slope.
"""

import math
from itertools import pairwise
from typing import Annotated, ClassVar

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import BOUNDED, Env, Loss
from ganzoo.options import Opt
from ganzoo.types import Images, Labels, Logits, Values


class Critic(nn.Module):
    bounds_slope: ClassVar[frozenset[str]] = BOUNDED

    def __init__(
        self, env: Env, *, width: Annotated[int, Opt("units of a hidden layer", ge=1)] = 64
    ) -> None:
        super().__init__()
        sizes = (math.prod(env.image_shape), width, width, 1)
        self.layers = nn.ModuleList(spectral_norm(nn.Linear(*pair)) for pair in pairwise(sizes))

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        x: Tensor = images.flatten(1)
        for layer in self.layers[:-1]:
            x = nn.functional.leaky_relu(layer(x), 0.2)
        return self.layers[-1](x).squeeze(1)


class EarthMover(Loss):
    needs_bounded_slope: ClassVar[bool] = True

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return fake - real

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return -fake


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "mlp", "discriminator": "critic", "loss": "earth-mover"}
    return [
        component("discriminator", "critic", "wgan_sn:Critic", "dense, spectral norm 1"),
        component("loss", "earth-mover", "wgan_sn:EarthMover", "difference of mean logits"),
        recipe(
            "wgan-sn",
            "a critic of slope 1 by its layers",
            parts,
            {"algorithm.d_steps": 2},
            sizes=(28, 32),
            year=2018,
            paper="https://arxiv.org/abs/1802.05957",
        ),
    ]
