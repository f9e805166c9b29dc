"""Images that are made of images: told to both players, shown beside what is made of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import ganzoo
from ganzoo import runner
from ganzoo.build import outline
from ganzoo.cli.main import main
from ganzoo.data.resident import Resident
from ganzoo.errors import FitError
from ganzoo.pairs import SHOWN, Pairs
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint
from ganzoo.training.skeleton import digest

PLUGIN = """
import torch
from torch import nn
from ganzoo import Component, Recipe, hookimpl
from ganzoo.errors import FitError
from ganzoo.interfaces import DataInfo, Dataset, Env


def pairs(first, last):
    given = torch.arange(first, last).byte().view(-1, 1, 1, 1)
    return (255 - given).repeat(1, 3, 4, 4), given.repeat(1, 1, 2, 2)


class Inverted(Dataset):
    def __init__(self):
        pass

    def describe(self, resolution=None):
        return DataInfo((3, 4, 4), 64, given_shape=(1, 2, 2))

    def load(self, resolution=None):
        return pairs(0, 64)

    def held_out(self, resolution=None):
        return pairs(200, 240)


class Deaf(nn.Module):
    z_dim = 2

    def __init__(self, env: Env):
        super().__init__()
        self.layer = nn.Linear(2, 48)

    def forward(self, z, labels=None):
        return self.layer(z).tanh().view(-1, 3, 4, 4)


def given_of(env: Env):
    if env.condition.kind != "image":
        raise FitError("it makes images of images; use --dataset inverted")
    return env.condition.shape


class Painter(nn.Module):
    z_dim = 2

    def __init__(self, env: Env):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.noise = nn.Linear(2, given_of(env)[0])

    def forward(self, z, labels):
        shift = 0.01 * self.noise(z)[:, :, None, None]
        wide = nn.functional.interpolate(labels, size=(4, 4)).expand(-1, 3, -1, -1)
        return (self.scale * wide + shift).clamp(-1, 1)


class Critic(nn.Module):
    def __init__(self, env: Env):
        super().__init__()
        self.layer = nn.Linear(48 + 4, 1)

    def forward(self, images, labels):
        return self.layer(torch.cat([images.flatten(1), labels.flatten(1)], 1)).squeeze(1)


@hookimpl
def ganzoo_register():
    here = __name__
    return [
        Component("dataset", "inverted", f"{here}:Inverted", "grey squares"),
        Component("generator", "painter", f"{here}:Painter", "paints"),
        Component("generator", "deaf", f"{here}:Deaf", "hears nothing"),
        Component("discriminator", "critic", f"{here}:Critic", "judges"),
        Recipe(
            "painter",
            "squares of squares",
            dict(dataset="inverted", generator="painter", discriminator="critic", loss="ns"),
            set={"training.batch_size": 16, "training.kimg": 0.128, "training.tick_kimg": 0.032},
            conditional=True,
        ),
    ]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "painting.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def registry(file: Path) -> Registry:
    return Registry.discover(only=(), files=[str(file)])


def train(registry: Registry, out: Path, sets: Sequence[str] = ()) -> RunDir:
    plan = resolve(registry, "painter", sets=sets)
    return RunDir.open(runner.train(plan, registry, out=out, device="cpu").run)


def state(run: RunDir) -> str:
    groups = dict(checkpoint.load(run.checkpoints).groups)
    del groups["clock"]
    return digest(groups)


def test_a_batch_has_the_image_that_each_is_to_be_made_of(registry: Registry) -> None:
    built = outline(resolve(registry, "painter"), registry)
    pixels, given = built.dataset.load()

    images, told = Resident(pixels, given, "cpu", seed=3).batch(10, 16)

    assert told is not None
    assert built.env.condition.kind == "image"
    assert built.env.condition.shape == (1, 2, 2)
    assert torch.allclose(images[:, 0, 0, 0], -told[:, 0, 0, 0])
    assert told.min() >= -1


def test_it_trains_and_goes_on_exactly(registry: Registry, tmp_path: Path) -> None:
    whole = train(registry, tmp_path / "whole")
    half = train(registry, tmp_path / "half", ["training.kimg=0.064"])
    runner.resume(half, registry, device="cpu", kimg="0.128", trust_code=True)

    assert state(half) == state(whole)
    assert {"d_loss", "g_loss", "variety"} <= set(whole.read_metrics()[-1])


def test_a_sheet_shows_what_was_given_and_made_and_what_it_should_be(
    registry: Registry, tmp_path: Path
) -> None:
    run = train(registry, tmp_path)
    pairs = Pairs.of(outline(resolve(registry, "painter"), registry).dataset, 4)
    shown, columns = pairs.beside(torch.zeros(5, 3, 4, 4, dtype=torch.uint8))

    assert shown.shape == (15, 3, 4, 4)
    assert columns % 3 == 0
    assert (shown[0] == 200).all()  # of the images that it was not trained on
    assert (shown[1] == 0).all()
    assert (shown[2] == 55).all()
    with Image.open(run.latest_sample) as sheet:
        assert sheet.width * (1 + 5 * 8) == sheet.height * (1 + 5 * columns)  # 8 rows of 4 px


def test_pictures_are_made_of_its_data_or_of_a_folder(
    registry: Registry, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(registry, tmp_path / "runs")
    mine = tmp_path / "mine"
    mine.mkdir()
    for i in range(3):
        Image.new("RGB", (20, 20), (80 * i, 80 * i, 80 * i)).save(mine / f"{i}.png")
    words = ["sample", str(run.path), "-p", str(file), "--device", "cpu", "--quiet"]

    assert main([*words, "-o", str(tmp_path / "own.safetensors")]) == 0
    folder = ["--given", str(mine), "-o", str(tmp_path / "mine.safetensors")]
    assert main([*words, *folder]) == 0
    assert main([*words, "--given", str(mine), "-o", str(tmp_path / "mine.png")]) == 0
    assert main([*words, "--walk"]) == 2
    assert main([*words, "--label", "3"]) == 2

    assert "--given FOLDER" in capsys.readouterr().err
    own, other = (load_file(tmp_path / f"{name}.safetensors") for name in ("own", "mine"))
    assert own["images"].shape == (SHOWN, 3, 4, 4)
    assert own["given"][0, 0, 0, 0] == 200
    assert other["given"][:, 0, 0, 0].tolist() == [0, 80, 160]
    with Image.open(tmp_path / "mine.png") as grid:
        assert grid.width > grid.height  # two pictures of each


def test_a_model_of_noise_takes_no_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = (
        "dataset.count=64",
        "training.kimg=0.064",
        "generator.width=4",
        "discriminator.width=4",
    )
    words = ["train", "gan", "--out", str(tmp_path), "--device", "cpu", "--quiet"]
    assert main([*words, *(word for each in sets for word in ("--set", each))]) == 0

    assert main(["sample", "last", "--out", str(tmp_path), "--given", str(tmp_path)]) == 2

    assert "of noise alone" in capsys.readouterr().err


def test_a_network_that_takes_no_note_of_the_image_is_named(registry: Registry) -> None:
    notes = outline(resolve(registry, "painter", replace={"generator": "deaf"}), registry).notes

    assert [note for note in notes if "takes no note of the image that it is given" in note] != []
    assert outline(resolve(registry, "painter"), registry).notes == ()


def test_what_changes_only_the_image_of_a_pair_earns_a_remark(registry: Registry) -> None:
    plan = resolve(registry, "painter", add={"augment": ["diffaugment"]})

    (note,) = outline(plan, registry).notes

    assert "diffaugment changes the images, and not what they are made of" in note


def test_without_a_condition_the_images_are_pictures_like_others(registry: Registry) -> None:
    plan = resolve(registry, "painter", sets=["training.conditional=false"])

    with pytest.raises(FitError, match="images of images"):
        outline(plan, registry)


def test_a_data_set_is_had_by_its_name(registry: Registry) -> None:
    digits = ganzoo.dataset("digits", count=12)

    assert digits.describe(32).count == 12
