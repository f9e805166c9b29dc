"""What recipes of papers reach on CIFAR-10, judged as papers judge: FID in the space of Inception.

A cell that cannot be measured says why; nothing that goes wrong with one model stops the others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from ganzoo.build import dataset
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Condition, Env
from ganzoo.options import make
from ganzoo.plan import resolve
from ganzoo.quality.checkpoints import evaluate
from ganzoo.quality.evaluation import Tell
from ganzoo.registry import Entry, Registry
from ganzoo.rundir import RunDir

DATA, RESOLUTION = "cifar10", 32
"""What every model is trained on; its pixels were never compressed with losses."""

HEADS = ("model", "reported elsewhere", "FID", "KID", "precision", "recall", "kimg", "device", "")
"""Columns of the table; the last says what could not be measured."""

_EXTRACTOR = "inception"
_METRICS = ("frechet", "kernel", "prdc")
_NAMES = {"FID": "FD", "KID": "KD", "precision": "precision", "recall": "recall"}

Play = Callable[[Entry], tuple[RunDir, bool]]
"""Trains a model's paper preset; returns the run, and whether somebody interrupted it."""


@final
@dataclass(frozen=True)
class Line:
    """One model's row.

    Attributes:
        model: Its name.
        reported: What others report, with the source.
        values: By column, ``FID``; a distance by weights that are not the published ones, or of
            too few images, has the plain name ``FD``.
        protocol: How the first of them came about.
        kimg: Images shown, in thousands; None where nothing was trained.
        device: That trained it.
        why: Why values are missing; empty when none is.
    """

    model: str
    reported: str
    values: Mapping[str, float]
    protocol: str = ""
    kimg: float | None = None
    device: str = ""
    why: str = ""

    def cells(self) -> list[str]:
        """Return the row's text; a value under another name than its column's says so."""
        texts = []
        for column, plain in _NAMES.items():
            name = column if column in self.values else plain
            digits = {"FID": 2, "KID": 4}.get(column, 3)
            text = f"{self.values[name]:.{digits}f}" if name in self.values else "-"
            texts.append(text if name == column or text == "-" else f"({name} {text})")
        kimg = "-" if self.kimg is None else f"{self.kimg:g}"
        return [self.model, self.reported or "-", *texts, kimg, self.device or "-", self.why]


def obstacle(registry: Registry, settings: Mapping[str, Any], root: str | None) -> str:
    """Return why nothing could be judged here, before anything is trained; empty: nothing is.

    Args:
        registry: What names mean.
        settings: Of the extractor: its weights, its device.
        root: Where CIFAR-10 lies; None where ganzoo looks.
    """
    env = Env((3, RESOLUTION, RESOLUTION), Condition("none"))
    sets = {"dataset": DATA} if root is None else {"dataset": DATA, "dataset.root": root}
    try:
        cls = registry.load(registry.find("extractor", _EXTRACTOR))
        make(cls, env, settings=settings, where="extractor", origins={}, name=_EXTRACTOR)
        plan = resolve(registry, registry.recipes()[0].full_id, overrides=sets)
        dataset(registry, plan)[0].load(RESOLUTION)
    except GanzooError as error:
        return str(error)
    return ""


def measure(
    models: Iterable[Entry],
    registry: Registry,
    play: Play,
    *,
    settings: Mapping[str, Any],
    blocked: str = "",
    samples: int = 50_000,
    device: str | None = None,
    tell: Tell = lambda _: None,
) -> list[Line]:
    """Train and judge models, one after another.

    Args:
        models: Recipes; those without a paper preset have a line that says so.
        registry: What names mean.
        play: Trains one.
        settings: Of the extractor.
        blocked: Why none is trained, as :func:`obstacle` says; empty: they are.
        samples: Generated images.
        device: Where the generator works.
        tell: Is told what is being done.
    """
    lines, stopped = [], blocked
    for entry in models:
        line: dict[str, Any] = {"model": entry.id, "reported": entry.recipe.reported}
        why = stopped if "paper" in entry.recipe.presets else "it has no paper preset"
        values: Mapping[str, float] = {}
        try:
            if not why:
                run, interrupted = play(entry)
                stopped = "interrupted" if interrupted else ""
                info = run.read_info()
                line |= {"kimg": info["nimg"] / 1000, "device": info["environment"]["device"]}
                scores = evaluate(
                    run,
                    registry,
                    samples=samples,
                    extractors=[_EXTRACTOR],
                    metrics=_METRICS,
                    settings={f"extractor.{_EXTRACTOR}": settings},
                    device=device,
                    tell=tell,
                )
                found = {n.removesuffix(f"-{_EXTRACTOR}"): v for n, v in scores.values.items()}
                values = {name: value.value for name, value in found.items()}
                line["protocol"] = scores.values[scores.headline].protocol
                why = stopped
        except Exception as error:  # of a plugin, too: the other models may do better
            why = str(error) if isinstance(error, GanzooError) else f"{error!r}"
        lines.append(Line(**line, values=values, why=why))
    return lines


def notes(lines: Sequence[Line]) -> list[str]:
    """Return what must be read with the table."""
    said = list(dict.fromkeys(line.protocol for line in lines if line.protocol))
    if any("FD" in line.values for line in lines):
        said.append(
            "(FD), (KD): not the published weights, or fewer than 10,000 pictures a side; such"
            " values do not compare with anybody's FID and KID"
        )
    said.append("reported elsewhere: by other code, and not always by this protocol or length")
    return said
