"""Pitfall: the discriminator is trained five times as often as the generator.

    python examples/03_d_trained_too_often.py --kimg 60

Many old tutorials do it. For a Wasserstein loss it has a reason; for the usual loss it mostly takes
moves away from the generator: real images are the budget, and each of the five moves eats a batch.
"""

import argparse

import ganzoo


def trained(*, d_steps: int, kimg: float) -> dict[str, float]:
    """Return the last row of the trace of a short run."""
    settings = {"algorithm.d_steps": d_steps, "dataset.count": 10_000}
    return ganzoo.train("dcgan", kimg=kimg, settings=settings).metrics[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kimg", type=float, default=30, help="thousands of real images shown")
    kimg = parser.parse_args().kimg

    before = trained(d_steps=5, kimg=kimg)
    after = trained(d_steps=1, kimg=kimg)
    for name, row in {"before, d_steps=5": before, "after,  d_steps=1": after}.items():
        print(
            f"{name}: {row['step']:.0f} moves of the generator,"
            f" D(real) {row['d_real']:.2f}  D(fake) {row['d_fake']:.2f}  D acc {row['d_acc']:.2f}"
        )


if __name__ == "__main__":
    main()
