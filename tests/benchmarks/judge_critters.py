"""What generated critters are: the kinds they show, and how much they vary.

A small network is trained on the known factors of 20,000 critters, once, and kept beside the data
sets. It then tells the ears, glasses and spots of the generated ones at 32 px. Three numbers come
out, and the same three for real critters that it never saw, which are the floor:

* the KL divergence from the prior, in nats, of the four kinds of ears,
* the same of the 16 kinds (ears, glasses and spots together),
* variety: the mean distance between any two of 64 images, of 8 x 8 pixels each, over the same
  for real ones; near 0 when all images are one.

    OMP_NUM_THREADS=1 python tests/benchmarks/judge_critters.py fakes.safetensors

The file holds uint8 ``images`` [n, 3, side, side], side a multiple of 32. Without a file, only the
floor is told.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy, pdist

from ganzoo.data.cache import data_folder
from ganzoo.data.chance import rng_of
from ganzoo_rendered.critters import SHARES, Critters

VERSION = 1
"""Raise it with any change of the network or its training: an old judge is then left alone."""

KINDS = {"ears": 4, "glasses": 2, "spots": 2}
"""What is judged, and how many values it has."""

SIDE, NATIVE, GROUP, GROUPS = 32, 64, 64, 16
COUNT, UNSEEN, EPOCHS, BATCH, RATE = 20_000, 2_000, 6, 100, 4e-3
WIDTHS = (16, 32, 48, 96)


def small(pixels: Tensor) -> Tensor:
    """Return uint8 images as floats of 32 px, about -1 to 1."""
    return avg_pool2d(pixels.float(), pixels.shape[-1] // SIDE) / 127.5 - 1


class Judge(nn.Module):
    """Tells the factors of a critter of 32 px."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for into, out in zip((3, *WIDTHS), WIDTHS, strict=False):
            stride = 1 if into == 3 else 2
            layers += [
                nn.Conv2d(into, out, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(inplace=True),
            ]
        head = nn.Linear(WIDTHS[-1] * 16, sum(KINDS.values()))
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), head)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return logits of each factor in turn."""
        logits: Tensor = self.layers(images)
        return logits.split(list(KINDS.values()), dim=1)

    @torch.no_grad()
    def told(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the likeliest value of each factor, of uint8 images of any size."""
        self.eval()
        parts = [[each.argmax(1) for each in self(small(p))] for p in pixels.split(500)]
        columns = map(torch.cat, zip(*parts, strict=True))
        return dict(zip(KINDS, columns, strict=True))


def judge() -> Judge:
    """Return the judge, trained where no earlier run has left it."""
    path = data_folder() / f"critters-judge-{Critters.version}-{VERSION}.safetensors"
    made = Judge()
    if path.exists():
        made.load_state_dict(load_file(path))
        return made
    before = time.process_time()
    trained(made)
    print(f"trained the judge in {time.process_time() - before:.0f} CPU-seconds: {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(made.state_dict(), path)
    return made


def trained(network: Judge) -> None:
    """Train on the known factors; a little noise keeps it from trusting drawn edges."""
    data = Critters(count=COUNT)
    images, factors = small(data.load(NATIVE)[0]), data.factors()
    rng = rng_of("critters judge", VERSION)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(VERSION)
        network.load_state_dict(Judge().state_dict())
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    steps = EPOCHS * COUNT // BATCH
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    network.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(COUNT, generator=rng).split(BATCH):
            shown = images[rows]
            shown = shown + 0.05 * torch.randn(shown.shape, generator=rng)
            truth = [factors[name][rows] for name in KINDS]
            loss = sum(map(cross_entropy, network(shown), truth), torch.zeros(()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()


def prior() -> Tensor:
    """Return the share of each of the 16 kinds [4, 2, 2] among critters."""
    glasses, spots = (torch.tensor([1 - share, share]) for share in SHARES.values())
    return glasses[:, None] * spots[None, :] * torch.full((4, 1, 1), 1 / 4)


def shares(told: dict[str, Tensor]) -> Tensor:
    """Return the share of each of the 16 kinds [4, 2, 2] among judged images."""
    counts = torch.zeros(*KINDS.values())
    here = tuple(told[name] for name in KINDS)
    counts.index_put_(here, torch.ones(len(here[0])), accumulate=True)
    return counts / counts.sum()


def divergence(found: Tensor, wanted: Tensor) -> float:
    """Return KL(found || wanted) in nats."""
    terms = torch.special.xlogy(found, found / wanted)
    return round(terms.sum().item(), 4)


def distance(pixels: Tensor) -> float:
    """Return the mean distance between two images of a group, over up to 16 groups of 64."""
    groups = pixels[: GROUP * GROUPS].split(GROUP)
    means = [
        pdist(avg_pool2d(group / 255, group.shape[-1] // 8).flatten(1)).mean().item()
        for group in groups
        if len(group) == GROUP
    ]
    return sum(means) / len(means)


def findings(judged: Judge, pixels: Tensor, *, real_distance: float, varied: Tensor) -> dict:
    """Return all that is told of a set of images; ``varied`` are those whose variety counts."""
    found = shares(judged.told(pixels))
    names = [
        " ".join([ears, *(["glasses"] * glasses), *(["spots"] * spots)])
        for ears in Critters.class_names
        for glasses in range(2)
        for spots in range(2)
    ]
    ears = dict(zip(Critters.class_names, found.sum((1, 2)).tolist(), strict=True))
    kinds = dict(zip(names, found.flatten().tolist(), strict=True))
    return {
        "images": len(pixels),
        "ears": {name: round(share, 4) for name, share in ears.items()},
        "kinds": {name: round(share, 4) for name, share in kinds.items()},
        "glasses": round(found[:, 1].sum().item(), 4),
        "spots": round(found[:, :, 1].sum().item(), 4),
        "kl_ears": divergence(found.sum((1, 2)), prior().sum((1, 2))),
        "kl_kinds": divergence(found, prior()),
        "variety": round(distance(varied) / real_distance, 3),
    }


def fakes(path: Path) -> Tensor:
    """Return the images of a file."""
    pixels = load_file(path).get("images")
    if pixels is None or pixels.dtype != torch.uint8 or pixels.ndim != 4:
        raise SystemExit(f"{path}: holds no uint8 `images` [n, 3, side, side].")
    count, channels, high, wide = pixels.shape
    if channels != 3 or high != wide or high % SIDE or count < GROUP:
        raise SystemExit(
            f"{path}: {count} images of {channels} x {high} x {wide};"
            f" wanted are {GROUP} or more, in colour, square, of a multiple of {SIDE} px."
        )
    return pixels


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fakes", type=Path, nargs="?", help="safetensors file of the images")
    parser.add_argument("--threads", type=int, default=1, help="threads that torch may use")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    images = None if arguments.fakes is None else fakes(arguments.fakes)
    data = Critters(count=UNSEEN, split="test")
    real, factors = data.load(NATIVE)[0], data.factors()
    judged = judge()
    told = judged.told(real)
    right = {name: (told[name] == factors[name]).float().mean().item() for name in KINDS}
    real_distance = distance(real)
    # The variety of real images is that of other real images than it is compared with.
    floor = findings(judged, real, real_distance=real_distance, varied=real[GROUP * GROUPS :])
    report = {"accuracy": {name: round(share, 4) for name, share in right.items()}}
    if images is not None:
        report["fakes"] = findings(judged, images, real_distance=real_distance, varied=images)
    report["floor"] = floor
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
