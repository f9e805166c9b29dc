"""Softmax GAN: all images of a batch share one unit of probability.

Softmax GAN (Lin, 2017), https://arxiv.org/abs/1704.06191, eq. 6 and 7, with mu = -logit and
Z = sum of exp(-mu) over real and fake: D: sum over real of mu / |real| + ln Z;
G: sum over both of mu / (|real| + |fake|) + ln Z.
"""

from typing import ClassVar

import torch

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Loss
from ganzoo.types import Logits, Values

FLAT = {"directions": "where all logits are equal, G has what it wants"}


class Softmax(Loss):
    paired: ClassVar[bool] = True
    mixes_samples: ClassVar[bool] = True

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return torch.cat([real, fake]).logsumexp(0) - real.mean()

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        assert real is not None
        both = torch.cat([real, fake])
        return both.logsumexp(0) - both.mean()


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "mlp", "discriminator": "mlp", "loss": "softmax"}
    return [
        component(
            "loss",
            "softmax",
            "softmax_gan:Softmax",
            "a batch shares its probability",
            expected_failures=FLAT,
        ),
        recipe(
            "softmax-gan",
            "a batch shares one unit of probability",
            parts,
            sizes=(28, 32),
            year=2017,
            paper="https://arxiv.org/abs/1704.06191",
        ),
    ]
