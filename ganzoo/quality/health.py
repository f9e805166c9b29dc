"""How a run is doing, in one word: a fold over the rows of its trace.

Nothing else goes in, so a resumed run replays its rows and goes on. A word is said when what it
stands for has lasted: steps are counted, because rows may be seldom.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, final

from ganzoo.rundir import slug

WORDS = {
    "diverging": "diverging",
    "winning": "D is winning",
    "blind": "D is blind",
    "few-different": "few different pictures",
    "copying": "copying the data",
    "balanced": "balanced",
}
"""What people read for each word, the most urgent first."""

LASTING = 500
"""Steps that ``winning`` and ``blind`` must last, and from which on variety means something."""

CHECKS = 3
"""Rows in turn that must have few different pictures."""

CALM = 1000
"""Steps without any finding after which a remark may be made again."""

FEW, VERY_FEW, FALLEN = 0.6, 0.3, 0.75
"""Variety that is bad below this share of its peak; bad whatever the peak was; that share."""

REPEATED = 0.3
"""``distinct`` that is bad when it has also fallen: it is low at the start of healthy runs too."""

JUMP, LARGE, ABSURD = 20.0, 100.0, 10_000.0
"""A loss diverges so many times above its median if it is so large, or if it is absurd."""

_HISTORY, _ENOUGH = 20, 5
"""Rows of which the median is taken, and how many it needs."""

COPIED = 0.3
"""An evaluation's ``nn-ratio`` below which pictures are copies."""

CURES = {
    "diverging": ("--set optimizer.discriminator.learning_rate=1e-4", "--regularizer r1"),
    "winning": (
        "--set optimizer.discriminator.learning_rate=1e-4",
        "--regularizer r1",
        "--augment diffaugment",
    ),
    "blind": (
        "--set algorithm.d_steps=3",
        "--set optimizer.generator.learning_rate=1e-4",
        "--regularizer none",
    ),
    "few-different": (
        "--set optimizer.generator.learning_rate=1e-4",
        "--loss rpgan --regularizer r1 --regularizer r2",
        "--augment diffaugment",
    ),
    "copying": ("--augment diffaugment", "--regularizer lecam", "--init-from RUN"),
}
"""What to try, as it is typed after ``ganzoo train NAME``."""


@final
@dataclass(frozen=True)
class Remark:
    """Something is wrong; said once.

    Attributes:
        word: One of :data:`WORDS`, or ``nan``.
        sentence: What was seen, with its numbers.
        cures: What to try, as it is typed.
    """

    word: str
    sentence: str
    cures: tuple[str, ...]


def not_finite(message: str) -> Remark:
    """Return the remark on a run that ended with a number that is not finite."""
    return Remark("nan", message, CURES["diverging"])


@final
class Health:
    """What rows of a trace said so far.

    Attributes:
        word: How the run is doing, one of :data:`WORDS`.
        sound: Images shown at the last row in which nothing at all was found; checkpoints up to
            there are healthy, later ones may carry what is said only when it has lasted.

    Args:
        symptoms: Of the loss, see :class:`ganzoo.interfaces.Loss`.
    """

    def __init__(self, symptoms: Mapping[str, Mapping[str, tuple[float, float]]]) -> None:
        self.word, self.sound = "balanced", 0
        self._symptoms = symptoms
        self._step = self._ill = 0
        self._peak = self._apart = 0.0
        self._losses: dict[str, deque[float]] = {}
        self._holding: dict[str, tuple[int, int, str]] = {}
        self._said: set[str] = set()

    def look(self, row: Mapping[str, Any]) -> Remark | None:
        """Take in the next row, and return what must be said now."""
        step = int(row.get("step") or self._step)
        for word, found in self._found(row, step):
            since, rows, _ = self._holding.pop(word, (self._step, 0, ""))
            if found:
                self._holding[word] = (since, rows + 1, found)
        self._step = step
        holding = [word for word in WORDS if word in self._holding]
        self.word = next((word for word in holding if self._has_lasted(word)), "balanced")
        if not holding:
            self.sound = int(row.get("nimg") or self.sound)
            if step - self._ill >= CALM:
                self._said.clear()
            return None
        self._ill = step
        if self.word != holding[0] or self.word in self._said:
            return None  # nothing has lasted, or what follows from a cause that may yet last
        self._said.add(self.word)
        since, _, found = self._holding[self.word]
        return Remark(self.word, found.format(steps=f"{step - since:,}"), CURES[self.word])

    def _has_lasted(self, word: str) -> bool:
        since, rows, _ = self._holding.get(word, (0, 0, ""))
        lasting = {"winning": LASTING, "blind": LASTING}.get(word, 0)
        return self._step - since >= lasting and rows >= (CHECKS if word == "few-different" else 1)

    def _found(self, row: Mapping[str, Any], step: int) -> Iterator[tuple[str, str]]:
        """Yield each word that the row can answer for, with a sentence, or none if all is well."""
        yield "diverging", self._diverging(row)
        variety = row.get("variety")
        if (seen := self._shown("winning", row)) is not None:
            yield "winning", seen and f"{seen} for {{steps}} steps: G can learn little from it"
        if variety is not None and (seen := self._shown("blind", row)) is not None:
            blind = seen if variety < FEW else ""
            yield "blind", blind and f"{seen} for {{steps}} steps, at variety {variety:.2f}"
        if variety is not None and step >= LASTING:
            self._peak = max(self._peak, variety)
            few = variety < VERY_FEW or variety < min(FEW, FALLEN * self._peak)
            was = f", it was {self._peak:.2f}" if variety < FALLEN * self._peak else ""
            seen = f"variety is {variety:.2f}{was}: pictures are alike" * few
            if not few and (apart := row.get("distinct")) is not None:
                self._apart = max(self._apart, apart)
                told = f"distinct is {apart:.2f}, it was {self._apart:.2f}: pictures are repeated"
                seen = told * (apart < min(REPEATED, FALLEN * self._apart))
            yield "few-different", seen
        if (ratio := row.get("nn_ratio")) is not None:
            near = f"pictures lie {ratio:.2f} times as far from training images as unseen ones do"
            yield "copying", near * (ratio < COPIED)

    def _shown(self, word: str, row: Mapping[str, Any]) -> str | None:
        """Say the columns that show a symptom; empty if they do not, None if one is missing."""
        ranges = self._symptoms.get(word) or {}
        values: dict[str, Any] = {column: row.get(slug(column)) for column in ranges}
        if not ranges or None in values.values():
            return None
        if not all(low <= values[column] <= high for column, (low, high) in ranges.items()):
            return ""
        return ", ".join(f"{column} {value:.2f}" for column, value in values.items())

    def _diverging(self, row: Mapping[str, Any]) -> str:
        sentence = ""
        for column in ("D loss", "G loss"):
            value = row.get(slug(column))
            if value is None:
                continue
            history = self._losses.setdefault(column, deque(maxlen=_HISTORY))
            usual = median(history) if len(history) >= _ENOUGH else float("inf")
            if abs(value) > min(ABSURD, max(LARGE, JUMP * usual)):
                was = f", it was about {usual:.3g}" if usual < float("inf") else ""
                sentence = sentence or f"{column} is {value:.3g}{was}"
            else:
                history.append(abs(value))
        return sentence
