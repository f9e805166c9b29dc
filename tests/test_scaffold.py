"""A package from ``ganzoo new-plugin`` is whole, light, checked and trains before it is edited."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ganzoo
from ganzoo.cli.main import main
from ganzoo.cli.new_plugin import next_commands
from ganzoo.registry import Registry
from ganzoo.scaffold.package import KINDS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "first-plugin.md"
OFFERED = {"model": ("generator", "discriminator", "recipe")} | {
    kind: (kind, "recipe") for kind in KINDS if kind != "model"
}
FILES = {
    "pyproject.toml",
    "src/ganzoo_weather/__init__.py",
    "src/ganzoo_weather/plugin.py",
    "src/ganzoo_weather/py.typed",
    "tests/test_weather.py",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    ".gitignore",
    ".github/workflows/ci.yml",
}
SHORT = ["--steps", "2", "--device", "cpu", "--set", "dataset.count=200", "--quiet"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def install(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Yield what makes a written package importable, with the metadata an installer leaves."""

    def put(name: str) -> None:
        folder = here / f"ganzoo-{name}"
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = folder / "src" / f"{project['name'].replace('-', '_')}-0.1.0.dist-info"
        info.mkdir()
        said = {"Name": project["name"], "Version": "0.1.0", "License-Expression": "MIT"}
        lines = [f"{key}: {value}" for key, value in {"Metadata-Version": "2.4", **said}.items()]
        (info / "METADATA").write_text("\n".join(lines))
        points = project["entry-points"]["ganzoo.v1"]
        lines = [f"{point} = {value}" for point, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[ganzoo.v1]", *lines]))
        monkeypatch.syspath_prepend(str(folder / "src"))

    yield put
    for name in [name for name in sys.modules if name.startswith("ganzoo_weather")]:
        del sys.modules[name]


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_of_every_kind_is_seen_by_the_registry_and_trains(
    kind: str,
    here: Path,
    install: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["new-plugin", "weather", "--kind", kind]) == 0
    install("weather")
    registry = Registry.discover(strict=True)
    state = registry.plugins["weather"]

    code = main(["train", "weather", "--preset", "quick", *SHORT])
    checked = main(["check-plugin", "weather"])

    assert (code, checked) == (0, 0), capsys.readouterr()
    assert (state.status, state.distribution) == ("ok", "ganzoo-weather")
    assert [item.kind for item in state.items] == list(OFFERED[kind])
    assert list(here.glob("runs/0001-weather-*/samples/latest.png"))
    assert {entry.name for entry in registry.recipes()} >= {"dcgan", "weather"}


@pytest.mark.parametrize("extra", [["--conditional"], ["--resolution", "8"]], ids=" ".join)
def test_the_model_is_conditional_where_asked_and_makes_powers_of_two(
    extra: list[str],
    here: Path,
    install: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["new-plugin", "weather"]) == 0
    install("weather")

    code = main(["train", "weather", *SHORT, *extra])

    assert code == 0, capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_those_of_a_package_that_can_be_published(kind: str, here: Path) -> None:
    assert main(["new-plugin", "weather", "--kind", kind]) == 0
    folder = here / "ganzoo-weather"
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    project = tomllib.loads(files["pyproject.toml"].read_text())["project"]

    heavy = f"src/ganzoo_weather/{KINDS[kind].room}.py"
    assert set(files) == FILES | {heavy}
    assert project["name"] == "ganzoo-weather"
    assert project["dependencies"] == [f"torch-ganzoo>={ganzoo.__version__}"]
    assert project["entry-points"]["ganzoo.v1"] == {"weather": "ganzoo_weather.plugin"}
    assert files["tests/test_weather.py"].read_text().split("\n\n") == [
        "from ganzoo.testing import checks_for",
        'test_weather = checks_for("weather")\n',
    ]
    for path, file in files.items():
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\$(?!\{\{)", text), path
        if path.endswith(".py"):
            ast.parse(text)
    test = "python-version: ${{ matrix.python }}\n"
    assert test in files[".github/workflows/ci.yml"].read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_the_entry_point_of_a_package_imports_no_torch(kind: str, here: Path) -> None:
    assert main(["new-plugin", "weather", "--kind", kind]) == 0
    code = (
        "import sys; sys.path.insert(0, 'ganzoo-weather/src'); import ganzoo_weather.plugin as p;"
        " assert p.ganzoo_register(); assert not {'torch', 'numpy'} & set(sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_code_of_packages_passes_the_linter_and_the_type_checker(here: Path) -> None:
    for kind in KINDS:
        assert main(["new-plugin", f"a-name-of-some-length-{kind}"[:30], "--kind", kind]) == 0
    tests = ["--extend-per-file-ignores", "*/tests/*:D100"]
    for words in (["check", *tests], ["format", "--check"]):
        _passes("ruff", *words, "--config", str(ROOT / "pyproject.toml"), ".")
    config = ["--config-file", str(ROOT / "pyproject.toml")]  # strict
    cache = ["--cache-dir", str(ROOT / ".mypy_cache")]  # torch alone takes half a minute
    _passes("mypy", *config, *cache, *map(str, here.glob("*/src/*")))


def _passes(tool: str, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", tool, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Weather", "is no name for a plugin.*for example weather"),
        ("my gan", "for example my-gan"),
        ("2fast", "a letter first.*for example my-gan"),
        ("a--b", "for example a-b"),
        ("x" * 31, "at most 30"),
        ("../weather", "for example weather"),
        ("class", "is a word of Python; for example my-class"),
        ("none", "is a word of Python"),
        ("ganzoo-weather", "called ganzoo-NAME by itself; say weather"),
        ("dcgan", r"dcgan is taken: plugin dcgan \(torch-ganzoo"),
        ("hinge", "hinge is taken: a loss of torch-ganzoo"),
        ("non-saturating", "is taken: a loss of torch-ganzoo"),
        ("wgan-gp", "is taken: a model of torch-ganzoo"),
        ("standard", "is taken: there is a package ganzoo_standard"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_in_one_line(
    name: str, reason: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["new-plugin", name])

    said = capsys.readouterr()
    assert (code, said.out) == (6, "")
    assert re.search(reason, said.err), said.err
    assert len(said.err.splitlines()) == 1
    assert list(here.iterdir()) == []


def test_the_name_of_an_installed_plugin_is_taken(
    here: Path, install: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new-plugin", "weather"]) == 0
    install("weather")

    assert main(["new-plugin", "weather", "--kind", "loss"]) == 6
    assert "weather is taken: plugin weather (ganzoo-weather 0.1.0)" in capsys.readouterr().err


def test_nothing_is_ever_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / "ganzoo-weather"
    folder.mkdir()
    (folder / "README.md").write_text("mine")

    assert main(["new-plugin", "weather"]) == 6
    assert "choose another name, or move it away" in capsys.readouterr().err
    assert [p.name for p in folder.iterdir()] == ["README.md"]
    assert (folder / "README.md").read_text() == "mine"


def test_where_nothing_can_be_written_it_says_so_in_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)

    assert main(["new-plugin", "weather"]) == 4
    said = capsys.readouterr().err
    assert "the disk is full" in said
    assert len(said.splitlines()) == 1


def test_the_copyright_is_the_name_that_git_knows(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = here / "config"
    config.write_text("[user]\n    name = Mia Moss\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert main(["new-plugin", "weather"]) == 0
    monkeypatch.setenv("PATH", "")
    assert main(["new-plugin", "snow"]) == 0

    assert " Mia Moss\n" in (here / "ganzoo-weather" / "LICENSE").read_text()
    assert " the authors of ganzoo-snow\n" in (here / "ganzoo-snow" / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("program", "pip", "ours"),
    [
        ("ganzoo", "pip", "ganzoo"),
        ("python -m ganzoo", "python -m pip", "python -m ganzoo"),
        (".venv/bin/ganzoo", ".venv/bin/pip", ".venv/bin/ganzoo"),
    ],
)
def test_the_next_commands_repeat_the_program_as_it_was_typed(
    program: str, pip: str, ours: str
) -> None:
    lines = next_commands("weather", program)

    assert lines[0] == f"{pip} install -e ./ganzoo-weather"
    assert lines[1] == f"{ours} check-plugin weather"
    assert all(line.startswith(f"{ours} ") for line in lines[1:])


def test_the_page_of_the_first_plugin_types_what_the_code_prints_today() -> None:
    typed = re.findall(r"^\$ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    first = ["pip install torch-ganzoo", "ganzoo new-plugin weather"]
    expected = [*first, *next_commands("weather", "ganzoo")]
    assert typed == expected, "run: PYTHONPATH=tests python tests/packaging/transcript.py"
    assert len(typed) <= 8


TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "plugins/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
) + sorted(
    path
    for pattern in (
        "pyproject.toml",
        "examples/**/pyproject.toml",
        "ganzoo/**/*.txt",
        "ganzoo/**/*.toml",
        ".github/**/*.yml",
    )
    for path in ROOT.glob(pattern)
)
_STRANGER = re.compile(
    r"""pip[ ]install([ ]+[^\s#;&|`()]+)*?[ ]+["']?ganzoo(?![\w./-])  # what an installer is told
    |^\s*"ganzoo(\[|[<>=!~ ]|"\s*,?\s*$)  # a dependency on a line of its own
    |(dependencies|requires)\s*=\s*\[[^\n]*"ganzoo[\[<>=!~ "]  # or in a list
    |^\s*name\s*=\s*"ganzoo"  # or the distribution itself
    """,
    re.MULTILINE | re.VERBOSE,
)


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_text_takes_ganzoo_for_the_name_of_the_distribution(path: Path) -> None:
    found = _STRANGER.search(path.read_text(encoding="utf-8"))

    assert found is None, f"{found}: it is torch-ganzoo; ganzoo is a stranger's"


@pytest.mark.parametrize(
    "text",
    [
        "pip install ganzoo",
        'pip install --upgrade "ganzoo[fid]"',
        "pip install ganzoo>=0.1",
        '    "ganzoo>=0.1",\n',
        'dependencies = ["torch", "ganzoo"]',
        'name = "ganzoo"',
    ],
)
def test_the_stranger_s_name_is_found_where_it_is_written(text: str) -> None:
    assert _STRANGER.search(text)
    assert not _STRANGER.search(text.replace("ganzoo", "torch-ganzoo"))
    assert not _STRANGER.search("pip install -e ./ganzoo-weather  # then: ganzoo list")
    assert not _STRANGER.search("pip install -e .\nganzoo list")
