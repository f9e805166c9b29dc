"""Checkpoints that somebody wrote on purpose: wrong in one place, and every hash right."""

import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
from forged import seal, tensors_file

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 3, 2**63, 10**400, 0.5, -1e308, 1e308, "", "x", "\x00", "../../x"),
    *("os:system", [], {}, [[]], {"$": "tensor"}, {"$": "tensor", "v": "nope"}, [1, 2, 3]),
    *({"$": "tuple", "v": []}, {"$": "tuple", "v": [1e9, -5]}, {"$": "bytes", "v": "00"}),
    *({"$": "float", "v": "7ff8000000000000"}, {"$": "float", "v": "fff0000000000000"}),
    *({"$": "map", "v": [[0, 1]]}, {"$": "eval", "v": "1"}, {"__class__": "os.system"}),
]
"""What stands in the place of a node of ``state.json``."""

HEADER: list[Any] = [*VALUES[:24], [0, 2**60], [2**31, 2**31], [-4, 4], "F64", "I8", "F8_E4M3"]


class Forger:
    """Writes mutants of a sound checkpoint, each in the place of the one before.

    Args:
        path: The checkpoint; :meth:`mutant` changes it.
        seed: Of all choices.
    """

    def __init__(self, path: Path, seed: int = 0) -> None:
        self._path, self._chance = path, random.Random(seed)
        self._sound = {file.name: file.read_bytes() for file in path.iterdir()}
        self._tensors = [name for name in self._sound if name.endswith(".safetensors")]

    def mutant(self) -> str:
        """Write one; returns what was changed."""
        for name, raw in self._sound.items():
            (self._path / name).write_bytes(raw)
        ways = (self._value, self._value, self._value, self._lost, self._swapped, self._bytes)
        said = self._chance.choice(
            (*ways, self._header, self._header, self._header, self._group)
        )()
        seal(self._path)
        return said

    def _state(self) -> tuple[Any, list[tuple[Any, Any]]]:
        """Return the state, and the places in some of its groups: (holder, key)."""
        state = json.loads(self._sound["state.json"])
        groups = state["groups"]
        small = self._chance.choice(("extra", "extra", "clock", "rng-00000", "optimizers", ""))
        return state, list(_places(groups[small] if small else groups))

    def _write(self, state: Any, said: str) -> str:
        """Write a state, and mostly no tensor that it has no place for."""
        (self._path / "state.json").write_text(json.dumps(state, separators=(",", ":")))
        for group in state["groups"] if self._chance.random() < 0.8 else ():
            used = {str(node.get("v")) for node in _nodes(state["groups"][group])}
            tensors = safetensors.torch.load(self._sound[f"{group}.safetensors"])
            kept = {name: tensor for name, tensor in tensors.items() if name in used}
            if len(kept) < len(tensors):
                (self._path / f"{group}.safetensors").write_bytes(safetensors.torch.save(kept))
        return said

    def _value(self) -> str:
        state, places = self._state()
        holder, key = self._chance.choice(places)
        holder[key] = self._chance.choice(VALUES)
        return self._write(state, f"{key} is {holder[key]!r:.40}")

    def _lost(self) -> str:
        state, places = self._state()
        holder, key = self._chance.choice(places)
        del holder[key]
        return self._write(state, f"{key} is lost")

    def _swapped(self) -> str:
        state, places = self._state()
        (one, a), (two, b) = self._chance.sample(places, 2)
        one[a], two[b] = json.loads(json.dumps([two[b], one[a]]))
        return self._write(state, f"{a} and {b} changed places")

    def _bytes(self) -> str:
        name = self._chance.choice(["state.json", *self._tensors])
        raw = bytearray(self._sound[name])
        for _ in range(self._chance.choice((1, 1, 3))):
            end = len(raw) if name == "state.json" else min(len(raw), 400)
            raw[self._chance.randrange(end)] = self._chance.randrange(256)
        cut = self._chance.choice((len(raw), len(raw), self._chance.randrange(len(raw))))
        (self._path / name).write_bytes(raw[:cut])
        return f"bytes of {name}"

    def _header(self) -> str:
        name = self._chance.choice(self._tensors)
        raw = self._sound[name]
        length = struct.unpack("<Q", raw[:8])[0]
        header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
        holder, key = self._chance.choice(list(_places(header)) or [(header, "x")])
        holder[key] = self._chance.choice(HEADER)
        said = f"{key} of {name} is {holder[key]!r:.40}"
        if self._chance.random() < 0.3:  # a file that is sound, of other shapes
            data = bytes(8)
            header = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
        (self._path / name).write_bytes(tensors_file(header, data))
        return said

    def _group(self) -> str:
        state, _ = self._state()
        name = self._chance.choice(list(state["groups"]))
        del state["groups"][name]
        (self._path / f"{name}.safetensors").unlink()
        return self._write(state, f"no group {name}")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    for holder, key in _places({"": tree}):
        if isinstance(holder[key], dict) and holder[key].get("$") == "tensor":
            yield holder[key]


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in list(keys):
        yield tree, key
        yield from _places(tree[key])
