"""State as a tree, and the tree as strict JSON (its skeleton) plus named tensors; no pickle.

A tree is made of None, bool, int, float, str, bytes, tensors, lists, tuples, and dicts with
string or integer keys. It returns bit by bit; everything else is refused when it is packed.
"""

import json
import math
import struct
import zlib
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import CheckpointError

MAX_BYTES = 64 * 2**20
"""JSON beyond this is neither written nor read."""

_MAX_DEPTH = 100
_MAX_BITS = 4096
_DTYPES = (
    *(torch.bool, torch.uint8, torch.int8, torch.uint16, torch.int16, torch.uint32, torch.int32),
    *(torch.uint64, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64),
)


def pack(tree: Any, where: str) -> tuple[Any, dict[str, Tensor]]:
    """Return a tree's skeleton and copies of its tensors, on the CPU, by dotted path.

    Args:
        tree: State.
        where: What an error calls the root of the tree.

    Raises:
        CheckpointError: Something in it cannot be stored; its dotted path is named.
    """
    tensors: dict[str, Tensor] = {}
    return _pack(tree, where, (), tensors), tensors


def unpack(skeleton: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the tree of a skeleton; each tensor must be used exactly once.

    Raises:
        ValueError: Skeleton and tensors do not go together.
    """
    left = dict(tensors)
    try:
        tree = _unpack(skeleton, left)
    except (KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if left:
        raise ValueError(f"{min(left)!r} is a tensor without a place")
    return tree


def digest(tree: Any) -> str:
    """Return the sha256 of a whole state tree; the order of keys does not matter.

    Two runs whose digests agree are the same run: losses alone do not see a lost average.

    Raises:
        CheckpointError: The tree holds something that is no state.
    """
    return _digest(tree, "state", 0).hex()


def write_json(skeleton: Any) -> bytes:
    """Return JSON without spaces; key order is kept."""
    return json.dumps(skeleton, separators=(",", ":"), allow_nan=False).encode("ascii")


def read_json(raw: bytes) -> Any:
    """Return what strict JSON says: no NaN, no key twice, no more than 64 MiB.

    Raises:
        ValueError: It is not such JSON.
    """
    if len(raw) > MAX_BYTES:
        raise ValueError(f"{len(raw)} bytes of JSON")
    try:
        return json.loads(
            raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def tensor_crc(tensor: Tensor) -> int:
    """Return the CRC-32 of a tensor's bytes."""
    return zlib.crc32(_bytes(tensor))


def _pack(tree: Any, where: str, path: tuple[str, ...], tensors: dict[str, Tensor]) -> Any:
    place = ".".join((where, *path))
    if len(path) > _MAX_DEPTH:
        raise CheckpointError(f"{where}: nested too deep to be stored; does it hold itself?")
    if isinstance(tree, Tensor):
        return {"$": "tensor", "v": _keep(tree, place, path, tensors)}
    if isinstance(tree, dict):
        return _pack_dict(tree, where, path, tensors)
    if type(tree) in (list, tuple):
        items = [_pack(x, where, (*path, str(i)), tensors) for i, x in enumerate(tree)]
        return items if type(tree) is list else {"$": "tuple", "v": items}
    _check_leaf(tree, place)
    if type(tree) is bytes:
        return {"$": "bytes", "v": tree.hex()}
    if type(tree) is float and not math.isfinite(tree):
        return {"$": "float", "v": struct.pack(">d", tree).hex()}
    return tree


def _pack_dict(
    tree: dict[Any, Any], where: str, path: tuple[str, ...], tensors: dict[str, Tensor]
) -> Any:
    for key in tree:
        _check_key(key, ".".join((where, *path)))
    pairs = [[key, _pack(x, where, (*path, str(key)), tensors)] for key, x in tree.items()]
    if "$" in tree or any(type(key) is int for key in tree):
        return {"$": "map", "v": pairs}
    return dict(pairs)


def _keep(tensor: Tensor, place: str, path: tuple[str, ...], tensors: dict[str, Tensor]) -> str:
    """Copy a tensor under a name nobody has, so that no two share storage."""
    _check_tensor(tensor, place)
    name = ".".join(path).encode("utf-8", "backslashreplace").decode() or "tensor"
    while name in tensors or name == "__metadata__":
        name += "+"
    tensors[name] = tensor.detach().to("cpu", copy=True).contiguous()
    return name


def _check_tensor(tensor: Tensor, place: str) -> None:
    if tensor.layout != torch.strided or tensor.dtype not in _DTYPES or tensor.is_meta:
        found = f"{tensor.dtype} tensor ({tensor.layout}, {tensor.device.type})"
        raise CheckpointError(f"{place}: a {found} cannot be stored; keep a dense, real one")


def _check_leaf(tree: Any, place: str) -> None:
    if tree is not None and type(tree) not in (bool, int, float, str, bytes):
        kind = f"{type(tree).__module__}.{type(tree).__qualname__}"
        raise CheckpointError(
            f"{place}: a {kind} cannot be stored in a checkpoint; keep its state as numbers,"
            " strings, bytes, lists, dicts and tensors"
        )
    if type(tree) is int and tree.bit_length() > _MAX_BITS:
        raise CheckpointError(f"{place}: an integer of {tree.bit_length()} bits cannot be stored")


def _check_key(key: object, place: str) -> None:
    if type(key) not in (str, int):
        raise CheckpointError(
            f"{place}: the key {key!r} is a {type(key).__qualname__};"
            " a checkpoint stores strings and integers as keys"
        )
    _check_leaf(key, place)


def _unpack(node: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(node, list):
        return [_unpack(x, tensors) for x in node]
    if not isinstance(node, dict):
        return node
    if "$" not in node:
        return {key: _unpack(x, tensors) for key, x in node.items()}
    kind, value = node["$"], node["v"]
    if kind == "tensor":
        return tensors.pop(value)
    if kind == "tuple":
        return tuple([_unpack(x, tensors) for x in value])
    if kind == "bytes":
        return bytes.fromhex(value)
    if kind == "float":
        return struct.unpack(">d", bytes.fromhex(value))[0]
    if kind == "map":
        return _once([(_key(key), _unpack(x, tensors)) for key, x in value])
    raise ValueError(f"{kind!r} is no kind of node")


def _key(key: Any) -> str | int:
    if type(key) not in (str, int):
        raise ValueError(f"{key!r} is no key")
    return key  # type: ignore[no-any-return]


def _once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not allowed")


def _digest(tree: Any, place: str, depth: int) -> bytes:
    if depth > _MAX_DEPTH:
        raise CheckpointError(f"{place}: nested too deep; does it hold itself?")
    if isinstance(tree, Tensor):
        _check_tensor(tree, place)
        head = f"tensor {tree.dtype} {tuple(tree.shape)} ".encode()
        return sha256(head + _bytes(tree.detach().cpu())).digest()
    if isinstance(tree, dict):
        pairs = []
        for key, value in tree.items():
            _check_key(key, place)
            pairs.append(_leaf(key) + _digest(value, f"{place}.{key}", depth + 1))
        return sha256(b"dict" + b"".join(sorted(pairs))).digest()
    if type(tree) in (list, tuple):
        parts = [_digest(x, f"{place}.{i}", depth + 1) for i, x in enumerate(tree)]
        return sha256(type(tree).__name__.encode() + b"".join(parts)).digest()
    _check_leaf(tree, place)
    return _leaf(tree)


def _leaf(value: Any) -> bytes:
    text = struct.pack(">d", value).hex() if type(value) is float else repr(value)
    return sha256(f"{type(value).__name__} {text}".encode()).digest()


def _bytes(tensor: Tensor) -> bytes:
    if tensor.numel() == 0:
        return b""
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
