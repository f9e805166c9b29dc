"""Who made a run, from what, and where: what run.json says, and what a resume checks."""

import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import torch

import ganzoo
from ganzoo.discovery import FIRST_PARTY
from ganzoo.draft import LOCAL
from ganzoo.errors import CheckpointError, DataError, PluginError, RecipeError
from ganzoo.files import write_aside
from ganzoo.interfaces import Condition, Env
from ganzoo.outline import Outline
from ganzoo.plan import Plan
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training.device import in_words

_FREE = (
    "optimizer.*.learning_rate",
    *("training.kimg", "training.minutes", "training.patience", "training.on_*"),
    *("training.tick_kimg", "training.sample_kimg", "training.checkpoint_kimg", "training.keep"),
    *("training.eval_kimg", "training.eval_samples", "training.eval_metrics"),
    *("training.precision", "training.cuda_graph", "training.compile", "training.rehearse"),
    *("training.micro_batch_size", "training.resident_gib", "training.workers"),
    *("dataset.path", "dataset.root"),  # pictures may move; their fingerprint tells the rest
)
"""Settings that may change between two sittings: how fast, how long, how it is watched."""


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
    """Return what the parts of a recorded run were built for.

    Raises:
        CheckpointError: The record does not say it.
    """
    try:
        condition, (channels, height, width) = info["env"]["condition"], info["env"]["image_shape"]
        condition = Condition(condition["kind"], tuple(condition["shape"]))
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"run.json of {info.get('name', 'this run')} does not say what its parts were built"
            " for; it was ended before it began, or is damaged: start a new one"
        ) from error
    return Env((channels, height, width), condition)


def check_local(info: Mapping[str, Any], objects: Mapping[str, Any], *, trust_code: bool) -> None:
    """Refuse to go on without the objects, or with the code of a file nobody vouched for.

    Raises:
        CheckpointError: The run was ended before it had any parts.
        RecipeError: Names the slot and the cure.
    """
    if "made_by" not in info:
        name = info.get("name", "this run")
        raise CheckpointError(f"{name} was ended before it began; start a new one")
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


def plan_of(run: RunDir, registry: Registry) -> Plan:
    """Return what a run's config.toml says.

    Raises:
        RecipeError: It names what there is not.
        PluginError: What it names came from a distribution that is no longer installed.
    """
    try:
        return Plan.from_file(registry, run.config)
    except RecipeError as error:
        for slot, who in run.read_info()["made_by"].items():
            name, version = who.get("distribution"), who.get("version")
            if name is not None and not _installed(str(name)):
                raise PluginError(
                    f"{slot} of {run.path.name} came from {name} {version}, which is not"
                    " installed",
                    hint=f"if you trust it: pip install {shlex.quote(str(name))}",
                ) from error
        raise


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except (PackageNotFoundError, ValueError):
        return False
    return True


def check_data(run: RunDir, fingerprint: str, *, other: bool = False) -> list[str]:
    """Note the data's fingerprint, or compare it with the one that was noted.

    Args:
        run: The run.
        fingerprint: Of the data as it is now.
        other: Whether it may be other data; it is noted in place of the old.

    Returns:
        What people should read.

    Raises:
        DataError: The data is not what the run was trained on.
    """
    noted = run.read_info().get("fingerprint")
    changed = noted is not None and noted != fingerprint
    if changed and not other:
        raise DataError(
            f"{run.path.name} was trained on other images than the data set holds now;"
            " put the old ones back, start a new run, or add --allow-other-data"
        )
    run.update_info(fingerprint=fingerprint)
    return ["the data is not what the run was trained on before"] if changed else []


def keep_settings(run: RunDir, plan: Plan) -> None:
    """Write a run's settings: config.toml for people to edit, run.json to notice that they did."""
    write_aside(run.config, plan.to_toml())
    run.update_info(settings=plan.settings())


def changes(
    run: RunDir,
    built: Outline,
    device: torch.device,
    *,
    other_data: bool = False,
    new_optimizers: bool = False,
) -> list[str]:
    """Say what is not as it was at the last sitting, and refuse what must not change.

    Args:
        run: The run, with its record of the last sitting.
        built: The run as its config.toml says now.
        device: Where it will go on.
        other_data: Whether the data set may be set otherwise.
        new_optimizers: Whether optimizers may be: they begin anew.

    Returns:
        Sentences for people; none when all is as it was.

    Raises:
        CheckpointError: A setting that a checkpoint depends on was changed; both values are named.
    """
    info = run.read_info()
    free = (*_FREE, "dataset.*" * other_data, "optimizer.*" * new_optimizers)
    words = []
    for key, before, now in _changed_settings(info.get("settings", {}), built.plan):
        if not any(fnmatch(key, pattern) for pattern in free):
            raise _changed(run, key, before, now)
        words.append(f"{key} {before} -> {now}")
    old, new = info.get("environment", {}), environment(device)
    old, new = old | _versions(info["made_by"]), new | _versions(built.made_by)
    differ = [key for key in new if key in old and old[key] != new[key]]
    settings = [f"settings changed: {', '.join(words)}"] if words else []
    return settings + [f"not bit-exact: {key} {old[key]} -> {new[key]}" for key in differ]


def check_parts(run: RunDir, plan: Plan, *, other_data: bool = False) -> None:
    """Refuse other parts than the run had, before the settings of those are tried on them.

    Args:
        run: The run, with its record of the last sitting.
        plan: What its config.toml says now.
        other_data: Whether it may be another data set.

    Raises:
        CheckpointError: A part is another one; both are named.
    """
    for key, before, now in _changed_settings(run.read_info().get("settings", {}), plan):
        slot = key.removesuffix(".use")
        if slot in plan.parts and before != "none" and not (other_data and slot == "dataset"):
            raise _changed(run, key, before, now)


def _changed(run: RunDir, key: str, before: Any, now: Any) -> CheckpointError:
    optimizers = key.startswith("optimizer.")
    other = "add --weights-only" if optimizers else "start a new run with ganzoo train"
    return CheckpointError(
        f"{run.config}: {key} was {before} and is {now} now, which no checkpoint of this"
        f" run fits; put it back, or {other}"
    )


def _changed_settings(before: Mapping[str, Any], plan: Plan) -> Iterator[tuple[str, Any, Any]]:
    """Yield settings with two values; one that only a newer ganzoo knows has no old one."""
    now = plan.settings()
    for key in {**before, **now} if before else ():
        both = key in before and key in now
        if both and before[key] != now[key]:
            yield key, before[key], now[key]
        elif not both and key.endswith(".use"):
            yield key, before.get(key, "none"), now.get(key, "none")


def _versions(made_by: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the versions of what other people's parts came from: distributions, or files."""
    return {
        who["distribution"] or who["id"]: who["version"]
        for who in made_by.values()
        if "version" in who and who["distribution"] != FIRST_PARTY
    }
