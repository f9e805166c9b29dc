"""A run that was stopped ends in every bit as one that was not, and nothing less would be seen."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch
from exact import STEPS, continued, differ, game, states
from torch import Tensor
from zoo import RESUMED, trainer_of

from ganzoo.errors import CheckpointError, DivergedError

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

Amount = Callable[[int, int], int]
Note = Callable[[str, str], None]


@pytest.fixture(scope="module")
def whole() -> list[dict[str, Any]]:
    """Return the states of a run that was never stopped, by step."""
    return states(game(), STEPS)


def test_a_game_of_all_that_has_a_state_is_resumed_exactly_at_every_step(
    whole: list[dict[str, Any]], amount: Amount, measured: Note
) -> None:
    points = list(range(1, STEPS))[amount(25, 0) :: amount(16, 1)]

    lost = {at: differ(whole[-1], continued(game(), whole[at], STEPS - at)) for at in points}

    assert {at: names[:3] for at, names in lost.items() if names} == {}
    sizes = [state["extra"]["batch_size"] for state in whole]
    assert set(sizes) == {8, 4}
    ada = [int(state["extra"]["parts"]["augment.ada"]["risen"]) for state in whole]
    assert len(set(ada)) > 3
    measured("A1", f"{len(points)} of {len(points)} steps exact in every bit")


def test_every_recipe_is_resumed_exactly_at_five_steps(amount: Amount, measured: Note) -> None:
    cases = list(RESUMED)[: amount(1, len(RESUMED))]  # test_resume.py asks each at one step
    lost = {}
    for case in cases:
        torch.manual_seed(0)
        played = states(trainer_of(case), 6)
        for at in range(1, 6):
            lost[case, at] = differ(played[6], continued(trainer_of(case), played[at], 6 - at))

    assert {where: names[:3] for where, names in lost.items() if names} == {}
    measured("A3", f"{len(lost)} of {len(lost)} steps of {len(cases)} models and parts exact")


Place = tuple[Any, ...]

MISSING = object()
AT, SOON = 31, 4  # in a fade, between two changes of p; in its reach acts a lazy penalty
ITEMS: Mapping[str, Place] = {
    "the generator's batch norm": ("generator", "norm.running_mean"),
    "spectral norm's vector": (
        "discriminator",
        "fine.parametrizations.weight.0._v",
    ),
    "the average": ("generator_ema", "coarse.weight"),
    "the generator's optimizer": (
        *("optimizers", "generator", "state", "generator.fine.weight", "exp_avg"),
    ),
    "the discriminator's optimizer": (
        *("optimizers", "discriminator", "state", "discriminator.out.bias", "exp_avg_sq"),
    ),
    "the learning rate": ("extra", "rates", "generator"),
    "the penalty's weight": ("extra", "weights", "r1"),
    "the half-life": ("extra", "ema_halflife_kimg"),
    "the position in the data": ("extra", "nimg"),
    "the step, of lazy penalties": ("extra", "step"),
    "the batch": ("extra", "batch_size"),
    "ada's p": ("extra", "parts", "augment.ada", "risen"),
    "ada's count": ("extra", "parts", "augment.ada", "moves"),
    "the stage": ("extra", "parts", "schedule.progressive", "stage"),
    "torch's own stream": ("rng-00000", "torch"),
    "the latents' stream": ("rng-00000", "streams", "latents"),
}
"""Of a state, what others forget."""

ANEW = ("capturable", "foreach", "fused", "lr", "amsgrad", "differentiable", "maximize")
"""What an optimizer has anew, or no setting can turn on; its rate follows from settings."""


def leaves(tree: Any, path: Place = ()) -> Iterator[Place]:
    """Yield the path of every entry that is no container."""
    if isinstance(tree, dict | list | tuple):
        pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in pairs:
            yield from leaves(value, (*path, key))
    else:
        yield path


def branches(tree: Any, path: Place = ()) -> Iterator[Place]:
    """Yield the path of every entry of every dict."""
    for key, value in tree.items() if isinstance(tree, dict) else ():
        yield (*path, key)
        yield from branches(value, (*path, key))


def entry(tree: Any, path: Place) -> Any:
    """Return what is in a place; a mark of its own where nothing is."""
    for key in path:
        there = key in tree if isinstance(tree, dict) else key < len(tree)
        if not there:
            return MISSING
        tree = tree[key]
    return tree


def without(tree: dict[str, Any], path: Place) -> dict[str, Any]:
    """Return a tree that lacks an entry of a dict."""
    above = dict(entry(tree, path[:-1]))
    del above[path[-1]]
    changed: dict[str, Any] = with_value(tree, path[:-1], above)
    return changed


def with_value(tree: Any, path: Place, value: Any) -> Any:
    """Return a tree with another value in one place."""
    if not path:
        return value
    key, *rest = path
    inner = with_value(tree[key], tuple(rest), value)
    if isinstance(tree, dict):
        return {**tree, key: inner}
    return type(tree)([inner if number == key else each for number, each in enumerate(tree)])


def forgotten(value: Any, fresh: Any) -> Any:
    """Return what a new trainer has in place of a value, or another one where that is equal."""
    if isinstance(value, Tensor):
        same = isinstance(fresh, Tensor) and torch.equal(value, fresh)
        return fresh if isinstance(fresh, Tensor) and not same else value + 1
    if fresh not in (MISSING, None, value):
        return fresh
    if isinstance(value, bool) or value is None:
        return not value
    return value + "x" if isinstance(value, str) else value + 1


def remembered(path: Place) -> bool:
    """Return whether nothing else says what an entry of a state says."""
    copied = path[0] == "generator_ema" and path[1].startswith(("norm.running", "norm.num"))
    made_anew = str(path[-1]).endswith("_u")  # of a spectral norm, from its other vector
    return path[0] != "clock" and path[-1] not in ANEW and not copied and not made_anew


def found(changed: Mapping[str, Any], true: Mapping[str, Any]) -> bool:
    """Return whether a state that lost something is refused, or is seen soon after."""
    try:
        return bool(differ(true, continued(game(), changed, SOON)))
    except (CheckpointError, DivergedError):  # refused, or nothing that a game could go on from
        return True


def test_whatever_a_state_loses_is_seen_or_refused(
    whole: list[dict[str, Any]], amount: Amount, measured: Note
) -> None:
    state, true, fresh = whole[AT], whole[AT + SOON], whole[0]
    every = [path for path in leaves(state) if remembered(path)]
    assert set(ITEMS.values()) < set(every)
    paths = [*ITEMS.values(), *every][: amount(len(ITEMS), len(ITEMS) + len(every))]

    changed = [
        with_value(state, path, forgotten(entry(state, path), entry(fresh, path)))
        for path in paths
    ]
    unseen = [path for path, lost in zip(paths, changed, strict=True) if not found(lost, true)]

    assert differ(true, continued(game(), state, SOON)) == []
    assert unseen == []
    measured("A2", f"{len(paths)} of {len(paths)} lost entries seen or refused")


def test_whatever_a_state_lacks_is_seen_or_refused(
    whole: list[dict[str, Any]], amount: Amount, measured: Note
) -> None:
    state, true = whole[AT], whole[AT + SOON]
    every = [path for path in branches(state) if path[0] != "clock" and path[-1] not in ANEW]
    paths = every[:: amount(40, 1)]

    unseen = [path for path in paths if not found(without(state, path), true)]

    assert unseen == []
    measured("A2", f"{len(paths)} of {len(paths)} entries that are missing seen or refused")
