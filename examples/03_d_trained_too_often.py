"""Pitfall: the discriminator is trained five times as often as the generator.

    python examples/03_d_trained_too_often.py --kimg 60

Many tutorials do it. A Wasserstein loss has a reason for it; for the usual loss it takes moves
away from the generator, because each of the five moves eats a batch of real images.
"""

import argparse

import ganzoo


def trained(*, d_steps: int, kimg: float) -> ganzoo.Run:
    """Return a short run."""
    settings = {"algorithm.d_steps": d_steps, "dataset.count": 10_000}
    return ganzoo.train("dcgan", kimg=kimg, settings=settings)


def told(name: str, run: ganzoo.Run) -> str:
    """Return the last row of a trace in words."""
    row = run.metrics[-1]
    return (
        f"{name}: {row['step']} moves of the generator, D(real) {row['d_real']:.2f},"
        f" D(fake) {row['d_fake']:.2f}, D acc {row['d_acc']:.2f}; {run.rundir.latest_sample}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kimg", type=float, default=20, help="thousands of real images shown")
    kimg = parser.parse_args().kimg

    before, after = trained(d_steps=5, kimg=kimg), trained(d_steps=1, kimg=kimg)
    print(told("before, d_steps=5", before))
    print(told("after,  d_steps=1", after))
    print("Both discriminators saw equally many real images; the first generator moved a fifth as")
    print("often. D acc near 1 is the sign: the judge is hardly ever fooled. Compare the grids.")


if __name__ == "__main__":
    main()
