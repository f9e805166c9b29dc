"""WGAN-div: the critic pays for a steep slope, and needs no bound on it.

Wasserstein Divergence for GANs (Wu et al., 2018), https://arxiv.org/abs/1712.01026, eq. 9:
k E || grad C ||^p with k = 2 and p = 6; the points are real images and fakes, half each.
"""

from typing import Annotated, ClassVar

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Env, Regularizer
from ganzoo.options import Opt
from ganzoo.play import Play
from ganzoo.types import Values


class Divergence(Regularizer):
    input_grads: ClassVar[tuple[str, ...]] = ("real", "fake")
    second_order: ClassVar[bool] = True
    per_sample: ClassVar[bool] = True
    bounds_slope: ClassVar[frozenset[str]] = frozenset({"real", "fake"})

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[float, Opt("k", ge=0)] = 2.0,
        power: Annotated[float, Opt("p", gt=1)] = 6.0,
    ) -> None:
        self.weight, self.power = weight, power

    def penalty(self, play: Play) -> Values:
        at_real = play.gradient(play.real_logits, play.real)
        at_fake = play.gradient(play.fake_logits, play.fake)
        steep = [s.flatten(1).square().sum(1) ** (self.power / 2) for s in (at_real, at_fake)]
        return (steep[0] + steep[1]) / 2


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {
        "generator": "mlp",
        "discriminator": "mlp",
        "loss": "wgan",
        "regularizer": ["divergence"],
    }
    chosen = {"algorithm.d_steps": 5, "discriminator.dropout": 0.0}
    return [
        component("regularizer", "divergence", "wgan_div:Divergence", "slopes to the sixth"),
        recipe(
            "wgan-div",
            "Wasserstein divergence",
            parts,
            chosen,
            sizes=(28, 32),
            year=2018,
            paper="https://arxiv.org/abs/1712.01026",
        ),
    ]
