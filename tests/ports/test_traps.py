"""Where a stranger who does what seems right once got something else, and nobody said so."""

from pathlib import Path

import pytest
import torch
from ports.test_ports import plugin

from ganzoo import build
from ganzoo.data.resident import Resident
from ganzoo.errors import GanzooError
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.training.trainer import Trainer

TAKEN = """
from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Loss


class Mine(Loss):
    def discriminator(self, real, fake):
        return fake - real

    def generator(self, fake, real=None):
        return -fake


@hookimpl
def ganzoo_register():
    parts = {"generator": "mlp", "discriminator": "mlp", "loss": "lsgan"}
    return [component("loss", "lsgan", "taken:Mine", "mine"), recipe("mine", "mine", parts)]
"""


def test_a_recipe_means_the_part_that_its_own_plugin_offers(tmp_path: Path) -> None:
    file = tmp_path / "taken.py"
    file.write_text(TAKEN)

    plan = resolve(Registry.discover(only=(), files=[file]), "taken/mine")

    assert plan.parts["loss"].name == "taken/lsgan"


@pytest.mark.parametrize(
    "flag", [{"replace": {"loss": "hinge"}}, {"add": {"regularizer": ["r1"]}}]
)
def test_a_part_that_the_algorithm_does_not_use_is_refused_or_noted(
    flag: dict[str, object],
) -> None:
    registry = plugin("bigan")
    plan = resolve(registry, "bigan", sets=["dataset.count=8"], **flag)
    try:
        notes = build.outline(plan, registry).notes
    except GanzooError as error:
        notes = (str(error),)

    assert any("hinge" in note or "r1" in note for note in notes)


PLAYERS = """
from ganzoo import component, hookimpl, recipe
from ganzoo.algorithm import Algorithm
from ganzoo.play import D, G


class Own(Algorithm):
    players = {"critic": (D,), "artist": (G,)}

    def phases(self, run):
        return ()


@hookimpl
def ganzoo_register():
    parts = {"generator": "mlp", "discriminator": "mlp", "algorithm": "own"}
    return [component("algorithm", "own", "players:Own", "own"), recipe("own", "own", parts)]
"""


def test_a_player_of_another_name_has_an_optimizer_without_being_told(tmp_path: Path) -> None:
    file = tmp_path / "players.py"
    file.write_text(PLAYERS)
    registry = Registry.discover(only=(), files=[file])
    built = build.outline(resolve(registry, "own", sets=["dataset.count=8"]), registry)
    pixels, _ = built.dataset.load(28)

    trainer = Trainer(built.with_data(Resident(pixels, None, "cpu", 0)), torch.device("cpu"))

    assert set(trainer.optimizers) == {"critic", "artist"}
