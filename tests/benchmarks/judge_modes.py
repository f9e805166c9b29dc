"""How many modes a generator found, of data sets whose modes can be counted.

For points [n, 2, 1, 1]: the modes of ``ring2d`` and of ``grid2d``, the share of points within
three standard deviations of one, and the KL divergence of the modes from even shares, in nats.
Read them together: a few thousand points spread over the square at random meet nearly every mode.

For pictures [n, 3, side, side] of stacked MNIST, 28 or 32 px: a small network is trained on the
digits of MNIST, once, and kept beside the data sets. It reads each channel; three digits are one
of 1,000 modes. Told are the modes that were read at least once and the KL divergence of their
shares from even ones, and the same for as many real pictures, which is the floor. 26,000 are
customary.

    OMP_NUM_THREADS=1 python tests/benchmarks/judge_modes.py fakes.safetensors --data-root ./data

The file holds uint8 ``images``, as ``ganzoo sample RUN -n 26000 -o fakes.safetensors`` writes it.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo.data.cache import data_folder
from ganzoo.data.chance import rng_of
from ganzoo_downloads.stacked import StackedMnist
from ganzoo_downloads.torchvision_sets import Mnist
from ganzoo_points.modes import modes_found
from ganzoo_points.points import GRID_STD, RING_STD, grid_centres, ring_centres

VERSION = 1
"""Raise it with any change of the network or its training: an old judge is then left alone."""

SIDE, PADDED, SHIFT = 28, 32, 2
EPOCHS, BATCH, RATE = 4, 100, 4e-3
WIDTHS = (16, 32, 64)


def small(pixels: Tensor) -> Tensor:
    """Return bytes [n, 1, side, side] as floats -1 to 1; of 32 px the border is cut off."""
    border = (pixels.shape[-1] - SIDE) // 2
    inner = pixels[..., border : border + SIDE, border : border + SIDE]
    return inner.float() / 127.5 - 1


class Judge(nn.Module):
    """Tells the digit of a grey picture of 28 px."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for into, out in zip((1, *WIDTHS), WIDTHS, strict=False):
            layers += [
                nn.Conv2d(into, out, 3, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            ]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(WIDTHS[-1] * 9, 10))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits of the ten digits."""
        logits: Tensor = self.layers(images)
        return logits

    @torch.no_grad()
    def digits(self, pixels: Tensor) -> Tensor:
        """Return the likeliest digit of each channel of uint8 images, [n, c]."""
        self.eval()
        single = pixels.flatten(0, 1).unsqueeze(1)
        told = torch.cat([self(small(part)).argmax(1) for part in single.split(500)])
        return told.view(pixels.shape[:2])


def judge(root: str | None) -> Judge:
    """Return the judge, trained where no earlier run has left it."""
    path = data_folder() / f"modes-judge-{VERSION}.safetensors"
    made = Judge()
    if path.exists():
        made.load_state_dict(load_file(path))
        return made
    before = time.process_time()
    trained(made, *Mnist(root=root).load(SIDE))
    spent = time.process_time() - before
    print(f"trained the judge in {spent:.0f} CPU-seconds: {path}", file=sys.stderr)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(made.state_dict(), path)
    return made


def trained(network: Judge, pixels: Tensor, labels: Tensor) -> None:
    """Train on the digits, each moved by up to two pixels."""
    rng = rng_of("modes judge", VERSION)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(VERSION)
        network.load_state_dict(Judge().state_dict())
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    steps = EPOCHS * -(-len(pixels) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    network.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(pixels), generator=rng).split(BATCH):
            down, right = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=rng).tolist()
            shown = small(pixels[rows]).roll((down, right), (2, 3))
            loss = cross_entropy(network(shown), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()


def of_points(pixels: Tensor) -> dict[str, object]:
    """Return what became of the modes of both sets of points that have any."""
    points = pixels.flatten(1) / 127.5 - 1
    known = {"ring2d": (ring_centres(), RING_STD), "grid2d": (grid_centres(), GRID_STD)}
    report: dict[str, object] = {"points": len(points)}
    for name, (centres, std) in known.items():
        modes = modes_found(points, centres, std)
        report[name] = {
            "found": modes.found,
            "of": len(centres),
            "quality": round(modes.quality, 4),
            "kl": round(modes.kl, 4),
        }
    return report


def of_stacked(judged: Judge, pixels: Tensor) -> dict[str, float]:
    """Return how many of the 1,000 modes the pictures show, and how unevenly, in nats."""
    spelt = judged.digits(pixels) @ torch.tensor([100, 10, 1])
    counts = spelt.bincount(minlength=1000)
    shares = counts.double() / counts.sum()
    divergence = torch.special.xlogy(shares, shares * 1000).sum().item()
    return {
        "images": len(pixels),
        "found": int((counts > 0).sum()),
        "of": 1000,
        "kl": round(divergence, 4),
    }


def fakes(path: Path) -> Tensor:
    """Return the images of a file."""
    pixels = load_file(path).get("images")
    if pixels is None or pixels.dtype != torch.uint8 or pixels.ndim != 4 or not len(pixels):
        raise SystemExit(f"{path}: holds no uint8 `images` [n, c, side, side].")
    shape = tuple(pixels.shape[1:])
    if shape not in ((2, 1, 1), (3, SIDE, SIDE), (3, PADDED, PADDED)):
        raise SystemExit(
            f"{path}: images of {' x '.join(map(str, shape))}; wanted are points, 2 x 1 x 1, or"
            f" stacked digits, 3 x {SIDE} x {SIDE} or 3 x {PADDED} x {PADDED}."
        )
    return pixels


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fakes", type=Path, help="safetensors file of the images")
    parser.add_argument("--data-root", help="where MNIST lies; none: GANZOO_DATA or the cache")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--threads", type=int, default=1, help="threads that torch may use")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pixels = fakes(arguments.fakes)
    if pixels.shape[1] == 2:
        report = of_points(pixels)
    else:
        judged = judge(arguments.data_root)
        images, labels = Mnist(root=arguments.data_root, split="test").load(SIDE)
        right = (judged.digits(images)[:, 0] == labels).float().mean().item()
        real = StackedMnist(root=arguments.data_root, count=len(pixels), seed=VERSION)
        report = {
            "accuracy": round(right, 4),
            "fakes": of_stacked(judged, pixels),
            "floor": of_stacked(judged, real.load(SIDE)[0]),
        }
    print(json.dumps(report, indent=None if arguments.json else 1))


if __name__ == "__main__":
    main()
