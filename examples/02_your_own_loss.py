"""A loss of your own: an object where ganzoo takes a name.

    python examples/02_your_own_loss.py --kimg 100

A loss is a pure function of logits, one number a logit; ganzoo takes the mean. What ``readings``
returns becomes columns of the trace. This one is least squares towards -1 and 1
(Mao et al., 2017, https://arxiv.org/abs/1611.04076, section 3.2).
"""

import argparse
from collections.abc import Mapping

from torch import Tensor

import ganzoo
from ganzoo.interfaces import Loss
from ganzoo.types import Logits, Values


class SymmetricLeastSquares(Loss):
    """Real logits are pulled to 1, fake ones to -1; the generator pulls fake ones to 0."""

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return 0.5 * (real - 1).square() + 0.5 * (fake + 1).square()

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return 0.5 * fake.square()

    def readings(self, real: Logits, fake: Logits) -> Mapping[str, Tensor]:
        return {"real logit": real.mean(), "fake logit": fake.mean()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kimg", type=float, default=20, help="thousands of real images shown")
    kimg = parser.parse_args().kimg

    mine = SymmetricLeastSquares()
    run = ganzoo.train("dcgan", loss=mine, kimg=kimg, settings={"dataset.count": 10_000})
    last = run.metrics[-1]
    print(f"real logits are at {last['real_logit']:.2f}, fake ones at {last['fake_logit']:.2f}")
    print(f"go on later with ganzoo.resume({str(run.path)!r}, kimg='+20', loss=mine)")


if __name__ == "__main__":
    main()
