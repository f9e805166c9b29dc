"""Forgers of damaged and hostile files, made of bytes: no such file lies in the repository."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image


def chunk(kind: bytes, data: bytes, *, crc: int | None = None) -> bytes:
    """A chunk of a PNG, with its right checksum or another."""
    raw = kind + data
    return struct.pack(">I", len(data)) + raw + struct.pack(">I", crc or zlib.crc32(raw))


def png(
    width: int, height: int, row: bytes, *, bits: int = 8, colour: int = 0, crc: int | None = None
) -> bytes:
    """A PNG whose rows are alike: of any depth, of any size, with any checksum of its head."""
    values = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    head = chunk(b"IHDR", values, crc=crc)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(b"\0" + row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def picture(path: Path, mode: str = "RGB", colour: Any = 0, side: int = 16, **how: Any) -> Path:
    """A sound picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (side, side), colour).save(path, **how)
    return path


def noise(path: Path, side: int = 64) -> Path:
    """A sound picture that no packer makes small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = bytes((7 * i * i + 13 * i) % 251 for i in range(side * side * 3))
    Image.frombytes("RGB", (side, side), values).save(path)
    return path


def cut(path: Path, share: float = 0.5) -> Path:
    """The same file without its end."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def flipped(path: Path, place: int, bits: int = 0xFF) -> Path:
    """The same file with one byte, or some of its bits, turned around."""
    raw = bytearray(path.read_bytes())
    raw[place] ^= bits
    path.write_bytes(raw)
    return path


@dataclass(frozen=True)
class Member:
    """A member of a zip.

    Attributes:
        name: As it is written, bytes where it is no text.
        content: What it holds.
        mode: Of the file, as Unix has it: 0o120777 is a link.
        packing: Of zipfile.
    """

    name: str
    content: bytes
    mode: int = 0
    packing: int = zipfile.ZIP_DEFLATED


def zipped(path: Path, *members: Member, zip64: bool = False) -> Path:
    """A zip of some members, whatever they are called."""
    with zipfile.ZipFile(path, "w") as archive:
        for each in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = each.name, each.packing
            info.external_attr = each.mode << 16
            with archive.open(info, "w", force_zip64=zip64) as file:
                file.write(each.content)
    return path


def entry_patched(path: Path, offset: int, value: bytes) -> Path:
    """A zip with the last entry of its directory changed: 8 flags, 10 packing, 24 size."""
    raw = bytearray(path.read_bytes())
    start = raw.rindex(b"PK\x01\x02") + offset
    raw[start : start + len(value)] = value
    path.write_bytes(raw)
    return path


def idx(sides: tuple[int, ...], value: Callable[[int], int] | None = None) -> bytes:
    """An idx file of bytes: zeros, or what is said of each."""
    count = 1
    for side in sides:
        count *= side
    head = bytes([0, 0, 8, len(sides)]) + b"".join(side.to_bytes(4, "big") for side in sides)
    return head + (bytes(count) if value is None else bytes(value(i) for i in range(count)))
