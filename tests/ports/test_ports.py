"""Classic GANs, each as a stranger adds it: one file, loaded by ``-p``, the core untouched."""

import ast
import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from test_house import _code_lines

from ganzoo import build
from ganzoo.cli.main import main
from ganzoo.data.resident import Resident
from ganzoo.discovery import Source
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.testing import CheckError, SkippedError, checks
from ganzoo.training.difference import differences
from ganzoo.training.skeleton import pack, unpack
from ganzoo.training.trainer import Trainer

HERE = Path(__file__).parent
FILES = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))
PUBLIC = {"adversarial", "algorithm", "errors", "interfaces", "nn", "options", "play", "types"}
FREE = {"ganzoo", "collections", "functools", "itertools", "math", "torch", "typing"}


class Port(NamedTuple):
    """What people should find in a port: a model, its networks, and columns of its trace."""

    model: str
    columns: tuple[str, ...]
    networks: int = 2


GAME = ("d_loss", "g_loss")
PORTS = {
    "aae": Port("aae", ("d_prior", "d_code", "rebuilder_rebuilt"), networks=3),
    "acgan": Port("naming-gan", (*GAME, "d_named", "g_named", "named")),
    "began": Port("began", (*GAME, "k", "m")),
    "bgan": Port("bgan", GAME),
    "bigan": Port("bigan", GAME),
    "cluster_gan": Port("cluster-gan", (*GAME, "found", "g_found_again")),
    "cogan": Port("cogan", GAME, networks=4),
    "context_encoder": Port("context-encoder", (*GAME, "g_rebuilt")),
    "dragan": Port("dragan", (*GAME, "d_around")),
    "ebgan": Port("ebgan", (*GAME, "g_pt")),
    "infogan": Port("infogan", (*GAME, "d_info", "g_info")),
    "lsgan": Port("squares", GAME),
    "relativistic": Port("relativistic-gan", GAME),
    "sgan": Port("sgan", (*GAME, "d_supervised", "d_right")),
    "softmax_gan": Port("softmax-gan", GAME),
    "vae_gan": Port("vae-gan", (*GAME, "encoder_kl", "encoder_likeness"), networks=3),
    "wgan_div": Port("wgan-div", (*GAME, "d_divergence")),
    "wgan_sn": Port("wgan-sn", (*GAME, "gap")),
}
OWN = {"context_encoder": ["dataset.count=48"]}  # the others take digits
SMALL = [
    "training.batch_size=8",
    "training.resolution=28",
    "training.rehearse=false",
    "training.eval_kimg=none",
    "training.tick_kimg=1",
]
SMALL += ["training.eval_kimg=none"]
NARROW = {"generator": "generator.width=16", "discriminator": "discriminator.width=16"}


EACH = list(PORTS)


@cache
def plugin(stem: str) -> Registry:
    return Registry.discover(only=(), files=[HERE / f"{stem}.py"])


def module(stem: str) -> ModuleType:
    return Source.of_file(HERE / f"{stem}.py").load()


def sets(stem: str) -> list[str]:
    recipe = plugin(stem).find("recipe", f"{stem}/{PORTS[stem].model}").recipe
    narrow = [NARROW[kind] for kind in NARROW if recipe.parts.get(kind) == "mlp"]
    return [*SMALL, *narrow, *OWN.get(stem, ["dataset.count=48"])]


def trainer_of(stem: str, more: Sequence[str] = ()) -> Trainer:
    """Return a trainer of a port, of eight images a batch, with more settings."""
    registry = plugin(stem)
    plan = resolve(registry, f"{stem}/{PORTS[stem].model}", sets=[*sets(stem), *more])
    built = build.outline(plan, registry)
    pixels, told = built.dataset.load(28)
    told = told if plan.training.conditional else None
    return Trainer(built.with_data(Resident(pixels, told, "cpu", 0)), torch.device("cpu"))


def played(trainer: Trainer) -> dict[str, Any]:
    """Return a copy of what a trainer has played to; the clock of no two runs is equal."""
    copy: dict[str, Any] = unpack(*pack(trainer.state_dict(), "state"))
    del copy["clock"]
    return copy


def test_every_file_here_is_a_port_and_there_are_at_least_sixteen() -> None:
    assert [path.stem for path in FILES] == sorted(PORTS)
    assert len(PORTS) >= 16


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_port_has_sixty_lines_of_code_and_imports_what_is_public(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    names = {each.module or "" for each in imports if isinstance(each, ast.ImportFrom)}
    names |= {a.name for each in imports if isinstance(each, ast.Import) for a in each.names}
    said = ast.get_docstring(tree) or ""

    assert _code_lines(path) <= 60
    assert {name.split(".")[0] for name in names} <= FREE
    assert {name.split(".")[1] for name in names if name.startswith("ganzoo.")} <= PUBLIC
    assert "https://arxiv.org/abs/" in said
    assert any(word in said for word in ("eq. ", "section ", "Algorithm "))


@pytest.mark.parametrize("stem", EACH)
def test_a_port_is_a_plugin_that_offers_its_model_and_nothing_is_left_out(stem: str) -> None:
    registry = plugin(stem)
    state = registry.plugins[stem]

    assert (state.status, state.reason, dict(state.notes)) == ("ok", "", {})
    assert [item.name for item in state.items if item.kind == "recipe"] == [PORTS[stem].model]
    for entry in registry.components():
        if entry.plugin == stem:
            assert registry.load(entry)


def broken(stem: str, *, played: bool) -> dict[str, str]:
    """Return the promises of the seam that a port breaks, those of whole games or the others."""
    found, some = {}, False
    for check in checks(str(HERE / f"{stem}.py"), plugin(stem)):
        if (check.name in ("two steps", "same seed", "resume")) == played:
            some = True
            try:
                check.run()
                if check.expected:
                    found[check.id] = "passes after all"
            except SkippedError:
                pass
            except CheckError as error:
                if not check.expected:
                    found[check.id] = str(error)
    assert some
    return found


@pytest.mark.parametrize("stem", EACH)
def test_a_port_keeps_every_promise_of_the_seam(stem: str) -> None:
    assert broken(stem, played=False) == {}


@pytest.mark.slow
@pytest.mark.parametrize("stem", EACH)
def test_a_port_keeps_the_promises_of_whole_games_too(stem: str) -> None:
    assert broken(stem, played=True) == {}


@pytest.mark.parametrize("stem", EACH)
def test_a_port_trains_from_the_command_line_and_goes_on(
    stem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port, file = PORTS[stem], str(HERE / f"{stem}.py")
    short = ["--steps", "2", "--device", "cpu", "--quiet", "--out", str(tmp_path)]
    chosen = [word for each in sets(stem) for word in ("--set", each)]

    code = main(["-p", file, "train", f"{stem}/{port.model}", *short, *chosen])
    assert code == 0, capsys.readouterr().err
    (run,) = tmp_path.glob("0001-*")
    more = ["--trust-code", "--device", "cpu", "--quiet", "--kimg", "+0.016"]
    code = main(["-p", file, "resume", str(run), *more])
    assert code == 0, capsys.readouterr().err

    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows
    for row in rows:
        assert set(port.columns) <= set(row)
        assert all(math.isfinite(row[name]) for name in port.columns)
    assert (run / "samples" / "latest.png").stat().st_size > 0


@pytest.mark.parametrize("stem", EACH)
def test_two_steps_change_every_network_and_a_resumed_port_loses_nothing(stem: str) -> None:
    whole, first, second = (trainer_of(stem) for _ in range(3))
    begun = played(whole)
    torch.manual_seed(0)
    whole.play_step()
    whole.play_step()
    torch.manual_seed(0)
    first.play_step()
    saved = unpack(*pack(first.state_dict(), "state"))
    torch.manual_seed(7)  # whatever another process drew
    second.load_state_dict(saved)
    second.play_step()
    ended = played(whole)

    assert len(whole.networks) == PORTS[stem].networks
    for role in whole.networks:
        assert any(not value.equal(begun[role][name]) for name, value in ended[role].items())
    assert list(differences(ended, played(second)))[:3] == []
