"""Seconds per 1,000 real images: ganzoo's trainer against hand-written loops and other libraries.

    OMP_NUM_THREADS=1 python tests/benchmarks/against.py --peers peers/bin/python

The networks, the images and the batch are the same for all. Windows of ganzoo alternate with those
of each contender, and the ratio is the contender's time over the mean of the ganzoo windows before
and after it, so that whatever else the machine does falls on both. On a CPU time is CPU time of
the whole process on one thread; on CUDA it is wall time between two synchronizations.

    limit loop   every exact lever: channels last, D frozen in G's move, one generator pass for
                 both players, fused Adam, uint8 gathered on the device, freed memory kept;
                 and an average of G, which ganzoo has too
    plain loop   none of them, and no average
    peers        other libraries' own trainers, in an environment of their own:
                 ``peers/requirements.txt`` says how to make it

On a CPU each has a process to itself, so that nobody shares a heap. On CUDA

    python tests/benchmarks/against.py --device cuda

measures batches of 64 and 512 in every number format: ganzoo with and without CUDA graphs, and
compiled, against the loops, a hand-written graph, and a loop like that of pytorch/examples.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from peers.games import GAMES, Game
from peers.loops import Step, limit, plain
from torch import Tensor

import ganzoo
from ganzoo.data.resident import Resident
from ganzoo.training.precision import Precision
from ganzoo.training.trainer import Trainer

HERE = Path(__file__).parent
PEERS = {
    "torchgan": ("of_torchgan", ("dcgan",)),
    "lightning, lean": ("of_lightning", ("dcgan", "sngan", "style")),
    "lightning, as in its template": ("of_lightning", ("dcgan",)),
    "mimicry": ("of_mimicry", ("dcgan", "sngan")),
}
"""Module of each peer, and the games that it can play."""


class Contender(Protocol):
    """Somebody who trains when told to."""

    version: str

    def window(self, moves: int) -> float:
        """Return the seconds of so many moves of the discriminator."""

    def close(self) -> None:
        """End what was started."""


class Here:
    """A contender of this process.

    Args:
        step: Plays one step.
        version: Of what plays it.
        game: What is played.
        device: Where.
    """

    def __init__(self, step: Step, version: str, game: Game, device: torch.device) -> None:
        self.version, self._step, self._d_steps = version, step, game.d_steps
        self._cuda = device.type == "cuda"

    def window(self, moves: int) -> float:
        before = self._now()
        for _ in range(moves // self._d_steps):
            self._step()
        return self._now() - before

    def close(self) -> None:
        self._step = int  # lets go of networks and graphs

    def _now(self) -> float:
        if not self._cuda:
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()


class Elsewhere:
    """A contender in a process of its own.

    Args:
        python: The interpreter of its environment.
        module: Of ``peers``.
        words: Arguments.

    Raises:
        RuntimeError: It ended.
    """

    def __init__(self, python: str, module: str, *words: str) -> None:
        self._process = subprocess.Popen(
            [python, "-m", f"peers.{module}", *words],
            cwd=HERE,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.version = str(self._answer()["version"])

    def window(self, moves: int) -> float:
        assert self._process.stdin is not None
        print(moves, file=self._process.stdin, flush=True)
        return float(self._answer()["sec"])

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> dict[str, float | str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = " ".join(map(str, self._process.args))  # type: ignore[arg-type]
            raise RuntimeError(
                f"{said}: ended with {self._process.wait()}; run it by hand in {HERE}"
            )
        return json.loads(line)


@dataclass(frozen=True)
class Row:
    """What one contender did.

    Attributes:
        name: Who.
        version: Of it.
        sec: Seconds per 1,000 real images, median.
        ratios: Its time over ganzoo's, of each window; none for ganzoo itself.
    """

    name: str
    version: str
    sec: float
    ratios: tuple[float, ...]

    def cells(self) -> tuple[str, ...]:
        """Return the row in words."""
        ratio = "1"
        if self.ratios:
            low, high = min(self.ratios), max(self.ratios)
            ratio = f"{statistics.median(self.ratios):.2f} [{low:.2f}-{high:.2f}]"
        return self.name, self.version, f"{self.sec:.3g}", ratio


def ours(game: Game, pixels: Tensor, batch: int, device: torch.device, **training: object) -> Here:
    """Return ganzoo's trainer."""
    data = Resident(pixels, None, device, 0)
    outline = game.outline(**{"batch_size": batch, **training})
    step = Trainer(outline.with_data(data), device).play_step
    return Here(step, ganzoo.__version__, game, device)


def by_hand(make: Callable[[], Step], game: Game, device: torch.device) -> Here:
    """Return a hand-written loop."""
    return Here(make(), torch.__version__, game, device)


def on_cpu(game_name: str, python: str | None) -> Iterator[tuple[str, Callable[[], Contender]]]:
    """Yield who takes part, ganzoo first."""
    for name in ("ganzoo", "limit loop", "plain loop"):
        yield name, partial(Elsewhere, sys.executable, "of_us", game_name, name)
    for name, (module, games) in PEERS.items():
        if python and game_name in games:
            words = ("template",) if "template" in name else ()
            yield name, partial(Elsewhere, python, module, game_name, *words)


def on_cuda(
    game: Game, batch: int, precision: str
) -> Iterator[tuple[str, Callable[[], Contender]]]:
    """Yield who takes part, ganzoo as it comes first."""
    device, pixels = torch.device("cuda"), game.pixels()
    settings: dict[str, Mapping[str, object]] = {
        "ganzoo": {"cuda_graph": "on"},
        "ganzoo, no graphs": {"cuda_graph": "off"},
        "ganzoo, no graphs, compiled": {"cuda_graph": "off", "compile": True},
    }
    for name, training in settings.items():
        yield name, partial(ours, game, pixels, batch, device, precision=precision, **training)
    loops: dict[str, Callable[..., Step]] = {
        "limit loop": limit,
        "limit loop as a graph": partial(limit, graph=True),
        "plain loop": plain,
        "like pytorch/examples": partial(plain, workers=2, anew=False, reads=True),
    }
    for name, loop in loops.items():
        make = partial(loop, game, pixels, batch, device, precision)
        yield name, partial(by_hand, make, game, device)


def measured(
    makers: Mapping[str, Callable[[], Contender]], moves: int, batch: int, rounds: int
) -> list[Row]:
    """Return what each did: a window to warm up, then ``rounds`` windows between ganzoo's."""
    everyone = {name: make() for name, make in makers.items()}
    try:
        for each in everyone.values():
            each.window(moves)
        first, *others = everyone
        took: dict[str, list[float]] = {name: [] for name in everyone}
        ratios: dict[str, list[float]] = {name: [] for name in others}
        took[first].append(everyone[first].window(moves))
        for _ in range(rounds):
            for name in others:
                took[name].append(everyone[name].window(moves))
                took[first].append(everyone[first].window(moves))
                ratios[name].append(took[name][-1] / statistics.mean(took[first][-2:]))
    finally:
        for each in everyone.values():
            each.close()
    images = moves * batch / 1000
    return [
        Row(
            name, each.version, statistics.median(took[name]) / images, tuple(ratios.get(name, ()))
        )
        for name, each in everyone.items()
    ]


def table(rows: list[Row], title: str, unit: str, *, markdown: bool) -> str:
    """Return a table, for a terminal or for a document."""
    head = ("contender", "version", f"{unit} per 1,000 images", "its time / ganzoo's")
    cells = [head, *(row.cells() for row in rows)]
    if markdown:
        lines = [f"| {' | '.join(line)} |" for line in cells]
        return "\n".join([f"**{title}**", "", lines[0], "|---|---|--:|--:|", *lines[1:], ""])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join([title, *lines, ""])


def cpu() -> str:
    """Return the CPU's model, where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--only", choices=GAMES, action="append", help="one game, or several")
    asked.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    asked.add_argument("--peers", metavar="PYTHON", help="interpreter of the peers' environment")
    asked.add_argument("--rounds", type=int, default=9, help="windows of each (default: 9)")
    asked.add_argument(
        "--moves", type=int, help="of D in a window, a multiple of 5 (default: 5; 100 on CUDA)"
    )
    asked.add_argument("--markdown", action="store_true", help="tables for a document")
    said = asked.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cuda = said.device == "cuda"
    moves, unit = said.moves or (100 if cuda else 5), "seconds" if cuda else "CPU-seconds"
    where = torch.cuda.get_device_name() if cuda else cpu()
    print(f"torch {torch.__version__}, {where}, {said.rounds} windows of {moves} moves of D\n")
    for name in said.only or GAMES:
        game = GAMES[name]
        for batch in (64, 512) if cuda else (game.batch,):
            for precision in ("fp32", "tf32", "bf16") if cuda else ("fp32",):
                title = f"{game.words}, batch {batch}, {precision}"
                with Precision.choose(precision, torch.device(said.device)).matmul():
                    makers = dict(
                        on_cuda(game, batch, precision) if cuda else on_cpu(name, said.peers)
                    )
                    rows = measured(makers, moves, batch, said.rounds)
                print(table(rows, title, unit, markdown=said.markdown), flush=True)
                if cuda:
                    torch.compiler.reset()  # what it compiled; it gives up on the eighth of a kind


if __name__ == "__main__":
    main()
