"""Which classes the fakes belong to, as a classifier sees them."""

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from jaxtyping import Int64
from torch import Tensor

from ganzoo.interfaces import Embedded, Metric
from ganzoo.types import Labels

SEEN = 0.1
"""Of its share in the reference, what the fakes must have of a class to have it."""

WORTH = 0.1
"""Of an even share, what the reference must have of a class for it to count."""

KNOWN = 0.5
"""Share of the reference that the classifier must be right for, where that has classes."""


@final
class Classes(Metric):
    """Classes that are there, how unevenly, and whether an image is of the class asked for.

    ``classes-seen``: classes with more than a tenth of their share in the reference, of those with
    at least a tenth of an even share there. ``classes-KL``: divergence of the fakes' histogram of
    classes from the reference's, in nats; a class that the reference has not counts as one image
    of it. ``label-accuracy``: share of the fakes that the classifier takes for the class they were
    asked for. What the classifier takes an image for is compared on both sides, so its own
    leanings cancel.

    It says nothing where the extractor names no classes, or other ones than the data set has: it
    must be right for half of the reference.

    References: the histogram's divergence is that of Unrolled Generative Adversarial Networks,
    section 3.3.1 (Metz et al., 2017), https://arxiv.org/abs/1611.02163, taken from the
    reference in place of the even distribution
    """

    higher: ClassVar[frozenset[str]] = frozenset({"classes-seen", "label-accuracy"})

    @property
    def protocol(self) -> str:
        return f"classes by the extractor, seen: > {SEEN:g} of the reference's share"

    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        if real.class_logits is None or fake.class_logits is None or len(fake.class_logits) == 0:
            return {}
        taken, count = real.class_logits.argmax(1), real.class_logits.shape[1]
        if real.labels is not None and _right(taken, real.labels) < KNOWN:
            return {}
        made = fake.class_logits.argmax(1)
        wanted, found = (each.bincount(minlength=count) for each in (taken, made))
        scores = {
            "classes-seen": float(_seen(wanted, found)),
            "classes-KL": _divergence(wanted, found),
        }
        if fake.labels is not None:
            scores["label-accuracy"] = _right(made, fake.labels)
        return scores


def _seen(wanted: Int64[Tensor, " k"], found: Int64[Tensor, " k"]) -> int:
    reference, fakes = wanted / wanted.sum(), found / found.sum()
    worth = reference >= WORTH / len(reference)
    return int((worth & (fakes > SEEN * reference)).sum())


def _divergence(wanted: Int64[Tensor, " k"], found: Int64[Tensor, " k"]) -> float:
    reference, fakes = wanted.clamp_min(1).double(), found.double()
    reference, fakes = reference / reference.sum(), fakes / fakes.sum()
    return float(torch.special.xlogy(fakes, fakes / reference).sum())


def _right(taken: Labels, labels: Labels) -> float:
    return float((taken == labels).double().mean())
