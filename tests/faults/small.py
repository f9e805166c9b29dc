"""A run of a second: its words, and what must be equal when it was disturbed."""

import json
from pathlib import Path
from typing import Any

from ganzoo.training import checkpoint
from ganzoo.training.skeleton import digest

SMALL = (
    "training.kimg=0.64",
    "training.tick_kimg=0.032",
    "training.checkpoint_kimg=0.064",
    "training.sample_kimg=0.192",
    "training.batch_size=16",
    "training.rehearse=false",
    "generator.width=8",
    "discriminator.width=8",
)


def train(out: Path, *more: str, pictures: Path | None = None) -> list[str]:
    """Return the words that start it; more settings win; pictures are read while it trains."""
    digits = ["dataset.count=128"]
    streamed = ["training.resident_gib=0", "training.workers=1"]
    settings = (*SMALL, *(digits if pictures is None else streamed), *more)
    words = ["train", "gan", "--out", str(out), "--device", "cpu", "--plain"]
    data = [] if pictures is None else ["-d", str(pictures)]
    return [*words, *data, *(word for setting in settings for word in ("--set", setting))]


def resume(run: Path) -> list[str]:
    """Return the words that go on with it."""
    return ["resume", str(run), "--device", "cpu", "--plain"]


def only_run(out: Path) -> Path:
    """Return the one run in a folder."""
    (info,) = out.glob("*/run.json")
    return info.parent


def info(run: Path) -> dict[str, Any]:
    """Return what run.json says."""
    read: dict[str, Any] = json.loads((run / "run.json").read_text("utf-8"))
    return read


def state(run: Path, nimg: int | None = None, *, without: str = "") -> str:
    """Return the digest of a checkpoint without the time, which no two runs share."""
    groups = dict(checkpoint.load(run / "checkpoints", nimg).groups)
    del groups["clock"]
    groups["extra"] = {key: each for key, each in groups["extra"].items() if key != without}
    return digest(groups)


def rows(run: Path) -> list[dict[str, Any]]:
    """Return the trace without the time, of which is only asked that it passes."""
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    read: list[dict[str, Any]] = [json.loads(line) for line in lines]
    times = [row.pop("wall_sec") for row in read]
    assert times == sorted(times)
    return [{name: value for name, value in row.items() if name != "cpu_sec"} for row in read]


def left(run: Path) -> list[str]:
    """Return what was left half written, or half deleted."""
    return [path.name for path in run.rglob(".*") if path.name.startswith((".tmp-", ".trash-"))]


def assert_same(run: Path, whole: Path) -> None:
    """Demand that no file tells whether a run was disturbed."""
    assert info(run)["status"] == "done"
    assert state(run) == state(whole)
    assert rows(run) == rows(whole)
    assert left(run) == []
    names = [sorted(path.name for path in each.glob("*/*")) for each in (run, whole)]
    assert [*{*names[0]} ^ {*names[1]}] == []
    for path in (whole / "samples").iterdir():
        assert (run / "samples" / path.name).read_bytes() == path.read_bytes()
