"""Settings are read from signatures, checked, and explained."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from ganzoo.errors import PluginError, RecipeError
from ganzoo.options import Opt, checked, make, schema


class Net:
    def __init__(
        self,
        env: "Unseen",  # type: ignore[name-defined]
        *,
        width: Annotated[int, Opt("channels", ge=8)] = 16,
        slope: float = 0.2,
        norm: Literal["batch", "none"] = "batch",
        betas: Annotated[tuple[float, float], Opt(ge=0, lt=1)] = (0.0, 0.99),
        sizes: list[int] | None = None,
        limit: Annotated[int, Opt("at most", gt=0)] | None = None,
        bias: bool = True,
        label: str = "",
    ) -> None:
        self.env = env
        self.got: dict[str, object] = {
            "width": width,
            "slope": slope,
            "norm": norm,
            "betas": betas,
        }
        self.got |= {"sizes": sizes, "limit": limit, "bias": bias, "label": label}


class Bare:
    """A part without a constructor."""


class Needy:
    def __init__(self, env: object, *, path: str, mode: Annotated[str, Opt("how")]) -> None:
        self.path, self.mode = path, mode


@dataclass(frozen=True, kw_only=True)
class Table:
    seed: Annotated[int, Opt("start", ge=0)] = 0
    rate: float | None = None


def built(**settings: Any) -> dict[str, Any]:
    return make(Net, "env", settings=settings, where="generator").got


def test_a_schema_tells_type_default_help_and_bounds() -> None:
    option = schema(Net)["width"]
    assert (option.type, option.default, option.help) == (int, 16, "channels")
    assert (option.required, option.bounds) == (False, {"ge": 8})
    assert option.values == "a whole number >= 8"


def test_positional_parameters_are_no_settings() -> None:
    assert "env" not in schema(Net)
    assert schema(Bare) == {}


def test_a_frozen_dataclass_has_a_schema_too() -> None:
    assert schema(Table)["seed"].bounds == {"ge": 0}
    assert make(Table, settings={"rate": 1}, where="training") == Table(rate=1.0)


def test_integers_become_floats_also_inside_tuples() -> None:
    got = built(slope=0, betas=[0, 0.99])
    assert got["betas"] == (0.0, 0.99)
    assert [type(each) for each in (got["slope"], *got["betas"])] == [float, float, float]


@pytest.mark.parametrize(
    ("setting", "value", "becomes"),
    [
        ("width", 1e2, 100),
        ("norm", "none", "none"),
        ("sizes", [8, 16], [8, 16]),
        ("sizes", "none", None),
        ("limit", "none", None),
        ("limit", "None", None),
        ("limit", 3, 3),
        ("bias", False, False),
    ],
)
def test_what_toml_gives_becomes_what_the_constructor_wants(
    setting: str, value: object, becomes: object
) -> None:
    assert built(**{setting: value})[setting] == becomes


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("width", 4, "4 is not a whole number >= 8"),
        ("width", "64", "'64' is not a whole number >= 8"),
        ("width", 64.5, "64.5 is not a whole number"),
        ("width", True, "True is not a whole number"),
        ("slope", "steep", "'steep' is not a number"),
        ("slope", float("nan"), "nan is not a number"),
        ("slope", float("inf"), "inf is not a number"),
        ("slope", 10**400, "is not a number"),
        ("width", float("inf"), "inf is not a whole number"),
        ("width", 2**63, "is not a whole number"),
        ("norm", "layer", "'layer' is not one of batch, none"),
        ("betas", [0.5], "[0.5] is not a list of 2 (a number, a number)"),
        ("betas", [0.5, 1.0], "[0.5, 1.0] is not a list of 2 (a number, a number) >= 0 and < 1"),
        ("sizes", [8, "x"], "is not a list, each a whole number or none"),
        ("limit", 0, "0 is not a whole number or none > 0"),
        ("bias", 1, "1 is not true or false"),
        ("label", 3, "3 is not text"),
    ],
)
def test_a_wrong_value_is_answered_with_what_it_may_be(
    setting: str, value: object, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        built(**{setting: value})
    assert str(caught.value).startswith(f"generator.{setting}: ")
    assert words in str(caught.value)


def test_an_unknown_setting_says_where_what_the_cure_and_the_origin() -> None:
    with pytest.raises(RecipeError) as caught:
        make(
            Net,
            "env",
            settings={"widht": 3},
            where="generator",
            origins={"generator.widht": "--set"},
            name="dcgan",
        )
    assert str(caught.value) == (
        "generator.widht: dcgan has no setting 'widht'.  Did you mean generator.width?"
        "  (from --set)"
    )


def test_a_wrong_value_says_its_origin() -> None:
    with pytest.raises(RecipeError, match=r"\(from my\.toml\)$"):
        checked(Net, {"width": 1}, "generator", origins={"generator.width": "my.toml"})


def test_every_missing_setting_is_named() -> None:
    with pytest.raises(RecipeError, match=r"Needy needs dataset\.path and dataset\.mode"):
        make(Needy, "env", settings={}, where="dataset")


def test_a_part_without_constructor_is_built_without_arguments() -> None:
    assert isinstance(make(Bare, "env", settings={}, where="loss"), Bare)


def test_an_annotation_that_cannot_be_resolved_is_the_plugins_fault() -> None:
    class Lost:
        def __init__(self, *, width: "Nowhere" = 1) -> None: ...  # type: ignore[name-defined]

    with pytest.raises(PluginError, match="Nowhere"):
        schema(Lost)
