"""VAE-GAN: a variational auto-encoder whose likeness is that of the discriminator's features.

Autoencoding beyond pixels using a learned similarity metric (Larsen et al., 2016),
https://arxiv.org/abs/1512.09300, Algorithm 1: encoder: KL(q(z|x) || N(0, I)) + L_like;
decoder: gamma L_like - L_GAN; discriminator: L_GAN, whose fakes are both G(z) and rebuilt images;
L_like = 1/2 || Dis_l(x) - Dis_l(G(z_x)) ||^2.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

from torch import Tensor, nn, randn_like
from torch.nn.functional import softplus

from ganzoo import component, hookimpl, recipe
from ganzoo.algorithm import Algorithm, images_of
from ganzoo.interfaces import Env
from ganzoo.play import D, G, Phase, Play, RunView, Term
from ganzoo.types import Images, Labels, Values

E, Z, GAMMA = "encoder", 16, 1e-2


def features(env: Env) -> nn.Sequential:
    size = env.channels * env.resolution**2
    return nn.Sequential(nn.Flatten(), nn.Linear(size, 64), nn.ReLU())


class Encoder(nn.Sequential):
    def __init__(self, env: Env) -> None:
        super().__init__(features(env), nn.Linear(64, 2 * Z))


class Discriminator(nn.Module):
    def __init__(self, env: Env) -> None:
        super().__init__()
        self.shared, self.out = features(env), nn.Linear(64, 1)

    def forward(self, images: Images, labels: Labels | None = None) -> Mapping[str, Tensor]:
        seen = self.shared(images)
        return {"logits": self.out(seen).squeeze(1), "features": seen}


class Rebuilding(Play):
    @cached_property
    def posterior(self) -> tuple[Tensor, ...]:
        return self.networks[E](self.real).chunk(2, 1)  # mean and log of the variance

    @cached_property
    def rebuilt_out(self) -> Mapping[str, Tensor]:
        mean, log_var = self.posterior
        z = mean + (0.5 * log_var).exp() * randn_like(mean)
        image = images_of(self.networks[G](z, self.labels))
        return self.judge(image.detach() if self.trains(D) else image, self.labels)


def gan(play: Rebuilding) -> Values:
    fakes = softplus(play.fake_logits) + softplus(play.rebuilt_out["logits"])
    return softplus(-play.real_logits) + fakes


def unlike(play: Rebuilding) -> Values:
    return 0.5 * (play.real_out["features"] - play.rebuilt_out["features"]).square().sum(1)


def divergence(play: Rebuilding) -> Values:
    mean, log_var = play.posterior
    return -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(1)


class Larsen(Algorithm):
    roles: ClassVar[Mapping[str, str]] = {G: G, D: D, E: "network"}
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {D: (D,), E: (E,), G: (G,)}
    play: ClassVar[type[Play]] = Rebuilding

    def phases(self, run: RunView) -> Sequence[Phase]:
        encode = Term("likeness", unlike), Term("KL", divergence)
        decode = Term("likeness", unlike, weight=GAMMA), Term("loss", gan, weight=-1.0)
        judge = Phase(D, (D,), (Term("loss", gan),), frozen=(E,), new_batch=True)
        return judge, Phase(E, (E,), encode, frozen=(G, D)), Phase(G, (G,), decode, frozen=(D, E))


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {G: "mlp", D: "features", "algorithm": "larsen", "network": [E]}
    return [
        component(D, "features", "vae_gan:Discriminator", "with features"),
        component("network", E, "vae_gan:Encoder", "mean and variance of z"),
        component("algorithm", "larsen", "vae_gan:Larsen", "likeness of features"),
        recipe("vae-gan", "an auto-encoder judged", parts, {"generator.z_dim": Z}, sizes=(28, 32)),
    ]
