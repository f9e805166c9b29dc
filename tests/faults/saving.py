"""A small state, and processes that save: what faults are injected into."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ganzoo.cli.main import main
from ganzoo.errors import MachineError
from ganzoo.training import checkpoint

OLDER, OLD, NEW = 64, 128, 192


def groups(seed: int) -> dict[str, Any]:
    rng = torch.Generator().manual_seed(seed)
    return {
        "generator": {"0.weight": torch.randn(2, 3, generator=rng)},
        "discriminator": {"0.weight": torch.randn(3, 2, generator=rng)},
        "extra": {"cursor": (seed, 2**100)},
    }


def save(folder: str, keep: int) -> int:
    """Save, and delete what is older, in a process of its own."""
    made = groups(NEW)
    Path(folder, "begun").touch()
    try:
        checkpoint.save(Path(folder), NEW, made, keep=keep)
    except MachineError as error:
        print(error, flush=True)
        return error.exit_code
    finally:
        Path(folder, "over").touch()
    return 0


def hang(marker: str, words: Sequence[str]) -> int:
    """Run ganzoo, on a disk that hangs at the second save; a file tells when."""
    real, saves = checkpoint.save, []

    def hanging(*args: Any, **kwargs: Any) -> Path:
        if saves:
            Path(marker).touch()
            time.sleep(600)
        saves.append(real(*args, **kwargs))
        return saves[-1]

    checkpoint.save = hanging
    return main(words)
