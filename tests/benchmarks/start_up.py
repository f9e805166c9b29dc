"""CPU-seconds until something is seen: ``ganzoo list`` with plugins, and the first training step.

    OMP_NUM_THREADS=1 python tests/benchmarks/start_up.py --data-root DIR

``list`` is run as a process of its own: with the parts of ganzoo alone, with 50 more plugins into
a pipe, and with them on a terminal, where rich draws the table. A Python that does nothing is run
beside it. Each plugin is a distribution with an entry point, one model and one loss. Bytecode is
cached in a temporary folder, as an installation caches it, and a first run fills it.

The first step is that of ``dcgan`` on MNIST, on one thread: torch is imported and the pixels are
loaded, then the clock starts, and ganzoo's own modules, the plan, the networks, the optimizers and
one step follow. A rehearsal, which plays more steps on a copy, is not part of it.
"""

import argparse
import json
import os
import platform
import pty
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

_PLUGIN = """
from ganzoo import Component, Recipe, hookimpl

@hookimpl
def ganzoo_register():
    return [
        Component("loss", "{name}-loss", "{name}:Loss", "a loss of somebody else"),
        Recipe(
            name="{name}",
            summary="a model of somebody else",
            parts=dict(generator="dcgan", discriminator="dcgan", loss="{name}-loss"),
            year=2024,
        ),
    ]
"""
_STEP = """
import sys, time
import torch
torch.set_num_threads(1)
from ganzoo.plan import resolve
from ganzoo.registry import Registry
root, count = sys.argv[1:]
sets = [f"dataset.root={root}"] if root else []
registry = Registry.discover(only=())
mnist = registry.load(registry.find("dataset", "mnist"))
pixels, labels = mnist(root=root or None).load(32)
clock = [time.process_time()]
from ganzoo import build
from ganzoo.data.resident import Resident
from ganzoo.training.trainer import Trainer
clock.append(time.process_time())
plan = resolve(registry, "dcgan", replace={"dataset": "mnist"}, sets=sets)
built = build.outline(plan, registry)
data = Resident(pixels, labels, torch.device("cpu"), 0)
clock.append(time.process_time())
trainer = Trainer(built.with_data(data), torch.device("cpu"))
clock.append(time.process_time())
for _ in range(int(count)):
    trainer.play_step()
    clock.append(time.process_time())
print(*(b - a for a, b in zip(clock, clock[1:])), "torch._dynamo" in sys.modules)
"""


def installed(folder: Path, count: int) -> None:
    """Write as many plugins as distributions of a folder."""
    folder.mkdir()
    for index in range(count):
        name = f"stranger{index:03d}"
        (folder / f"{name}.py").write_text(_PLUGIN.replace("{name}", name))
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ganzoo.v1]\n{name} = {name}\n")


def environment(folder: Path, bytecode: Path) -> dict[str, str]:
    """Return the variables of a process that finds the plugins of a folder."""
    left = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GANZOO_PLUGINS"))}
    return {
        **left,
        "PYTHONPATH": str(folder),
        "PYTHONPYCACHEPREFIX": str(bytecode),
        "TERM": "xterm-256color",
        "COLUMNS": "120",
    }


def cpu_sec(
    command: Sequence[str], env: Mapping[str, str], *, terminal: bool
) -> tuple[float, str]:
    """Return the CPU-seconds of a process, start and end included, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if terminal:
        text = _on_a_terminal(command, env)
    else:
        text = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, text


def _on_a_terminal(command: Sequence[str], env: Mapping[str, str]) -> str:
    ours, theirs = pty.openpty()
    heard: list[bytes] = []

    def hear() -> None:
        try:
            while block := os.read(ours, 1 << 16):
                heard.append(block)
        except OSError:  # Linux says so when the other end is closed
            return

    listener = threading.Thread(target=hear)
    listener.start()
    process = subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    code = process.wait()
    listener.join()
    os.close(ours)
    text = b"".join(heard).decode()
    if code:
        raise RuntimeError(f"{' '.join(command)} ended with {code}: {text}")
    return text


def lists(rounds: int, plugins: int) -> dict[str, dict[str, float]]:
    """Return CPU-seconds of ``ganzoo list``: every kind once a round, in turn."""
    ask = [sys.executable, "-m", "ganzoo", "list"]
    with tempfile.TemporaryDirectory() as folder:
        bytecode, none, many = (Path(folder) / name for name in ("bytecode", "none", "many"))
        installed(none, 0)
        installed(many, plugins)
        kinds = {
            "python alone": ([sys.executable, "-c", "pass"], environment(none, bytecode), False),
            "built-in parts, piped": (ask, environment(none, bytecode), False),
            f"{plugins} plugins more, piped": (ask, environment(many, bytecode), False),
            f"{plugins} plugins more, rich table": (ask, environment(many, bytecode), True),
        }
        found: dict[str, list[float]] = {name: [] for name in kinds}
        for number in range(rounds + 1):
            for name, (command, env, terminal) in kinds.items():
                seconds, text = cpu_sec(command, env, terminal=terminal)
                wanted = plugins if str(plugins) in name else 0
                if text.count("a model of somebody else") != wanted:
                    raise RuntimeError(f"{name}: not every plugin was listed:\n{text}")
                if number:  # the first fills the caches
                    found[name].append(seconds)
    return {name: _in_short(seconds) for name, seconds in found.items()}


def first_step(rounds: int, root: str) -> dict[str, object]:
    """Return CPU-seconds from loaded data to the end of the first step, by what they went to."""
    parts = ("ganzoo's modules", "plan, networks, data", "trainer, optimizers", "first step")
    rows: list[list[float]] = []
    dynamo = ""
    with tempfile.TemporaryDirectory() as folder:
        env = environment(Path(folder), Path(folder) / "bytecode")
        for number in range(rounds + 1):
            _, text = cpu_sec([sys.executable, "-c", _STEP, root, "3"], env, terminal=False)
            *numbers, dynamo = text.split()
            if number:
                rows.append([float(each) for each in numbers])
    totals = [sum(row[: len(parts)]) for row in rows]
    columns = dict(
        zip((*parts, "second step", "third step"), zip(*rows, strict=True), strict=True)
    )
    return {
        "in all": _in_short(totals),
        **{name: _in_short(column) for name, column in columns.items()},
        "torch._dynamo was imported": dynamo == "True",
    }


def _in_short(seconds: Sequence[float]) -> dict[str, float]:
    return {
        "min": round(min(seconds), 3),
        "median": round(statistics.median(seconds), 3),
        "max": round(max(seconds), 3),
    }


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--rounds", type=int, default=15, help="of each kind, in turn")
    asked.add_argument("--plugins", type=int, default=50)
    asked.add_argument("--data-root", default="", help="folder with MNIST/raw")
    said = asked.parse_args()
    report = {
        "cpu_sec_of_list": lists(said.rounds, said.plugins),
        "cpu_sec_to_the_first_step": first_step(max(said.rounds // 3, 3), said.data_root),
        "rounds": said.rounds,
        "python": platform.python_version(),
        "torch": version("torch"),
        "machine": platform.machine(),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
