"""Pictures from a finished run: only its generator, its settings and its record are needed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn
from torchvision.transforms.functional import rgb_to_grayscale

from ganzoo import build
from ganzoo.data.resident import told_of
from ganzoo.errors import CheckpointError, MachineError, RecipeError, did_you_mean
from ganzoo.files import write_aside
from ganzoo.identity import check_local, env_of, plan_of
from ganzoo.pairs import SHOWN, Pairs
from ganzoo.pictures import save_grid
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.sampling import labels_for, sample, sheet_columns, sheet_count
from ganzoo.training import checkpoint
from ganzoo.training import device as devices
from ganzoo.training.state import load_network


def load_generator(
    run: RunDir,
    registry: Registry,
    *,
    device: str | None = None,
    at: int | None = None,
    raw: bool = False,
    objects: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Return the averaged generator of a run, in evaluation mode.

    Args:
        run: The run.
        registry: What names mean.
        device: Where it shall lie; None for the best there is.
        at: The checkpoint, in images shown; None for the newest.
        raw: The generator that was trained, in place of its average.
        objects: The generator itself, when the run was made with an object.

    Raises:
        CheckpointError: There is no such checkpoint.
    """
    info = run.read_info()
    env = env_of(info)
    generator_only = {"made_by": {"generator": info["made_by"]["generator"]}}
    check_local(generator_only, objects or {}, trust_code=True)  # -p named its file
    path, _ = averaged(run, at)
    plan = plan_of(run, registry)
    network = build.generator(registry, plan, env, objects)
    group = "generator" if raw else "generator_ema"
    load_network(network, checkpoint.load_group(path, group), group)
    return network.to(devices.candidates(device)[0]).eval()


def averaged(run: RunDir, at: int | None = None) -> tuple[Path, int]:
    """Return a checkpoint of a run, its folder and its moment, that an averaged generator is in.

    Args:
        run: The run.
        at: The moment, in images shown; None for the newest.

    Raises:
        CheckpointError: There is no such checkpoint.
    """
    moments = checkpoint.moments(run.checkpoints)
    if not moments:
        raise CheckpointError(f"{run.path.name} has no checkpoint yet", hint=_until_then(run))
    if at is not None and at not in moments:
        known = ", ".join(str(moment) for moment in moments)
        raise CheckpointError(f"{run.path.name} has no checkpoint at {at} images; it has {known}")
    nimg = max(moments) if at is None else at
    return run.checkpoint(nimg), nimg


def _until_then(run: RunDir) -> str:
    """Say what to do about a run without a checkpoint, from which nobody can go on."""
    try:
        with run.hold():
            return "start a new one: ganzoo train"
    except MachineError as error:  # somebody trains it
        return str(error)


def moment_called(run: RunDir, word: str | None) -> int | None:
    """Return the images shown at a checkpoint: a number, ``best`` as evaluated, or None for None.

    Raises:
        CheckpointError: The run has no best one yet.
        RecipeError: It is neither.
    """
    if word is None or word.isdecimal():
        return None if word is None else int(word)
    if word != "best":
        raise RecipeError(f"--checkpoint {word}: say images shown, such as 100032, or best")
    best = run.read_info().get("best")
    if best is None:
        raise CheckpointError(
            f"{run.path.name} has not been evaluated, so none is best",
            hint=f"ganzoo eval {run.number}",
        )
    return int(best["nimg"])


def usual_count(run: RunDir, label: int | None, pairs: Pairs | None = None) -> int:
    """Return how many pictures fill a grid of a run, of one class or of all, or of pairs."""
    if pairs is not None:
        return SHOWN if pairs.real is not None else len(pairs.given)
    env = env_of(run.read_info())
    return sheet_count(env.num_classes if label is None else 0, env.image_shape)


def class_of(run: RunDir, word: str) -> int:
    """Return the class that a word means: the name of one of the run's classes, or its number.

    Raises:
        RecipeError: There is no such class.
    """
    names = run.read_info()["data"]["class_names"]
    if word in names:
        return int(names.index(word))
    if word.isdecimal():
        return int(word)
    known = f"; the classes are {', '.join(names)}" if names else "; say its number"
    near = did_you_mean(word, names)
    raise RecipeError(f"--label {word}: there is no such class{known}.{near}")


def num_classes(run: RunDir) -> int:
    """Return how many classes a run's generator can be asked for; 0 for none.

    Raises:
        RecipeError: It makes images of images.
    """
    env = env_of(run.read_info())
    if env.condition.kind == "image":
        raise RecipeError(
            f"{run.path.name} makes images of images;"
            f" use ganzoo sample {run.number}, or with --given FOLDER"
        )
    return env.num_classes


def pairs_of(
    run: RunDir,
    registry: Registry,
    given: Path | None = None,
    objects: Mapping[str, Any] | None = None,
) -> Pairs | None:
    """Return what a run's generator is to make images of; None where of nothing but noise.

    Args:
        run: The run.
        registry: What names mean.
        given: A folder or zip of images; None for those of its data set.
        objects: The data set itself, when the run was made with an object.

    Raises:
        RecipeError: There are images, and the generator takes none.
        DataError: They cannot be read.
    """
    env = env_of(run.read_info())
    if env.condition.kind != "image":
        if given is not None:
            raise RecipeError(f"--given {given}: {run.path.name} makes images of noise alone")
        return None
    if given is None:
        dataset, _ = build.dataset(registry, plan_of(run, registry), objects)
        return Pairs.of(dataset, env.resolution)
    channels, side, _ = env.condition.shape
    pixels, _ = build.dataset_called(registry, "folder", path=str(given)).load(side)
    if channels == 1 and pixels.shape[1] == 3:
        pixels = rgb_to_grayscale(pixels.float()).round().byte()  # of bytes it would cut
    return Pairs(pixels.expand(-1, channels, -1, -1))


def make_pictures(
    run: RunDir,
    registry: Registry,
    *,
    seeds: Sequence[int],
    label: int | None = None,
    psi: float | None = None,
    device: str | None = None,
    output: Path | None = None,
    at: int | None = None,
    pairs: Pairs | None = None,
) -> Path:
    """Make pictures from a run's averaged generator and write them.

    Args:
        run: The run.
        registry: What names mean.
        seeds: One a picture.
        label: Their class; None for all classes in turn.
        psi: Of truncation; None for none.
        device: As :func:`load_generator`.
        output: ``.png`` for a grid, in which each class has a column, ``.safetensors`` for uint8
            ``images`` [n, c, h, w] and int64 ``labels``, or the uint8 images ``given``; None for a
            grid in ``made/``.
        at: As :func:`load_generator`.
        pairs: What they are made of, as :func:`pairs_of` returns it.

    Returns:
        The file that was written.

    Raises:
        RecipeError: The output is of another kind, or the generator cannot do it.
    """
    if output is not None and output.suffix not in (".png", ".safetensors"):
        raise RecipeError(f"{output}: write a .png or a .safetensors file")
    generator = load_generator(run, registry, device=device, at=at)
    told: dict[str, torch.Tensor] = {}
    columns = None
    if pairs is not None and label is None:
        told["given"] = pairs.first(len(seeds))
    elif (labels := labels_for(len(seeds), classes := num_classes(run), label)) is not None:
        told["labels"], columns = labels, sheet_columns(classes) if label is None else None
    pixels = sample(generator, seeds, told_of(next(iter(told.values()), None)), psi)
    path = output or run.next_made() / "grid.png"
    if path.suffix == ".png":
        save_grid(path, *((pixels, columns) if pairs is None else pairs.beside(pixels)))
        return path
    tensors = {"images": pixels, **told}
    write_aside(path, save(tensors))
    return path
