"""The screens, at 80 columns, in ASCII, without colour and not on a terminal."""

import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from ganzoo.cli import screen as screens
from ganzoo.cli import wording
from ganzoo.cli.live import LiveScreen
from ganzoo.cli.pace import Pace
from ganzoo.cli.screen import JsonScreen, PlainScreen
from ganzoo.events import Event, Finished, Pictured, Saved, Started, Ticked, Waiting

START = Started(
    run=Path("runs/0007-dcgan-digits"),
    model="dcgan",
    dataset="digits",
    image_shape=(1, 32, 32),
    count=60_000,
    num_classes=0,
    device="cuda:0 RTX 4060",
    precision="bf16",
    seed=0,
    batch_size=128,
    total_nimg=1_200_000,
    minutes=None,
    from_nimg=0,
    nimg=lambda: 206_000,
)
READINGS = {"D r1": 0.04, "D loss": 0.611, "G loss": 1.553, "D(real)": 0.73, "D(fake)": 0.29}
TICK = Ticked(1406, 180_000, 3.0, {**READINGS, "D acc": 0.794}, 42.0, 40.0)
PICTURE = Pictured(START.run / "samples" / "000000000.png", 0, "generated")
END = Finished(START.run, "done", 1_200_000, 241.0, START.run / "samples" / "latest.png")
EVENTS: tuple[Event, ...] = (
    Waiting("opening digits"),
    START,
    PICTURE,
    TICK,
    Saved(START.run / "checkpoints" / "000180000", 180_000),
    END,
)


def live(*events: Event, encoding: str = "utf-8", colour: bool = False) -> tuple[str, str]:
    """Return what the live screen prints, and its bar before the last event."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="")
    console = Console(
        file=file, width=80, force_terminal=colour, no_color=not colour, legacy_windows=False
    )
    moments = iter(float(n) for n in range(10_000))
    shown = LiveScreen(console, "ganzoo", lambda: next(moments))
    with shown:
        for event in events[:-1]:
            shown.show(event)
        with console.capture() as captured:
            console.print(shown.bar())
        shown.show(events[-1])
    file.flush()
    return raw.getvalue().decode(encoding), captured.get()


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def test_the_live_screen_says_header_rows_and_ending_in_80_columns() -> None:
    out, bar = live(*EVENTS)

    lines = out.splitlines()
    assert "dcgan on digits   32x32, 60 000 images   cuda:0 RTX 4060, bf16   seed 0" in lines
    assert "run     runs/0007-dcgan-digits" in lines
    assert any("length  20 epochs = 1 200 kimg = 9 375 batches of 128" in line for line in lines)
    rows = [line.split() for line in lines]
    assert [
        "epoch",
        "kimg",
        "D",
        "loss",
        "G",
        "loss",
        "D(real)",
        "D(fake)",
        "D",
        "acc",
        "D",
        "r1",
        "time",
    ] in rows
    assert ["3/20", "180", "0.611", "1.553", "0.73", "0.29", "79", "%", "0.040", "0:42"] in rows
    assert any(line.startswith("done in 4:01") for line in lines)
    assert max(len(line) for line in [*lines, *bar.splitlines()]) <= 80


def test_one_image_is_no_images() -> None:
    lines = wording.header(replace(START, count=1, total_nimg=128))
    assert "32x32, 1 image " in lines[0]
    assert " = 1 batch of 128 " in lines[2]


def test_the_bar_shows_the_images_shown_by_now_and_the_time_left() -> None:
    _, bar = live(*EVENTS)

    first, second = bar.splitlines()
    assert first.startswith("epoch 3.4/20")
    assert "17%" in first
    assert "206 kimg" in first
    assert "img/s" in first
    assert "<" in first
    assert second.startswith("saved at 180 kimg")
    assert "Ctrl-C" in second


def test_the_live_screen_falls_back_to_ascii() -> None:
    out, bar = live(*EVENTS, encoding="ascii")

    assert out.isascii()
    assert bar.isascii()
    assert "epoch 3.4/20" in bar


def test_without_colour_there_is_no_escape_and_with_it_there_is() -> None:
    assert "\x1b" not in live(*EVENTS)[0]
    assert "\x1b[1m" in live(*EVENTS, colour=True)[0]


def test_a_critic_has_its_own_columns() -> None:
    tick = replace(TICK, readings={"C(real)": 1.5, "gap": 2.5, "C(fake)": -1.0, "D loss": -2.5})

    names = wording.columns(tick.readings, START, 80)

    assert names == ["D loss", "C(real)", "C(fake)", "gap"]


def test_columns_that_do_not_fit_are_left_out_from_the_right() -> None:
    many = {**TICK.readings, **{f"another {n}": 0.0 for n in range(9)}}

    for width in (60, 80, 120):
        names = wording.columns(many, START, width)
        assert len(wording.heads(names, START)) <= width
        assert names[:2] == ["D loss", "G loss"]


def test_a_log_has_one_line_a_tick_with_the_time_of_day() -> None:
    out = io.StringIO()
    times = iter(datetime(2026, 11, 23, 12, 40) + timedelta(seconds=14 * n) for n in range(9))
    shown = PlainScreen(out, "ganzoo", lambda: next(times))

    for event in EVENTS:
        shown.show(event)

    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert (
        "12:40:28 epoch 3/20 kimg 180 d_loss 0.611 g_loss 1.553 d_real 0.73 d_fake 0.29"
        " d_acc 0.794 d_r1 0.04 eta 79s" in lines
    )
    assert f"pictures  {PICTURE.path}" in lines


def test_events_are_json_lines_for_programs() -> None:
    out = io.StringIO()
    shown = JsonScreen(out)

    for event in EVENTS:
        shown.show(event)
    shown.show(replace(TICK, readings={"D loss": float("nan")}))

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == [
        *("waiting", "started", "pictured", "ticked", "saved", "finished", "ticked")
    ]
    assert lines[1]["run"] == str(START.run)
    assert lines[3]["readings"]["D acc"] == 0.794
    assert lines[3]["nimg"] == 180_000
    assert lines[6]["readings"] == {"D loss": None}


def test_only_a_terminal_gets_the_live_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(**flags: bool) -> type:
        said = {"quiet": False, "as_json": False, "plain": False, **flags}
        return type(screens.choose("ganzoo", **said))

    assert chosen() is PlainScreen
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert chosen() is LiveScreen
    assert chosen(plain=True) is PlainScreen
    assert chosen(quiet=True) is screens.QuietScreen
    assert chosen(as_json=True) is JsonScreen
    monkeypatch.setenv("TERM", "dumb")
    assert chosen() is PlainScreen


def test_a_run_bound_by_minutes_counts_the_time_down() -> None:
    start = replace(START, total_nimg=None, minutes=8.0)

    assert wording.eta(start, 1000, 120.0) == 360.0
    assert wording.progress(90_000, start) == "1.5"
    assert "length  8 min" in wording.header(start)[2]


def test_a_resumed_run_counts_only_what_is_new() -> None:
    start = replace(START, from_nimg=200_000, notes=("not bit-exact: torch 2 -> 3",))

    assert wording.eta(start, 200_000, 5.0) is None
    assert wording.eta(start, 700_000, 50.0) == 50.0
    assert "going on at 200 kimg" in wording.header(start)
    assert wording.header(start)[-1] == "  ! not bit-exact: torch 2 -> 3"


def test_the_ending_names_commands_that_find_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    done = wording.ending(END, START, "python -m ganzoo")
    stopped = wording.ending(replace(END, status="stopped"), START, "ganzoo")
    elsewhere = wording.ending(replace(END, run=Path("my art/0003-x")), START, "ganzoo")

    assert any("python -m ganzoo sample 7 " in line for line in done)
    assert any("python -m ganzoo resume 7 --kimg +1200" in line for line in done)
    assert any(line.split() == ["ganzoo", "resume", "7", "train", "on"] for line in stopped)
    assert any("ganzoo sample 'my art/0003-x'" in line for line in elsewhere)
    assert any("ganzoo runs --out 'my art' " in line for line in elsewhere)
    assert any(line.split()[:3] == ["ganzoo", "runs", "all"] for line in stopped)
    monkeypatch.setenv("GANZOO_RUNS", "my art")
    lines = wording.ending(END, START, "ganzoo")
    assert any("ganzoo runs --out runs " in line for line in lines)


def test_the_pace_is_that_of_the_last_moments() -> None:
    pace = Pace(window=10.0)
    for second in range(100):
        pace.add(second * (10 if second < 50 else 100), float(second))

    assert pace.rate == pytest.approx(100.0)
    assert pace.elapsed == 99.0


@pytest.mark.parametrize(
    ("seconds", "short", "rough"),
    [(14.0, "0:14", "14 s"), (241.0, "4:01", "4 min"), (21060.0, "5:51:00", "5:51 h")],
)
def test_times_are_said_as_people_say_them(seconds: float, short: str, rough: str) -> None:
    assert wording.clock(seconds) == short
    assert wording.span(seconds) == rough


def test_days_are_named_while_they_are_near() -> None:
    now = datetime(2026, 11, 23, 14, 30)

    assert wording.day(now.replace(hour=9, minute=5), now) == "today 09:05"
    assert wording.day(now - timedelta(days=1), now) == "yesterday 14:30"
    assert wording.day(now - timedelta(days=3), now) == "20 Nov 14:30"
    assert wording.day(now - timedelta(days=400), now) == "2025-10-19"
