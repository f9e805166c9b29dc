"""The kit finds every fault that was put into a plugin, under its name, and nothing else."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from weather_dist import PARTS, install

from ganzoo.testing import CHECKS, Check, CheckError, SkippedError, checks

G, D = ("generator", "cloud"), ("discriminator", "judge")


def failed(found: Iterable[Check]) -> dict[tuple[str, str], str]:
    """Return why checks failed, by what and name."""
    failures = {}
    for check in found:
        try:
            check.run()
        except CheckError as error:
            failures[check.what, check.name] = str(error)
        except SkippedError:
            pass
    return failures


FAULTS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "torch at registration": ("plugin", "light", {"top": "import torch"}, "weather_"),
    "fixed output size": ("generator", "shapes", {"parts": {**PARTS, G: "Fixed"}}, "32 px"),
    "dead layer": ("generator", "gradients", {"parts": {**PARTS, G: "Dead"}}, "unused.weight"),
    "tied tensors": (
        "discriminator",
        "state",
        {"parts": {**PARTS, D: "Tied"}},
        "first.weight and second.weight are one tensor",
    ),
    "flipped loss": (
        "loss",
        "directions",
        {"parts": {**PARTS, ("loss", "fog"): "Flipped"}},
        "the generator's logits of fake images the wrong way",
    ),
    "sigmoid in D": ("discriminator", "raw logits", {"parts": {**PARTS, D: "Sigmoid"}}, "sigmoid"),
    "tanh missing": ("generator", "range", {"parts": {**PARTS, G: "Linear"}}, "end in tanh"),
    "NaN far out": ("generator", "finite", {"parts": {**PARTS, G: "Far"}}, "z at 10 sigma"),
    "state not saved": (
        "recipe",
        "resume",
        {"parts": {**PARTS, G: "Forgetful"}},
        "generator.body.weight differs",
    ),
    "options of no TOML": (
        "generator",
        "options",
        {"parts": {**PARTS, G: "Unwritable"}},
        "colours has the default frozenset",
    ),
    "samples of a batch": (
        "generator",
        "samples alone",
        {"parts": {**PARTS, G: "Crowded"}},
        "made alone differs",
    ),
    "wrong API group": ("plugin", "api version", {"group": "ganzoo.v2"}, "'ganzoo.v2'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_found_under_its_name_and_nothing_else_is(
    fault: str, forge: Path
) -> None:
    kind, check, said, told = FAULTS[fault]
    name = install(forge, f"weather-{fault.lower().replace(' ', '-')}", **said)

    failures = failed(checks(name))

    ((what, found), reason), *others = failures.items()
    assert (what.split()[0], found, others) == (kind, check, [])
    assert told in reason
    assert "\n" not in reason


def test_of_a_sound_plugin_nothing_fails(forge: Path) -> None:
    known = checks(install(forge, "weather-sound"))

    assert failed(known) == {}
    assert [check for check in known if check.name not in CHECKS] == []


OTHERS: dict[str, tuple[tuple[str, str], str, str]] = {
    "Random": (G, "same seed", "same seed differ"),
    "Hoarder": (G, "memory", "tensors more are alive after four more steps"),
    "Misnamed": (G, "shapes", "one must be 'image'"),
    "Slopeless": (D, "second gradients", "slope"),
    "Tied": (("network", "tied"), "state", "are one tensor"),
    "Detached": (("regularizer", "snow"), "penalty", "no gradient for the discriminator"),
    "Careless": (("augment", "wind"), "randomness", "generator=rng"),
    "Rounding": (("augment", "wind"), "gradients", "no gradient comes back"),
    "Miscounted": (("dataset", "days"), "data", "from 0 to 1"),
    "Undefined": (("metric", "share"), "scores", "share is nan"),
    "Normed": (("extractor", "flat"), "features", "batch mates"),
    "Stuck": (("algorithm", "stuck"), "two steps", "role generator is the same"),
}

ALSO = {
    "Random": ("resume",),
    "Misnamed": ("two steps",),
    "Slopeless": ("two steps",),
    "Rounding": ("two steps",),
}
"""Checks that nobody can pass with that fault."""


@pytest.mark.parametrize("target", OTHERS)
def test_a_lone_part_of_any_kind_is_tried_and_its_fault_found(target: str, forge: Path) -> None:
    part, check, told = OTHERS[target]
    name = install(forge, f"lone-{target.lower()}", {part: target}, recipe=False)

    failures = {name: reason for (_, name), reason in failed(checks(name)).items()}

    assert told in failures.pop(check)
    assert set(failures) <= {*ALSO.get(target, ())}


@pytest.mark.parametrize("part", PARTS)
def test_a_sound_part_without_a_recipe_is_played_beside_parts_of_others(
    part: tuple[str, str], forge: Path
) -> None:
    sound = {part: PARTS[part]}
    known = checks(install(forge, f"alone-{part[1]}", sound, recipe=False))

    assert failed(known) == {}
    assert "resume" in {check.name for check in known}


def test_a_recipe_with_an_algorithm_of_its_own_is_played_by_it(forge: Path) -> None:
    parts = {**PARTS, ("algorithm", "mine"): "Mine", ("schedule", "silent"): "Silent"}
    own = ', "algorithm": "weather-own/mine", "schedule": ["weather-own/silent"]'
    known = checks(install(forge, "weather-own", parts, recipe_parts=own))

    assert failed(known) == {}


def test_a_network_of_a_conditional_recipe_must_listen(forge: Path) -> None:
    name = install(forge, "weather-deaf", more=", conditional=True")

    failures = failed(checks(name))

    assert set(failures) == {
        (f"generator {name}/cloud", "classes"),
        (f"discriminator {name}/judge", "classes"),
    }


@pytest.mark.parametrize(
    ("said", "check", "told"),
    [
        ({"more": ", year=2026"}, "describes itself", "one with a year its paper"),
        ({"more": ', presets={"quick": {"generator.with": 3}}'}, "options", "generator.width"),
        ({"more": ', step="weather_parts:nobody"'}, "loads", "has no attribute 'nobody'"),
        ({"expected": '{"rang": "linear"}'}, "describes itself", "Did you mean range"),
        ({"parts": {**PARTS, G: "Nobody"}}, "loads", "'Nobody'"),
        (
            {"parts": {**PARTS, ("loss", "fog"): "Judge"}},
            "loads",
            "let it inherit Loss",
        ),
        ({"parts": {**PARTS, ("loss", "fog"): "Half"}}, "loads", "Half lacks generator"),
        ({"top": "import no_such_module"}, "loads", "no_such_module"),
        ({"group": "ganzoo.plugins"}, "api version", "'ganzoo.plugins'"),
    ],
    ids=["year", "preset", "step", "expected", "target", "kind", "half", "import", "group"],
)
def test_a_wrong_description_is_found(
    said: dict[str, Any], check: str, told: str, forge: Path
) -> None:
    name = install(forge, "weather-" + "".join(filter(str.isalpha, told)).lower(), **said)

    reasons = {name: reason for (_, name), reason in failed(checks(name)).items()}

    assert told in reasons[check]
