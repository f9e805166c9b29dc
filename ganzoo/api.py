"""Python in five lines: names and settings of the command line, and objects wherever names."""

import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from PIL import Image
from torch import nn

from ganzoo import build
from ganzoo.attention import LOOKED, attention
from ganzoo.errors import RecipeError
from ganzoo.interfaces import Dataset, Observer
from ganzoo.length import one_length
from ganzoo.local import LocalDataset
from ganzoo.made import class_of, load_generator, num_classes, pairs_of
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir, find, runs_root
from ganzoo.runner import resume as _resume
from ganzoo.runner import train as _train
from ganzoo.sampling import labels_for, sample
from ganzoo.styles import MIXED, mix
from ganzoo.types import Labels, Pixels
from ganzoo.walk import FRAMES, STOPS, shown_classes, walk

_SLOTS = ("generator", "discriminator", "loss", "regularizer", "augment", "schedule", "algorithm")


@final
class Run:
    """A finished or running run; the folder is the object.

    Attributes:
        rundir: Its folder.
    """

    def __init__(self, rundir: RunDir, objects: Mapping[str, Any] | None = None) -> None:
        self.rundir = rundir
        self._objects = dict(objects or {})

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.rundir.path

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One row a tick; ``pandas.DataFrame(run.metrics)`` works."""
        return self.rundir.read_metrics()

    def samples(self) -> Image.Image:
        """Return the newest grid; a notebook shows it."""
        return Image.open(io.BytesIO(self.rundir.latest_sample.read_bytes()))

    def generator(self, device: str | None = None) -> nn.Module:
        """Return the averaged generator in evaluation mode."""
        return load_generator(
            self.rundir, Registry.discover(), device=device, objects=self._objects
        )

    def sample(
        self,
        count: int = 64,
        *,
        seed: int = 0,
        label: int | str | None = None,
        psi: float | None = None,
        given: str | Path | None = None,
    ) -> Pixels:
        """Make pictures: number i from seed ``seed + i``.

        Args:
            count: How many.
            seed: Of the first.
            label: Their class, by number or name; None for all classes in turn.
            psi: Of truncation, of a style-based generator: w is pulled to its mean,
                w_mean + psi (w - w_mean); None: not at all.
            given: Of a model that makes images of images: a folder of those; None for its data's.

        Returns:
            uint8 [n, c, h, w] on the CPU.

        Raises:
            RecipeError: There are none to make, or the generator cannot do it.
        """
        if count < 1:
            raise RecipeError(f"count = {count}: there is no picture to make; ask for 1 or more")
        folder = None if given is None else Path(given)
        pairs = pairs_of(self.rundir, Registry.discover(), folder, self._objects)
        told = self._labels(count, label) if pairs is None else pairs.told(count)
        return sample(self.generator(), range(seed, seed + count), told, psi)

    def walk(
        self,
        seeds: Sequence[int] = range(STOPS),
        *,
        frames: int = FRAMES,
        label: int | str | None = None,
        psi: float | None = None,
    ) -> Pixels:
        """Walk through the latents from seed to seed, and back to the first.

        Args:
            seeds: Where the walk stops.
            frames: From one stop to the next.
            label: The class, by number or name; None for all classes, one after the other.
            psi: As :meth:`sample`.

        Returns:
            uint8 [n, c, h, w] on the CPU.
        """
        shown = shown_classes(num_classes(self.rundir), self._class(label))
        return walk(self.generator(), seeds, frames, shown, psi)

    def mix(
        self,
        rows: Sequence[int] = range(MIXED // 2),
        columns: Sequence[int] = range(MIXED // 2, MIXED),
        *,
        layers: Sequence[int] | None = None,
        label: int | str | None = None,
        psi: float | None = None,
    ) -> Pixels:
        """Mix the styles of seeds: a table as of :func:`ganzoo.styles.mix`.

        Args:
            rows: Seeds, whose pictures are the first column.
            columns: Seeds, whose pictures are the first row.
            layers: Those that are styled by the column's seed; None for the coarse half.
            label: As :meth:`sample`.
            psi: As :meth:`sample`.

        Returns:
            uint8 [(rows + 1) * (columns + 1), c, h, w] on the CPU; the first is grey.
        """
        labels = self._labels(len(rows) + len(columns), label)
        return mix(self.generator(), rows, columns, labels, layers=layers, psi=psi)

    def attention(
        self, seeds: Sequence[int] = range(LOOKED), *, label: int | str | None = None
    ) -> Pixels:
        """Draw what places of pictures look at, as :func:`ganzoo.attention.attention`.

        Args:
            seeds: One a row.
            label: As :meth:`sample`.

        Returns:
            uint8 [rows * 6, 3, h, w] on the CPU: a picture and five maps a row.
        """
        return attention(self.generator(), seeds, self._labels(len(seeds), label))

    def _class(self, label: int | str | None) -> int | None:
        return None if label is None else class_of(self.rundir, str(label))

    def _labels(self, count: int, label: int | str | None) -> Labels | None:
        return labels_for(count, num_classes(self.rundir), self._class(label))

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def train(
    model: str,
    *,
    dataset: str | Dataset | Sequence[Any] | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    epochs: float | None = None,
    kimg: float | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    resolution: int | None = None,
    conditional: bool | None = None,
    init_from: str | Path | None = None,
    device: str | None = None,
    out: str | Path | None = None,
    observers: Sequence[Observer] | None = None,
    profile: bool = False,
    **parts: Any,
) -> Run:
    """Train a model.

    Args:
        model: A recipe by name.
        dataset: A name, a folder or zip, a data set, or any map-style data set of (image, label).
        preset: Of the recipe.
        settings: Values by dotted key, ``{"training.batch_size": 32}``.
        epochs: Length in epochs; give one of epochs, kimg, steps and minutes.
        kimg: Length in thousands of real images.
        steps: Length in steps.
        minutes: Length in minutes.
        seed: Of every random stream.
        resolution: Pixels per side.
        conditional: Tell both players the class.
        init_from: Begin with the networks of a run, ``"last"`` or ``"7@300000"``.
        device: ``cpu``, ``cuda`` ...; None for the best there is.
        out: Where runs are kept; None for ``./runs``.
        observers: Who is shown ticks and events; None for lines on stderr.
        profile: First measure where the time of a step goes, and write it into the run's folder.
        **parts: ``loss="hinge"``, ``regularizer="r1"`` or a list, or the objects themselves.

    Raises:
        GanzooError: Whatever goes wrong; see :mod:`ganzoo.errors`.
    """
    one_length(epochs=epochs, kimg=kimg, steps=steps, minutes=minutes)
    registry = Registry.discover()
    objects: dict[str, Any] = {}
    overrides = dict(settings or {})
    short: dict[str, Any] = {"seed": seed, "resolution": resolution, "conditional": conditional}
    short |= {"kimg": kimg, "minutes": minutes, "init_from": init_from and str(init_from)}
    overrides |= {f"training.{k}": v for k, v in short.items() if v is not None}
    replace: dict[str, str] = {}
    add: dict[str, list[str]] = {}
    for kind, given in {"dataset": dataset, **parts}.items():
        _sort(kind, given, replace=replace, add=add, objects=objects, overrides=overrides)
    plan = resolve(registry, model, preset=preset, replace=replace, add=add, overrides=overrides)
    finished = _train(
        plan,
        registry,
        out=None if out is None else Path(out),
        device=device,
        observers=_watching(observers),
        epochs=epochs,
        steps=steps,
        objects=objects,
        command=["python", *sys.argv[:1]],
        profile=profile,
    )
    return Run(RunDir.open(finished.run), objects)


def resume(
    run: str | Path | Run = "last",
    *,
    kimg: str | float | None = None,
    minutes: float | None = None,
    device: str | None = None,
    observers: Sequence[Observer] | None = None,
    allow_other_data: bool = False,
    weights_only: bool = False,
    **objects: Any,
) -> Run:
    """Continue a run exactly where it stopped.

    Args:
        run: As :func:`load`.
        kimg: A new end, 600, or "+100" after the old one.
        minutes: Go on for so long.
        device: As :func:`train`.
        observers: As :func:`train`.
        allow_other_data: Go on with other images than before.
        weights_only: Take only the networks and their average; the rest begins anew.
        **objects: Parts that were handed in when the run was made.
    """
    found = run if isinstance(run, Run) else load(run)
    handed = {**found._objects, **{k: _as_dataset(k, v) for k, v in objects.items()}}
    _resume(
        found.rundir,
        Registry.discover(),
        device=device,
        observers=_watching(observers),
        kimg=None if kimg is None else str(kimg),
        minutes=minutes,
        allow_other_data=allow_other_data,
        weights_only=weights_only,
        objects=handed,
    )
    return Run(found.rundir, handed)


def load(run: str | Path = "last") -> Run:
    """Return a run by number, name, path, ``last`` or ``best``."""
    return Run(find(runs_root(), str(run)))


def dataset(name: str, **settings: Any) -> Dataset:
    """Return a data set by name, to look at or to build another one of.

    Args:
        name: As after ``--dataset``: ``digits``, ``critters``, ``mnist`` ...
        settings: Of the data set, ``count=1000``.

    Raises:
        RecipeError: There is no such data set, or it has no such setting.
    """
    return build.dataset_called(Registry.discover(), name, **settings)


def _sort(
    kind: str,
    given: Any,
    *,
    replace: dict[str, str],
    add: dict[str, list[str]],
    objects: dict[str, Any],
    overrides: dict[str, Any],
) -> None:
    """Put one argument where it belongs: a name, several names, a folder or zip, or an object."""
    if given is None:
        return
    many = kind in ("regularizer", "augment", "schedule")
    for each in given if many and isinstance(given, list | tuple) else [given]:
        if not isinstance(each, str | Path):
            slot = f"{kind}.{type(each).__name__.lower()}" if many else kind
            objects[slot] = _as_dataset(kind, each)
        elif many:
            add.setdefault(kind, []).append(str(each))
        elif kind == "dataset" and Path(each).is_dir():
            replace[kind], overrides["dataset.path"] = "folder", os.fspath(each)
        else:
            replace[kind] = str(each)


def _as_dataset(kind: str, given: Any) -> Any:
    if kind != "dataset" or isinstance(given, Dataset | str):
        return given
    return LocalDataset(given)


def _watching(observers: Sequence[Observer] | None) -> Sequence[Observer]:
    return _Lines.default() if observers is None else observers


class _Lines:
    """The plain trace on stderr, for people who gave no observer."""

    @staticmethod
    def default() -> Sequence[Observer]:
        return [_Lines()]

    def show(self, event: Any) -> None:
        """Print a tick as one line."""
        readings = getattr(event, "readings", None)
        if readings is not None:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in readings.items())
            print(f"{event.nimg / 1000:8.0f} kimg  {shown}", file=sys.stderr)
