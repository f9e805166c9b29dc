"""What a phase begins with: real images with their labels, and latents for as many fakes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor, nn

from ganzoo.algorithm import Draw
from ganzoo.training.experiment import Experiment
from ganzoo.training.ranks import Ranks
from ganzoo.training.streams import Streams
from ganzoo.types import Images, Latents, Told


@final
@dataclass(frozen=True)
class Batch:
    """This rank's share of a global batch.

    Attributes:
        real: Real images, [n, c, h, w].
        labels: What both players are told of them; None when unconditional.
        z: Latents, [n, z].
    """

    real: Images
    labels: Told | None
    z: Latents

    def tensors(self) -> list[Tensor]:
        """Return what it consists of."""
        return [each for each in (self.real, self.labels, self.z) if each is not None]

    def cut(self, generator: nn.Module, size: int | None) -> list[Draw]:
        """Return its micro-batches, at most ``size`` images each; None for one."""
        real, labels, size = self.real, self.labels, size or len(self.real)
        return [
            Draw(
                generator,
                real[i : i + size],
                None if labels is None else labels[i : i + size],
                self.z[i : i + size],
                share_fakes=len(real) <= size,
            )
            for i in range(0, len(real), size)
        ]


@final
@dataclass
class Batches:
    """Takes one batch after the other.

    Attributes:
        experiment: The parts of the run.
        z_dim: Length of a latent.
        streams: Its random streams.
        ranks: This process among all of the run.
        transforms: What every real batch passes through.
    """

    experiment: Experiment
    z_dim: int
    streams: Streams
    ranks: Ranks
    transforms: list[Callable[[Images], Images]] = field(default_factory=list)

    def take(self, nimg: int, size: int) -> Batch:
        """Return this rank's share of the global batch of ``size`` images after ``nimg``."""
        share = self.ranks.share(size)
        real, labels = self.experiment.data.batch(nimg + share.start, share.stop - share.start)
        for transform in self.transforms:
            real = transform(real)
        rng = self.streams.rng("latents")
        z = torch.randn(size, self.z_dim, generator=rng, device=rng.device, dtype=real.dtype)
        told = None if self.experiment.env.condition.kind == "none" else labels
        return Batch(real, told, z[share])
