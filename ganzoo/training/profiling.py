"""Where the time of a step goes: some steps on a copy, measured from outside of the trainer.

Three passes: at full speed, for images a second; with a stopwatch around each part of a step,
which waits for the device at every boundary; under torch's profiler, for kernels and the trace.
The run is left as it is, so that it is bit for bit the run without.
"""

import gc
import inspect
import os
import platform
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import torch
from torch.profiler import ProfilerActivity, profile

from ganzoo.algorithm import Phase
from ganzoo.files import write_aside
from ganzoo.training.experiment import Experiment
from ganzoo.training.rehearsal import copied, memory
from ganzoo.training.trainer import Trainer

_WARM, _TIMED, _TRACED = 6, 20, 3  # steps; the first ones choose kernels and record graphs
_LONGEST = 16  # steps of a trace; penalties that are due more seldom may be missed in it
_BUSY, _HEAVY, _SLOW_DATA = 0.7, 0.5, 0.2  # shares of the time
_REST = "hooks and Python between"
_FAMILIES = {  # of operators on a CPU and kernels on a card, by what their names contain
    "optimizer and average": r"_fused_|_foreach|multi_tensor|adam",
    "convolution": r"conv|fprop|wgrad|dgrad|winograd|implicit",
    "matrix product": r"mm|gemm|matmul|linear|cutlass",
    "norm": r"norm(?!al)|bn_",
    "random numbers": r"rand|normal_|uniform|distribution|bernoulli|philox",
    "copies": r"copy|memcpy|memset|cat|clone|contiguous|index|gather|zero|fill|empty",
}
_MEANING = {
    "launch": "The card waits for Python to start kernels: larger ones or recorded steps help.",
    "compute": "The time is arithmetic: less of it, cheaper numbers or a faster device help.",
    "data": "The device waits for images: data kept in memory, or more workers, help.",
    "overhead": "To start operators takes longer than their arithmetic: larger ones help.",
}


@final
class Stopwatch:
    """Seconds by the innermost part that is running.

    Args:
        device: Whom to wait for where one part ends and the next begins.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._running = device, [_REST]
        self._since = time.perf_counter()
        self.seconds = defaultdict[str, float](float)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that is timed; ``{}`` in the name is the player of its argument."""

        def timed(*args: Any, **more: Any) -> Any:
            of = args[0] if args else None
            self.turn()
            self._running.append(name.format(of.player if isinstance(of, Phase) else of))
            try:
                return function(*args, **more)
            finally:
                self.turn()
                self._running.pop()

        return timed

    def turn(self) -> None:
        """Count what has passed for the part that was running."""
        _wait(self._device)
        now = time.perf_counter()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now


@dataclass(frozen=True)
class Profile:
    """What was measured.

    Attributes:
        images_per_sec: Real images shown, at full speed.
        step_sec: Seconds a step, at full speed.
        parts: Seconds a step by part of it.
        families: Share of the operators' time by family, on a card of the kernels' time.
        busy: Share of the time in which a card computes; None on other devices.
        kernels: Kernels a step on a card, operators elsewhere.
        timed: Steps at full speed, and with the stopwatch.
        traced: Steps under the profiler.
    """

    images_per_sec: float
    step_sec: float
    parts: dict[str, float]
    families: dict[str, float]
    busy: float | None
    kernels: float
    timed: int = _TIMED
    traced: int = _TRACED

    @property
    def verdict(self) -> str:
        """What bounds the speed, and the figure that says so."""
        if self.data >= _HEAVY:
            return f"data-bound: {self.data:.0%} of a step goes into data"
        if self.busy is not None and self.busy < _BUSY:
            return f"launch-bound: the card computes {self.busy:.0%} of the time, and waits else"
        if self.busy is not None:
            return f"compute-bound: the card computes {self.busy:.0%} of the time"
        heavy = self.families.get("convolution", 0) + self.families.get("matrix product", 0)
        where = f"{heavy:.0%} of the operators' time is convolutions and matrix products"
        return f"{'compute' if heavy >= _HEAVY else 'overhead'}-bound: {where}"

    @property
    def data(self) -> float:
        """Share of a step that data takes."""
        return self.parts.get("data", 0.0) / max(sum(self.parts.values()), 1e-12)


def profile_steps(experiment: Experiment, device: torch.device, folder: Path) -> str:
    """Profile some steps on a copy; write ``summary.md`` and ``trace.json.gz``.

    Args:
        experiment: The run; it is left as it is.
        device: Where it will train.
        folder: Where to write; it is made.

    Returns:
        Verdict, speed and the summary's path as a sentence. A part that fails on a copy costs the
        profile, not the run: then the reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            found, text = _measure(experiment, device, folder)
    except Exception as error:  # whatever a part of somebody else's does when it is a copy
        return f"not profiled: {error!r}"
    finally:
        _forget(device)
    page = folder / "summary.md"
    write_aside(page, text)
    return f"{found.verdict}; {found.images_per_sec:,.0f} images/s; more in {page}"


def _measure(experiment: Experiment, device: torch.device, folder: Path) -> tuple[Profile, str]:
    """Return what was found, and the page; one copy is on the device at a time."""
    seldom = max((part.interval for part in experiment.regularizers.values()), default=1)
    timed = _TIMED - _TIMED % seldom or _TIMED  # whole rounds of what is not due in every step
    traced = seldom if _TRACED <= seldom <= _LONGEST else _TRACED
    unrecorded = replace(experiment.training, cuda_graph="off")
    parts = _parts(replace(experiment, training=unrecorded), device, timed)
    _forget(device)
    trainer = Trainer(copied(experiment), device)
    _play(trainer, _WARM)
    before, began = trainer.nimg, time.perf_counter()
    _play(trainer, timed)
    step_sec = (time.perf_counter() - began) / timed
    speed = (trainer.nimg - before) / timed / step_sec
    computes, kernels, families = _trace(trainer, traced, folder / "trace.json.gz")
    busy = None if computes is None else min(computes / step_sec, 1.0)
    found = Profile(speed, step_sec, parts, families, busy, kernels, timed, traced)
    return found, summary(found, trainer, folder.resolve().parent.name)


def _parts(experiment: Experiment, device: torch.device, steps: int) -> dict[str, float]:
    """Return the seconds of a step by part, the longest first; nothing is recorded here."""
    trainer = Trainer(copied(experiment), device)
    _play(trainer, _WARM)
    watch = Stopwatch(device)
    inside: tuple[tuple[object, str, str], ...] = (
        (trainer.batches, "take", "data"),
        (trainer, "backward", "{}: passes forward and back"),
        (trainer, "update", "{}: update"),
        (trainer.average, "update", "average"),
    )
    for owner, method, name in inside:
        object.__setattr__(owner, method, watch.around(name, getattr(owner, method)))
    watch.turn()
    watch.seconds.clear()
    _play(trainer, steps)
    watch.turn()
    return {name: seconds / steps for name, seconds in _falling(watch.seconds)}


def _trace(
    trainer: Trainer, steps: int, path: Path
) -> tuple[float | None, float, dict[str, float]]:
    """Return the seconds a step a card computes, kernels a step, and shares by family.

    A card's seconds are compared with a step at full speed: what is traced starts more slowly.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's tracer is talkative
    card = trainer.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * card]
    with profile(activities=activities) as found:
        _play(trainer, steps)
    found.export_chrome_trace(str(path))
    kind = "CUDA" if card else "CPU"
    events = [each for each in found.events() or () if each.device_type.name == kind]
    events = [each for each in events if not each.is_user_annotation]  # a span, not a kernel
    if card:
        spans = [(each.time_range.start, each.time_range.end) for each in events]
        costs = [(each.name, each.time_range.elapsed_us()) for each in events]
        computes = _covered(spans) / 1e6 / steps
    else:
        costs = [(each.name, each.self_cpu_time_total) for each in events]
        costs, computes = [each for each in costs if "::" in each[0]], None
    return computes, len(costs) / steps, _shares(costs)


def _shares(costs: Iterable[tuple[str, float]]) -> dict[str, float]:
    times = defaultdict[str, float](float)
    for name, cost in costs:
        known = (f for f, words in _FAMILIES.items() if re.search(words, name.lower()))
        times[next(known, "element by element, sums")] += max(cost, 0)
    total = max(sum(times.values()), 1e-12)
    return {family: cost / total for family, cost in _falling(times)}


def _falling(costs: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(costs.items(), key=lambda each: -each[1])


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """Return the length of the union of intervals."""
    total, end = 0.0, float("-inf")
    for first, last in sorted(spans):
        total += max(last - max(first, end), 0.0)
        end = max(end, last)
    return total


def _forget(device: torch.device) -> None:
    """Free what a copy held: a trainer is a circle, which only the collector finds."""
    gc.collect()
    memory(device)


def _play(trainer: Trainer, steps: int) -> None:
    for _ in range(steps):
        trainer.play_step()
    _wait(trainer.device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def summary(found: Profile, trainer: Trainer, name: str) -> str:
    """Return a page of Markdown: where the time goes, what bounds it, what to try."""
    total = sum(found.parts.values())
    parts = [(n, f"{1e3 * s:.2f} ms", f"{s / total:.0%}") for n, s in found.parts.items()]
    families = [(name, f"{share:.0%}") for name, share in found.families.items()]
    card = found.busy is not None
    kind = "kernel" if card else "operator"
    where = torch.cuda.get_device_name(trainer.device) if card else platform.machine()
    threads = "" if card else f", threads: {torch.get_num_threads()}"
    tries = advice(found, trainer) or ["Nothing: this is what the device gives for this recipe."]
    lines = [
        f"# Where the time of {name} goes",
        "",
        f"**{found.verdict}.** {found.images_per_sec:,.0f} images/s,"
        f" {1e3 * found.step_sec:.2f} ms a step of {trainer.batch_size} images,"
        f" {found.kernels:,.0f} {kind}s a step. {_MEANING[found.verdict.partition('-')[0]]}",
        "",
        f"torch {torch.__version__}, {trainer.device.type} ({where}{threads}),"
        f" {trainer.precision.name},"
        f" {'steps recorded as CUDA graphs' if _recorded(trainer) else 'steps not recorded'}.",
        "",
        "## By part of a step",
        "",
        f"{found.timed} steps with a stopwatch that waits for the device at every boundary;"
        " nothing is recorded here, so the sum can be more than a step takes at full speed.",
        "",
        *_table(("part", "a step", "share"), parts),
        "",
        f"## By {kind}",
        "",
        *_table(("family", "share"), families),
        "",
        "## What to try",
        "",
        *[f"- {line}" for line in tries],
        "",
        "`trace.json.gz` beside this page opens in https://ui.perfetto.dev:"
        f" every {kind} of {found.traced} steps.",
    ]
    return "\n".join(lines) + "\n"


def advice(found: Profile, trainer: Trainer) -> list[str]:
    """Return what may help, each as an option and its reason."""
    lines = []
    if found.data > _SLOW_DATA:
        lines.append(
            f"Data takes {found.data:.0%} of a step: raise `--set training.resident_gib=...` until"
            " the data set is kept in memory, or `--set training.workers=...`."
        )
    if found.verdict.startswith("data"):
        return lines  # nothing else helps while the device waits for images
    if found.busy is not None and found.busy < _BUSY:
        lines.append("`--batch-size` twice as large costs little while the card waits.")
        if not _recorded(trainer):
            refusal = trainer.graphs.refusal if trainer.graphs else ""
            why = refusal or "; ".join(trainer.notes) or "training.cuda_graph is off"
            lines.append(f"`--cuda-graph auto` lets the card wait less; now {why}.")
    elif found.busy is not None:
        narrower = {"fp32": "tf32", "tf32": "bf16"}.get(trainer.precision.name)
        lines += [f"`--precision {narrower}` uses more of the card."] if narrower else []
        lines += [] if trainer.experiment.training.compile else ["`--compile` joins kernels."]
    elif torch.get_num_threads() < (cores := _cores()):
        lines.append(
            f"`OMP_NUM_THREADS={cores}`: torch uses {torch.get_num_threads()} of {cores} cores."
        )
    if found.busy is None and found.verdict.startswith("overhead"):
        lines.append("`--batch-size` larger: operators on so little cost as much as on more.")
    for name, part in trainer.experiment.regularizers.items():
        lazy = "interval" in inspect.signature(type(part)).parameters
        if part.second_order and part.interval == 1 and lazy:
            lines.append(
                f"`--set regularizer.{name}.interval=4`: {name} differentiates a gradient in every"
                " step; every fourth, four times as strong, does nearly the same."
            )
    return lines


def _recorded(trainer: Trainer) -> bool:
    return trainer.graphs is not None and not trainer.graphs.refusal


def _cores() -> int:
    """Return the cores that this process may use."""
    return len(getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    ruler = ["---", *["---:"] * (len(heads) - 1)]
    return [f"| {' | '.join(row)} |" for row in (heads, ruler, *rows)]
