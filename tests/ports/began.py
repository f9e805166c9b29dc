"""BEGAN: the discriminator is an auto-encoder, and a balance k holds its two sides together.

BEGAN: Boundary Equilibrium GANs (Berthelot et al., 2017), https://arxiv.org/abs/1703.10717,
section 3.3: L(v) = mean |v - D(v)|; D: L(x) - k L(G(z)); G: L(G(z));
k <- k + lambda (gamma L(x) - L(G(z))), within 0 and 1; M = L(x) + |gamma L(x) - L(G(z))|.
The logit of an image is -L: the better it is rebuilt, the more real.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Env, Loss
from ganzoo.options import Opt
from ganzoo.play import D, Phase, Play, RunView
from ganzoo.types import Images, Labels, Logits, Values

START = {"directions": "k begins at 0, so D first ignores fakes"}


class AutoEncoder(nn.Module):
    def __init__(self, env: Env, *, width: Annotated[int, Opt("units", ge=1)] = 64) -> None:
        super().__init__()
        size = math.prod(env.image_shape)
        ends = nn.Linear(size, width), nn.ELU(), nn.Linear(width, size), nn.Tanh()
        self.layers = nn.Sequential(nn.Flatten(), *ends, nn.Unflatten(1, env.image_shape))

    def forward(self, images: Images, labels: Labels | None = None) -> Mapping[str, Tensor]:
        rebuilt = self.layers(images)
        return {"logits": -(images - rebuilt).abs().mean((1, 2, 3)), "rebuilt": rebuilt}


class Equilibrium(Loss):
    def __init__(
        self,
        env: Env,
        *,
        gamma: Annotated[float, Opt("variety: L(G(z)) over L(x)", gt=0, le=1)] = 0.5,
        rate: Annotated[float, Opt("lambda, how quickly k moves", ge=0)] = 1e-3,
    ) -> None:
        self.gamma, self.rate, self.k = gamma, rate, torch.zeros(())

    def discriminator(self, real: Logits, fake: Logits) -> Values:
        return self.k.to(fake) * fake - real

    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        return -fake

    def readings(self, real: Logits, fake: Logits) -> Mapping[str, Tensor]:
        off = fake.mean() - self.gamma * real.mean()
        return {"k": self.k, "M": off.abs() - real.mean()}

    @hookimpl
    def phase_end(self, run: RunView, phase: Phase, play: Play) -> None:
        if phase.player == D:
            off = play.fake_logits.detach().mean() - self.gamma * play.real_logits.detach().mean()
            self.k = (self.k.to(off) + self.rate * off).clamp(0, 1)

    def state_dict(self) -> dict[str, Any]:
        return {"k": self.k}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.k = state["k"]


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "mlp", "discriminator": "auto-encoder", "loss": "equilibrium"}
    return [
        component("discriminator", "auto-encoder", "began:AutoEncoder", "rebuilds images"),
        component(
            "loss", "equilibrium", "began:Equilibrium", "balanced by k", expected_failures=START
        ),
        recipe("began", "an auto-encoder in equilibrium", parts, sizes=(28, 32)),
    ]
