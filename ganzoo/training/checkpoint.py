"""Checkpoints: all that resuming needs, in a folder that is visible only when it is whole.

    checkpoints/000180224/  <group>.safetensors ...  state.json  manifest.json

Written aside, handed to the disk, then renamed; read only after every hash was found right.
safetensors and strict JSON, no pickle, no name of code. Who saves holds the run's lock.
"""

import os
import re
import shutil
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from errno import EIO, ENOSPC
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ganzoo.errors import CheckpointError, MachineError
from ganzoo.files import ASIDE, TRASH, delete, sync_folder, writing
from ganzoo.rundir import moment, moment_of
from ganzoo.training import manifest
from ganzoo.training.manifest import STATE, TENSORS, Entry, RejectedError
from ganzoo.training.skeleton import MAX_BYTES, pack, read_json, tensor_crc, unpack, write_json

_STEM = re.compile("[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Loaded:
    """A checkpoint that was read.

    Attributes:
        nimg: Images shown before it was made.
        groups: State trees by name, tensors on the CPU.
        path: Its folder.
        rejected: Newer ones that are damaged: (name, reason).
    """

    nimg: int
    groups: Mapping[str, Any]
    path: Path
    rejected: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Packed:
    """State that no longer changes: skeletons and copied tensors, by group."""

    state: bytes
    tensors: Mapping[str, Mapping[str, Tensor]]

    @property
    def size(self) -> int:
        """Bytes on the disk, nearly."""
        return len(self.state) + sum(
            x.nbytes for group in self.tensors.values() for x in group.values()
        )


def save(
    folder: Path,
    nimg: int,
    groups: Mapping[str, Any],
    *,
    keep: int,
    protect: Collection[int] = (),
) -> Path:
    """Write a checkpoint, then delete old ones.

    A sound checkpoint of the same moment is left as it is: a resumed run saves again.

    Args:
        folder: Where checkpoints are; made when missing.
        nimg: Images shown so far.
        groups: State trees by name; each has its own file of tensors.
        keep: How many of the newest to keep, at least this one.
        protect: Moments that are kept besides.

    Raises:
        CheckpointError: A tree holds something that cannot be stored; it is named.
        MachineError: The disk is full or failed; older checkpoints are untouched.
    """
    path = folder / moment(nimg)
    if not os.path.lexists(path) or verify(path):
        _save(path, nimg, _pack(nimg, groups))
    try:
        _prune(folder, nimg, keep=keep, protect=protect)
        sweep(folder)
    except OSError as error:
        warnings.warn(f"could not tidy {folder}: {error}", stacklevel=2)
    return path


def load(folder: Path, nimg: int | None = None) -> Loaded:
    """Read the newest sound checkpoint, or the one of a moment.

    Args:
        folder: Where checkpoints are.
        nimg: Images shown; this one or none. None: the newest that is sound.

    Raises:
        CheckpointError: None is sound (each is named with the reason), or it is of a newer
            format.
    """
    rejected: list[tuple[str, str]] = []
    there = moments(folder)
    wanted = there[::-1] if nimg is None else [nimg]
    if not there or (nimg is not None and nimg not in there):
        raise _none_there(folder, nimg, there)
    for shown in wanted:
        path = folder / moment(shown)
        try:
            return Loaded(shown, _read(path), path, tuple(rejected))
        except RejectedError as error:
            rejected.append((path.name, str(error)))
    reasons = "; ".join(f"{name}: {reason}" for name, reason in rejected)
    raise CheckpointError(
        f"{folder}: no usable checkpoint ({reasons}); restore one from a copy or start a new run"
    )


def load_group(path: Path, stem: str) -> Any:
    """Read one group of one checkpoint; the files of other groups may be missing.

    Args:
        path: The checkpoint's folder.
        stem: The group: ``generator_ema``.

    Raises:
        CheckpointError: There is no such group, or it is damaged.
    """
    try:
        entries = manifest.read(path)
        state = _state(path, entries)
        if stem not in state:
            raise CheckpointError(
                f"{path}: holds no {stem!r}, only {', '.join(sorted(state))};"
                " choose another checkpoint"
            )
        return _group(path, stem, state[stem], entries)
    except RejectedError as error:
        raise CheckpointError(f"{path}: {error}; choose another checkpoint") from error


def verify(path: Path) -> list[str]:
    """Return everything that is wrong with a checkpoint; nothing if it is sound."""
    try:
        entries = manifest.read(path)
        problems = manifest.strangers(path, entries)
    except (RejectedError, CheckpointError) as error:
        return [str(error)]
    for name in entries:
        try:
            manifest.read_file(path, name, entries)
        except RejectedError as error:
            problems.append(str(error))
    return sorted(set(problems))


def moments(folder: Path) -> list[int]:
    """Return the moments of which there are checkpoints, sound or not, in order."""
    if not folder.is_dir():
        return []
    found = (moment_of(path.name) for path in folder.iterdir())
    return sorted(nimg for nimg in found if nimg is not None)


def set_aside(folder: Path, after: int) -> list[int]:
    """Keep newer checkpoints out of the way of a run that goes back; nothing is deleted.

    Args:
        folder: The folder of checkpoints.
        after: The moment the run goes back to.

    Returns:
        The moments that were set aside, as ``000180224.aside``.
    """
    newer = [nimg for nimg in moments(folder) if nimg > after]
    for nimg in newer:
        target = folder / f"{moment(nimg)}.aside"
        with writing(target):
            delete(target)
            (folder / moment(nimg)).rename(target)
    return newer


def sweep(folder: Path) -> None:
    """Delete what an interrupted save or deletion left behind; under the run's lock."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith((ASIDE, TRASH)):
            delete(path)


def _pack(nimg: int, groups: Mapping[str, Any]) -> _Packed:
    skeletons: dict[str, Any] = {}
    tensors: dict[str, Mapping[str, Tensor]] = {}
    for stem, tree in groups.items():
        if _STEM.fullmatch(stem) is None:
            raise CheckpointError(f"{stem!r} cannot name a group; use a-z, 0-9, _ and -")
        skeletons[stem], tensors[stem] = pack(tree, stem)
    state = write_json({"nimg": nimg, "groups": skeletons})
    if len(state) > MAX_BYTES:
        raise CheckpointError(
            f"{len(state)} bytes of state besides tensors, {MAX_BYTES} at most;"
            " keep long lists as tensors"
        )
    return _Packed(state, tensors)


def _save(path: Path, nimg: int, packed: _Packed) -> None:
    aside = path.with_name(f"{ASIDE}{path.name}-{os.getpid()}")
    try:
        with writing(path):
            _write(aside, nimg, packed)
            _publish(aside, path)
    except MachineError as error:
        raise _not_saved(path, packed, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(aside: Path, nimg: int, packed: _Packed) -> None:
    """Write all files of a checkpoint under a name nobody reads, the manifest last."""
    aside.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(aside.parent).free
    if free < packed.size * 1.02 + 65536:
        raise OSError(ENOSPC, "too little is free")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    state = aside / STATE
    state.write_bytes(packed.state)
    crcs = {}
    for stem, tensors in packed.tensors.items():
        file = aside / f"{stem}{TENSORS}"
        try:
            save_file(dict(tensors), file, metadata={"format": "pt"})
        except SafetensorError as error:  # it hides the number of an error of the system
            number = re.search(r"os error (\d+)", str(error))
            raise OSError(int(number[1]) if number else EIO, str(error)) from error
        file.chmod(state.stat().st_mode & 0o777)  # safetensors does not ask the umask
        crcs[file.name] = {name: tensor_crc(x) for name, x in tensors.items()}
    manifest.write(aside, nimg, crcs)
    sync_folder(aside)


def _publish(aside: Path, path: Path) -> None:
    """Give a complete checkpoint its name; a damaged one of that name makes room."""
    if os.path.lexists(path):
        _discard(path)
    aside.rename(path)
    sync_folder(path.parent)


def _not_saved(path: Path, packed: _Packed, error: MachineError) -> MachineError:
    try:
        free = f"{shutil.disk_usage(path.parent).free / 2**20:.1f} MiB free"
        older = [name for name in map(moment, moments(path.parent)) if name != path.name]
        last = f"{older[-1]} is untouched" if older else "there is no other"
    except OSError:
        free, last = "nothing known of free room", "older ones are untouched"
    return MachineError(
        f"checkpoint {path.name} was not saved ({packed.size / 2**20:.1f} MiB needed, {free};"
        f" {last}): {error}"
    )


def _prune(folder: Path, last: int, *, keep: int, protect: Collection[int]) -> None:
    """Delete old checkpoints; a save that succeeded does not fail because of them.

    Newer ones than the last are damaged, or the run would not be here; they take nobody's place.
    """
    for nimg in [nimg for nimg in moments(folder) if nimg <= last][: -max(keep, 1)]:
        if nimg in protect:
            continue
        try:
            _discard(folder / moment(nimg))
        except OSError as error:
            warnings.warn(f"could not delete checkpoint {moment(nimg)}: {error}", stacklevel=3)


def _discard(path: Path) -> None:
    """Delete a checkpoint; it is never half there under its own name."""
    trash = path.with_name(f"{TRASH}{path.name}-{os.getpid()}")
    delete(trash)
    path.rename(trash)
    delete(trash)


def _read(path: Path) -> dict[str, Any]:
    entries = manifest.read(path)
    problems = manifest.strangers(path, entries)
    if problems:
        raise RejectedError("; ".join(problems))
    state = _state(path, entries)
    if {STATE, *(f"{stem}{TENSORS}" for stem in state)} != set(entries):
        raise RejectedError(f"{STATE}: does not name the groups that have files")
    return {stem: _group(path, stem, skeleton, entries) for stem, skeleton in state.items()}


def _state(path: Path, entries: Mapping[str, Entry]) -> dict[str, Any]:
    """Return the skeletons by group."""
    try:
        state = read_json(manifest.read_file(path, STATE, entries))
    except ValueError as error:
        raise RejectedError(f"{STATE}: not valid ({error!s:.200})") from error
    groups = state.get("groups") if isinstance(state, dict) else None
    if not isinstance(groups, dict) or state.get("nimg") != moment_of(path.name):
        raise RejectedError(f"{STATE}: not the state of this moment")
    return groups


def _group(path: Path, stem: str, skeleton: Any, entries: Mapping[str, Entry]) -> Any:
    tensors = manifest.read_tensors(path, f"{stem}{TENSORS}", entries)
    try:
        return unpack(skeleton, tensors)
    except ValueError as error:
        raise RejectedError(
            f"{STATE}: {stem} does not fit its tensors ({error!s:.200})"
        ) from error


def _none_there(folder: Path, nimg: int | None, there: list[int]) -> CheckpointError:
    if nimg is None or not there:
        return CheckpointError(f"{folder}: there is no checkpoint; start a new run")
    names = ", ".join(moment(shown) for shown in there)
    return CheckpointError(f"{folder}: there is no checkpoint {moment(nimg)}; there are {names}")
