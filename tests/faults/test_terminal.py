"""Names and words of strangers only show: they move no cursor and turn no line around."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from hostile import ESCAPES, HEAD
from rich.console import Console

from ganzoo.cli import screen
from ganzoo.cli.live import LiveScreen
from ganzoo.cli.main import main
from ganzoo.cli.screen import JsonScreen, PlainScreen
from ganzoo.cli.watching import Cells, Screen
from ganzoo.events import Started, Waiting
from ganzoo.rundir import RunDir

pytestmark = pytest.mark.faults

NAME = ESCAPES.replace("/", "|")
OBEYED = {chr(n) for n in (*range(32), *range(127, 160), *range(0x202A, 0x202F))} - {"\n", "\t"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def a_file(summary: str = "a loss", raises: str = "") -> list[str]:
    hook = f"@hookimpl\ndef ganzoo_register():\n    {raises}\n    return ["
    items = f"component('loss', 'odd', 'mine:Odd', {summary!r})]\nclass Odd: ...\n"
    Path("mine.py").write_text(HEAD + hook + items, encoding="utf-8")
    return ["-p", "mine.py"]


def a_run(name: str, **info: object) -> None:
    run = RunDir.create(Path("runs"), "dcgan-digits")
    run.update_info(**{"model": "dcgan", "status": "done", "nimg": 1, "wall_sec": 1.0, **info})
    run.path.rename(run.path.with_name(f"0001-{name}"))


def told_by_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    main(words)
    return "".join(capsys.readouterr())


def summary_in_list() -> list[str]:
    return [*a_file(NAME), "list", "--all"]


def summary_in_info() -> list[str]:
    return [*a_file(NAME), "info", "odd"]


def summary_in_json() -> list[str]:
    return [*a_file(NAME), "list", "--all", "--json"]


def error_of_a_plugin() -> list[str]:
    return [*a_file(raises=f"raise ValueError({NAME!r})"), "list"]


def traceback_of_a_plugin() -> list[str]:
    return [*a_file(raises=f"raise ValueError({NAME!r})"), "list", "--debug"]


def name_of_a_plugin_s_file() -> list[str]:
    Path(f"{NAME}.py").write_text("x = 1\n")
    return ["-p", f"{NAME}.py", "list"]


def name_of_a_run() -> list[str]:
    a_run(NAME)
    return ["runs", "--json"]


def model_of_a_run() -> list[str]:
    a_run("x", model=NAME, dataset=NAME, health=NAME, best={"metric": NAME, "value": 1.0})
    return ["runs"]


def name_of_a_folder_of_pictures() -> list[str]:
    Path(NAME).mkdir()
    return ["train", "dcgan", "-d", f"./{NAME}"]


def name_of_a_picture() -> list[str]:
    Path("photos").mkdir()
    for number in range(3):
        Path("photos", f"{number}{NAME}.png").write_bytes(b"no picture")
    return ["train", "dcgan", "-d", "./photos", "--steps", "1"]


def value_of_a_setting() -> list[str]:
    Path("mine.toml").write_text(f"[generator]\nwidth = {json.dumps(NAME)}\n")
    return ["train", "dcgan", "--config", "mine.toml", "--print-config"]


def word_on_the_command_line() -> list[str]:
    return ["train", NAME, "--set", f"{NAME}={NAME}"]


CASES = [
    summary_in_list,
    summary_in_info,
    summary_in_json,
    error_of_a_plugin,
    traceback_of_a_plugin,
    name_of_a_plugin_s_file,
    name_of_a_run,
    model_of_a_run,
    name_of_a_folder_of_pictures,
    name_of_a_picture,
    value_of_a_setting,
    word_on_the_command_line,
]


def test_twelve_places_where_a_stranger_names_something_print_it_harmlessly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    measured: Callable[[str, str], None],
) -> None:
    for case in CASES:
        here = tmp_path / case.__name__
        here.mkdir()
        monkeypatch.chdir(here)

        told = told_by_command(case(), capsys)

        assert "gpj.exe" in told, case.__name__
        assert not OBEYED & set(told), case.__name__
    measured("G7", f"{len(CASES)} of {len(CASES)} places print it harmlessly, 3 screens too")


def started(name: str) -> Started:
    return Started(
        run=Path(name),
        model=name,
        dataset=name,
        image_shape=(1, 8, 8),
        num_classes=0,
        count=8,
        device="cpu",
        precision="fp32",
        seed=0,
        batch_size=1,
        total_nimg=10,
        minutes=None,
        from_nimg=0,
        notes=(name,),
        nimg=lambda: 0,
    )


@pytest.mark.parametrize("which", ["plain", "json", "live"])
def test_every_screen_shows_a_run_s_names_harmlessly(which: str) -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=False, width=200)
    screens: dict[str, Callable[[], Screen]] = {
        "plain": lambda: PlainScreen(out, "ganzoo"),
        "json": lambda: JsonScreen(out),
        "live": lambda: LiveScreen(console, "ganzoo"),
    }
    with screens[which]() as shown:
        shown.show(Waiting(NAME))
        shown.show(started(NAME))

    told = out.getvalue()
    assert "gpj.exe" in told
    assert "[bold]loud[/bold]".replace("/", "|") in told
    assert not OBEYED & set(told)


def test_a_table_on_a_terminal_takes_no_markup_and_no_escapes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    screen.table(("name",), [Cells((NAME,))])

    told = capsys.readouterr().out
    assert "[bold]loud" in told
    assert not {"\x07", "\u202e"} & set(told)
    assert "]0;owned" in told
    assert "\x1b]" not in told
