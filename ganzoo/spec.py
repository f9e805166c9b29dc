"""What a plugin says about itself: light, frozen, text only. Nothing heavy is imported for it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KINDS = (
    "generator",
    "discriminator",
    "network",
    "loss",
    "regularizer",
    "augment",
    "algorithm",
    "schedule",
    "dataset",
    "metric",
    "extractor",
    "observer",
)
"""Every kind of part; a closed list."""

MANY = ("network", "regularizer", "augment", "schedule")
"""Kinds of which a recipe may name several."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*$")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
_SHIPPED = re.compile(r"[A-Za-z_][\w.]*:[\w.-]+\.safetensors$")


@dataclass(frozen=True)
class Component:
    """One part that a plugin offers.

    Attributes:
        kind: One of :data:`KINDS`.
        name: Lower-case name, unique in its kind and plugin.
        target: ``"package.module:Class"``, imported on first use.
        summary: One line for people.
        sizes: Resolutions a network supports, in pixels; empty means any.
        provides: Extras that a network gives beside its image or logits (``w``).
        needs: Extras that some network must give.
        paper: Where it comes from.
        aliases: Other names that find it.
        extractors: Of a data set: what judges its images, the first for the headline.
        metrics: Of a data set: what is measured on it in place of the standard metrics.
        expected_failures: Checks of the conformance kit that it is known to fail: why, by name.
    """

    kind: str
    name: str
    target: str
    summary: str
    sizes: tuple[int, ...] = ()
    provides: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    paper: str = ""
    aliases: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    def problems(self) -> list[str]:
        """Return what is wrong with the description; empty when nothing is."""
        found = [] if self.kind in KINDS else [f"unknown kind {self.kind!r} (a newer ganzoo?)"]
        if not _NAME.match(self.name):
            found.append(f"name {self.name!r} must be lower-case letters, digits, '-' or '.'")
        if not _TARGET.match(self.target):
            found.append(f"target {self.target!r} must look like 'package.module:Class'")
        if not self.summary.strip():
            found.append("the summary is empty")
        return found


@dataclass(frozen=True)
class Recipe:
    """A model by name: which parts, with which settings.

    Attributes:
        name: What people type after ``ganzoo train``.
        summary: The idea in one line.
        parts: Names by kind; lists for the kinds of :data:`MANY`.
        set: Settings by dotted key, ``{"training.batch_size": 64}``.
        presets: Overlays by name with the same dotted keys.
        conditional: Whether both players are told the class when the data has classes.
        sizes: Resolutions in pixels, the first is preferred; empty means any.
        year: Of the paper.
        paper: Author, title, link.
        aliases: Other names that find it.
        reading: How to read the trace of a healthy run, for ``info``.
        step: ``"package.module:function"``, one step as a straight line of plain PyTorch, which
            ``info --code`` prints; tests hold the trainer to it.
        pretrained: ``"package:file.safetensors"``, a trained generator that the plugin ships, as
            ``ganzoo export`` wrote it.
        reported: What others report for it, with the source: ``"CIFAR-10 FID 16.77 (mimicry)"``.
        expected_failures: As of a :class:`Component`.
    """

    name: str
    summary: str
    parts: Mapping[str, str | Sequence[str]]
    set: Mapping[str, Any] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    conditional: bool = False
    sizes: tuple[int, ...] = ()
    year: int | None = None
    paper: str = ""
    aliases: tuple[str, ...] = ()
    reading: str = ""
    step: str = ""
    pretrained: str = ""
    reported: str = ""
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    kind = "recipe"

    def problems(self) -> list[str]:
        """Return what is wrong with the description; empty when nothing is."""
        found = [] if _NAME.match(self.name) else [f"name {self.name!r} must be lower-case"]
        found += [
            f"parts names an unknown kind {kind!r}" for kind in self.parts if kind not in KINDS
        ]
        for kind, value in self.parts.items():
            if isinstance(value, str) == (kind in MANY):
                found.append(f"parts[{kind!r}] must be {'a list' if kind in MANY else 'one name'}")
        if self.step and not _TARGET.match(self.step):
            found.append(f"step {self.step!r} must look like 'package.module:function'")
        if self.pretrained and not _SHIPPED.match(self.pretrained):
            found.append(
                f"pretrained {self.pretrained!r} must look like 'package:file.safetensors'"
            )
        if not self.summary.strip():
            found.append("the summary is empty")
        return found


component = Component
recipe = Recipe
