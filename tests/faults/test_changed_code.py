"""Code that changed under a run is named, parameter by parameter; the networks can go on alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ganzoo.cli.main import main
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint

pytestmark = pytest.mark.faults

Note = Callable[[str, str], None]

CODE = """
import torch
from torch import nn
from ganzoo.hookspecs import hookimpl
from ganzoo.spec import component

Z, G, D = 2, 4, 3

class Generator(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.z_dim = Z
        self.first = nn.Linear(Z, G)
        self.norm = nn.BatchNorm1d(G)
        self.last = nn.Linear(G, 784)
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, z, labels=None):
        made = self.last(torch.relu(self.norm(self.first(z))))
        return torch.tanh(made).view(-1, 1, 28, 28)

class Discriminator(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.one = nn.Linear(784, D)
        self.two = nn.Linear(D, 1)

    def forward(self, images, labels=None):
        return self.two(torch.relu(self.one(images.flatten(1)))).squeeze(1)

@hookimpl
def ganzoo_register():
    return [
        component("generator", "mine", "mine:Generator", "x"),
        component("discriminator", "mine", "mine:Discriminator", "x"),
    ]
"""

CASES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "a layer more": (
        "self.last = ",
        "self.more = nn.Linear(1, 1)\n        self.last = ",
        ("generator: only in the checkpoint: nothing; only in the network: more.weight",),
    ),
    "a layer less": (
        "self.norm = nn.BatchNorm1d(G)",
        "self.norm = nn.Identity()",
        ("generator: only in the checkpoint: norm.weight, norm.bias, norm.running_mean and",),
    ),
    "a layer renamed": (
        "self.first",
        "self.start",
        ("only in the checkpoint: first.weight, first.bias", "network: start.weight, start.bias"),
    ),
    "a wider layer": (
        "2, 4, 3",
        "2, 5, 3",
        ("generator.first.weight: the checkpoint has (4, 2), the network (5, 2)",),
    ),
    "another z": (
        "2, 4, 3",
        "3, 4, 3",
        ("generator.first.weight: the checkpoint has (4, 2), the network (4, 3)",),
    ),
    "another type": (
        "torch.zeros(3)",
        "torch.zeros(3).double()",
        ("generator.mean: the checkpoint has (3,), the network (3,) of torch.float64",),
    ),
    "a bias less": (
        "nn.Linear(D, 1)",
        "nn.Linear(D, 1, bias=False)",
        ("discriminator: only in the checkpoint: two.bias; only in the network: nothing",),
    ),
    "a buffer more": (
        "self.two = ",
        "self.register_buffer('seen', torch.zeros(1))\n        self.two = ",
        ("discriminator: only in the checkpoint: nothing; only in the network: seen",),
    ),
    "a wider discriminator": (
        "2, 4, 3",
        "2, 4, 6",
        ("discriminator.one.weight: the checkpoint has (3, 784), the network (6, 784)",),
    ),
    "a layer that rests": (
        "self.two = nn.Linear(D, 1)",
        "self.two = nn.Linear(D, 1).requires_grad_(False)",
        ("optimizers.discriminator: parameters differ", "'discriminator.two.weight'"),
    ),
}
"""Edits of the code: (what is replaced, by what, what the error must say)."""


@pytest.fixture
def mine(tmp_path: Path) -> tuple[RunDir, Path]:
    """A run whose networks came from a file, and the file."""
    file = tmp_path / "mine.py"
    file.write_text(CODE)
    sets = ["dataset.count=64", "training.resolution=28", "training.rehearse=false"]
    words = ["train", "gan", "--generator", "mine", "--discriminator", "mine", "--device", "cpu"]
    words += ["-q", "-p", str(file), "--steps", "2", "--batch-size", "4", "--out", str(tmp_path)]
    assert main([*words, *(word for each in sets for word in ("--set", each))]) == 0
    return RunDir.open(tmp_path / "0001-gan-digits"), file


def _resume(run: RunDir, file: Path, *words: str) -> int:
    how = ("-q", "--device", "cpu", "-p", str(file), "--trust-code", "--kimg", "+0.008")
    return main(["resume", str(run.path), *how, *words])


def test_changed_code_is_named_by_parameter_with_both_sides(
    mine: tuple[RunDir, Path], capsys: pytest.CaptureFixture[str], measured: Note
) -> None:
    run, file = mine
    capsys.readouterr()
    for case, (old, new, wanted) in CASES.items():
        assert old in CODE
        file.write_text(CODE.replace(old, new))
        assert _resume(run, file) == 8, case
        _, err = capsys.readouterr()
        assert err.count("\n") == 1, case
        for said in wanted:
            assert said in err, case
    file.write_text(CODE)
    before = run.config.read_text(encoding="utf-8")
    for use in ("rmsprop", "sgd"):
        run.config.write_text(before.replace('use = "adam"', f'use = "{use}"'), encoding="utf-8")
        assert _resume(run, file) == 8
        _, err = capsys.readouterr()
        assert f".use was adam and is {use} now" in err
        assert err.count("\n") == 1
        run.config.write_text(before, encoding="utf-8")
    count = len(CASES) + 2
    measured("A9", f"{count} of {count} changes named with both sides, exit 8")
    assert _resume(run, file) == 0


def test_networks_go_on_alone_under_another_optimizer(
    mine: tuple[RunDir, Path], capsys: pytest.CaptureFixture[str], measured: Note
) -> None:
    run, file = mine
    old = checkpoint.load(run.checkpoints)
    text = run.config.read_text(encoding="utf-8")
    run.config.write_text(text.replace('use = "adam"', 'use = "sgd"'), encoding="utf-8")
    assert _resume(run, file) == 8
    assert "--weights-only" in capsys.readouterr().err
    assert _resume(run, file, "--weights-only") == 0

    new = checkpoint.load(run.checkpoints)
    assert new.nimg == old.nimg + 8
    assert new.groups["extra"]["step"] == old.groups["extra"]["step"] + 2
    assert new.groups["optimizers"]["generator"]["class"] == "SGD"
    first, last = (each.groups["generator"]["last.weight"] for each in (old, new))
    assert 0 < float((first - last).abs().max()) < 0.1
    measured("A9", "--weights-only goes on with other optimizers")


def test_also_networks_alone_must_fit(
    mine: tuple[RunDir, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run, file = mine
    file.write_text(CODE.replace("2, 4, 3", "2, 4, 6"))
    assert _resume(run, file, "--weights-only") == 8
    assert "discriminator.one.weight: the checkpoint has (3, 784)" in capsys.readouterr().err
