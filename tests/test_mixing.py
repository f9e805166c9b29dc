"""Any generator with any discriminator, loss and regularizer: trained two steps, or refused.

Every day some combinations of each pair are played, in the gate more, and all of them by hand:
``pytest -m matrix``. Augments take turns from one combination to the next.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from zoo import DISCRIMINATORS, GENERATORS, REGISTRY, Pictures, least, named, size_of, ways

from ganzoo import build
from ganzoo.errors import FitError
from ganzoo.plan import resolve
from ganzoo.registry import Entry
from ganzoo.training.trainer import Trainer

ALIKE = {"embed", "group", "instance"}
"""Settings that differ from another by one layer, and mix as that one does; so is minibatch."""


def different(entries: Sequence[Entry]) -> list[tuple[Entry, dict[str, Any]]]:
    """Return every network with every setting that makes it mix otherwise."""
    every = [(entry, settings) for entry in entries for settings in ways(entry)]
    return [
        each for each in every if not (ALIKE & set(each[1].values()) or "minibatch" in each[1])
    ]


MADE, JUDGES = different(GENERATORS), different(DISCRIMINATORS)
EVERY = [(*made, *judge) for made, judge in itertools.product(MADE, JUDGES)]
PAIRS = [pair for pair in EVERY if size_of(pair[0], pair[2])]
STRANGERS = [pair for pair in EVERY if not size_of(pair[0], pair[2])]
LOSSES = [entry.name for entry in REGISTRY.components("loss")]
ALONE = [entry.name for entry in REGISTRY.components("regularizer")]
PENALTIES = [[], *([name] for name in ALONE), ["r1", "r2"]]

AUGMENTS = [[], *([entry.name] for entry in REGISTRY.components("augment"))]

_LOUD = {"path-length": ["regularizer.path-length.weight=2"]}
"""Penalties that are silent at a low resolution unless they are told to act."""

Combination = tuple[str, list[str], bool]
"""A loss, penalties, and whether there are classes."""

ALL: list[Combination] = list(itertools.product(LOSSES, PENALTIES, (False, True)))


def some(index: int, stride: int = 17) -> list[Combination]:
    """Every so many of all combinations, beginning elsewhere for each pair of networks.

    A stride shares no factor with the numbers of losses, penalties and classes.
    """
    return ALL[sum(divmod(index, len(JUDGES))) % stride :: stride]


@pytest.mark.parametrize("index", range(len(PAIRS)))
def test_some_combinations_of_every_pair_train_two_steps_or_are_refused(
    index: int, record_property: Callable[[str, object], None]
) -> None:
    trained, refused = play(*PAIRS[index], some(index))

    record_property("count: combinations trained two steps, of some", trained)
    record_property("count: combinations refused, of some", refused)
    assert trained > 0


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(PAIRS)))
def test_more_combinations_of_every_pair_train_two_steps_or_are_refused(index: int) -> None:
    trained, _ = play(*PAIRS[index], some(index, 13))

    assert trained > 0


@pytest.mark.matrix
@pytest.mark.parametrize(("made", "how", "judge", "so"), PAIRS, ids=named)
def test_every_combination_trains_two_steps_or_is_refused_with_both_sides_named(
    made: Entry,
    how: dict[str, Any],
    judge: Entry,
    so: dict[str, Any],
    record_property: Callable[[str, object], None],
) -> None:
    trained, refused = play(made, how, judge, so, ALL)

    record_property("count: combinations trained two steps", trained)
    record_property("count: combinations refused", refused)
    assert trained > refused > 0


@pytest.mark.parametrize(("made", "how", "judge", "so"), STRANGERS, ids=named)
def test_networks_that_share_no_resolution_are_refused_by_the_sizes_of_one(
    made: Entry, how: dict[str, Any], judge: Entry, so: dict[str, Any]
) -> None:
    for side in (*made.component.sizes, *judge.component.sizes):
        data = Pictures(side)
        plan = resolve(
            REGISTRY,
            "dcgan",
            replace={"generator": made.name, "discriminator": judge.name},
            overrides={"training.resolution": side},
        )
        with pytest.raises(FitError, match=rf"makes .*, not {side}\. Nearest: --resolution"):
            build.outline(plan, REGISTRY, {"dataset": data})
        assert data.looks == 0


def test_the_few_of_every_day_hold_each_loss_and_penalty_with_each_network() -> None:
    seen: set[tuple[str, str]] = set()
    for index, (made, how, judge, so) in enumerate(PAIRS):
        for loss, penalties, told in some(index):
            words = (loss, ",".join(penalties) or "none", str(told))
            networks = (f"makes: {made.name}{how}", f"judges: {judge.name}{so}")
            seen |= set(itertools.product(networks, words))
    words = len(LOSSES) + len(PENALTIES) + 2

    assert len(seen) == words * (len(MADE) + len(JUDGES))


def play(
    made: Entry,
    how: dict[str, Any],
    judge: Entry,
    so: dict[str, Any],
    combinations: Sequence[Combination],
) -> tuple[int, int]:
    """Play two steps of each combination; return how many did, and how many were refused."""
    slots = {"generator": (made, how), "discriminator": (judge, so)}
    sets = [
        f"{slot}.{name}={value}"
        for slot, (entry, settings) in slots.items()
        for name, value in least(entry, **settings).items()
    ]
    side = size_of(made, judge)
    assert side is not None
    trained, opened, reasons = 0, 0, list[tuple[str, str, list[str]]]()
    for number, (loss, penalties, told) in enumerate(combinations):
        data = Pictures(side)
        plan = resolve(
            REGISTRY,
            "dcgan",
            sets=[*sets, "training.batch_size=4", *_LOUD.get(",".join(penalties), [])],
            replace={"generator": made.name, "discriminator": judge.name, "loss": loss},
            add={"regularizer": ["none", *penalties], "augment": AUGMENTS[number % len(AUGMENTS)]},
            overrides={"training.conditional": told, "training.resolution": side},
        )
        try:
            built = build.outline(plan, REGISTRY, {"dataset": data})
        except FitError as error:
            reasons.append((str(error), loss, penalties))
            opened += data.looks
            continue
        trains_two_steps(Trainer(built.with_data(data), torch.device("cpu"), total_nimg=8))
        trained += 1
    assert [said for said, *parts in reasons if not readable(said, *parts, judge.name)] == []
    assert opened == 0
    return trained, len(reasons)


def readable(reason: str, loss: str, penalties: Sequence[str], judge: str) -> bool:
    """Whether a refusal names what does not go together: two parts, or a part and the data."""
    if "auxiliary" in penalties and "auxiliary" in reason:
        return "class_logits" in reason or "--conditional" in reason
    if "path-length" in penalties and "path-length" in reason:
        return "needs 'w'" in reason
    return loss in reason and judge in reason and "--regularizer gp" in reason


def trains_two_steps(trainer: Trainer) -> None:
    before = {r: [p.clone() for p in n.parameters()] for r, n in trainer.networks.items()}

    ticks = list(trainer.ticks(8))

    assert ticks[-1].step == 2
    for role, network in trainer.networks.items():
        changed = [
            not torch.equal(p, old)
            for p, old in zip(network.parameters(), before[role], strict=True)
        ]
        # a hinge teaches nothing outside its margin, nor does a discriminator whose last rectifier
        # is shut; then a gradient has reached every parameter all the same, and is 0
        reached = all(p.grad is not None for p in network.parameters())
        assert any(changed) or reached, role
        assert all(p.isfinite().all() for p in network.parameters()), role
