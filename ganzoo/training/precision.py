"""Number formats: fp32, tf32 (CUDA matrix units, float32 range) and bf16 (autocast)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

from ganzoo.errors import MachineError


@dataclass(frozen=True)
class Precision:
    """The number format of one run.

    Attributes:
        name: ``fp32``, ``tf32`` or ``bf16``.
        device: Where it is used.
        note: What people should know about it; empty when nothing.
    """

    name: str
    device: torch.device
    note: str = ""

    @staticmethod
    def choose(name: str, device: torch.device) -> "Precision":
        """Return a format by name; ``auto`` is tf32 on CUDA and fp32 elsewhere.

        A CPU without matrix units for bf16 gets fp32, and a note: it would have to emulate them.

        Raises:
            MachineError: The device has no such format.
        """
        if name == "auto":
            name = "tf32" if device.type == "cuda" else "fp32"
        if name == "tf32" and device.type != "cuda":
            raise MachineError(
                f"training.precision: tf32 needs a CUDA device, not {device.type};"
                " use --set training.precision=fp32"
            )
        if name == "bf16" and device.type == "cpu" and not _multiplies_bf16():
            return Precision(
                "fp32", device, "bf16 is slower than fp32 on this CPU, so it trains in fp32"
            )
        return Precision(name, device)

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which networks run."""
        if self.name != "bf16":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    @contextmanager
    def matmul(self) -> Iterator[None]:
        """Set CUDA's float32 matrix format, and put it back."""
        if self.device.type != "cuda":
            yield
            return
        matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]
        before = (matmul.fp32_precision, conv.fp32_precision)
        wanted = "ieee" if self.name == "fp32" else "tf32"
        matmul.fp32_precision = conv.fp32_precision = wanted
        try:
            yield
        finally:
            matmul.fp32_precision, conv.fp32_precision = before


def _multiplies_bf16() -> bool:
    """Return whether the CPU has matrix units for bf16 (AMX)."""
    ask = getattr(torch.cpu, "_is_amx_tile_supported", None)  # not public; torch 2.6 and newer
    return ask is not None and bool(ask())
