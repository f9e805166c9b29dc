"""CPU-seconds per 1,000 images: training from files, against decoding alone plus training alone.

    OMP_NUM_THREADS=1 python tests/benchmarks/streaming.py cifar10-train-jpg.zip --count 100000

The files are JPEGs of 64 x 64 pixels, each four photographs of a folder or zip in a square, so
that no two are alike and all have the texture of a photograph; they are written to a temporary
folder, and deleted. Their pixels are more than ``--resident-gib``, so ``ganzoo train`` streams
them. Windows of four kinds alternate in one process:

    decode   the data set's reader called on the next files, nothing else
    read     batches taken from a stream of all files, and no training
    train    steps of ``dcgan`` on images that lie in memory, of the same shape
    stream   steps of the same on the stream of all files, its processes included

A window of the stream begins and ends with its processes at rest, all that they read ahead being
ready, so that it pays for as many images as it uses. The ratio is stream / (decode + train). All
is held on one core by default: two that share one core's units would slow each other, and the
clock would count that as work.
"""

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path

import torch
from PIL import Image

from ganzoo import build
from ganzoo.data.order import Order
from ganzoo.data.resident import Resident
from ganzoo.data.streamed import Streamed
from ganzoo.interfaces import Reader
from ganzoo.outline import Outline
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.training.trainer import Trainer
from ganzoo_folder.folder import Folder

IN_MEMORY, QUIET_SEC = 4096, 0.1
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Window:
    """What one window measured, in CPU-seconds per 1,000 images."""

    decode: float
    read: float
    train: float
    stream: float

    @property
    def ratio(self) -> float:
        return self.stream / (self.decode + self.train)


def written(source: str, folder: Path, *, count: int, side: int) -> float:
    """Write JPEGs of four photographs each; return their mean size in bytes."""
    pixels, _ = Folder(path=source).load(side // 2)
    rows = pixels.permute(0, 2, 3, 1).numpy()
    rng, size = random.Random(0), 0
    for index in range(count):
        picture = Image.new("RGB", (side, side))
        for place in range(4):
            part = Image.fromarray(rows[rng.randrange(len(rows))])
            picture.paste(part, (place % 2 * (side // 2), place // 2 * (side // 2)))
        path = folder / f"{index % 100:02d}" / f"{index:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        picture.save(path, quality=rng.randrange(85, 96))
        size += path.stat().st_size
    return size / count


def outline(folder: Path, resolution: int) -> Outline:
    """Return ``dcgan`` on the files of a folder."""
    registry = Registry.discover(only=())
    plan = resolve(
        registry,
        "dcgan",
        replace={"dataset": "folder"},
        sets=[f"dataset.path={folder}", f"training.resolution={resolution}"],
    )
    return build.outline(plan, registry)


def decoding(reader: Reader, batch: int) -> Callable[[], None]:
    """Return what reads the next batch of the order here, as the stream's processes do."""
    order, shown = Order(seed=1, count=len(reader)), 0

    def step() -> None:
        nonlocal shown
        for index in order.indices(shown, batch).tolist():
            reader(index)
        shown += batch

    return step


def reading(stream: Streamed, batch: int) -> Callable[[], None]:
    """Return what takes the next batch of a stream."""
    shown = 0

    def step() -> None:
        nonlocal shown
        stream.batch(shown, batch)
        shown += batch

    return step


def training(built: Outline, reader: Reader) -> Callable[[], None]:
    """Return steps on images in memory."""
    pixels = torch.stack([reader(index) for index in range(min(IN_MEMORY, len(reader)))])
    labels = None if reader.labels is None else reader.labels[: len(pixels)]
    data = Resident(pixels, labels, torch.device("cpu"), 0)
    return Trainer(built.with_data(data), torch.device("cpu")).play_step


def cpu_sec() -> float:
    """Return CPU-seconds of this process and of those that it started and that live."""
    return time.process_time() + sum(_of_process(each.pid) for each in active_children())


def _of_process(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def rest() -> None:
    """Wait until the processes that read ahead have nothing to do."""
    before, quiet = -1.0, 0
    while quiet < 3:
        time.sleep(QUIET_SEC)
        now = sum(_of_process(each.pid) for each in active_children())
        quiet = quiet + 1 if now == before else 0
        before = now


def window(step: Callable[[], None], steps: int, batch: int) -> float:
    """Return CPU-seconds per 1,000 images of some steps."""
    before = cpu_sec()
    for _ in range(steps):
        step()
    rest()
    return (cpu_sec() - before) / (steps * batch) * 1000


def measured(built: Outline, reader: Reader, said: argparse.Namespace) -> list[Window]:
    """Return windows of the four kinds in turn, after a first that is not counted."""
    batch = built.plan.training.batch_size
    alone, stream = (Streamed(reader, torch.device("cpu"), 0, said.workers) for _ in range(2))
    torch.manual_seed(0)
    streamed = Trainer(
        outline(said.folder, said.resolution).with_data(stream), torch.device("cpu")
    )
    kinds = {
        "decode": decoding(reader, batch),
        "read": reading(alone, batch),
        "train": training(built, reader),
        "stream": streamed.play_step,
    }
    try:
        rows = [
            Window(**{name: window(step, said.steps, batch) for name, step in kinds.items()})
            for _ in range(said.rounds + 1)
        ]
    finally:
        alone.close()
        stream.close()
    return rows[1:]


def report(rows: Sequence[Window]) -> dict[str, object]:
    """Return medians, and the ratio with its range."""
    ratios = [row.ratio for row in rows]
    medians = {
        kind: round(statistics.median(getattr(row, kind) for row in rows), 3)
        for kind in ("decode", "read", "train", "stream")
    }
    return {
        "cpu_sec_per_1000_images": medians,
        "ratio_median": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
    }


def main() -> None:
    """Write files, measure, print."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("source", help="folder or zip of photographs")
    asked.add_argument("--count", type=int, default=100_000, help="files")
    asked.add_argument("--side", type=int, default=64, help="pixels a side of a file")
    asked.add_argument("--resolution", type=int, default=64, help="pixels a side in training")
    asked.add_argument("--resident-gib", type=float, default=1.0, help="the limit in memory")
    asked.add_argument("--cores", type=int, default=1, help="that all processes share")
    asked.add_argument("--workers", type=int, help="processes that read; as ganzoo chooses")
    asked.add_argument("--rounds", type=int, default=25)
    asked.add_argument("--steps", type=int, default=8, help="of a window")
    said = asked.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: said.cores])
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        said.folder = Path(folder)
        size = written(said.source, said.folder, count=said.count, side=said.side)
        before = time.process_time()
        built = outline(said.folder, said.resolution)
        opened = time.process_time() - before
        reader = built.dataset.reader(said.resolution)
        assert reader is not None
        gib = len(reader) * reader(0).numel() / 2**30
        if gib <= said.resident_gib:
            raise SystemExit(f"{gib:.2f} GiB of pixels fit the limit; ask for more files")
        rows = measured(built, reader, said)
    out = report(rows) | {
        "files": said.count,
        "bytes_a_file": round(size),
        "gib_of_pixels": round(gib, 2),
        "cpu_sec_per_1000_files_listed": round(opened / said.count * 1000, 3),
        "batch_size": built.plan.training.batch_size,
        "cores": said.cores,
        "rounds": said.rounds,
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
