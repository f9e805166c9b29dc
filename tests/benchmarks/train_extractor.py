"""Train the small classifiers whose features ganzoo's metrics compare.

    python tests/benchmarks/train_extractor.py lenet --seed 0 -o lenet.safetensors

One seed and one thread make the same file on the same machine. Only training images are shown;
the accuracy that is printed at the end is that on held-out ones.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import click
import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo.errors import DataError
from ganzoo.files import write_aside
from ganzoo.interfaces import Dataset
from ganzoo.registry import Registry
from ganzoo.types import Images, Labels
from ganzoo_extractors.classifiers import Classifier, ColourNetwork, LenetNetwork, own

KINDS = {
    "lenet": ("mnist", LenetNetwork, 3, 3e-3),
    "lenet-digits": ("digits", LenetNetwork, 3, 3e-3),
    "colour": ("cifar10", ColourNetwork, 6, 1e-2),
}
"""Data set, network, epochs and peak learning rate by the name of the extractor."""

BATCH = 128


def dataset_of(name: str, folder: Path | None) -> Dataset:
    """Return a data set by name, or pictures in a folder or zip of class folders."""
    registry = Registry.discover(only=())
    found = registry.load(registry.find("dataset", "folder" if folder else name))
    made: Dataset = found(path=str(folder)) if folder else found()
    return made


def shown(images: Images, labels: Labels, mirror: bool) -> Iterator[tuple[Images, Labels]]:
    """Yield batches of one epoch in random order; the last, smaller one is left out."""
    order = torch.randperm(len(images))
    for chosen in order.split(BATCH)[: len(images) // BATCH]:
        batch = images[chosen]
        flipped = torch.rand(len(batch), 1, 1, 1) < 0.5
        yield torch.where(flipped, batch.flip(-1), batch) if mirror else batch, labels[chosen]


def train(network: Classifier, images: Images, labels: Labels, epochs: int, peak: float) -> None:
    """Train with AdamW and one cycle of the learning rate."""
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    steps = epochs * (len(images) // BATCH)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=peak, total_steps=steps)
    network.train()
    for epoch in range(epochs):
        total = torch.zeros(())
        for batch, classes in shown(images, labels, mirror=network.channels == 3):
            loss: Tensor = cross_entropy(network(batch), classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            cycle.step()
            total += loss.detach()
        click.echo(f"epoch {epoch + 1} of {epochs}: loss {total * epochs / steps:.4f}")
    network.eval()


@torch.no_grad()
def accuracy(network: Classifier, images: Images, labels: Labels) -> float:
    """Return the share of images that are taken for what they are."""
    pairs = zip(images.split(500), labels.split(500), strict=True)
    right = [network(batch).argmax(1) == classes for batch, classes in pairs]
    return float(torch.cat(right).double().mean())


@click.command(help=__doc__.splitlines()[0])
@click.argument("name", type=click.Choice(list(KINDS)))
@click.option("--seed", default=0, show_default=True)
@click.option("--data", type=Path, help="folder or zip of class folders, in place of the set")
@click.option("--test", type=Path, help="the same with held-out images")
@click.option("-o", "--output", type=Path, required=True)
def main(name: str, seed: int, data: Path | None, test: Path | None, output: Path) -> None:
    dataset, make, epochs, peak = KINDS[name]
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    source = dataset_of(dataset, data)
    held_out = dataset_of(dataset, test).load() if test else source.held_out()
    pixels, labels = source.load()
    if labels is None or held_out is None or held_out[1] is None:
        raise DataError(f"{name} needs classes and held-out images; give both --data and --test")
    network = make()
    images = own(pixels, network.channels, name)
    start = time.process_time()
    train(network, images, labels, epochs, peak)
    click.echo(f"trained in {time.process_time() - start:.0f} CPU-seconds")
    write_aside(output, save(network.state_dict()))
    test_images = own(held_out[0], network.channels, name)
    click.echo(f"right for {accuracy(network, test_images, held_out[1]):.2%} of held-out images")


if __name__ == "__main__":
    main()
