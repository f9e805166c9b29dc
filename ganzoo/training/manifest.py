"""What a checkpoint's folder must hold, byte by byte: sizes and sha256, written last.

The rule: nothing is parsed before its hash was found right. A hash is no signature: it finds
damage, not malice, so what is parsed later is read strictly too.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ganzoo.errors import CheckpointError
from ganzoo.files import sync_file, write_aside
from ganzoo.rundir import moment
from ganzoo.training.skeleton import read_json, tensor_crc

FORMAT, VERSION = "ganzoo-checkpoint", 1

MANIFEST, STATE, TENSORS = "manifest.json", "state.json", ".safetensors"
"""The manifest, the skeletons of all groups, and how a group's file of tensors ends."""

_FILE = re.compile(r"state\.json|[a-z0-9][a-z0-9_-]*\.safetensors")


class RejectedError(Exception):
    """Why a checkpoint cannot be used; the next older one may be."""


@dataclass(frozen=True)
class Entry:
    """What the manifest says of a file.

    Attributes:
        size: Bytes.
        sha256: Of the whole file.
        crc32: By tensor; read only when the hash is wrong, to name the damaged one.
    """

    size: int
    sha256: str
    crc32: Mapping[str, int] = field(default_factory=dict)


def write(folder: Path, nimg: int, crcs: Mapping[str, Mapping[str, int]]) -> None:
    """Hand every file of a folder to the disk, then write their manifest.

    Args:
        folder: Where the files are.
        nimg: Images shown so far.
        crcs: CRC-32 of tensors, by file.
    """
    files: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        sync_file(path)
        files[path.name] = {"size": path.stat().st_size, "sha256": _sha256(path)}
        if path.name in crcs:
            files[path.name]["crc32"] = dict(crcs[path.name])
    body: dict[str, Any] = {"format": FORMAT, "version": VERSION, "nimg": nimg, "files": files}
    body["self_sha256"] = hashlib.sha256(_canonical(body)).hexdigest()
    write_aside(folder / MANIFEST, _canonical(body))


def read(folder: Path) -> dict[str, Entry]:
    """Return what a checkpoint says it holds, by file name.

    Raises:
        RejectedError: The manifest is missing, damaged, or of another moment.
        CheckpointError: It is sound but of a newer format.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise RejectedError("is not a plain folder")
    raw = _plain(folder / MANIFEST)
    try:
        body = read_json(raw)
    except ValueError as error:
        raise RejectedError(f"{MANIFEST}: not valid ({error})") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise RejectedError(f"{MANIFEST}: not that of a ganzoo checkpoint")
    as_written = raw == _canonical(body)
    said = body.pop("self_sha256", None)
    if not as_written or said != hashlib.sha256(_canonical(body)).hexdigest():
        raise RejectedError(f"{MANIFEST}: its hash does not match; it is damaged or was altered")
    if body.get("version") != VERSION:
        raise CheckpointError(
            f"{folder}: has format version {body.get('version')}, this ganzoo reads {VERSION};"
            " update ganzoo, or name an older checkpoint"
        )
    if type(body.get("nimg")) is not int or moment(body["nimg"]) != folder.name:
        raise RejectedError(
            f"{MANIFEST}: is that of {body.get('nimg')} images; the folder was renamed"
        )
    return _entries(body.get("files"))


def read_file(folder: Path, name: str, entries: Mapping[str, Entry]) -> bytes:
    """Return a file's bytes, once they are found to be what was written.

    Raises:
        RejectedError: They are not; the message names file and damage.
    """
    entry = entries.get(name)
    if entry is None:
        raise RejectedError(f"{name}: not in the manifest")
    raw = _plain(folder / name, entry.size)
    if hashlib.sha256(raw).hexdigest() != entry.sha256:
        raise RejectedError(f"{name}: its sha256 is not that of the manifest{_damage(raw, entry)}")
    return raw


def read_tensors(folder: Path, name: str, entries: Mapping[str, Entry]) -> dict[str, Tensor]:
    """Return a file's tensors, on the CPU.

    Raises:
        RejectedError: The file is damaged or not a file of tensors.
    """
    return tensors_of(read_file(folder, name, entries), name)


def tensors_of(raw: bytes, name: str) -> dict[str, Tensor]:
    """Return the tensors of a file's bytes, on the CPU.

    Raises:
        RejectedError: They are none.
    """
    try:
        return safetensors.torch.load(raw)
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise RejectedError(f"{name}: not a file of tensors ({error!s:.200})") from error


def strangers(folder: Path, entries: Mapping[str, Entry]) -> list[str]:
    """Return what is wrong with the set of files; names that begin with a dot do not count."""
    found = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    missing = [f"{name}: missing" for name in sorted(set(entries) - found)]
    return missing + [
        f"{name}: not in the manifest" for name in sorted(found - {*entries, MANIFEST})
    ]


def _entries(files: Any) -> dict[str, Entry]:
    try:
        entries = {name: Entry(**entry) for name, entry in files.items()}
    except (TypeError, AttributeError) as error:
        raise RejectedError(f"{MANIFEST}: its list of files is not one ({error})") from error
    for name, entry in entries.items():
        sound = isinstance(entry.size, int) and isinstance(entry.sha256, str)
        if not _FILE.fullmatch(name) or not sound or not isinstance(entry.crc32, dict):
            raise RejectedError(f"{MANIFEST}: {name!r} is no file of a checkpoint")
    return entries


def _plain(path: Path, size: int | None = None) -> bytes:
    """Return the bytes of a file that is no link, and of the expected size."""
    try:
        if path.is_symlink() or not path.is_file():
            raise RejectedError(
                f"{path.name}: {'not a plain file' if path.exists() else 'missing'}"
            )
        found = path.stat().st_size
        if size is not None and found != size:
            change = "truncated" if found < size else "grown"
            raise RejectedError(f"{path.name}: {change}, {found} bytes for {size}")
        return path.read_bytes()
    except OSError as error:
        raise RejectedError(f"{path.name}: cannot be read ({error.strerror})") from error


def _damage(raw: bytes, entry: Entry) -> str:
    if not entry.crc32:
        return ""
    try:
        tensors = safetensors.torch.load(raw)
    except Exception:  # damaged bytes may upset the parser in any way
        return "; the header is damaged"
    bad = [name for name, x in tensors.items() if tensor_crc(x) != entry.crc32.get(name)]
    if not bad or set(tensors) != set(entry.crc32):
        return "; the header is damaged"
    return f"; damaged: {', '.join(sorted(bad)[:3])}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _canonical(body: Mapping[str, Any]) -> bytes:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")
