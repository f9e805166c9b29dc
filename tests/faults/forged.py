"""A run to be damaged, and checkpoints whose hashes are right whatever their files hold."""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ganzoo import build, runner
from ganzoo.plan import Plan, resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training.trainer import Trainer

REGISTRY = Registry.discover(only=())

_SETS = (
    *("dataset.count=64", "training.batch_size=4", "training.resolution=28"),
    *("generator.width=1", "generator.z_dim=2", "generator.codes=0", "discriminator.width=1"),
    *("training.checkpoint_kimg=0.008", "training.tick_kimg=0.004", "training.rehearse=false"),
)


def tiny_run(root: Path) -> RunDir:
    """Train four steps of the smallest game whose parts remember much; two checkpoints stay."""
    more = {"augment": ["ada"], "regularizer": ["lecam"]}
    plan = resolve(REGISTRY, "dcgan", sets=_SETS, add=more)
    return RunDir.open(runner.train(plan, REGISTRY, out=root, device="cpu", steps=4).run)


def trainer_of(run: RunDir) -> Trainer:
    """Return a trainer as a resumed run would make it, without its state."""
    built = build.outline(Plan.from_file(REGISTRY, run.config), REGISTRY)
    return Trainer(built.with_data(_NoData()), torch.device("cpu"))


class _NoData:
    """Pictures that are all alike, for trainers that play no more than a step."""

    count = 64

    def batch(self, start: int, size: int) -> tuple[torch.Tensor, None]:
        return torch.zeros(size, 1, 28, 28), None


def seal(path: Path, **changes: Any) -> None:
    """Write a manifest whose hashes are right, whatever the files hold or ``changes`` say."""
    files: dict[str, Any] = {}
    for file in sorted(path.iterdir()):
        if file.name != "manifest.json":
            raw = file.read_bytes()
            files[file.name] = {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    body = {"format": "ganzoo-checkpoint", "version": 1, "nimg": int(path.name), "files": files}
    body |= changes
    body["self_sha256"] = hashlib.sha256(_canonical(body)).hexdigest()
    (path / "manifest.json").write_bytes(_canonical(body))


def tensors_file(
    header: bytes | Mapping[str, Any], data: bytes, length: int | None = None
) -> bytes:
    """Return a file of tensors with any header, and any length it says the header has."""
    words = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(words) if length is None else length) + words + data


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")
