"""Pitfall: images left in [0, 1], a generator that ends in tanh and answers in [-1, 1].

    python examples/05_images_not_normalised.py --kimg 60

ganzoo normalises every data set itself, so the mistake has to be put in by hand: a part of the run
that passes real images through a function. This is also how you would add a change of your own.
"""

import argparse
from typing import final

import ganzoo
from ganzoo.algorithm import RunView
from ganzoo.interfaces import Schedule


@final
class LeftInZeroToOne(Schedule):
    """Undoes the normalisation of real images."""

    @ganzoo.hookimpl
    def run_start(self, run: RunView) -> None:
        run.add_real_transform(lambda images: (images + 1) / 2)

    def step_start(self, run: RunView) -> None:
        """Nothing changes while it trains."""


def told(name: str, run: ganzoo.Run) -> str:
    """Return what matters of a run in words."""
    row = run.metrics[-1]
    return (
        f"{name}: D(real) {row['d_real']:.2f}, D(fake) {row['d_fake']:.2f},"
        f" median pixel {run.sample(256).median()}; {run.rundir.latest_sample}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kimg", type=float, default=20, help="thousands of real images shown")
    kimg = parser.parse_args().kimg

    few = {"dataset.count": 10_000}
    before = ganzoo.train("dcgan", kimg=kimg, schedule=LeftInZeroToOne(), settings=few)
    after = ganzoo.train("dcgan", kimg=kimg, settings=few)
    print(told("before, [0, 1] ", before))
    print(told("after,  [-1, 1]", after))
    print(
        "The median pixel of the real digits is 0, black. Before, the players agree on the wrong"
    )
    print("range: nothing in the trace complains, half the range of the generator lies idle, and")
    print("every picture is grey. Always look at samples/latest.png beside samples/real.png.")


if __name__ == "__main__":
    main()
