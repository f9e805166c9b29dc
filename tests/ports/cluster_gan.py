"""ClusterGAN: z is a kind and a little noise, and an encoder finds both again in the image.

ClusterGAN: Latent Space Clustering in GANs (Mukherjee et al., 2019),
https://arxiv.org/abs/1809.03627, eq. 4: G and E together minimize -E D(G(z))
+ beta_n || z_n - E_n(G(z)) ||^2 + beta_c H(z_c, E_c(G(z))), with z_n ~ N(0, 0.1^2), z_c one-hot;
D is a Wasserstein critic with a gradient penalty.
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
from ganzoo.play import G, Play
from ganzoo.types import Images, Labels, Latents, Values

APART = {"gradients": "the encoder is no part of forward"}
Width = Annotated[int, Opt("units of a hidden layer", ge=1)]


class GeneratorAndEncoder(nn.Module):
    """One player, so one network: ``encode`` is its way back."""

    def __init__(self, env: Env, *, kinds: int = 10, noise: int = 30, width: Width = 64) -> None:
        super().__init__()
        size, self.kinds, self.z_dim = math.prod(env.image_shape), kinds, kinds + noise
        there = nn.Linear(self.z_dim, width), nn.ReLU(), nn.Linear(width, size), nn.Tanh()
        self.decoder = nn.Sequential(*there, nn.Unflatten(1, env.image_shape))
        back = nn.Linear(size, width), nn.LeakyReLU(0.2), nn.Linear(width, self.z_dim)
        self.encoder = nn.Sequential(nn.Flatten(), *back)

    def forward(self, z: Latents, labels: Labels | None = None) -> Mapping[str, Tensor]:
        kind, noise = z[:, : self.kinds].argmax(1), 0.1 * z[:, self.kinds :]
        whole = torch.cat([one_hot(kind, self.kinds).to(z), noise], 1)
        return {"image": self.decoder(whole), "kind": kind, "noise": noise}

    def encode(self, images: Images) -> tuple[Tensor, Tensor]:
        code = self.encoder(images).float()
        return code[:, : self.kinds], code[:, self.kinds :]


class FoundAgain(Regularizer):
    on: ClassVar[tuple[str, ...]] = (G,)

    def __init__(self, env: Env, *, beta_n: float = 10.0, beta_c: float = 10.0) -> None:
        self.beta_n, self.beta_c = beta_n, beta_c

    def penalty(self, play: Play) -> Values:
        kind, noise = play.networks[G].encode(play.fake)
        surprise = cross_entropy(kind, play.extra("kind"), reduction="none")
        play.log({"found": (kind.argmax(1) == play.extra("kind")).float().mean()})
        return (
            self.beta_n * (noise - play.extra("noise")).square().mean(1) + self.beta_c * surprise
        )


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "clusters", "discriminator": "mlp", "loss": "wgan"}
    parts |= {"regularizer": ["gp", "found-again"]}
    gives, needs, found = ("kind", "noise"), ("kind", "noise"), "cluster_gan:FoundAgain"
    made, few = "cluster_gan:GeneratorAndEncoder", {"discriminator.dropout": 0.0}
    return [
        component(
            "generator", "clusters", made, "z has kinds", provides=gives, expected_failures=APART
        ),
        component("regularizer", "found-again", found, "z is found again", needs=needs),
        recipe("cluster-gan", "images of kinds, and a way back", parts, few, sizes=(28, 32)),
    ]
