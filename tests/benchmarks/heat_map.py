"""Does mixing work, or only run? Six generators by seven losses, the same CPU time each.

    python tests/benchmarks/heat_map.py --data-root data -o heat.json --picture heat.png

Each cell is a run of ``dcgan`` with another generator and loss, its discriminator, and R1, or a
gradient penalty under a loss that needs one. It trains until it has used so many CPU-seconds, is
evaluated, and its FD and classes seen are a cell. Cells that are in the file already are not
trained again.
"""

import json
import signal
import tempfile
from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image, ImageDraw

from ganzoo import runner
from ganzoo.events import Ticked
from ganzoo.plan import resolve
from ganzoo.quality.checkpoints import evaluate
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir

GENERATORS = {
    "mlp": {"width": 128},
    "dcgan": {"width": 16, "codes": 0},
    "resnet": {"width": 16},
    "sagan": {"width": 16},
    "stylegan": {"width": 8, "max_width": 64},
    "r3gan": {"width": 8, "max_width": 64},
}
LOSSES = ("ns", "lsgan", "hinge", "wgan", "rpgan", "ragan", "rahinge")
RATE, BATCH = 1e-3, 32


class Until:
    """Asks the run to stop, as Ctrl-C does, when it has used its time."""

    def __init__(self, cpu_sec: float) -> None:
        self._left = cpu_sec

    def show(self, event: Any) -> None:
        if isinstance(event, Ticked) and event.cpu_sec >= self._left:
            self._left = float("inf")
            signal.raise_signal(signal.SIGINT)


def played(generator: str, loss: str, cpu_sec: float, root: str | None, out: Path) -> RunDir:
    """Train one cell."""
    settings = {f"generator.{name}": value for name, value in GENERATORS[generator].items()}
    settings |= {
        f"optimizer.{role}.learning_rate": RATE for role in ("generator", "discriminator")
    }
    settings |= {"generator.z_dim": 64, "training.batch_size": BATCH, "training.kimg": 1e6}
    settings |= {"training.tick_kimg": 1, "training.sample_kimg": 20, "training.eval_kimg": None}
    settings |= {"training.checkpoint_kimg": 1e6, "training.rehearse": False}
    if root is not None:
        settings["dataset.root"] = root
    registry = Registry.discover(only=())
    plan = resolve(
        registry,
        "dcgan",
        replace={"generator": generator, "loss": loss, "dataset": "mnist"},
        add={"regularizer": ["none", "gp"] if loss == "wgan" else [], "schedule": ["none"]},
        overrides=settings,
    )
    done = runner.train(plan, registry, out=out, device="cpu", observers=[Until(cpu_sec)])
    return RunDir.open(done.run)


def judged(run: RunDir) -> dict[str, Any]:
    """Return what is known of one cell."""
    scores = evaluate(run, Registry.discover(only=()), metrics=["frechet", "classes", "prdc"])
    remarks = [e["word"] for e in run.read_events() if e["kind"] == "remark"]
    return {
        "kimg": scores.nimg / 1000,
        "cpu_sec": scores.cpu_sec,
        "remarks": remarks,
        **{name: each.value for name, each in scores.values.items()},
    }


def drawn(cells: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw the map: green is near the real images, and the class count stands below the FD."""
    wide, high, left, top = 82, 44, 78, 26
    size = (left + wide * len(LOSSES), top + high * len(GENERATORS))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column, loss in enumerate(LOSSES):
        draw.text((left + column * wide + 8, 6), loss, "black", font_size=14)
    for row, generator in enumerate(GENERATORS):
        draw.text((4, top + row * high + 12), generator, "black", font_size=14)
        for column, loss in enumerate(LOSSES):
            cell = cells.get(f"{generator} {loss}")
            x, y = left + column * wide, top + row * high
            if cell is None:
                continue
            bad = min(1.0, max(0.0, torch.log10(torch.tensor(cell["FD-lenet"] / 20)).item() / 1.7))
            colour = (int(120 + 135 * bad), int(220 - 90 * bad), 130)
            draw.rectangle((x, y, x + wide - 2, y + high - 2), fill=colour)
            draw.text((x + 8, y + 3), f"{cell['FD-lenet']:.0f}", "black", font_size=18)
            seen = f"{cell['classes-seen-lenet']:.0f} of 10"
            draw.text((x + 8, y + 25), seen, "black", font_size=12)
    sheet.save(path)


@click.command()
@click.option("--data-root", help="Where MNIST lies.")
@click.option("--cpu-sec", default=60.0, help="CPU-seconds of each cell.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--picture", type=click.Path(path_type=Path))
@click.option("--keep", type=click.Path(path_type=Path), help="Where the runs are kept.")
def main(
    data_root: str | None, cpu_sec: float, output: Path, picture: Path | None, keep: Path | None
) -> None:
    """Fill the map, and draw it."""
    cells = json.loads(output.read_text()) if output.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for generator in GENERATORS:
            for loss in LOSSES:
                name = f"{generator} {loss}"
                if name not in cells:
                    run = played(generator, loss, cpu_sec, data_root, keep or Path(folder))
                    cells[name] = judged(run)
                    output.write_text(json.dumps(cells, indent=1) + "\n")
                    click.echo(f"{name}: {cells[name]}")
    if picture is not None:
        drawn(cells, picture)


if __name__ == "__main__":
    main()
