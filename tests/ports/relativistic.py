"""RaGAN: is a real image more real than fakes are on average?

The relativistic discriminator: a key element missing from standard GAN (Jolicoeur-Martineau,
2018), https://arxiv.org/abs/1807.00734, section 4.2: D: BCE(C(x) - E C(G(z)), 1)
+ BCE(C(G(z)) - E C(x), 0), halved as authors do; G: the same with the sides exchanged.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Loss
from ganzoo.types import Logits, Values


class Average(Loss):
    paired: ClassVar[bool] = True
    mixes_samples: ClassVar[bool] = True

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return (_more_real(real, fake) + _less_real(fake, real)) / 2

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        assert real is not None
        return (_more_real(fake, real) + _less_real(real, fake)) / 2


def _more_real(these: Tensor, those: Tensor) -> Tensor:
    return bce(these - those.mean(), torch.ones_like(these))


def _less_real(these: Tensor, those: Tensor) -> Tensor:
    return bce(these - those.mean(), torch.zeros_like(these))


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "mlp", "discriminator": "mlp", "loss": "average"}
    return [
        component("loss", "average", "relativistic:Average", "against the average of the others"),
        recipe(
            "relativistic-gan",
            "more real than the average fake",
            parts,
            sizes=(28, 32),
            year=2018,
            paper="https://arxiv.org/abs/1807.00734",
        ),
    ]
