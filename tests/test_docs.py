"""What the documentation says is true of the code: links, commands, blocks, lengths.

``python tests/test_docs.py`` writes the help of every command into docs/cli.md.
"""

import ast
import re
import runpy
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from ganzoo import build
from ganzoo.cli.asked import Asked
from ganzoo.cli.main import COMMANDS, app
from ganzoo.cli.main import main as ganzoo
from ganzoo.cli.train import plan_of
from ganzoo.discovery import FIRST_PARTY
from ganzoo.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
README, CLI = ROOT / "README.md", ROOT / "docs" / "cli.md"
GATE, HOSTED = ROOT / ".ci" / "run", ROOT / ".github" / "workflows" / "ci.yml"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "plugins").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("0*.py"))

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_BEGIN, _END = "<!-- help:begin -->", "<!-- help:end -->"


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def __repr__(self) -> str:
        """Name it in the list of tests by its page and first words."""
        return f"{self.page.stem}-{' '.join(self.text.split()[:4])}"


def _blocks(*languages: str) -> list[Block]:
    return [
        Block(page, language, text)
        for page in PAGES
        for language, text in _BLOCK.findall(page.read_text(encoding="utf-8"))
        if language in languages
    ]


def _commands() -> list[list[str]]:
    """Return the words after ``ganzoo`` of every command line in the pages, each once."""
    found: dict[tuple[str, ...], None] = {}
    for block in _blocks("bash", "powershell"):
        for line in re.split(r"\n|&&|;", block.text.replace("\\", "/")):
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == "ganzoo":
                found[tuple(words[1:])] = None
    return [list(words) for words in found]


def _parsed(words: list[str]) -> tuple[click.Context, list[str]]:
    """Return the context of the command that some words call, as click understands them."""
    top = click.Context(app, info_name="ganzoo", obj=Asked())
    _, rest, _ = app.make_parser(top).parse_args(list(words))
    command = app.get_command(top, rest[0]) if rest else None
    assert command is not None, f"no such command: ganzoo {shlex.join(words)}"
    return command.make_context(rest[0], list(rest[1:]), parent=top), rest


def _help() -> str:
    """Return the help of the program and of each command, as markdown."""
    top = click.Context(app, info_name="ganzoo", terminal_width=80)
    pages = {"ganzoo": app.get_help(top)}
    for name in COMMANDS:
        command = app.get_command(top, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=top, terminal_width=80)
        pages[f"ganzoo {name}"] = command.get_help(context)
    return "\n".join(f"## {name}\n\n```text\n{text}\n```\n" for name, text in pages.items())


def _written_help() -> str:
    return CLI.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0]


def test_the_commands_page_says_what_help_says() -> None:
    assert _written_help().split() == _help().split(), "run: python tests/test_docs.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    links = [link.partition("#")[0] for link in _LINK.findall(page.read_text(encoding="utf-8"))]
    inside = [link for link in links if link and not link.startswith(("http:", "https:"))]

    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("block", _blocks("python"), ids=repr)
def test_every_python_block_compiles(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("block", _blocks("toml"), ids=repr)
def test_every_toml_block_is_toml(block: Block) -> None:
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_every_command_line_in_the_pages_is_understood(words: list[str]) -> None:
    if not words:
        return
    context, rest = _parsed(words)

    if rest[0] == "train" and not _is_elsewhere(context.params) and "-p" not in words:
        registry = Registry.discover(only=())
        assert build.outline(plan_of(registry, context.params), registry).networks
    if rest[0] == "info":
        registry = Registry.discover(only=())
        known = {entry.name for entry in registry.recipes()} | {"NAME"}
        assert context.params["name"] in known


def _is_elsewhere(said: dict[str, Any]) -> bool:
    """Whether a line needs files that only its reader has."""
    return said["config"] is not None or str(said["dataset"]).startswith(".")


def test_the_pages_hold_command_lines_and_the_check_can_fail() -> None:
    assert len(_commands()) > 20
    with pytest.raises(click.NoSuchOption):
        _parsed(["train", "dcgan", "--los", "hinge"])


def test_the_plugin_in_the_readme_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = [each for each in _blocks("python") if each.page == README]
    (block,) = [each for each in blocks if "my_gan:Tiny" in each.text]
    file = tmp_path / "my_gan.py"
    file.write_text(block.text, encoding="utf-8")
    monkeypatch.setenv("GANZOO_RUNS", str(tmp_path / "runs"))
    short = ["--steps", "2", "--set", "dataset.count=200", "--device", "cpu", "--quiet"]

    code = ganzoo(["-p", str(file), "train", "tiny", "--set", "generator.gain=2", *short])

    assert code == 0, capsys.readouterr().err
    assert len(block.text.splitlines()) <= 24
    assert (tmp_path / "runs" / "0001-tiny-digits" / "samples" / "latest.png").exists()


def test_every_model_has_a_row_in_the_readme() -> None:
    entries = Registry.discover(only=()).recipes()
    models = [entry.name for entry in entries if entry.source.distribution == FIRST_PARTY]
    text = README.read_text(encoding="utf-8")

    assert models
    assert [name for name in models if f"[`{name}`](plugins/" not in text] == []


def test_the_readme_fits_120_lines() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 120


def test_the_rooms_are_drawn_in_the_order_of_their_floors_and_public_ones_have_a_star() -> None:
    text = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    drawing = text.partition("## The rooms")[2].partition("```text\n")[2].partition("```")[0]
    drawn = re.findall(r"^(?: [a-z ]{12}| {13})(\w+) +(\*?) ", drawing, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    promised = re.findall(
        r"^\| `ganzoo\.(\w+)", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE
    )

    floors = iter(drawn)
    for layer in layers:
        rooms = layer.split(" : ")
        assert sorted(rooms) == sorted(next(floors)[0] for _ in rooms)
    assert list(floors) == []
    assert {room for room, star in drawn if star} == set(promised)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_page_brings_a_stranger_s_package(page: Path) -> None:
    assert not re.search(r"pip install\s+ganzoo", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_number_is_still_owed(page: Path) -> None:
    assert re.findall(r"MEASURED:[\w-]+", page.read_text(encoding="utf-8")) == []


@pytest.mark.skipif(not (GATE.exists() and HOSTED.exists()), reason="no repository around")
def test_the_hosted_checks_are_those_of_the_gate() -> None:
    hosted = HOSTED.read_text(encoding="utf-8")
    lines = re.findall(r"^\.venv/bin/(.+)$", GATE.read_text(encoding="utf-8"), re.MULTILINE)
    checks = [line.partition(" --out ")[0] for line in lines if not line.startswith("pip ")]

    assert len(checks) > 5
    assert [check for check in checks if check not in hosted] == []


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_is_short_and_says_how_to_run_it(script: Path) -> None:
    text = script.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 60
    assert f"python examples/{script.name} --kimg " in (ast.get_docstring(ast.parse(text)) or "")


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_runs(
    script: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GANZOO_RUNS", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(script), "--kimg", "0.2"])

    runpy.run_path(str(script), run_name="__main__")

    assert len(capsys.readouterr().out.splitlines()) >= 2
    assert list(tmp_path.glob("0001-*/samples/latest.png"))


def _write_help() -> None:
    """Put the help of today between the markers of docs/cli.md."""
    before, _, rest = CLI.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2].strip()
    parts = [before.rstrip(), _BEGIN, _help().rstrip(), _END, *([after] if after else [])]
    CLI.write_text("\n\n".join(parts) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    _write_help()
