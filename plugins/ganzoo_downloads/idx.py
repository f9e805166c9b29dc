"""The idx files of the MNIST family, checked to the last byte before anyone trains on them.

Stock readers take a cut file, a test file under a training name or a saved web page for the set;
here each is an error that names the file, what was found, and the cure.
"""

import gzip
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from ganzoo.errors import DataError

_BYTES = 8
"""The idx code of unsigned bytes, the third byte of a file; the fourth is the number of sides."""


@dataclass(frozen=True)
class IdxFile:
    """What one file must be.

    Attributes:
        name: File name without ``.gz``.
        shape: Sides of the array it holds.
        sha256: Of the file as it is unpacked; None where it is not known.
        packed_sha256: Of the ``.gz`` as it is published; None where nobody publishes it.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str | None = None
    packed_sha256: str | None = None

    @property
    def header(self) -> bytes:
        """The bytes before the values."""
        sides = (side.to_bytes(4, "big") for side in self.shape)
        return bytes([0, 0, _BYTES, len(self.shape)]) + b"".join(sides)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.header) + math.prod(self.shape)

    def path(self, folder: Path) -> Path:
        """Return where it is in a folder, unpacked or else as ``.gz``."""
        unpacked = folder / self.name
        return unpacked if unpacked.exists() else folder / f"{self.name}.gz"


def read_idx(path: Path, facts: IdxFile) -> UInt8[Tensor, "*sides"]:
    """Return the values of a file, unpacked or ``.gz``.

    Raises:
        DataError: The file cannot be read or is not what ``facts`` says.
    """
    try:
        raw = _raw(path, facts.size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _bad(path, f"cannot be read ({error})") from error
    if problem := _problem(raw, facts):
        raise _bad(path, problem)
    return torch.frombuffer(raw, dtype=torch.uint8)[len(facts.header) :].view(facts.shape)


def read_labels(path: Path, facts: IdxFile, num_classes: int) -> UInt8[Tensor, " n"]:
    """Return the class of each image.

    Raises:
        DataError: As :func:`read_idx`, or a class that the set does not have.
    """
    labels = read_idx(path, facts)
    wrong = (labels >= num_classes).nonzero().flatten()
    if len(wrong):
        where = int(wrong[0])
        raise _bad(path, f"says class {int(labels[where])} at image {where:,} of {num_classes}")
    return labels


def _raw(path: Path, most: int) -> bytearray:
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            return bytearray(file.read(most))
    with path.open("rb") as file:
        return bytearray(file.read(most))


def _problem(raw: bytes | bytearray, facts: IdxFile) -> str | None:
    header = facts.header
    if not raw:
        return "is empty"
    if raw[:4] != header[:4][: len(raw)]:
        return f"begins with {bytes(raw[:8])!r}, which is no header of {facts.name}"
    if len(raw) >= len(header) and raw[: len(header)] != header:
        found = (int.from_bytes(raw[i : i + 4], "big") for i in range(4, len(header), 4))
        return f"says it holds {_times(found)} values, not {_times(facts.shape)}"
    if len(raw) < facts.size:
        return f"is cut short: {len(raw):,} of {facts.size:,} bytes"
    if len(raw) > facts.size:
        return f"has more than its {facts.size:,} bytes"
    if facts.sha256 is not None and sha256(raw).hexdigest() != facts.sha256:
        return f"differs from the published {facts.name} (its sha256 does not fit)"
    return None


def _times(sides: Iterable[int]) -> str:
    return " x ".join(f"{side:,}" for side in sides)


def _bad(path: Path, problem: str) -> DataError:
    return DataError(
        f"{path} {problem}; delete it to fetch it again, or put the right file there."
    )
