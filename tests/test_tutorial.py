"""The tutorial and the page of odd cases do what they say: every block is played in order.

A block below a line that begins with a path in backticks goes there, or, where the line says "what
changes", into what is there. ``$`` lines of a console block are run in this process, and the lines
below must come in this order, where ``...`` is anything.
"""

import ast
import os
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

import pytest

from ganzoo.cli.main import main as ganzoo
from ganzoo.testing import checks

ROOT = Path(__file__).resolve().parents[1]
TUTORIAL, ODD = ROOT / "docs" / "tutorial.md", ROOT / "docs" / "odd-cases.md"
EXAMPLES = ROOT / "examples"
PACKAGES = sorted(path.parent for path in EXAMPLES.glob("ganzoo-*/pyproject.toml"))

_BLOCK = re.compile(
    r"(?:^`([\w./-]+)`([^\n]*):\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
_SHORT = (
    "--steps 2 --batch-size 4 --set dataset.count=64 --set training.rehearse=false --device cpu"
)


class Step(NamedTuple):
    """A block of a page: a file to write, or commands to run."""

    file: str
    how: str
    language: str
    text: str


def _steps(page: Path) -> list[Step]:
    return [Step(*found) for found in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def _merged(old: str, new: str) -> str:
    """Return a module with the definitions of another one in place of its own."""
    kept: dict[str, ast.stmt] = {}
    for each in [*ast.parse(old).body, *ast.parse(new).body]:
        kept[getattr(each, "name", ast.unparse(each))] = each
    imports = [each for each in kept.values() if isinstance(each, ast.Import | ast.ImportFrom)]
    rest = [each for each in kept.values() if each not in imports]
    return "\n\n".join(map(ast.unparse, [*imports, *rest]))


def _install(package: Path, site: Path) -> None:
    """Make a package importable and known by its metadata, as an editable install does."""
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    head = f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {version}\n"
    (info / "METADATA").write_text(f"{head}License-Expression: {project['license']}\n")
    points = project["entry-points"]["ganzoo.v1"].items()
    lines = [f"{point} = {value}" for point, value in points]
    (info / "entry_points.txt").write_text("\n".join(["[ganzoo.v1]", *lines, ""]))
    sys.path[:0] = [str(package / "src"), str(site)]


def _pytest(folder: Path) -> str:
    """Run the checks that a package's test file asks for; returns how many passed."""
    (file,) = (folder / "tests").glob("test_*.py")
    spec = spec_from_file_location(f"_of_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    test = getattr(module, file.stem)
    (marks,) = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    passed = 0
    for case in marks.args[1]:
        try:
            test(*case.values)
            passed += 1
        except pytest.skip.Exception:
            continue
    return f"{passed} passed"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder to work in; afterwards nothing that it held is imported."""
    path = list(sys.path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.path[:] = path
    _forget(tmp_path, EXAMPLES)


def _forget(*folders: Path) -> None:
    """Let what lies in some folders be imported anew."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and any(Path(file).is_relative_to(folder) for folder in folders):
            del sys.modules[name]


def _run(line: str, room: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a line as a shell would; returns what it printed."""
    words = shlex.split(line, comments=True)
    if words[0] == "cd":
        os.chdir(words[1])
        return ""
    if words[:2] == ["pip", "install"]:
        _install(Path(words[-1]).resolve(), room / "site")
        return ""
    if words == ["pytest"]:
        return _pytest(Path.cwd())
    assert words[0] == "ganzoo", f"no such command here: {line}"
    short = shlex.split(_SHORT) if "train" in words else []
    code = ganzoo([*words[1:], *short])
    said = capsys.readouterr()
    return f"{said.out}{said.err}\nexit code {code}" if code else f"{said.out}{said.err}"


def _in_order(shown: str, printed: str) -> bool:
    """Whether every line that is shown comes among those printed, in order, however spaced."""
    rest = iter(" ".join(line.split()) for line in printed.splitlines())
    wanted = (" ".join(line.split()) for line in shown.splitlines() if line.strip() != "...")
    pieces = [re.split(r" ?\.\.\. ?", line) for line in wanted if line]
    patterns = [".*".join(map(re.escape, each)) for each in pieces]
    return all(any(re.fullmatch(pattern, line) for line in rest) for pattern in patterns)


def _play(step: Step, room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Write the file of a block, or run its lines."""
    if step.file:
        path = room / step.file
        path.parent.mkdir(parents=True, exist_ok=True)
        old = path.read_text(encoding="utf-8") if "what changes" in step.how else ""
        path.write_text(_merged(old, step.text) if old else step.text, encoding="utf-8")
        _forget(room)
    elif step.language == "console":
        for each in re.split(r"^\$ ", step.text, flags=re.MULTILINE)[1:]:
            line, _, shown = each.partition("\n")
            printed = _run(line, room, capsys)
            assert "exit code" in shown or "exit code" not in printed, printed
            assert _in_order(shown, printed), f"{line}\n{printed}"
    else:
        assert step.language in ("bash", "text"), f"a block without a file: {step.text}"


def test_every_step_of_the_tutorial_works(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = _steps(TUTORIAL)

    for step in steps:
        _play(step, room, capsys)

    assert len(steps) > 12


@pytest.mark.parametrize("step", [s for s in _steps(ODD) if s.file], ids=lambda s: s.file)
def test_every_odd_case_trains_and_resumes(
    step: Step, room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _play(step, room, capsys)

    played = [each for each in checks(step.file) if each.name in ("two steps", "resume")]
    found = [each.run() for each in played]

    assert len(found) == 2
    assert found[-1] == "exact"


def test_the_gan_in_one_file_trains_and_is_short(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = EXAMPLES / "my_gan.py"

    printed = _run(f"ganzoo -p {file} train tiny", room, capsys)

    assert "exit code" not in printed, printed
    assert list(room.glob("runs/0001-tiny-digits/samples/latest.png"))
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 55


@pytest.mark.parametrize("name", ["ganzoo-fgan", "ganzoo-fastgan"])
def test_an_example_package_keeps_every_promise(name: str, room: Path) -> None:
    package = EXAMPLES / name
    _install(package, room / "site")

    assert int(_pytest(package).split()[0]) > 10


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_an_example_package_is_a_package_like_everybody_s(package: Path) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [p.read_text(encoding="utf-8") for p in package.rglob("*.md")]

    assert project["name"] == package.name
    assert project["dependencies"] == ["torch-ganzoo>=0.1"]
    assert list(package.glob("src/ganzoo_*/py.typed"))
    assert {"README.md", "CHANGELOG.md", "LICENSE"} <= {p.name for p in package.iterdir()}
    assert not any("TODO" in text for text in texts)


def test_a_line_that_is_not_printed_is_noticed() -> None:
    assert _in_order("a ... c\nd", "x\na  b c\nd\n")
    assert not _in_order("a\nd", "d\na\n")
