"""What was decoded or drawn once, kept as a file: a help, never a need.

A file is named by the hash of all that decided its content, is written aside and moved into place,
and is believed only when its sha256 fits. Whatever is wrong with it costs a warning and the work.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ganzoo.types import Labels, Pixels

_log = logging.getLogger(__name__)


def cache_root() -> Path:
    """Return ganzoo's cache folder, which may not exist yet.

    ``GANZOO_HOME``, else ``XDG_CACHE_HOME/ganzoo``, else ``~/.cache/ganzoo``.
    """
    if home := os.environ.get("GANZOO_HOME"):
        return Path(home).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "ganzoo"


def data_folder() -> Path:
    """Return the folder of the cache that holds data sets."""
    return cache_root() / "data"


def cached(
    dataset_key: Mapping[str, object], make: Callable[[], tuple[Pixels, Labels | None]]
) -> tuple[Pixels, Labels | None]:
    """Return what ``make`` returns, from the cache where it is kept there.

    Args:
        dataset_key: All that decides the content, in words and numbers: name, version of the
            code, options, resolution, fingerprint of the files. ``dataset`` names the file.
        make: Does the work.
    """
    path = _path(dataset_key)
    kept = _read(path)
    if kept is not None:
        return kept
    made = make()
    _keep(path, *made)
    return made


def _path(dataset_key: Mapping[str, object]) -> Path:
    text = json.dumps(dataset_key, sort_keys=True)
    name = re.sub(r"[^a-z0-9-]+", "-", str(dataset_key.get("dataset", "data")).lower())
    return data_folder() / f"{name}-{sha256(text.encode()).hexdigest()[:24]}.safetensors"


def _read(path: Path) -> tuple[Pixels, Labels | None] | None:
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            promised = (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        _log.warning("%s cannot be read (%s); it is made again", path, error)
        return None
    pixels, labels = tensors.get("pixels"), tensors.get("labels")
    if pixels is None or promised != _digest(pixels, labels):
        _log.warning("%s is damaged; it is made again", path)
        return None
    return pixels, labels


def _keep(path: Path, pixels: Pixels, labels: Labels | None) -> None:
    tensors = {"pixels": pixels.contiguous()}
    if labels is not None:
        tensors["labels"] = labels.contiguous()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".tmp-", dir=path.parent) as folder:
            aside = Path(folder) / path.name
            save_file(tensors, aside, metadata={"sha256": _digest(pixels, labels)})
            aside.replace(path)
    except (OSError, SafetensorError) as error:
        _log.warning("%s cannot be written (%s); the work is done again next time", path, error)


def _digest(pixels: torch.Tensor, labels: torch.Tensor | None) -> str:
    digest = sha256()
    for tensor in (pixels,) if labels is None else (pixels, labels):
        digest.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
