"""The house rules that a machine can check: words, sizes, floors, lightness."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from ganzoo.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "ganzoo").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
CODE = CORE + PLUGINS
SEAM = ("env.py", "play.py", "interfaces.py", "algorithm.py", "hookspecs.py", "spec.py")

BANNED = (
    "latent_dim|nz|netG|netD|n_critic|n_dis|lambda_|lambda_gp|criterion|imgs|img_size|ngf|ndf|x_hat"
    "|errG|errD|hparams|cfg|polyak|validity|num_iters|iteration|bs|batch_gpu|lr_g|lr_d|G_ema"
)
BANNED_FILES = {"utils", "misc", "helpers", "common", "manager", "util", "helper"}


def _identifiers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def _code_lines(path: Path) -> int:
    """Lines that hold code: no blank lines, comments or docstrings."""
    text = path.read_text(encoding="utf-8")
    silent: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(
        bool(s.strip()) and not s.strip().startswith("#") and i not in silent for i, s in lines
    )


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_words_of_the_glossary_are_used(path: Path) -> None:
    found = {n for n in _identifiers(ast.parse(path.read_text())) if re.fullmatch(BANNED, n)}

    assert found == set()
    assert path.stem not in BANNED_FILES


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_a_room_of_350_lines_and_a_function_of_60(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    long = {f.name: n for f in functions if (n := _length(f)) > 60}

    assert len(text.splitlines()) <= 350
    assert long == {}


def _length(function: ast.FunctionDef) -> int:
    """Lines from the first statement after the docstring to the end."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_every_room_and_the_seam_stay_within_their_budgets() -> None:
    rooms = {"nn": 700, "quality": 1500, "testing": 950, "scaffold": 200, "cli": 2900, "": 7350}
    lines = dict.fromkeys(rooms, 0)
    for path in CORE:
        room = path.parent.name
        lines[room if room in rooms else ""] += _code_lines(path)
    seam = sum(_code_lines(ROOT / "ganzoo" / name) for name in SEAM)

    assert {room: n for room, n in lines.items() if n > rooms[room]} == {}
    assert seam <= 450


@pytest.mark.parametrize("folder", sorted(p for p in (ROOT / "plugins").iterdir() if p.is_dir()))
def test_a_plugin_has_at_most_nine_files_and_says_that_it_is_typed(folder: Path) -> None:
    files = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]

    assert len(files) <= 9
    assert folder / "py.typed" in files


def test_the_trainer_names_no_gan() -> None:
    kinds = ("recipe", "generator", "discriminator")
    registry = Registry.discover(only=())
    names = {e.name for k in kinds[1:] for e in registry.components(k)}
    names |= {e.name for e in registry.recipes()}
    blind = [*(ROOT / "ganzoo" / "training").rglob("*.py"), ROOT / "ganzoo" / "build.py"]
    said = {
        (path.name, node.value)
        for path in blind
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    }

    assert {"gan", "dcgan"} <= names
    assert said == set()


@pytest.mark.parametrize("path", CODE + sorted((ROOT / "tests").rglob("*.py")), ids=str)
def test_nobody_imports_through_the_plugins_folder(path: Path) -> None:
    assert not re.search(r"^\s*(from|import) plugins\b", path.read_text(), re.MULTILINE)


def test_no_import_runs_in_a_circle_not_even_one_for_types_only() -> None:
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in CORE}
    arrows = {name: _imported(path) & set(names) - {name} for name, path in names.items()}

    order = list(TopologicalSorter(arrows).static_order())

    assert len(order) == len(names)


def _imported(path: Path) -> set[str]:
    """Modules that a file imports anywhere, in a function and for type checkers too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found


@pytest.mark.parametrize("name", ["ganzoo", "ganzoo_gan.plugin", "ganzoo_dcgan.plugin"])
def test_a_light_module_imports_no_torch(name: str) -> None:
    code = f"import sys, {name}; assert 'torch' not in sys.modules, 'torch was imported'"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
