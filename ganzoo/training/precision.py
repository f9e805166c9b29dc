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
    """

    name: str
    device: torch.device

    @staticmethod
    def choose(name: str, device: torch.device) -> "Precision":
        """Return a format by name; ``auto`` is tf32 on CUDA and fp32 elsewhere.

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
