"""A run that begins with the networks of another, and layers that rest while it goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from ganzoo import runner
from ganzoo.build import outline
from ganzoo.errors import CheckpointError, FitError, RecipeError
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint
from ganzoo.transfer import begun

REGISTRY = Registry.discover(only=())
SMALL = (
    "generator.width=4",
    "discriminator.width=4",
    "training.batch_size=8",
    "training.rehearse=false",
    "dataset.count=32",
)


def train(out: Path, sets: Sequence[str] = (), model: str = "dcgan", **over: Any) -> RunDir:
    overrides = {"training.kimg": 0.04, **over}
    plan = resolve(REGISTRY, model, sets=[*SMALL, *sets], overrides=overrides)
    return RunDir.open(runner.train(plan, REGISTRY, out=out, device="cpu").run)


def state(run: RunDir, role: str, at: int | None = None) -> dict[str, torch.Tensor]:
    found = checkpoint.load(run.checkpoints, at).groups[role]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one run of ours lies."""
    root = tmp_path_factory.mktemp("runs")
    train(root)
    return root


def test_networks_begin_as_those_of_the_other_run_the_generator_as_its_average(out: Path) -> None:
    first = RunDir.open(out / "0001-dcgan-digits")
    plan = resolve(REGISTRY, "dcgan", sets=[*SMALL, "training.init_from='1'"])

    built = begun(outline(plan, REGISTRY), out)

    expected = {"generator": "generator_ema", "discriminator": "discriminator"}
    for role, group in expected.items():
        theirs = state(first, group)
        for name, tensor in built.networks[role].state_dict().items():
            assert torch.equal(tensor, theirs[name]), name
    assert built.notes[-1] == "begins with the networks of 0001-dcgan-digits@40"


def test_the_run_is_named_for_good_and_its_config_repeats_it(out: Path, tmp_path: Path) -> None:
    sets = ["training.init_from=last", "training.seed=3"]
    root = tmp_path / "runs"
    source = out / "0001-dcgan-digits"
    first = train(root, [*sets[1:], f"training.init_from='{source}@40'"])
    again = resolve(REGISTRY, None, config=first.config)
    second = RunDir.open(runner.train(again, REGISTRY, out=root, device="cpu").run)
    relative = train(root, sets)

    assert again.training.init_from == f"{source}@40"
    assert '"0002-dcgan-digits@40"' in relative.config.read_text()
    assert all(
        torch.equal(tensor, state(second, "discriminator")[name])
        for name, tensor in state(first, "discriminator").items()
    )


def test_what_has_another_shape_begins_anew_and_is_said(out: Path) -> None:
    plan = resolve(
        REGISTRY, "dcgan", sets=[*SMALL, "training.init_from='1'", "training.conditional=true"]
    )

    built = begun(outline(plan, REGISTRY), out)

    assert built.notes[-2:] == (
        "generator: 1 tensors begin anew: layers.0.weight is [256, 94], was [256, 84]",
        "discriminator: 1 tensors begin anew: layers.0.weight is [4, 11, 4, 4], was [4, 1, 4, 4]",
    )


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ("1@many", RecipeError, "after the @ stands a number of images"),
        ("7", RecipeError, "no run called '7'"),
        ("1@9", CheckpointError, "there is no checkpoint 000000009"),
    ],
)
def test_a_source_that_is_not_there_is_refused_before_a_folder_is_made(
    out: Path, words: str, error: type[Exception], said: str
) -> None:
    before = sorted(out.iterdir())
    with pytest.raises(error, match=said):
        train(out, [f"training.init_from='{words}'"])
    assert sorted(out.iterdir()) == before


def test_a_network_of_which_nothing_fits_is_refused_by_its_first_tensor(out: Path) -> None:
    plan = resolve(REGISTRY, "gan", sets=[*SMALL, "training.init_from='1'"])
    with pytest.raises(FitError, match=r"nothing of the generator of 0001-dcgan-digits fits"):
        begun(outline(plan, REGISTRY), out)


def test_frozen_parameters_never_change_and_all_others_do(tmp_path: Path) -> None:
    held = "discriminator.layers.[02].*"
    run = train(
        tmp_path,
        [f"training.frozen={[held]}", "training.checkpoint_kimg=0.008", "training.keep=9"],
    )
    runner.resume(run, REGISTRY, device="cpu", kimg="0.056")  # they rest after a resume too

    first, last = (state(run, "discriminator", at) for at in (24, 56))
    still = {name for name in first if torch.equal(first[name], last[name])}

    assert still == {n for n in first if n.startswith(("layers.0.", "layers.2."))}
    assert still


def test_a_frozen_name_that_nobody_has_is_refused_as_is_freezing_all(tmp_path: Path) -> None:
    with pytest.raises(FitError, match=r"no parameter is called 'discriminator\.blocks\.\*'"):
        train(tmp_path, ["training.frozen=['discriminator.blocks.*']"])
    with pytest.raises(FitError, match="nothing is left for the discriminator to learn"):
        train(tmp_path, ["training.frozen=['discriminator.*']"])
    assert list(tmp_path.iterdir()) == []
