"""LSGAN: both players pull logits to numbers, by least squares.

Least Squares Generative Adversarial Networks (Mao et al., 2017), https://arxiv.org/abs/1611.04076,
eq. 9 with a = 0 and b = c = 1: D: 1/2 (D(x) - b)^2 + 1/2 (D(G(z)) - a)^2; G: 1/2 (D(G(z)) - c)^2.
"""

from typing import Annotated

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Env, Loss
from ganzoo.options import Opt
from ganzoo.types import Logits, Values


class LeastSquares(Loss):
    def __init__(
        self,
        env: Env,
        *,
        a: Annotated[float, Opt("where fakes are pulled to by D")] = 0.0,
        b: Annotated[float, Opt("where real images are pulled to")] = 1.0,
        c: Annotated[float, Opt("where fakes are pulled to by G")] = 1.0,
    ) -> None:
        self.a, self.b, self.c = a, b, c

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return 0.5 * (real - self.b).square() + 0.5 * (fake - self.a).square()

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return 0.5 * (fake - self.c).square()


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "mlp", "discriminator": "mlp", "loss": "lsgan/squares"}
    return [
        component("loss", "squares", "lsgan:LeastSquares", "least squares towards a, b and c"),
        recipe(
            "squares",
            "logits by least squares",
            parts,
            sizes=(28, 32),
            year=2016,
            paper="https://arxiv.org/abs/1611.04076",
        ),
    ]
