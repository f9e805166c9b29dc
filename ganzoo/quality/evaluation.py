"""Judges images: what extractors make of them, and what metrics say of that; no generator inside.

The real side is extracted once, kept in the cache, and gives the floor of every value.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, final

import torch
from jaxtyping import Shaped, UInt8
from torch import Tensor

from ganzoo.build import provenance
from ganzoo.data.cache import cache_root, kept_tensors
from ganzoo.data.resident import told_of
from ganzoo.errors import RecipeError, did_you_mean
from ganzoo.interfaces import Dataset, Embedded, Env, Extractor, Metric
from ganzoo.options import make
from ganzoo.quality.scores import Value
from ganzoo.registry import Entry, Registry
from ganzoo.spec import Component
from ganzoo.types import Features, Labels, Pixels, Told

STANDARD = (
    "metrics/frechet",
    "metrics/prdc",
    "metrics/classes",
    "metrics/kernel",
    "metrics/copies",
)
"""Metrics for every data set, in the order of their values."""

QUICK = ("metrics/frechet", "metrics/classes", "metrics/copies")
"""Those that are cheap enough while training."""

ANY = ("extractors/pca",)
"""What judges the images of a data set that names no extractor."""

REFERENCE = 60_000
"""Real images that are compared with at most; so many of a larger set, chosen by a fixed seed."""

NAMED = 10_000
"""Images a side, from which on a value may have its name from the literature."""

_CHUNK, _MOST_BYTES = 1000, 2**30

Tell = Callable[[str], None]
"""Is told what is being done, for people."""


@final
@dataclass(frozen=True)
class Reference:
    """Real images to compare with.

    Attributes:
        name: Of the data set.
        pixels: What may have been trained on.
        labels: Their classes, or the images that they are to be made of; None without either.
        held: Images that are not among them.
        held_labels: The same of those.
        fingerprint: sha256 of all of them.
    """

    name: str
    pixels: Pixels
    labels: Shaped[Tensor, "n *any"] | None
    held: UInt8[Tensor, "held c h w"]
    held_labels: Shaped[Tensor, "held *any"] | None
    fingerprint: str

    @staticmethod
    def of(dataset: Dataset, name: str, resolution: int) -> "Reference":
        """Take the images of a data set, and its test split or else a tenth set apart.

        Raises:
            DataError: They cannot be read.
        """
        info = dataset.describe(resolution)
        each = math.prod(info.image_shape)
        order = torch.randperm(info.count, generator=torch.Generator().manual_seed(0))
        apart = dataset.held_out(resolution)
        cut = 0 if apart is not None else min(max(1, info.count // 10), NAMED)
        count = max(1, min(REFERENCE, _MOST_BYTES // each, info.count - cut))
        chosen = torch.cat([order[cut : cut + count].sort().values, order[:cut]])
        reader = dataset.reader(resolution) if info.count * each > 2 * _MOST_BYTES else None
        if reader is None:
            pixels, labels = _chosen(*dataset.load(resolution), chosen)
        else:
            pixels = torch.stack([reader(int(i)) for i in chosen])
            labels = None if reader.labels is None else reader.labels[chosen]
        real, real_labels = _chosen(pixels, labels, torch.arange(count))
        held, held_labels = apart or _chosen(pixels, labels, torch.arange(count, len(chosen)))
        digest = sha256()
        for tensor in (real, held):
            digest.update(repr(tuple(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy().data)
        return Reference(name, real, real_labels, held, held_labels, digest.hexdigest())

    def told_like(self, count: int) -> Told | None:
        """Return classes in the shares that the data has, or its given images, by a fixed seed."""
        if self.labels is None:
            return None
        rng = torch.Generator().manual_seed(1)
        return told_of(self.labels[torch.randint(len(self.labels), (count,), generator=rng)])

    def described(self) -> dict[str, Any]:
        """Return what is recorded of it."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "count": len(self.pixels),
            "held_out": len(self.held),
            "resolution": self.pixels.shape[-1],
        }


@final
class Judge:
    """Compares images with a reference, in one space or several.

    Args:
        registry: What names mean.
        env: What the images are made for.
        reference: The real images.
        component: Of the data set; it may name extractors and metrics.
        extractors: Names, the first for the headline; None for the data set's.
        metrics: Names; None for the data set's, else the standard ones.
        settings: Of extractors and metrics, ``{"extractor.inception": {"weights": ...}}``.
        tell: Is told what is being done.

    Raises:
        RecipeError: An unknown name or setting.
    """

    def __init__(
        self,
        registry: Registry,
        env: Env,
        reference: Reference,
        component: Component | None = None,
        *,
        extractors: Sequence[str] | None = None,
        metrics: Sequence[str] | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        tell: Tell = lambda _: None,
    ) -> None:
        own = component or Component("dataset", "none", "none:none", "none")
        self.reference, self._tell = reference, tell
        self._entries: dict[int, Entry] = {}
        made = (registry, env, dict(settings or {}))
        self._extractors = self._parts(made, "extractor", extractors or own.extractors or ANY)
        names = metrics or own.metrics or STANDARD
        self._metrics = self._parts(made, "metric", names)
        unknown = [slot for slot in settings or {} if slot not in self._slots]
        if unknown:
            near = did_you_mean(unknown[0], self._slots)
            raise RecipeError(f"{unknown[0]}: no such part judges this run.{near}")
        for extractor in self._extractors.values():
            if hasattr(extractor, "fit"):
                extractor.fit(reference.pixels)
        self._spaces: dict[str, tuple[Embedded, Embedded]] = {}

    def score(self, pixels: Pixels, labels: Told | None, who: str) -> dict[str, Value]:
        """Return every value of some generated images, the headline first.

        Args:
            pixels: The images.
            labels: What was asked for: classes, or images; None without either.
            who: How they were made, for the protocol: ``seed 0, ema``.
        """
        values: dict[str, Value] = {}
        for place, (name, extractor) in enumerate(self._extractors.items()):
            real, held = self._space(name)
            told = f"judging {len(pixels):,} pictures in the space of {name}"
            fake = self._embedded(extractor, self._features(extractor, pixels, told), pixels)
            fake = replace(fake, labels=_classes(labels))
            for metric in self._metrics.values():
                if not metric.in_pixels or place == 0:
                    values |= self._values(metric, name, (real, fake, held), who)
        return values

    def described(self) -> dict[str, dict[str, Any]]:
        """Return what is recorded of the extractors, by name."""
        return {
            name: {
                "digest": extractor.digest,
                "dimensions": self._space(name)[0].features.shape[1],
                **provenance(self._entries[id(extractor)]),
            }
            for name, extractor in self._extractors.items()
        }

    @property
    def _slots(self) -> list[str]:
        return [f"extractor.{n}" for n in self._extractors] + [
            f"metric.{n}" for n in self._metrics
        ]

    def _parts(
        self, made: tuple[Registry, Env, dict[str, Any]], kind: str, names: Sequence[str]
    ) -> dict[str, Any]:
        registry, env, settings = made
        parts: dict[str, Any] = {}
        for entry in (registry.find(kind, name) for name in names):
            slot = f"{kind}.{entry.name}"
            part = make(
                registry.load(entry),
                env,
                settings=settings.get(slot, {}),
                where=slot,
                origins={},
                name=entry.name,
            )
            parts[entry.name] = part
            self._entries[id(part)] = entry
        return parts

    def _space(self, name: str) -> tuple[Embedded, Embedded]:
        """Return the reference and what is held out of it, as an extractor sees them."""
        if name not in self._spaces:
            extractor, reference = self._extractors[name], self.reference
            told = f"looking at {reference.name} through {name}"

            def work() -> dict[str, Tensor]:
                return {
                    "real": self._features(extractor, reference.pixels, told),
                    "held": self._features(extractor, reference.held, told),
                }

            key = {"digest": extractor.digest, "images": reference.fingerprint}
            kept = kept_tensors(cache_root() / "features", f"{reference.name}-{name}", key, work)
            real = self._embedded(extractor, kept["real"], reference.pixels)
            held = self._embedded(extractor, kept["held"], reference.held)
            self._spaces[name] = (
                replace(real, labels=_classes(reference.labels)),
                replace(held, labels=_classes(reference.held_labels)),
            )
        return self._spaces[name]

    def _features(self, extractor: Extractor, pixels: Pixels, told: str) -> Features:
        parts = []
        for i in range(0, len(pixels), _CHUNK):
            self._tell(f"{told}: {i:,} of {len(pixels):,}")
            parts.append(extractor(pixels[i : i + _CHUNK]))
        return torch.cat(parts)

    def _embedded(self, extractor: Extractor, features: Features, pixels: Pixels) -> Embedded:
        named = getattr(extractor, "class_logits", None)
        return Embedded(pixels, features, class_logits=None if named is None else named(features))

    def _values(
        self, metric: Metric, space: str, seen: tuple[Embedded, Embedded, Embedded], who: str
    ) -> dict[str, Value]:
        real, fake, held = seen
        extractor, entry = self._extractors[space], self._entries[id(metric)]
        digest = "" if metric.in_pixels else extractor.digest
        self._tell(f"{entry.name} in the space of {space}")
        found = metric.score(real, fake, held)
        floors = self._floors(metric, digest, (real, held))
        enough = min(len(real.features), len(fake.features)) >= NAMED
        known = getattr(extractor, "known_as", {}) if enough else {}
        suffix = "" if metric.in_pixels else f"-{space}"
        sides = (
            f"{len(fake.features):,} generated ({who}) against {len(real.features):,} of"
            f" {self.reference.name}, {self.reference.pixels.shape[-1]} px"
            f" ({self.reference.fingerprint[:8]})"
        )
        within = "" if metric.in_pixels else f"; {space} {digest[:12]}"
        return {
            known.get(name, f"{name}{suffix}"): Value(
                value=value,
                floor=floors.get(name),
                higher=name in metric.higher,
                metric=entry.full_id,
                extractor="" if metric.in_pixels else self._entries[id(extractor)].full_id,
                protocol=f"{metric.protocol}{within}; {sides}",
            )
            for name, value in found.items()
            if math.isfinite(value)
        }

    def _floors(
        self, metric: Metric, digest: str, seen: tuple[Embedded, Embedded]
    ) -> dict[str, float]:
        """Return what held-out images reach in place of generated ones."""
        real, held = seen
        entry = self._entries[id(metric)]
        key = {
            "metric": entry.full_id,
            "version": entry.source.version,
            "protocol": metric.protocol,
            "digest": digest,
            "images": self.reference.fingerprint,
        }

        def work() -> dict[str, Tensor]:
            floors = metric.score(real, held, held)
            return {name: torch.tensor(value).double() for name, value in floors.items()}

        kept = kept_tensors(cache_root() / "features", f"floor-{entry.name}", key, work)
        return {name: float(value) for name, value in kept.items() if value.isfinite()}


def _classes(told: Shaped[Tensor, "n *any"] | None) -> Labels | None:
    """Return what metrics may know of what was told: classes, not images."""
    return told if told is not None and told.dim() == 1 else None


def _chosen(
    pixels: UInt8[Tensor, "all c h w"], labels: Shaped[Tensor, "all *any"] | None, indices: Tensor
) -> tuple[Pixels, Shaped[Tensor, "n *any"] | None]:
    return pixels[indices], None if labels is None else labels[indices]
