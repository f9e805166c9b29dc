"""What was decoded or drawn once, kept as a file: a help, never a need.

A file is named by the hash of all that decided its content, is written aside and moved into place,
and is believed only when its sha256 fits. Whatever is wrong with it costs a warning and the work.
"""

import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ganzoo.types import Labels, Pixels

_ASIDE, _DAY_SEC = ".tmp-", 86_400

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


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """Make a folder in which files are written before they are moved into ``folder``.

    It is gone at the end; where a process was killed, the next one sweeps it after a day.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_ASIDE}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _DAY_SEC:
                shutil.rmtree(left)
    with TemporaryDirectory(prefix=_ASIDE, dir=folder) as made:
        yield Path(made)


def cached(
    dataset_key: Mapping[str, object], make: Callable[[], tuple[Pixels, Labels | None]]
) -> tuple[Pixels, Labels | None]:
    """Return what ``make`` returns, from the cache where it is kept there.

    Args:
        dataset_key: All that decides the content, in words and numbers: name, version of the
            code, options, resolution, fingerprint of the files. ``dataset`` names the file.
        make: Does the work.
    """

    def tensors() -> dict[str, Tensor]:
        pixels, labels = make()
        return {"pixels": pixels} if labels is None else {"pixels": pixels, "labels": labels}

    kept = kept_tensors(
        data_folder(), str(dataset_key.get("dataset", "data")), dataset_key, tensors
    )
    return kept["pixels"], kept.get("labels")


def kept_tensors(
    folder: Path, name: str, key: Mapping[str, object], make: Callable[[], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """Return the tensors that ``make`` returns, from a file of a folder where they are kept there.

    Args:
        folder: Of the cache.
        name: How the file's name begins.
        key: All that decides the content, in words and numbers.
        make: Does the work.
    """
    text = json.dumps(key, sort_keys=True)
    stem = re.sub(r"[^a-z0-9-]+", "-", name.lower())
    path = folder / f"{stem}-{sha256(text.encode()).hexdigest()[:24]}.safetensors"
    kept = _read(path)
    if kept is None:
        kept = make()
        _keep(path, kept)
    return kept


def _read(path: Path) -> dict[str, Tensor] | None:
    try:
        if not path.exists():
            return None
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            promised = (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        _log.warning("%s cannot be read (%s); it is made again", path, error)
        return None
    if promised != _digest(tensors):
        _log.warning("%s is damaged; it is made again", path)
        return None
    return tensors


def _keep(path: Path, made: Mapping[str, Tensor]) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in made.items()}
    try:
        with aside(path.parent) as folder:
            save_file(tensors, folder / path.name, metadata={"sha256": _digest(tensors)})
            (folder / path.name).replace(path)
    except (OSError, SafetensorError) as error:
        _log.warning("%s cannot be written (%s); the work is done again next time", path, error)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
