"""Parts of a plugin, sound ones first, then each with one fault; and what is wrong in others."""

import random
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo import hookimpl
from ganzoo.adversarial import terms_of
from ganzoo.algorithm import Algorithm, D, G, Phase, Play, RunView
from ganzoo.interfaces import (
    Augment,
    DataInfo,
    Dataset,
    Embedded,
    Env,
    Loss,
    Metric,
    Regularizer,
    Schedule,
)


class Cloud(nn.Module):
    """A sound generator."""

    z_dim = 8

    def __init__(self, env: Env, *, width: int = 12, slopes: tuple[float, ...] = (0.2,)) -> None:
        super().__init__()
        self.shape, self.slopes = env.image_shape, slopes
        self.body = nn.Linear(self.z_dim, width)
        self.out = nn.Linear(width, env.channels * env.resolution**2)

    def hidden(self, z: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self.body(z), self.slopes[0])

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Any:
        return torch.tanh(self.out(self.hidden(z))).view(-1, *self.shape)


class Judge(nn.Module):
    """A sound discriminator."""

    def __init__(self, env: Env) -> None:
        super().__init__()
        self.body = nn.Linear(env.channels * env.resolution**2, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.out(nn.functional.leaky_relu(self.body(images.flatten(1)), 0.2)).squeeze(1)


class Fog(Loss):
    """A sound loss."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real) + softplus(fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return softplus(-fake)


class Fixed(Cloud):
    def __init__(self, env: Env) -> None:
        super().__init__(Env((env.channels, 16, 16)))


class Dead(Cloud):
    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.unused = nn.Linear(3, 3)


class Tied(Judge):
    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.second.weight = self.first.weight

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        seen = nn.functional.leaky_relu(self.body(images.flatten(1)), 0.2)
        return self.out(self.second(torch.sin(self.first(seen)))).squeeze(1)


class Flipped(Fog):
    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return softplus(fake)


class Half(Loss):
    """It says nothing of the generator."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake - real


class Sigmoid(Judge):
    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return torch.sigmoid(super().forward(images))


class Linear(Cloud):
    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.out(self.hidden(z)).view(-1, *self.shape)


class Far(Cloud):
    def hidden(self, z: Tensor) -> Tensor:
        return super().hidden(z) * (30 - z.square().mean(1, keepdim=True)).sqrt()


class Forgetful(Cloud):
    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.passes = 0

    def hidden(self, z: Tensor) -> Tensor:
        self.passes += self.training
        return super().hidden(z) * (1 + 0.01 * self.passes)


class Unwritable(Cloud):
    def __init__(self, env: Env, *, colours: frozenset[str] = frozenset({"grey"})) -> None:
        super().__init__(env)


class Crowded(Cloud):
    def hidden(self, z: Tensor) -> Tensor:
        return super().hidden(z) - super().hidden(z).mean(0) / 2


class Random(Cloud):
    def hidden(self, z: Tensor) -> Tensor:
        return super().hidden(z) * (1 + self.training * random.random())


class Hoarder(Cloud):
    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.seen: list[Tensor] = []

    def hidden(self, z: Tensor) -> Tensor:
        if self.training:
            self.seen.append(super().hidden(z).mean())
        return super().hidden(z)


class Deaf(Cloud):
    """It is told the class, and does not listen."""


class Slopeless(Judge):
    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return super().forward(images.round())


class Misnamed(Cloud):
    def forward(self, z: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        return {"picture": super().forward(z)}


class Detached(Regularizer):
    def __init__(self, env: Env) -> None:
        pass

    def penalty(self, play: Play) -> Tensor:
        return play.real_logits.detach().square()


class Careless(Augment):
    def __init__(self, env: Env) -> None:
        pass

    def __call__(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return images + 0.1 * torch.randn_like(images)


class Rounding(Careless):
    def __call__(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return images.round()


class Miscounted(Dataset):
    def describe(self, resolution: int | None = None) -> DataInfo:
        return DataInfo((1, 8, 8), 4, num_classes=2)

    def load(self, resolution: int | None = None) -> tuple[Tensor, Tensor | None]:
        return torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 2, 0])


class Undefined(Metric):
    @property
    def protocol(self) -> str:
        return "0 / 0"

    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        return {"share": float("nan")}


class Normed:
    digest = "normed"

    def __call__(self, pixels: Tensor) -> Tensor:
        flat = pixels.flatten(1).float()
        return flat - flat.mean(0)


class Stuck(Algorithm):
    """It trains the discriminator alone."""

    def __init__(self, env: Env) -> None:
        pass

    def bind(self, loss: Loss | None, regularizers: Mapping[str, Regularizer]) -> None:
        assert loss is not None
        self.terms = terms_of(loss, regularizers)

    def phases(self, run: RunView) -> tuple[Phase, ...]:
        return (Phase(D, (D,), self.terms[D], new_batch=True),)


class Mine(Stuck):
    """A sound algorithm: the generator moves first, and twice."""

    def phases(self, run: RunView) -> tuple[Phase, ...]:
        fool = Phase(G, (G,), self.terms[G], frozen=(D,), new_batch=True)
        return (fool, fool, Phase(D, (D,), self.terms[D], new_batch=True))

    batches = 3


class Silent(Schedule):
    """A sound schedule."""

    def __init__(self, env: Env) -> None:
        pass

    @hookimpl
    def step_start(self, run: RunView) -> None:
        run.log("nothing", torch.zeros(()))
