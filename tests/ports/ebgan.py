"""EBGAN: the energy of an image is how badly an auto-encoder rebuilds it.

Energy-based Generative Adversarial Network (Zhao et al., 2017), https://arxiv.org/abs/1609.03126,
eq. 1 and 2: D: E(x) + max(0, m - E(G(z))); G: E(G(z)); and eq. 4, the pulling-away term of the
codes S of fakes: 1 / (n (n - 1)) sum over i != j of cos(S_i, S_j)^2. The logit is -E.
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

from torch import Tensor, nn
from torch.nn.functional import normalize, relu

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Env, Loss, Regularizer
from ganzoo.options import Opt
from ganzoo.play import G, Play
from ganzoo.types import Images, Labels, Logits, Values


class AutoEncoder(nn.Module):
    def __init__(self, env: Env, *, width: Annotated[int, Opt("units", ge=1)] = 64) -> None:
        super().__init__()
        size = math.prod(env.image_shape)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, width), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(width, size), nn.Unflatten(1, env.image_shape))

    def forward(self, images: Images, labels: Labels | None = None) -> Mapping[str, Tensor]:
        code = self.encoder(images)
        error = (images - self.decoder(code)).square().mean((1, 2, 3))
        return {"logits": -error, "features": code}


class Energy(Loss):
    def __init__(self, env: Env, *, margin: Annotated[float, Opt("m", gt=0)] = 1.0) -> None:
        self.margin = margin

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return relu(self.margin + fake) - real

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return -fake


class PullingAway(Regularizer):
    on: ClassVar[tuple[str, ...]] = (G,)
    mixes_samples: ClassVar[bool] = True

    def __init__(self, env: Env, *, weight: Annotated[float, Opt("of the term", ge=0)] = 0.1):
        self.weight = weight

    def penalty(self, play: Play) -> Values:
        code = normalize(play.fake_out["features"].float(), dim=1)
        n = len(code)
        return ((code @ code.T).square().sum() - n) / (n * (n - 1))


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {
        "generator": "mlp",
        "discriminator": "energy",
        "loss": "energy",
        "regularizer": ["pt"],
    }
    gives, needs = {"provides": ("features",)}, {"needs": ("features",)}
    return [
        component("discriminator", "energy", "ebgan:AutoEncoder", "rebuilds images", **gives),
        component("loss", "energy", "ebgan:Energy", "a margin on energies"),
        component("regularizer", "pt", "ebgan:PullingAway", "codes apart", **needs),
        recipe("ebgan", "energies of an auto-encoder", parts, sizes=(28, 32)),
    ]
