"""A trained generator as one file: exported, shipped by a plugin, and drawn from by name.

``python tests/test_published.py`` writes the page of those that ship: ``docs/pretrained.md``.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save

from ganzoo import runner
from ganzoo.api import Run
from ganzoo.cli.main import main
from ganzoo.errors import CheckpointError, RecipeError
from ganzoo.made import load_generator
from ganzoo.plan import resolve
from ganzoo.published import card, export, file_of, unpack
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.sampling import sample

REGISTRY = Registry.discover(only=())
SHIPPED = {e.name: e.recipe.pretrained for e in REGISTRY.recipes()}
PAGE = Path(__file__).parents[1] / "docs" / "pretrained.md"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """One tiny run on a folder of pictures."""
    pictures = tmp_path_factory.mktemp("private") / "pictures"
    pictures.mkdir()
    for number in range(8):
        Image.new("L", (28, 28), 30 * number).save(pictures / f"{number}.png")
    sets = ("generator.width=4", "discriminator.width=4", "training.batch_size=8")
    plan = resolve(
        REGISTRY,
        "gan",
        sets=[*sets, "training.kimg=0.04", "training.rehearse=false"],
        replace={"dataset": "folder"},
        overrides={"dataset.path": str(pictures), "training.resolution": 28},
    )
    out = tmp_path_factory.mktemp("runs")
    command = ("ganzoo", "train", "gan", "-d", str(pictures), "--out", str(out), "--resolution=28")
    done = runner.train(plan, REGISTRY, out=out, device="cpu", command=command)
    return RunDir.open(done.run)


def test_an_unpacked_generator_makes_the_pictures_of_its_run(run: RunDir, tmp_path: Path) -> None:
    file = export(run, tmp_path / "gan.safetensors")
    found = unpack(file, tmp_path / "unpacked")
    made, original = (load_generator(each, REGISTRY, device="cpu") for each in (found, run))

    assert torch.equal(sample(made, range(9)), sample(original, range(9)))
    assert set(load_file(file)) == set(original.state_dict())


def test_a_file_says_what_it_is_but_not_where_its_pictures_lay(
    run: RunDir, tmp_path: Path
) -> None:
    first = export(run, tmp_path / "a.safetensors")
    second = export(run, tmp_path / "b.safetensors")

    assert first.read_bytes() == second.read_bytes()
    said = card(first)
    assert said["model"] == "gan"
    assert said["nimg"] == 40
    assert said["command"] == "ganzoo train gan -d pictures --resolution=28"
    assert "private" in run.config.read_text()
    assert "private" not in first.read_text(encoding="utf-8", errors="replace")


def test_a_run_begun_elsewhere_keeps_the_name_of_its_source_but_no_path(
    run: RunDir, tmp_path: Path
) -> None:
    plan = resolve(
        REGISTRY, None, config=run.config, overrides={"training.init_from": str(run.path)}
    )
    done = runner.train(plan, REGISTRY, out=tmp_path, device="cpu")
    file = export(RunDir.open(done.run), tmp_path / "a.safetensors")

    assert f'init_from = "{run.path.name}@40"' in card(file)["config"]
    assert str(run.path.parent) not in file.read_text(encoding="utf-8", errors="replace")


def test_a_file_of_another_kind_is_refused_with_the_cure(run: RunDir, tmp_path: Path) -> None:
    alien = tmp_path / "alien.safetensors"
    alien.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    bare = tmp_path / "bare.safetensors"
    bare.write_bytes(save({}, metadata={"ganzoo": json.dumps({"model": "gan", "nimg": 1})}))
    with pytest.raises(CheckpointError, match="is no generator of ganzoo's"):
        unpack(alien, tmp_path)
    with pytest.raises(CheckpointError, match="is no generator of ganzoo's \\('config'\\)"):
        unpack(bare, tmp_path)
    with pytest.raises(CheckpointError, match="write one with ganzoo export"):
        card(tmp_path / "missing.safetensors")
    with pytest.raises(RecipeError, match=r"exported to a \.safetensors file"):
        export(run, tmp_path / "gan.pt")


def test_the_command_line_exports_and_names_the_sum(
    run: RunDir,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(run.path)]) == 0

    written = (tmp_path / f"{run.name}.safetensors").read_bytes()
    said = capsys.readouterr()
    assert sha256(written).hexdigest() in said.err
    assert said.out == f"{run.name}.safetensors\n"


def test_the_command_line_exports_the_checkpoint_that_sample_takes(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(run.path), "-o", str(tmp_path / "a.safetensors"), "--checkpoint"]

    assert main([*words, "40"]) == 0
    assert card(tmp_path / "a.safetensors")["nimg"] == 40
    capsys.readouterr()
    assert main([*words, "best"]) == 8
    assert "has not been evaluated, so none is best" in capsys.readouterr().err
    assert main([*words, "newest"]) == 2
    assert "or best" in capsys.readouterr().err


def test_a_run_without_readable_settings_is_not_exported(run: RunDir, tmp_path: Path) -> None:
    kept = run.config.read_bytes()
    try:
        for damage in (b"\xff", b"a = "):
            run.config.write_bytes(damage)
            with pytest.raises(RecipeError, match=r"config\.toml: cannot be read"):
                export(run, tmp_path / "a.safetensors")
        run.config.unlink()
        with pytest.raises(RecipeError, match=r"config\.toml: cannot be read"):
            export(run, tmp_path / "a.safetensors")
    finally:
        run.config.write_bytes(kept)


@pytest.mark.parametrize("count", [0, -1])
def test_no_pictures_at_all_are_refused(run: RunDir, count: int) -> None:
    with pytest.raises(RecipeError, match="there is no picture to make"):
        Run(run).sample(count)


def test_a_file_that_does_not_say_what_it_was_built_for_is_named(tmp_path: Path) -> None:
    said = {"model": "gan", "nimg": 1, "config": "", "env": {}, "made_by": {}}
    file = tmp_path / "bare.safetensors"
    file.write_bytes(save({}, metadata={"ganzoo": json.dumps(said)}))
    with pytest.raises(CheckpointError, match=r"bare\.safetensors: is no generator of ganzoo's"):
        card(file)


def test_every_recipe_of_ours_ships_a_small_generator_and_the_page_tells_its_sum() -> None:
    sizes = {}
    for name in SHIPPED:
        written = file_of(REGISTRY, name).read_bytes()
        sizes[name] = len(written)
        said = card(file_of(REGISTRY, name))
        assert said["model"] == name
        assert row(name, said, written) in PAGE.read_text(encoding="utf-8")
    assert max(sizes.values()) <= 1_000_000
    assert sum(sizes.values()) <= 10_000_000


def row(name: str, said: Mapping[str, Any], written: bytes) -> str:
    """Return the line of the page: model, data, length, size, command, sum."""
    kimg, size = f"{said['nimg'] / 1000:.0f}", f"{len(written) / 1e6:.2f} MB"
    total = sha256(written).hexdigest()
    return f"| `{name}` | {said['dataset']} | {kimg} | {size} | `{said['command']}` | `{total}` |"


@pytest.mark.parametrize("name", SHIPPED)
def test_pictures_are_drawn_from_what_came_with_a_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["sample", name, "--pretrained", "-n", "9", "-q"]) == 0

    with Image.open(tmp_path / f"{name}.png") as sheet:
        values = torch.frombuffer(bytearray(sheet.convert("L").tobytes()), dtype=torch.uint8)
    assert values.float().std() > 20  # a picture, not one grey
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.png"]


def test_a_model_without_one_names_those_that_have_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "mine.py"
    parts = {"generator": "mlp", "discriminator": "mlp", "loss": "ns"}
    plugin.write_text(
        "from ganzoo import hookimpl, recipe\n"
        f"@hookimpl\ndef ganzoo_register():\n    return [recipe('bare', 'none', {parts!r})]\n"
    )

    assert main(["-p", str(plugin), "sample", "bare", "--pretrained"]) != 0

    said = capsys.readouterr().err
    assert "bare comes without a trained generator; with one come: " in said
    assert "dcgan" in said


HEAD = """\
# Trained generators

Every model comes with one small generator, trained on data that ganzoo draws itself, so pictures
need neither training nor network:

```bash
ganzoo sample dcgan --pretrained
```

`--label`, `--seed`, `--walk`, and of style-based models `--psi` and `--mix`, work as with a run.
They are the averaged generators of single runs with seed 0 on one CPU thread, made by the commands
below and chosen from no others; they show what a model's small settings reach, and no more. Their
licence is that of the code, Apache-2.0.

A file is written by `ganzoo export RUN`; its header holds this row, the settings and the versions.
How a plugin of yours ships one: [contributing](contributing.md).

| model | data | kimg | size | command | sha256 |
|---|---|---|---|---|---|
"""

if __name__ == "__main__":
    written = [(name, file_of(REGISTRY, name)) for name in SHIPPED]
    rows = [row(name, card(file), file.read_bytes()) for name, file in written]
    PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
