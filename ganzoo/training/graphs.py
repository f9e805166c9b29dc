"""CUDA graphs: a step is recorded once and then replayed, so that no kernel waits for Python.

Steps with the same signature (its phases, the terms that are due, the batch) have one graph. Real
images and latents are drawn outside and copied to where the graph reads them; everything else of a
step is inside: passes, penalties, updates, the average, readings. The first steps of a signature
are played as ever, as steps of the run; to record one executes nothing. So there is no state to
put back, and a run with graphs computes what the run without them does.

References: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import torch

from ganzoo.errors import MachineError
from ganzoo.training.batches import Batch
from ganzoo.training.ticks import Readings

_WARM_UP = 3  # steps of a signature before it is recorded; libraries choose their kernels in them
_MOST = 16  # signatures in force; a step that is never the same again gains nothing

Replay = Callable[[], None]


@runtime_checkable
class Recorder(Protocol):
    """Records what a function asks of a device."""

    def play(self, step: Callable[[], None]) -> None:
        """Run a function the way it will be recorded."""

    def record(self, step: Callable[[], None], generators: Sequence[torch.Generator]) -> Replay:
        """Record a function without executing it; its random numbers come from ``generators``.

        Raises:
            RuntimeError: It does something that cannot be recorded.
        """


@final
class CudaRecorder:
    """Records CUDA graphs, all in one pool of memory and on one stream.

    Args:
        device: A CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def play(self, step: Callable[[], None]) -> None:
        """Run a function on the stream of the graphs."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            step()
        current.wait_stream(self._stream)

    def record(self, step: Callable[[], None], generators: Sequence[torch.Generator]) -> Replay:
        """Record a function as a graph.

        Raises:
            RuntimeError: It waits for the device, or asks what a graph cannot hold.
        """
        graph = torch.cuda.CUDAGraph()
        index = torch.cuda.current_device() if self._device.index is None else self._device.index
        everyone = (*generators, torch.cuda.default_generators[index])
        for generator in generators:
            graph.register_generator_state(generator)
        before = [generator.clone_state() for generator in everyone]
        current = torch.cuda.current_stream(self._device)
        try:
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                step()
        except Exception:  # leaves torch on another stream, and generators that refuse to draw
            torch.cuda.set_stream(current)
            for generator, state in zip(everyone, before, strict=True):
                generator.graphsafe_set_state(state)
            raise
        return graph.replay


@runtime_checkable
class Recordable(Protocol):
    """What graphs need of a trainer."""

    readings: Readings
    nimg: int

    def signature(self) -> Hashable:
        """Return what tells the next step from others."""

    def take(self) -> list[Batch]:
        """Take the batches of the next step, and set the numbers that it reads on the device."""

    def iterate(self, batches: Sequence[Batch]) -> None:
        """Play the phases of a step on its batches, then the average."""

    def generators(self) -> Sequence[torch.Generator]:
        """Return the random streams in use."""


@dataclass(frozen=True)
class _Recorded:
    replay: Replay
    inputs: Sequence[Batch]
    readings: Counter[str]


@final
class Graphs:
    """The recorded steps of a run.

    Args:
        recorder: How they are recorded.
        required: A step that cannot be recorded is an error, and not played as ever.

    Attributes:
        refusal: Why steps are no longer recorded; empty while they are.
    """

    def __init__(self, recorder: Recorder, *, required: bool = False) -> None:
        self._recorder, self._required = recorder, required
        self._recorded: dict[Hashable, _Recorded] = {}
        self._seen = Counter[Hashable]()
        self.refusal, self._news = "", ""

    @property
    def count(self) -> int:
        """Number of graphs."""
        return len(self._recorded)

    def news(self) -> str:
        """Return once that steps are no longer recorded, and why; empty when there is no news."""
        news, self._news = self._news, ""
        return news

    def drop(self) -> None:
        """Forget all graphs: what they work on is about to be another place in memory."""
        self._recorded.clear()
        self._seen.clear()

    def play(self, trainer: Recordable) -> None:
        """Play the next step.

        Raises:
            MachineError: It cannot be recorded, and that was required.
        """
        signature, batches = trainer.signature(), trainer.take()
        graph = self._recorded.get(signature)
        if graph is None and not self.refusal and self._seen[signature] >= _WARM_UP:
            graph = self._record(trainer, signature, batches)
        if graph is None:
            self._seen[signature] += 1
            if len(self._seen) > _MOST:
                self._refuse("its settings change too often")
            self._recorder.play(lambda: trainer.iterate(batches))
            return
        for theirs, ours in zip(graph.inputs, batches, strict=True):
            for old, new in zip(theirs.tensors(), ours.tensors(), strict=True):
                old.copy_(new)
        graph.replay()
        trainer.readings.count(graph.readings)

    def _record(
        self, trainer: Recordable, signature: Hashable, batches: Sequence[Batch]
    ) -> _Recorded | None:
        inputs, nimg = [_copied(batch) for batch in batches], trainer.nimg
        try:
            with trainer.readings.recorded() as added:
                replay = self._recorder.record(
                    lambda: trainer.iterate(inputs), trainer.generators()
                )
                if trainer.nimg != nimg:
                    raise RuntimeError("it takes more batches than its algorithm's `batches` says")
        except RuntimeError as error:
            trainer.nimg = nimg
            self._refuse(_cause(error))
            return None
        self._recorded[signature] = _Recorded(replay, inputs, added)
        return self._recorded[signature]

    def _refuse(self, why: str) -> None:
        if self._required:
            raise MachineError(
                f"training.cuda_graph: on, but a step cannot be recorded: {why};"
                " leave it at auto, or use --cuda-graph off"
            )
        self.drop()
        self.refusal, self._news = why, f"steps are played without CUDA graphs: {why}"


def choose_graphs(
    setting: str, device: torch.device, ranks: int, acting: Mapping[str, object]
) -> tuple[Graphs | None, str]:
    """Return what records the steps of a run, or None and why not, where that is news.

    Args:
        setting: ``auto``, ``on`` or ``off``.
        device: Where the run trains.
        ranks: Number of its processes.
        acting: Parts that act inside of a step other than by what they compute, by slot.

    Raises:
        MachineError: It was required, and cannot be.
    """
    if setting == "off" or (setting == "auto" and device.type != "cuda"):
        return None, ""
    if device.type != "cuda":
        why = f"it needs a CUDA device, not {device.type}"
    elif ranks > 1:
        why = f"{ranks} processes share each step"
    else:
        silent = [slot for slot, part in acting.items() if not getattr(part, "capturable", False)]
        why = f"{silent[0]} acts inside of a step and does not say capturable" if silent else ""
    if not why:
        return Graphs(CudaRecorder(device), required=setting == "on"), ""
    if setting == "on":
        raise MachineError(f"training.cuda_graph: on, but {why}; use --cuda-graph off")
    return None, f"steps are played without CUDA graphs: {why}"


def _copied(batch: Batch) -> Batch:
    labels = None if batch.labels is None else batch.labels.clone()
    return Batch(batch.real.clone(), labels, batch.z.clone())


def _cause(error: BaseException) -> str:
    """Return the first line of what went wrong first: to end a broken recording fails as well."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).partition("\n")[0]
