"""Wheels in an environment of their own: what is published works, and ours needs no privilege.

:mod:`fresh` says what is real here and what is borrowed.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from fresh import Fresh, fresh

pytest.importorskip("hatchling", reason='hatchling builds wheels: pip install -e ".[dev]"')

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="links borrow torch"),
]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/ganzoo-*/pyproject.toml"))
APART = ("standard", "digits", "dcgan", "metrics", "extractors")
FEW = ["--set", "dataset.count=200", "--device", "cpu", "--quiet"]
SHORT = ["--steps", "2", *FEW]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """Return an environment that sees the wheel of this tree, and not the tree."""
    made = fresh(tmp_path_factory.mktemp("core"))
    made.build(ROOT)
    made.run(["pip", "install", "-q", "torch-ganzoo"])
    return made


def _models(place: Fresh) -> dict[str, str]:
    """Who offers each model, by its name."""
    listed: dict[str, Any] = json.loads(place.run(["ganzoo", "list", "--json"]))
    assert listed["broken"] == []
    return {model["model"]: model["from"] for model in listed["models"]}


def test_the_wheel_holds_what_the_tree_does_and_is_what_is_imported(core: Fresh) -> None:
    code = "import ganzoo, ganzoo_dcgan; print(ganzoo.__file__); print(ganzoo_dcgan.__file__)"

    imported = core.run(["python", "-c", code]).split()
    shown = core.run(["pip", "show", "-f", "torch-ganzoo"])
    text = {str(p.relative_to(ROOT)) for p in (ROOT / "ganzoo").rglob("*") if p.is_file()}

    assert all(Path(path).is_relative_to(core.folder / "venv") for path in imported)
    assert {path for path in text if "__pycache__" not in path} <= set(shown.split())
    assert _models(core)["dcgan"] == "built in"


@pytest.mark.parametrize("name", ["gan", "dcgan", "std"])
def test_first_party_plugins_pass_the_checks_without_the_source_tree(
    core: Fresh, name: str
) -> None:
    assert " ok " in core.run(["ganzoo", "check-plugin", name])


def test_a_new_package_installs_by_resolution_from_a_folder_of_wheels(
    core: Fresh, tmp_path: Path
) -> None:
    place = fresh(tmp_path / "place")
    core.run(["ganzoo", "new-plugin", "weather"], cwd=tmp_path)
    shutil.copytree(core.wheels, place.wheels, dirs_exist_ok=True)
    package = tmp_path / "ganzoo-weather"
    place.build(package)

    place.run(["pip", "install", "-q", "ganzoo-weather"])  # brings the core, by its name

    installed = json.loads(place.run(["pip", "list", "--format", "json"]))
    names = {each["name"] for each in installed}
    assert {"ganzoo-weather", "torch-ganzoo"} <= names
    assert "ganzoo" not in names
    place.run(["ganzoo", "check-plugin", "weather"])
    place.run(["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=package)
    place.run(["ganzoo", "train", "weather", "--preset", "quick", "--kimg", "1", *FEW])
    assert _models(place)["weather/weather"] == "ganzoo-weather 0.1.0"


@pytest.mark.parametrize("package", EXAMPLES, ids=lambda path: path.name)
def test_a_package_of_the_examples_installs_passes_its_checks_and_trains(
    core: Fresh, package: Path
) -> None:
    project = tomlkit.parse((package / "pyproject.toml").read_text()).unwrap()["project"]
    (plugin,) = project["entry-points"]["ganzoo.v1"]
    core.build(package)

    core.run(["pip", "install", "-q", package.name])

    maker = f"{package.name} {project['version']}"
    mine = [model for model, by in _models(core).items() if by == maker]
    assert mine
    core.run(["ganzoo", "check-plugin", plugin])
    for model in mine:
        ticks = ["--set", "training.tick_kimg=0.016", "--batch-size", "16"]
        core.run(["ganzoo", "train", model, *ticks, *SHORT])


def test_first_party_plugins_as_wheels_of_their_own_need_no_privilege(tmp_path: Path) -> None:
    place = fresh(tmp_path / "place")
    place.build(_bare_core(tmp_path / "bare"), *(_alone(name, tmp_path) for name in APART))

    place.run(["pip", "install", "-q", *(f"ganzoo-{name}" for name in APART)])

    assert _models(place) == {"dcgan/dcgan": "ganzoo-dcgan 0.1.0"}
    length = ["--kimg", "2", "--set", "training.eval_kimg=1", "--set", "training.eval_samples=100"]
    place.run(["ganzoo", "train", "dcgan", *length, *FEW])
    assert list(place.folder.glob("runs/0001-dcgan-digits/samples/latest.png"))


def _bare_core(folder: Path) -> Path:
    """The source of ganzoo without a single plugin or entry point."""
    shutil.copytree(ROOT / "ganzoo", folder / "ganzoo")
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    project = tomlkit.parse((ROOT / "pyproject.toml").read_text()).unwrap()
    del project["project"]["entry-points"]
    project["tool"] = {"hatch": {"build": {"targets": {"wheel": {"only-include": ["ganzoo"]}}}}}
    (folder / "pyproject.toml").write_text(tomlkit.dumps(project))
    return folder


def _alone(name: str, folder: Path) -> Path:
    """The source of a package that holds one first-party plugin, by the door of everyone."""
    points = tomlkit.parse((ROOT / "pyproject.toml").read_text()).unwrap()
    module, alone = f"ganzoo_{name}", folder / f"ganzoo-{name}"
    ours = points["project"]["entry-points"]["ganzoo.v1"].items()
    shutil.copytree(ROOT / "plugins" / module, alone / "src" / module)
    project = {
        "build-system": points["build-system"],
        "project": {
            "name": f"ganzoo-{name}",
            "version": "0.1.0",
            "license": points["project"]["license"],
            "dependencies": ["torch-ganzoo"],
            "entry-points": {"ganzoo.v1": {n: v for n, v in ours if v == f"{module}.plugin"}},
        },
        "tool": {"hatch": {"build": {"targets": {"wheel": {"packages": [f"src/{module}"]}}}}},
    }
    (alone / "pyproject.toml").write_text(tomlkit.dumps(project))
    return alone
