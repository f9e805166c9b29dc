"""What everybody trains: three pairs of networks, their losses and their images."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus
from torch.utils.data import DataLoader, Dataset

from ganzoo import build
from ganzoo.outline import Outline
from ganzoo.plan import resolve
from ganzoo.registry import Registry

COUNT, EPOCH = 2048, 60_000


@dataclass(frozen=True)
class Game:
    """Networks, a loss, optimizers and a batch.

    Attributes:
        recipe: Whose networks they are.
        preset: Its settings.
        dataset: Whose images.
        sets: What differs from the preset.
        batch: Real images a move of the discriminator.
        d_steps: Moves of the discriminator per move of the generator.
        betas: Of Adam.
        learning_rate: Of Adam.
        hinge: The hinge loss; otherwise the non-saturating one.
        words: The game in words, for the table.
    """

    recipe: str
    preset: str
    dataset: str
    batch: int
    betas: tuple[float, float]
    learning_rate: float
    words: str
    sets: Mapping[str, object] = field(default_factory=dict)
    d_steps: int = 1
    hinge: bool = False

    def outline(self, **training: object) -> Outline:
        """Return the parts as ganzoo builds them, with settings of training besides."""
        registry = Registry.discover(only=())
        plan = resolve(
            registry,
            self.recipe,
            preset=self.preset,
            replace={"dataset": self.dataset},
            add={"regularizer": ["none"], "schedule": ["none"]},
            overrides={
                "dataset.count": COUNT,
                "training.resolution": 32,
                "training.batch_size": self.batch,
                **self.sets,
                **{f"training.{name}": value for name, value in training.items()},
            },
        )
        return build.outline(plan, registry)

    def networks(self) -> tuple[nn.Module, nn.Module]:
        """Return a new generator and a new discriminator."""
        made = self.outline().networks
        return made["generator"], made["discriminator"]

    def pixels(self) -> Tensor:
        """Return all real images, [n, c, h, w] in uint8."""
        return self.outline().dataset.load(32)[0]

    def adam(self, network: nn.Module, **how: bool) -> torch.optim.Adam:
        """Return the optimizer of a player."""
        return torch.optim.Adam(
            network.parameters(), lr=self.learning_rate, betas=self.betas, **how
        )

    def d_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the discriminator minimizes, of its logits."""
        if self.hinge:
            return relu(1 - real).mean() + relu(1 + fake).mean()
        return softplus(-real).mean() + softplus(fake).mean()

    def g_loss(self, fake: Tensor) -> Tensor:
        """Return what the generator minimizes, of the discriminator's logits."""
        return -fake.mean() if self.hinge else softplus(-fake).mean()


GAMES = {
    "dcgan": Game(
        "dcgan",
        "paper",
        "digits",
        batch=64,
        betas=(0.5, 0.999),
        learning_rate=2e-4,
        words="DCGAN, width 64, batch norm, non-saturating loss; digits, 32 px",
    ),
    "sngan": Game(
        "sngan",
        "paper",
        "critters",
        batch=64,
        betas=(0.0, 0.9),
        learning_rate=2e-4,
        words="SNGAN-ResNet, width 32, hinge loss, 5 moves of D; critters, 32 px",
        sets={"generator.width": 32, "discriminator.width": 32},
        d_steps=5,
        hinge=True,
    ),
    "style": Game(
        "stylegan-lite",
        "lite",
        "critters",
        batch=32,
        betas=(0.0, 0.99),
        learning_rate=2.5e-3,
        words="style-based, width 32 to 256, non-saturating loss, no penalty; critters, 32 px",
        sets={"generator.width": 32, "discriminator.width": 32},
    ),
}


class Scaled(Dataset[tuple[Tensor, int]]):
    """Images one by one, as a loader takes them: no decoding, only scaling to [-1, 1].

    An epoch is as long as MNIST's, so that what a trainer does at its end is no part of a step.

    Args:
        pixels: All images.
    """

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return EPOCH

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.pixels[index % len(self.pixels)].float().div(127.5).sub(1), 0


def loader(pixels: Tensor, batch: int, workers: int = 0) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return the loader that people write, of images and labels."""
    return DataLoader(Scaled(pixels), batch, shuffle=True, drop_last=True, num_workers=workers)


def endless(batches: DataLoader[tuple[Tensor, Tensor]]) -> Iterator[Tensor]:
    """Return its images, epoch after epoch."""
    while True:
        for images, _ in batches:
            yield images


def sampler(pixels: Tensor, batch: int, device: torch.device) -> Callable[[], Tensor]:
    """Return what gathers a batch from uint8 pixels that lie on the device, channels last."""
    rows = pixels.permute(0, 2, 3, 1).contiguous().to(device)
    return partial(_gathered, rows, batch)


def _gathered(rows: Tensor, batch: int) -> Tensor:
    chosen = torch.randint(len(rows), (batch,), device=rows.device)
    return rows.index_select(0, chosen).permute(0, 3, 1, 2).float().div(127.5).sub(1)
