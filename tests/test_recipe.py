"""A recipe comes about in layers; every value remembers where it came from."""

import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ganzoo.discovery import Source
from ganzoo.errors import RecipeError
from ganzoo.hookspecs import hookimpl
from ganzoo.options import schema
from ganzoo.plan import Plan, resolve
from ganzoo.registry import Registry
from ganzoo.settings import Optimizer, Training
from ganzoo.spec import Component, Recipe, component, recipe

PARTS = {"generator": "small", "discriminator": "small", "loss": "ns", "regularizer": ["r1"]}

SETTINGS = {
    "generator.width": 16,
    "regularizer.r1.weight": 0.1,
    "training.batch_size": 32,
    "optimizer.generator.betas": [0, 0.99],
}

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"training.kimg": 10, "generator.width": 8},
    "paper": {"generator.use": "large", "generator.width": 512},
    "timed": {"training.minutes": 5},
    "plain": {"regularizer": []},
}


@hookimpl
def ganzoo_register() -> list[Component | Recipe]:
    networks = [
        component(kind, name, "nowhere:Net", "a network")
        for kind in ("generator", "discriminator")
        for name in ("small", "large")
    ]
    labelled = recipe("labelled", "a model", {**PARTS, "regularizer": []}, conditional=True)
    return [*networks, recipe("net", "a model", PARTS, set=SETTINGS, presets=PRESETS), labelled]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    module, other = ModuleType("networks_light"), ModuleType("other_light")
    module.ganzoo_register = ganzoo_register  # type: ignore[attr-defined]
    other.ganzoo_register = hookimpl(  # type: ignore[attr-defined]
        lambda: [component("generator", "far", "nowhere:Net", "a network")]
    )
    monkeypatch.setitem(sys.modules, "networks_light", module)
    monkeypatch.setitem(sys.modules, "other_light", other)
    sources = [Source("std", "ganzoo_standard.plugin", "torch-ganzoo")]
    sources += [Source("digits", "ganzoo_digits.plugin", "torch-ganzoo")]
    sources += [Source("folder", "ganzoo_folder.plugin", "torch-ganzoo")]
    sources += [Source("networks", "networks_light", "torch-ganzoo")]
    return Registry([*sources, Source("other", "other_light", "ganzoo-other")])


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_alone_is_a_whole_plan(registry: Registry) -> None:
    plan = resolve(registry, "net")
    assert list(plan.parts) == [
        "dataset", "generator", "discriminator", "loss", "algorithm", "regularizer.r1",
    ]  # fmt: skip
    assert plan.parts["generator"] == ("small", {"width": 16})
    assert plan.parts["algorithm"].name == "adversarial"
    assert plan.parts["dataset"].name == "digits"
    assert plan.training == Training(batch_size=32)
    assert plan.optimizers["generator"] == Optimizer(betas=(0.0, 0.99))
    assert (plan.model, plan.preset, plan.dropped) == ("net", None, ())


def test_later_layers_win_and_leave_their_origin(registry: Registry, tmp_path: Path) -> None:
    config = write(tmp_path / "my.toml", "[training]\nseed = 1\nkimg = 20\nkeep = 2\n")
    plan = resolve(
        registry,
        "net",
        preset="quick",
        config=config,
        overrides={"training.seed": 2},
        sets=["training.keep=9"],
    )
    assert (plan.training.kimg, plan.training.seed, plan.training.keep) == (20.0, 2, 9)
    assert plan.parts["generator"].settings == {"width": 8}
    assert plan.origin("generator.width") == "preset quick"
    assert plan.origin("training.batch_size") == "recipe net"
    assert plan.origin("training.kimg") == "my.toml"
    assert plan.origin("training.seed") == "--seed"
    assert plan.origin("training.keep") == "--set"
    assert plan.origin("training.precision") == "default"


def test_a_replaced_part_takes_its_settings_with_it_and_says_so(
    registry: Registry, tmp_path: Path
) -> None:
    config = write(tmp_path / "my.toml", "[generator]\nwidth = 24\n")
    plan = resolve(registry, "net", config=config, replace={"generator": "large"})
    assert plan.parts["generator"] == ("large", {})
    assert plan.dropped == (
        "generator.width = 24 (from my.toml) was for small and is dropped",
    )  # fmt: skip
    assert "was for small and is dropped" in plan.to_toml()
    sets = ["regularizer.r1.weight=3", "regularizer.r1.use=none"]
    assert resolve(registry, "net", sets=sets).dropped == ()  # nothing is set of what is gone


@pytest.mark.parametrize("preset", ["default", "quick"])
def test_what_a_recipe_or_a_preset_said_of_a_replaced_part_goes_without_a_word(
    registry: Registry, preset: str
) -> None:
    plan = resolve(registry, "net", preset=preset, replace={"generator": "large"})
    assert plan.parts["generator"] == ("large", {})
    assert plan.dropped == ()


def test_a_preset_takes_the_parts_of_its_recipe_away_without_a_word(registry: Registry) -> None:
    plan = resolve(registry, "net", preset="plain")
    assert "regularizer.r1" not in plan.parts
    assert plan.dropped == ()


def test_a_file_of_an_editor_that_marks_utf_8_is_read(registry: Registry, tmp_path: Path) -> None:
    config = write(tmp_path / "my.toml", "\ufeffmodel = 'net'\n[training]\nseed = 7\n")
    assert Plan.from_file(registry, config).training.seed == 7


def test_settings_of_flags_are_for_the_part_that_flags_name(registry: Registry) -> None:
    plan = resolve(registry, "net", replace={"generator": "large"}, sets=["generator.width=64"])
    assert plan.parts["generator"] == ("large", {"width": 64})
    plan = resolve(registry, "net", sets=["generator.width=64", "generator.use=large"])
    assert plan.parts["generator"] == ("large", {"width": 64})


def test_a_part_replaced_by_itself_keeps_its_settings(registry: Registry) -> None:
    plan = resolve(registry, "net", replace={"generator": "small"})
    assert plan.parts["generator"].settings == {"width": 16}


def test_a_preset_may_name_another_part(registry: Registry) -> None:
    plan = resolve(registry, "net", preset="paper")
    assert plan.parts["generator"] == ("large", {"width": 512})
    assert resolve(registry, "net", preset="default") == resolve(registry, "net")


@pytest.mark.parametrize(
    ("names", "slots"),
    [
        (["gp"], ["regularizer.r1", "regularizer.gp"]),
        (["r1"], ["regularizer.r1"]),
        (["none"], []),
        (["none", "gp"], ["regularizer.gp"]),
    ],
)
def test_regularizers_add_up_and_none_clears(
    registry: Registry, names: list[str], slots: list[str]
) -> None:
    plan = resolve(registry, "net", add={"regularizer": names})
    assert [slot for slot in plan.parts if slot.startswith("regularizer")] == slots
    assert list(plan.of_kind("regularizer")) == [slot.partition(".")[2] for slot in slots]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[regularizer.gp]\nweight = 5\n", {"r1": {"weight": 0.1}, "gp": {"weight": 5}}),
        ("[regularizer.gp]\n", {"r1": {"weight": 0.1}, "gp": {}}),
        ("[regularizer.r1]\nuse = 'none'\nweight = 3\n", {}),
        ("regularizer = ['gp']\n", {"gp": {}}),
        ("regularizer = 'none'\n", {}),
        ("[regularizer.second]\nuse = 'r1'\n", {"r1": {"weight": 0.1}, "second": {}}),
    ],
)
def test_a_file_adds_changes_and_removes_regularizers(
    registry: Registry, tmp_path: Path, text: str, parts: dict[str, Any]
) -> None:
    plan = resolve(registry, "net", config=write(tmp_path / "my.toml", text))
    assert {key: part.settings for key, part in plan.of_kind("regularizer").items()} == parts


def test_the_written_plan_repeats_the_run(registry: Registry, tmp_path: Path) -> None:
    plan = resolve(
        registry,
        "net",
        preset="quick",
        replace={"loss": "hinge", "generator": "other/far"},
        add={"regularizer": ["none", "gp"], "schedule": ["decay"]},
        sets=[
            "training.ema_halflife_kimg=none",
            'regularizer.gp.weight="heavy # not"',
            "optimizer.discriminator.use=sgd",
        ],
    )
    again = Plan.from_file(registry, write(tmp_path / "config.toml", plan.to_toml()))
    assert again.parts == plan.parts
    assert list(again.parts) == list(plan.parts)
    assert again.parts["generator"].name == "other/far"
    assert (again.training, again.optimizers) == (plan.training, plan.optimizers)
    assert (again.model, again.preset, again.dropped) == ("net", "quick", ())
    assert again.training.ema_halflife_kimg is None


def test_a_written_plan_can_still_be_changed(registry: Registry, tmp_path: Path) -> None:
    config = write(tmp_path / "config.toml", resolve(registry, "net").to_toml())
    plan = resolve(registry, "net", config=config, replace={"generator": "large"})
    assert plan.parts["generator"] == ("large", {})
    assert "(from config.toml)" in plan.dropped[0]
    with pytest.raises(RecipeError, match="preset 'quick' would change nothing"):
        resolve(registry, "net", config=config, preset="quick")


def test_a_plan_in_minutes_is_written_in_minutes(registry: Registry, tmp_path: Path) -> None:
    plan = resolve(registry, "net", overrides={"training.minutes": 2})
    again = Plan.from_file(registry, write(tmp_path / "config.toml", plan.to_toml()))
    assert again.training.minutes == 2.0
    assert again.training == plan.training


def test_the_later_layer_says_how_long(registry: Registry) -> None:
    assert resolve(registry, "net", preset="timed").training.minutes == 5.0
    later = resolve(registry, "net", preset="timed", overrides={"training.kimg": 7})
    assert (later.training.minutes, later.training.kimg) == (None, 7.0)
    with pytest.raises(RecipeError, match=r"from --kimg.*from --set.*give one"):
        resolve(registry, "net", overrides={"training.kimg": 7}, sets=["training.minutes=1"])


def test_defaults_of_parts_are_written_out_but_do_not_override(registry: Registry) -> None:
    plan = resolve(registry, "net").with_defaults({"generator": {"width": 1, "depth": 2}})
    assert plan.parts["generator"].settings == {"width": 16, "depth": 2}
    assert tomllib.loads(plan.to_toml())["generator"] == {"use": "small", "depth": 2, "width": 16}


def test_a_conditional_recipe_says_so_until_told_otherwise(registry: Registry) -> None:
    assert resolve(registry, "labelled").training.conditional is True
    told = resolve(registry, "labelled", overrides={"training.conditional": False})
    assert told.training.conditional is False
    assert resolve(registry, "net").training.conditional is False


def test_a_data_set_may_be_a_folder(registry: Registry, tmp_path: Path) -> None:
    plan = resolve(registry, "net", replace={"dataset": str(tmp_path)})
    assert plan.parts["dataset"] == ("folder", {"path": str(tmp_path)})
    assert plan.origin("dataset.path") == "--dataset"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("a word", "a word"),
        ("[1, 2]", [1, 2]),
        ("'3'", "3"),
        ("2020-01-01", "2020-01-01"),
    ],
)
def test_set_takes_toml_values_and_bare_words(registry: Registry, text: str, value: Any) -> None:
    plan = resolve(registry, "net", sets=[f"generator.extra = {text}"])
    assert plan.parts["generator"].settings["extra"] == value


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("train.batchsize", "Did you mean training.batch_size"),
        ("batch_size", "batch_size: there is no such setting.  Did you mean training.batch_size"),
        ("width", "Did you mean generator.width?  (from --set)"),
        ("training.batchsize", "Did you mean training.batch_size"),
        ("training", "training: there is no such setting"),
        ("optimizer.learning_rate", "optimizer.generator.learning_rate"),
        ("optimizer.genrator.eps", "no player 'genrator'.  Did you mean generator?"),
        ("optimizer.generator.lr", "the generator's optimizer has no setting 'lr'"),
        ("regularizer.r11.weight", "no regularizer called 'r11'.  Did you mean r1"),
        ("gnerator.width", "Did you mean generator"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(
    registry: Registry, key: str, message: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        resolve(registry, "net", sets=[f"{key}=3"])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "quik"}, r"net has no preset 'quik'\.  Did you mean quick\?"),
        ({"sets": ["training.seed"]}, "write --set training.kimg=100"),
        ({"sets": ["training.seed="]}, "write --set training.kimg=100"),
        ({"sets": ["training.seed=-1"]}, r"-1 is not a whole number >= 0\.  \(from --set\)"),
        ({"sets": ["training.precision=fp16"]}, "one of auto, fp32, tf32, bf16"),
        ({"sets": ["generator.use=3"]}, "generator.use: 3 is no name"),
        ({"sets": ["regularizer=[1]"]}, "is no list of names"),
        ({"sets": ["loss.use=none", "loss.margin=1"]}, None),
        (
            {"replace": {"loss": "none"}, "sets": ["loss.margin=1"]},
            r"there is no loss \(.* says none\); name one",
        ),
        ({"overrides": {"training.batch_size": 0}}, r"from --batch-size"),
    ],
)
def test_a_wrong_word_is_answered_with_the_cure(
    registry: Registry, arguments: dict[str, Any], message: str | None
) -> None:
    if message is None:
        assert "loss" not in resolve(registry, "net", **arguments).parts
        return
    with pytest.raises(RecipeError, match=message):
        resolve(registry, "net", **arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = 'labelled'\n", "my.toml is of model labelled, not of net; name one"),
        ("model = 3\n", "model: 3 is not str"),
        ("[training\n", "is no TOML"),
        ("[trainig]\nseed = 1\n", r"Did you mean training.*\(from my\.toml\)"),
        ("[training]\nseed = 'x'\n", r"\(from my\.toml\)"),
    ],
)
def test_a_wrong_file_is_named(
    registry: Registry, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        resolve(registry, "net", config=write(tmp_path / "my.toml", text))


def test_a_missing_file_and_a_missing_model_are_errors(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        resolve(registry, "net", config=tmp_path / "nowhere.toml")
    with pytest.raises(RecipeError, match="no model is named"):
        resolve(registry, None, config=write(tmp_path / "my.toml", "[training]\nseed = 1\n"))


def test_every_setting_of_training_and_optimizers_is_explained() -> None:
    for table in (Training, Optimizer):
        assert all(option.help for option in schema(table).values())
