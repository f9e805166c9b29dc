"""DRAGAN: the discriminator has slope 1 around real images.

On Convergence and Stability of GANs (Kodali et al., 2017), https://arxiv.org/abs/1705.07215,
Algorithm 1: lambda E (|| grad D(x + noise) || - k)^2, with k = 1 and noise of half the standard
deviation of the batch; the loss is that of the first GAN.
"""

from typing import Annotated, ClassVar

import torch

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Env, Regularizer
from ganzoo.options import Opt
from ganzoo.play import Play
from ganzoo.types import Values


class AroundReal(Regularizer):
    second_order: ClassVar[bool] = True
    per_sample: ClassVar[bool] = True
    bounds_slope: ClassVar[frozenset[str]] = frozenset({"real"})

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[float, Opt("lambda", ge=0)] = 10.0,
        target: Annotated[float, Opt("the slope, k", ge=0)] = 1.0,
    ) -> None:
        self.weight, self.target = weight, target

    def penalty(self, play: Play) -> Values:
        real = play.real.detach()
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        around = (real + share * 0.5 * real.std() * torch.rand_like(real)).requires_grad_()
        slope = play.gradient(play.judge(around, play.labels)["logits"], around)
        return (slope.flatten(1).norm(dim=1) - self.target).square()


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "mlp", "discriminator": "mlp", "loss": "ns", "regularizer": ["around"]}
    return [
        component("regularizer", "around", "dragan:AroundReal", "slope 1 around real images"),
        recipe(
            "dragan",
            "slope 1 around real images",
            parts,
            sizes=(28, 32),
            year=2017,
            paper="https://arxiv.org/abs/1705.07215",
        ),
    ]
