"""Published generators: one safetensors file with a run's averaged generator and its card.

The card is text in the file's header: what was trained, on what, by which command. Unpacked, the
file is a run's folder with nothing but that generator, so what makes pictures of a run makes them
of it.
"""

import json
import re
import shlex
import struct
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomlkit
from safetensors.torch import save

from ganzoo.errors import CheckpointError, RecipeError
from ganzoo.files import write_aside
from ganzoo.identity import env_of
from ganzoo.made import averaged
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint
from ganzoo.training.manifest import RejectedError, tensors_of

_CARD = "ganzoo"  # the only word of the header: the order of several would not be ours
_SAID = ("model", "dataset", "command", "resolution", "data", "env", "made_by", "environment")
_PLACES = ("path", "root")  # of a data set: of no use elsewhere, and nobody's business
_HERE = {"--out": 1, "--data-root": 1, "--plain": 0, "--quiet": 0, "-q": 0}
"""Options of a command that say how it was run here, and how many words each takes."""

_DAMAGE = (OSError, ValueError, RecursionError)  # of a file that is text

_NEEDED = ("model", "nimg", "config", "env", "made_by")


def export(run: RunDir, output: Path, at: int | None = None) -> Path:
    """Write the averaged generator of a run as a file that a plugin may ship.

    Args:
        run: The run.
        output: A ``.safetensors`` file.
        at: The checkpoint, in images shown; None for the newest.

    Returns:
        The file that was written; of the same run it always has the same bytes.

    Raises:
        RecipeError: The output is of another kind, or the run's settings cannot be read.
        CheckpointError: There is no such checkpoint.
    """
    if output.suffix != ".safetensors":
        raise RecipeError(f"{output}: a generator is exported to a .safetensors file")
    path, nimg = averaged(run, at)
    info = run.read_info()
    try:
        config = tomlkit.parse(run.config.read_text(encoding="utf-8"))
    except _DAMAGE as error:
        raise RecipeError(f"{run.config}: cannot be read ({error}); restore the file") from error
    for place in _PLACES:
        config.get("dataset", {}).pop(place, None)
    training = config.get("training", {})
    if "init_from" in training:
        training["init_from"] = _last(str(training["init_from"]))
    said = {key: info[key] for key in _SAID if key in info}
    said |= {"nimg": nimg, "config": tomlkit.dumps(config), "command": _anywhere(info["command"])}
    words = {_CARD: json.dumps(said, sort_keys=True, ensure_ascii=False)}
    write_aside(output, save(checkpoint.load_group(path, "generator_ema"), metadata=words))
    return output


def card(file: Path) -> Mapping[str, Any]:
    """Return what a published generator says of itself; its weights are not read.

    Raises:
        CheckpointError: It is no such file.
    """
    try:
        with file.open("rb") as opened:  # eight bytes of length, then JSON
            (length,) = struct.unpack("<Q", opened.read(8))
            words = json.loads(opened.read(min(length, 1 << 20)))
        said = dict(json.loads(words["__metadata__"][_CARD]))
        said |= {key: said[key] for key in _NEEDED}
        _check(said)
        return said
    except (*_DAMAGE, LookupError, TypeError, struct.error, CheckpointError) as error:
        raise CheckpointError(
            f"{file}: is no generator of ganzoo's ({error}); write one with ganzoo export"
        ) from error


def unpack(file: Path, folder: Path) -> RunDir:
    """Make a run's folder of a published generator, named as its model.

    Args:
        file: As :func:`export` wrote it.
        folder: Where the run's folder is made.

    Raises:
        CheckpointError: It is no such file.
    """
    said = dict(card(file))
    try:
        weights = tensors_of(file.read_bytes(), file.name)
    except RejectedError as error:
        raise CheckpointError(f"{file.parent}: {error}; write one with ganzoo export") from error
    run = RunDir(folder / Path(str(said["model"])).name)
    run.path.mkdir(parents=True)
    write_aside(run.config, said.pop("config"))
    run.write_info({**said, "status": "done"})
    groups = {"generator_ema": weights}
    checkpoint.save(run.checkpoints, said["nimg"], groups, keep=1)
    return run


def file_of(registry: Registry, name: str) -> Path:
    """Return the generator that the plugin of a recipe ships for it.

    Raises:
        RecipeError: It ships none; those that do are named.
    """
    entry = registry.find("recipe", name)
    if not entry.recipe.pretrained:
        with_one = [each.id for each in registry.recipes() if each.recipe.pretrained]
        raise RecipeError(
            f"{entry.id} comes without a trained generator; with one come: {', '.join(with_one)}"
        )
    package, _, file = entry.recipe.pretrained.partition(":")
    return Path(str(files(package).joinpath(file)))


def _check(said: Mapping[str, Any]) -> None:
    """Raise what :func:`card` catches if another program, or a bad one, has written it."""
    env_of(said)
    slug = Path(said["model"]).name
    generator = said["made_by"]["generator"]
    texts = (slug, said["config"], generator["id"])
    if not all(isinstance(text, str) for text in texts) or slug in ("", ".."):
        raise ValueError(f"its model is {said['model']!r:.40}")
    if type(said["nimg"]) is not int or said["nimg"] < 0:
        raise ValueError(f"its images are {said['nimg']!r:.40}")


def _anywhere(command: str) -> str:
    """Return a command without what only matters where it was typed; of paths the last name."""
    kept, words = [], iter(shlex.split(command))
    for word in words:
        if word not in _HERE:
            kept.append(_last(word))
        for _ in range(_HERE.get(word, 0)):
            next(words, None)
    return shlex.join(kept)


def _last(word: str) -> str:
    """Return a word with no more of a path than its last name; ``key=value`` keeps its key."""
    return re.sub(r"[^=]*[/\\]", "", word)
