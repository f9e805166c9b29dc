"""A game of all that has a state, played on from where another stopped; and what then differs."""

from collections.abc import Mapping
from typing import Any

import torch
from tiny import TinyLoss
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu
from zoo import Pictures

from ganzoo.adversarial import Adversarial
from ganzoo.hookspecs import hookimpl
from ganzoo.interfaces import Env, Schedule
from ganzoo.nn.spectral import spectrally_normalize
from ganzoo.play import RunView
from ganzoo.settings import Optimizer, Training
from ganzoo.training.difference import differences
from ganzoo.training.experiment import Experiment
from ganzoo.training.skeleton import pack, unpack
from ganzoo.training.trainer import Trainer
from ganzoo_augment.ada import Ada
from ganzoo_progan.schedule import Progressive
from ganzoo_standard.regularizers import R1

STEPS = 60
TOTAL = 26 * 8 + 34 * 4  # images: the batch is halved where the second stage begins
ENV = Env((1, 8, 8))


class Grown(nn.Module):
    """What networks that grow have in common: a second size, mixed in by ``fade``."""

    def set_stage(self, stage: int, fade: float) -> None:
        self.share = fade * stage

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0


class Generator(Grown):
    z_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.coarse, self.fine = nn.Linear(3, 16), nn.Linear(3, 64)
        self.norm = nn.BatchNorm1d(16)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        small = self.norm(self.coarse(z)).view(-1, 1, 4, 4)
        fine = self.fine(z).view(-1, 1, 8, 8)
        return torch.tanh(interpolate(small, scale_factor=2.0) + self.share * fine)


class Discriminator(Grown):
    def __init__(self) -> None:
        super().__init__()
        self.coarse, self.fine = nn.Linear(16, 8), nn.Linear(64, 8)
        self.drop, self.out = nn.Dropout(0.2), nn.Linear(8, 2)
        spectrally_normalize(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        seen = self.coarse(avg_pool2d(images, 2).flatten(1))
        seen = seen + self.share * self.fine(images.flatten(1))
        return self.out(self.drop(leaky_relu(seen, 0.2))).mean(1)


class Once(Schedule):
    """Changes all that a schedule can, in one step; what is not saved is lost for good."""

    @hookimpl
    def step_start(self, run: RunView) -> None:
        if run.step == 10:
            run.set_rate("generator", 0.5)
            run.set_rate("discriminator", 0.25)
            run.set_betas("generator", (0.25, 0.75))
            run.set_weight("r1", 0.5)
            run.set_ema_halflife(0.1)


def game() -> Trainer:
    """Return a game of all that has a state: BN, spectral norm, dropout, growth, ada and more."""
    torch.manual_seed(0)
    made = Experiment(
        env=ENV,
        networks={"generator": Generator(), "discriminator": Discriminator()},
        algorithm=Adversarial(ENV),
        loss=TinyLoss(),
        regularizers={"r1": R1(ENV, interval=4)},
        augments={
            "ada": Ada(ENV, target=-0.2, start=0.4, kimg=0.2, interval=3, pipe=("blit", "color"))
        },
        schedules={
            "progressive": Progressive(
                ENV, start=4, stage_kimg=0.2, fade_kimg=0.05, halve_above=4
            ),
            "once": Once(),
        },
        data=Pictures(8),
        training=Training(batch_size=8, ema_halflife_kimg=0.05, ema_ramp=0.5),
        optimizers=dict.fromkeys(
            ("generator", "discriminator"), Optimizer(learning_rate=1e-2, betas=(0.5, 0.9))
        ),
    )
    return Trainer(made, torch.device("cpu"), total_nimg=TOTAL)


def state_of(trainer: Trainer) -> dict[str, Any]:
    """Return a copy of the state, on the way that it takes through a file."""
    copy: dict[str, Any] = unpack(*pack(trainer.state_dict(), "state"))
    return copy


def states(trainer: Trainer, steps: int) -> list[dict[str, Any]]:
    """Return the state before and after each step."""
    found = [state_of(trainer)]
    for _ in range(steps):
        trainer.play_step()
        found.append(state_of(trainer))
    return found


def continued(trainer: Trainer, state: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """Return where a new trainer ends that goes on from a state."""
    torch.manual_seed(7)  # whatever another process drew
    trainer.load_state_dict(state)
    for _ in range(steps):
        trainer.play_step()
    return state_of(trainer)


def differ(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return what differs but for the clock."""
    return [each for each in differences(first, second) if not each.startswith("clock")]
