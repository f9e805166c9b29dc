"""BGAN: the generator aims at the boundary where the discriminator is undecided.

Boundary-Seeking Generative Adversarial Networks (Hjelm et al., 2017),
https://arxiv.org/abs/1702.08431, eq. 20 for continuous images: G: 1/2 (log D - log(1 - D))^2, and
that difference is the logit. The discriminator plays the first game.
"""

from torch.nn.functional import softplus

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Loss
from ganzoo.types import Logits, Values

WRONG = {"directions": "G wants a logit of 0, from whichever side"}


class BoundarySeeking(Loss):
    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return softplus(-real) + softplus(fake)

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return 0.5 * fake.square()


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "mlp", "discriminator": "mlp", "loss": "boundary"}
    return [
        component(
            "loss",
            "boundary",
            "bgan:BoundarySeeking",
            "G seeks the boundary of D",
            expected_failures=WRONG,
        ),
        recipe(
            "bgan",
            "the generator seeks the boundary",
            parts,
            sizes=(28, 32),
            year=2017,
            paper="https://arxiv.org/abs/1702.08431",
        ),
    ]
