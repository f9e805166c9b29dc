"""Any settings at all: they build and play, or are one line that says key, value and origin."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zoo import REGISTRY, Pictures

from ganzoo import build
from ganzoo.errors import DataError, DivergedError, FitError, GanzooError
from ganzoo.options import schema
from ganzoo.plan import Plan, resolve
from ganzoo.settings import Optimizer, Training
from ganzoo.training.trainer import Trainer

pytestmark = pytest.mark.faults

MODELS = ("gan", "dcgan", "cgan", "wgan-gp", "progan", "sngan", "stylegan-lite")
SMALL = {"width": 4, "max_width": 8, "z_dim": 4, "w_dim": 4, "mapping_layers": 1, "codes": 2}
PATIENCE = 5.0

odd = st.one_of(
    st.sampled_from([0, -1, 1, 2, 3, 7, 2**31, 2**63, 2**64, 10**9, 10**30, -(10**30)]),
    st.sampled_from([0.0, -0.0, 0.5, 1e-308, 1e308, -1e308, math.inf, -math.inf, math.nan]),
    st.booleans(),
    st.sampled_from(
        ["", "none", "nan", "ä", "\u202e", "'", '"', "a b", "=", "x" * 300, "\\", "🦓"]
    ),
    st.text(max_size=5).filter(lambda text: text.isprintable()),
    st.lists(st.integers(-2, 2) | st.floats(-2, 2), max_size=3),
    st.just({}) | st.dictionaries(st.sampled_from(["a", "use", "ß"]), st.integers(), max_size=2),
)


def settings_of(model: str) -> dict[str, Any]:
    """Every setting that a model has, by its dotted key, with its default."""
    plan = resolve(REGISTRY, model)
    tables = {"training": schema(Training)}
    tables |= {f"optimizer.{player}": schema(Optimizer) for player in plan.optimizers}
    for slot, part in plan.parts.items():
        entry = REGISTRY.find(slot.partition(".")[0], part.name)
        tables[slot] = schema(REGISTRY.load(entry))
    return {f"{slot}.{n}": o.default for slot, t in tables.items() for n, o in t.items()}


KEYS = {model: settings_of(model) for model in MODELS}


def near(value: Any) -> list[Any]:
    """Values that a setting may have, as its default is one."""
    if isinstance(value, bool | str | None):
        return ["none" if value is None else value]
    if isinstance(value, tuple):
        return [list(value)]
    return [value, value * 2, value / 2 if isinstance(value, float) else value // 2]


STRANGE = [
    "",
    "x",
    "generator",
    "loss.use",
    "regularizer",
    "training.x",
    "a.b.c",
    "ä.ö",
    "loss.",
    ".",
]


@st.composite
def configurations(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    model = draw(st.sampled_from(MODELS))
    usual = st.sampled_from(list(KEYS[model]))
    keys = st.one_of(usual, usual, usual, usual, st.sampled_from(STRANGE))
    said: dict[str, Any] = {}
    for key in draw(st.lists(keys, min_size=1, max_size=3, unique=True)):
        fits = key in KEYS[model] and draw(st.integers(0, 2)) > 0
        said[key] = draw(st.sampled_from(near(KEYS[model][key])) if fits else odd)
    clash = any(a.startswith(f"{b}.") for a in said for b in said)  # which is no TOML
    return model, "--set" if clash else draw(st.sampled_from(["--set", "odd.toml"])), said


def written(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def planned(model: str, way: str, said: dict[str, Any], folder: Path) -> Plan:
    keys = [f"{slot}.{n}" for slot in ("generator", "discriminator") for n in SMALL]
    small = [
        f"{key}={SMALL[key.rpartition('.')[2]]}"
        for key in keys
        if key in KEYS[model] and key not in said
    ]
    small += [] if "training.batch_size" in said else ["training.batch_size=4"]
    if way == "--set":
        return resolve(
            REGISTRY, model, sets=[*small, *(f"{k}={written(v)}" for k, v in said.items())]
        )
    lines = [f"{'.'.join(map(json.dumps, k.split('.')))} = {written(v)}" for k, v in said.items()]
    file = folder / "odd.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return resolve(REGISTRY, model, config=file, sets=small)


def play(plan: Plan) -> str:
    """Build a plan and play two steps where that is cheap."""
    built = build.outline(plan, REGISTRY)
    channels, side, _ = built.env.image_shape
    training = plan.training
    if training.batch_size > 16 or side > 32 or channels > 1 or training.compile:
        return "built"
    trainer = Trainer(built.with_data(Pictures(side, classes=10)), torch.device("cpu"))
    for _ in range(2):
        trainer.play_step()
    return "played"


def inner(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def names_what_is_wrong(error: GanzooError, way: str, said: dict[str, Any]) -> bool:
    """Whether an error names a key, its value and its origin."""
    text = f"{error} {error.hint or ''}"
    if type(error) is DivergedError:
        return True  # a number of training, which no setting has; its own tests read the words
    values = {
        key: {form(v) for v in (value, *inner(value)) for form in (str, repr, written)}
        for key, value in said.items()
    }
    unknown = any(word in text for word in ("no setting", "no such setting", " called "))
    kind = type(error) is FitError  # which is of two parts, and names what they say
    return any(
        any(word in text for word in (key.rpartition(".")[2], key.partition(".")[0]))
        and (unknown or kind or not key or any(form in text for form in forms))
        and (way in text or type(error) in (FitError, DataError))
        for key, forms in values.items()
    )


@pytest.mark.timeout(3000)
def test_any_settings_play_or_are_one_line_that_names_key_value_and_origin(
    amount: Callable[[int, int], int],
    measured: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ends: Counter[str] = Counter()
    bad: dict[str, str] = {}
    slow: list[float] = []

    @settings(
        max_examples=amount(80, 2000),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(configurations())
    def tried(configuration: tuple[str, str, dict[str, Any]]) -> None:
        model, way, said = configuration
        began = time.process_time()
        try:
            ends[play(planned(model, way, said, tmp_path))] += 1
        except GanzooError as error:
            ends["refused"] += 1
            if not names_what_is_wrong(error, way, said) or "\n" in str(error):
                bad[f"{model} {way} {said}"] = f"{type(error).__name__}: {error}"
        except Exception as error:
            bad[f"{model} {way} {said}"] = f"BUG {type(error).__name__}: {error}"
        if (took := time.process_time() - began) > PATIENCE:
            slow.append(took)

    tried()

    assert not bad, "\n".join(f"{what}\n    {why}" for what, why in bad.items())
    tries = sum(ends.values())
    how = ", ".join(f"{count} {end}" for end, count in ends.items())
    measured("F4", f"{tries} configurations: {how}, 0 tracebacks, {len(slow)} over {PATIENCE:g} s")
