"""How cost grows: with resolution, batch, number of images, plugins; and the memory foretold.

    OMP_NUM_THREADS=1 python tests/benchmarks/scale.py -o scale.json --pictures docs/images

- resolution, batch, images: CPU-seconds per 1,000 real images of ``dcgan`` on the drawn digits, on
  one thread. All sizes live in one process and play windows in turn; medians, least and most.
- plugins: CPU-seconds of ``ganzoo list`` as a process, with so many plugins installed besides
  ganzoo's own, as in ``start_up.py``.
- memory: the peak that a rehearsal foretells against the peak of another process that trains the
  same without one. On CUDA both are the allocator's; on a CPU they are the high-water mark of the
  process, and the chart shows what came on top of torch, ganzoo and the data.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

import torch
from chart import Axis, Point, drawn
from start_up import cpu_sec, environment, installed

from ganzoo import build
from ganzoo.data.resident import Resident
from ganzoo.outline import Outline
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.training.experiment import Experiment
from ganzoo.training.rehearsal import memory, rehearse
from ganzoo.training.trainer import Trainer

RESOLUTIONS = (32, 64, 128, 256)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
COUNTS = (1_000, 4_000, 16_000, 60_000)
PLUGINS = (0, 10, 50, 100, 200)
RECIPES = ("dcgan", "cgan", "wgan-gp", "sngan", "stylegan-lite", "r3gan")
MEMORY_BATCHES = (16, 64, 128)
MEMORY_STEPS, REPEATS = 24, 4  # a whole number of the lazy penalty's intervals

Rows = list[dict[str, float | str]]


def outline(recipe: str, *, resolution: int, batch: int, count: int) -> Outline:
    """Return a recipe on as many digits."""
    registry = Registry.discover(only=())
    said = {"dataset.count": count, "training.batch_size": batch}
    plan = resolve(
        registry,
        recipe,
        replace={"dataset": "digits"},
        sets=[f"{name}={value}" for name, value in said.items()],
        overrides={"training.resolution": resolution},
    )
    return build.outline(plan, registry)


def experiment(
    recipe: str, device: torch.device, *, resolution: int = 32, batch: int = 32, count: int = 512
) -> Experiment:
    """Return it with its data in memory."""
    built = outline(recipe, resolution=resolution, batch=batch, count=count)
    pixels, labels = built.dataset.load(resolution)
    return built.with_data(Resident(pixels, labels, device, 0))


def play(**sizes: int) -> Callable[[], None]:
    """Return steps of ``dcgan`` of some sizes, on a CPU."""
    cpu = torch.device("cpu")
    return Trainer(experiment("dcgan", cpu, **sizes), cpu).play_step


def in_turn(
    steps: dict[int, Callable[[], None]], batch: Callable[[int], int], rounds: int, images: int
) -> Rows:
    """Return CPU-seconds per 1,000 images of every size, from windows in turn.

    Args:
        steps: What plays a step, by size.
        batch: The images of a step of a size.
        rounds: Windows of each size; one more is played first and not counted.
        images: In a window, at least.
    """
    found: dict[int, list[float]] = {size: [] for size in steps}
    for number in range(rounds + 1):
        for size, step in steps.items():
            count = -(-images // batch(size) // REPEATS) * REPEATS
            before = time.process_time()
            for _ in range(count):
                step()
            spent = time.process_time() - before
            if number:
                found[size].append(spent / (count * batch(size)) * 1000)
    return [_row(size, seconds) for size, seconds in found.items()]


def _row(size: int, values: list[float]) -> dict[str, float | str]:
    least, most = min(values), max(values)
    return {"size": size, "median": statistics.median(values), "min": least, "max": most}


def by_resolution(rounds: int) -> Rows:
    """Measure resolutions, 32 images a batch."""
    steps = {side: play(resolution=side, count=128) for side in RESOLUTIONS}
    return in_turn(steps, lambda side: 32, rounds, 128)


def by_batch(rounds: int) -> Rows:
    """Measure batches, at 32 px."""
    steps = {batch: play(batch=batch) for batch in BATCHES}
    return in_turn(steps, lambda batch: batch, rounds, 256)


def by_count(rounds: int) -> Rows:
    """Measure numbers of images, at 32 px and 32 images a batch."""
    steps = {count: play(count=count) for count in COUNTS}
    return in_turn(steps, lambda count: 32, rounds, 256)


def by_plugins(rounds: int) -> Rows:
    """Measure ``ganzoo list``."""
    command = [sys.executable, "-m", "ganzoo", "list"]
    found: dict[int, list[float]] = {count: [] for count in PLUGINS}
    with tempfile.TemporaryDirectory() as folder:
        for count in PLUGINS:
            installed(Path(folder) / str(count), count)
        for number in range(rounds + 1):
            for count in PLUGINS:
                env = environment(Path(folder) / str(count), Path(folder) / "bytecode")
                seconds, _ = cpu_sec(command, env, terminal=False)
                if number:
                    found[count].append(seconds)
    return [_row(count, seconds) for count, seconds in found.items()]


def by_memory(device: torch.device) -> Rows:
    """Compare foretold with used, each in a process of its own."""
    rows: Rows = []
    for recipe in RECIPES:
        for batch in MEMORY_BATCHES:
            said: dict[str, float] = {}
            for what in ("foretold", "used"):
                ask = [sys.executable, __file__, "--peak", what, recipe, str(batch)]
                done = subprocess.run(
                    [*ask, "--device", str(device)], capture_output=True, text=True, check=True
                )
                said[f"{what}_before"], said[what] = map(float, done.stdout.split())
            rows.append({"recipe": recipe, "size": batch, "device": device.type, **said})
    return rows


def peak(what: str, recipe: str, batch: int, device: torch.device) -> tuple[float, float]:
    """Return the peak in bytes before, and the one a rehearsal foretells or steps have."""
    made = experiment(recipe, device, batch=batch)
    before = memory(device)[0]
    seen = [0.0]

    def meter(where: torch.device) -> tuple[float, float]:
        most, there = memory(where)
        seen.append(most)
        return most, there

    if what == "foretold":
        rehearse(made, device, meter)
        return before, max(seen)
    trainer = Trainer(made, device)
    for _ in range(MEMORY_STEPS):
        trainer.play_step()
    return before, memory(device)[0]


def _points(rows: Iterable[dict[str, float | str]]) -> list[Point]:
    names = ("size", "median", "min", "max")
    return [Point(*(float(row[name]) for name in names)) for row in rows]


def _above(row: dict[str, float | str], what: str) -> float:
    """Return the bytes of a peak; of a process, those above what it had before."""
    before = float(row[f"{what}_before"]) if row["device"] == "cpu" else 0.0
    return float(row[what]) - before


def pictured(found: dict[str, Rows], folder: Path) -> None:
    """Draw what was measured."""
    cost = "CPU-seconds per 1,000 real images"
    charts = {
        "resolution": ("dcgan, 32 images a batch", Axis("pixels a side", True, RESOLUTIONS)),
        "batch": ("dcgan, 32 px", Axis("images a batch", True, BATCHES)),
        "images": ("dcgan, 32 px, 32 images a batch", Axis("images of the set", True, COUNTS)),
    }
    for name, (title, axis) in charts.items():
        y = Axis(cost, log=name != "images")
        drawn(folder / f"scale-{name}.svg", title, {"dcgan": _points(found[name])}, x=axis, y=y)
    drawn(
        folder / "scale-plugins.svg",
        "ganzoo list",
        {"list": _points(found["plugins"])},
        x=Axis("plugins besides ganzoo's own", ticks=PLUGINS),
        y=Axis("CPU-seconds"),
    )
    lines: dict[str, list[Point]] = {}
    for row in found["memory"]:
        foretold, used = (_above(row, what) / 2**20 for what in ("foretold", "used"))
        lines.setdefault(str(row["recipe"]), []).append(Point(foretold, used, used, used))
    drawn(
        folder / "scale-memory.svg",
        f"Peak memory at 32 px, batches of {', '.join(map(str, MEMORY_BATCHES))}",
        lines,
        x=Axis("foretold by the rehearsal, MiB of training", log=True),
        y=Axis("used without one, MiB of training", log=True),
        joined=False,
        equal=True,
    )


def main() -> None:
    """Measure, write, draw."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("-o", "--output", type=Path, help="JSON; what it has is not measured again")
    asked.add_argument("--pictures", type=Path, help="folder for the charts")
    asked.add_argument("--rounds", type=int, default=7)
    asked.add_argument("--device", default="cpu", help="of the memory")
    asked.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    said = asked.parse_args()
    torch.set_num_threads(1)
    device = torch.device(said.device)
    if said.peak:
        print(*peak(said.peak[0], said.peak[1], int(said.peak[2]), device))
        return
    found = json.loads(said.output.read_text()) if said.output and said.output.exists() else {}
    kinds: dict[str, Callable[[], Rows]] = {
        "memory": lambda: by_memory(device),  # first: a process begins with its parent's mark
        "plugins": lambda: by_plugins(said.rounds),
        "resolution": lambda: by_resolution(said.rounds),
        "batch": lambda: by_batch(said.rounds),
        "images": lambda: by_count(said.rounds),
    }
    for name, measure in kinds.items():
        if name not in found:
            found[name] = measure()
            if said.output:
                said.output.write_text(json.dumps(found, indent=1) + "\n")
            print(json.dumps({name: found[name]}), flush=True)
    if said.pictures:
        pictured(found, said.pictures)
    print(f"torch {version('torch')}, Python {platform.python_version()}, {platform.machine()}")


if __name__ == "__main__":
    main()
