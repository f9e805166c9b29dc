"""Who made a run, from what, and where: what run.json says, and what a resume checks."""

import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

import ganzoo
from ganzoo.draft import LOCAL
from ganzoo.errors import DataError, RecipeError
from ganzoo.interfaces import Condition, Env
from ganzoo.outline import Outline
from ganzoo.rundir import RunDir
from ganzoo.training.device import in_words


def short(name: str) -> str:
    """Return the short form of a full id: ``dcgan`` of ``dcgan/dcgan``."""
    return name.rpartition("/")[2]


def identity(built: Outline, device: torch.device, command: Sequence[str]) -> dict[str, Any]:
    """Return what run.json says of a new run."""
    return {
        "status": "starting",
        "command": shlex.join(command),
        "resolution": built.env.resolution,
        "total_kimg": None if built.plan.training.minutes else built.plan.training.kimg,
        "data": asdict(built.info),
        "env": asdict(built.env),
        "made_by": {slot: dict(who) for slot, who in built.made_by.items()},
        "environment": environment(device),
    }


def environment(device: torch.device) -> dict[str, Any]:
    """Return what can make two sessions differ in the last bit."""
    return {
        "ganzoo": ganzoo.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": in_words(device),
        "threads": torch.get_num_threads(),
    }


def env_of(info: Mapping[str, Any]) -> Env:
    """Return what the parts of a recorded run were built for."""
    said = info["env"]
    condition = said["condition"]
    channels, height, width = said["image_shape"]
    return Env((channels, height, width), Condition(condition["kind"], tuple(condition["shape"])))


def check_local(info: Mapping[str, Any], objects: Mapping[str, Any], *, trust_code: bool) -> None:
    """Refuse to go on without the objects, or with the code of a file nobody vouched for.

    Raises:
        RecipeError: Names the slot and the cure.
    """
    for slot, who in info["made_by"].items():
        if who["id"] == LOCAL and slot not in objects:
            raise RecipeError(
                f"{slot} of this run was an object, not a name; pass it again:"
                f" ganzoo.resume(run, {slot.partition('.')[0]}=...)"
            )
        if who["id"] != LOCAL and who["distribution"] is None and not trust_code:
            raise RecipeError(
                f"{slot} of this run came from a file ({who['id']}); resume runs its code:"
                " add -p FILE --trust-code if you trust it"
            )


def check_data(run: RunDir, fingerprint: str) -> None:
    """Note the data's fingerprint, or compare it with the one that was noted.

    Raises:
        DataError: The data is not what the run was trained on.
    """
    noted = run.read_info().get("fingerprint")
    if noted is not None and noted != fingerprint:
        raise DataError(
            f"{run.path.name} was trained on other images than the data set holds now;"
            " put the old ones back, or start a new run"
        )
    run.update_info(fingerprint=fingerprint)
