"""Train a GAN and draw new pictures from it, in five lines.

    python examples/01_five_lines.py --kimg 100

The last line prints where the run is kept; the grid of a run is ``samples/latest.png``.
"""

import argparse

import ganzoo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kimg", type=float, default=20, help="thousands of real images shown")
    kimg = parser.parse_args().kimg

    run = ganzoo.train("dcgan", kimg=kimg, settings={"dataset.count": 10_000})
    pixels = run.sample(16, seed=0)  # uint8 [16, 1, 32, 32]; picture i comes from seed i
    print(f"{len(run.metrics)} rows in the trace, the last one: {run.metrics[-1]}")
    print(
        f"16 new pictures of {pixels.shape[-1]} px, mean pixel {pixels.float().mean():.0f} of 255"
    )
    print(f"grid of the run: {run.rundir.latest_sample}")


if __name__ == "__main__":
    main()
