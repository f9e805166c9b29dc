"""A recorder for the CPU that keeps the rules of CUDA graphs.

What it records runs again and again on the same memory; numbers and choices of Python are frozen;
recording leaves no trace; and whoever asks the device for a value while it records is refused.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape(TorchDispatchMode):
    """Runs every operator of a function once, notes it, and puts back what it wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.played: list[Callable[[], None]] = []
        self._before: dict[int, tuple[Tensor, Tensor]] = {}
        self._own: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.namespace == "aten" and func.name().split("::")[1].startswith(
            ("_local_scalar_dense", "nonzero", "is_nonzero", "equal")
        ):
            raise RuntimeError(f"{func} waits for the device")
        written = _written(func, args, kwargs)
        for tensor in written:
            where = tensor.untyped_storage().data_ptr()
            if where not in self._own:
                self._before.setdefault(id(tensor), (tensor, tensor.clone()))
        out = func(*args, **kwargs)
        made = [each for each in tree_leaves(out) if isinstance(each, Tensor)]
        if func.is_view:
            return out
        new = [each for each in made if all(each is not old for old in written)]
        self._own.update(each.untyped_storage().data_ptr() for each in new)
        self._keep = [*getattr(self, "_keep", []), *new]

        def again() -> None:
            now = [each for each in tree_leaves(func(*args, **kwargs)) if isinstance(each, Tensor)]
            for old, fresh in zip(made, now, strict=True):
                if old is not fresh:
                    old.copy_(fresh)

        self.played.append(again)
        return out

    def put_back(self) -> None:
        for tensor, value in self._before.values():
            tensor.copy_(value)

    def replay(self) -> None:
        with torch.no_grad():
            for each in self.played:
                each()


class TapeRecorder:
    """The recorder of :class:`ganzoo.training.graphs.Graphs` for tests."""

    def __init__(self) -> None:
        self.recorded = 0

    def play(self, step: Callable[[], None]) -> None:
        step()

    def record(
        self, step: Callable[[], None], generators: Sequence[torch.Generator]
    ) -> Callable[[], None]:
        states = [generator.get_state() for generator in generators]
        with torch.random.fork_rng(devices=[]):
            tape = Tape()
            try:
                with tape:
                    step()
            finally:
                with torch.no_grad():
                    tape.put_back()
                for generator, state in zip(generators, states, strict=True):
                    generator.set_state(state)
        self.recorded += 1
        return tape.replay


class NeverRecorder(TapeRecorder):
    """Refuses every step, which is then played as ever."""

    def record(
        self, step: Callable[[], None], generators: Sequence[torch.Generator]
    ) -> Callable[[], None]:
        try:
            raise RuntimeError("operation not permitted\nlong story")
        finally:
            raise RuntimeError("the recording was broken off")


def _written(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    if func.name().startswith("aten::native_batch_norm"):  # its schema keeps quiet about these
        return [each for each in args[3:5] if each is not None]
    found: list[Tensor] = []
    for number, argument in enumerate(func._schema.arguments):
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        value = args[number] if number < len(args) else kwargs.get(argument.name)
        found += [each for each in tree_leaves(value) if isinstance(each, Tensor)]
    return found
