"""Pitfall: dense layers for images. They do not know which pixels are neighbours.

    python examples/04_dense_layers_for_images.py --kimg 60

The ``gan`` model is dense, ``dcgan`` convolutional; both see equally many of the same digits.
"""

import argparse

from torch.nn.functional import unfold

import ganzoo
from ganzoo.types import Pixels
from ganzoo_digits.digits import Digits


def speckle(pixels: Pixels) -> float:
    """Return how far a pixel is from the median of its 3x3 neighbourhood, in steps of 255."""
    patches = unfold(pixels.float(), 3)  # [n, 9, places]
    return float((patches[:, 4] - patches.median(dim=1).values).abs().mean())


def told(name: str, run: ganzoo.Run) -> str:
    """Return what matters of a run in words."""
    row, parameters = run.metrics[-1], run.generator().parameters()
    return (
        f"{name}: {sum(each.numel() for each in parameters):,} parameters,"
        f" D(real) {row['d_real']:.2f}, D(fake) {row['d_fake']:.2f},"
        f" speckle {speckle(run.sample(256)):.1f}; {run.rundir.latest_sample}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kimg", type=float, default=20, help="thousands of real images shown")
    kimg = parser.parse_args().kimg

    few = {"dataset.count": 10_000}
    before = ganzoo.train("gan", kimg=kimg, resolution=32, settings=few)
    after = ganzoo.train("dcgan", kimg=kimg, resolution=32, settings=few)
    print(told("before, gan  ", before))
    print(told("after,  dcgan", after))
    print(f"The real digits have speckle {speckle(Digits(count=256).load(32)[0]):.1f}.")
    print(
        "D(real) and D(fake) do not say which pictures are better: each generator only has to fool"
    )
    print("its own discriminator, and a dense one sees no neighbours either. Compare the grids.")


if __name__ == "__main__":
    main()
