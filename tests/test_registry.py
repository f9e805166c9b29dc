"""Plugins are found, isolated and named; nothing heavy is imported for it."""

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ganzoo.discovery import Source
from ganzoo.errors import PluginError, RecipeError
from ganzoo.known import Known, known_plugins
from ganzoo.registry import Registry

Install = Callable[..., None]

HEAD = "from ganzoo.spec import component, recipe\nfrom ganzoo.hookspecs import hookimpl\n"


def plugin(items: str) -> str:
    return f"{HEAD}@hookimpl\ndef ganzoo_register():\n    return [{items}]\n"


GOOD = plugin("component('loss', 'good', 'heavy_part:Good', 'a loss', aliases=('fine',))")

ZOO = plugin(
    "component('loss', 'wgan', 'zoo_heavy:Loss', 'a loss'),"
    "component('loss', 'ns', 'zoo_heavy:Loss', 'a loss', aliases=('non-saturating',)),"
    "component('regularizer', 'gp', 'zoo_heavy:Loss', 'a penalty'),"
    "component('schedule', 'decay', 'zoo_heavy:Loss', 'a schedule'),"
    "recipe('wgan-gp', 'a model', {'loss': 'wgan', 'regularizer': ['gp']}),"
    "recipe('dcgan', 'a model', {'loss': 'ns'}, aliases=('deep',))"
)

BROKEN = {
    "syntax": ("def broken(:\n", "SyntaxError"),
    "missing-import": ("import no_such_module_anywhere\n", "no_such_module_anywhere"),
    "exit": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "exception": (
        f"{HEAD}@hookimpl\ndef ganzoo_register():\n    raise KeyError('lost')\n",
        "KeyError: 'lost'",
    ),
    "wrong-type": (plugin("'dcgan'"), "returned 'dcgan' among its components"),
    "bad-spec": (plugin("component('loss')"), "TypeError"),
    "hook-typo": (f"{HEAD}@hookimpl\ndef ganzoo_regsiter():\n    return []\n", "unknown hook"),
    "wrong-arguments": (
        f"{HEAD}@hookimpl\ndef ganzoo_register(zoo):\n    return []\n",
        "Argument(s) {'zoo'}",
    ),
    "no-hook": ("def ganzoo_register():\n    return []\n", "without @ganzoo.hookimpl"),
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution with entry points and modules on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(
        distribution: str,
        points: Mapping[str, str],
        modules: Mapping[str, str],
        group: str = "ganzoo.v1",
    ) -> None:
        info = tmp_path / f"{distribution.replace('-', '_')}-1.5.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"
        (info / "METADATA").write_text(metadata)
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]))
        for name, code in modules.items():
            (tmp_path / f"{name}.py").write_text(code)

    yield put
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def zoo(install: Install) -> Install:
    """A first party of our own, in place of the installed one."""
    heavy = "class Loss:\n    pass\n"
    install("torch-ganzoo", {"zoo": "zoo_light"}, {"zoo_light": ZOO, "zoo_heavy": heavy})
    return install


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_plugin_costs_only_itself_and_says_why(zoo: Install, way: str) -> None:
    code, reason = BROKEN[way]
    zoo("ganzoo-bad", {"bad": "bad_light"}, {"bad_light": code})
    zoo("ganzoo-good", {"good": "good_light"}, {"good_light": GOOD})
    registry = Registry.discover()
    state = registry.plugins["bad"]
    assert (state.status, state.items) == ("broken", ())
    assert reason in state.reason
    assert "Traceback" in state.traceback
    assert registry.find("loss", "good").full_id == "good/good"
    assert registry.find("loss", "wgan").full_id == "zoo/wgan"
    with pytest.raises(PluginError, match=r"plugin bad \(ganzoo-bad 1\.5\) is broken"):
        registry.find("loss", "bad")
    with pytest.raises(PluginError, match=r"plugin bad \(ganzoo-bad 1\.5\) is broken"):
        Registry.discover(strict=True)


def test_damaged_metadata_of_a_plugin_costs_only_that_plugin(zoo: Install) -> None:
    zoo("ganzoo-bad", {}, {})
    next(Path(sys.path[0]).glob("ganzoo_bad*")).joinpath("entry_points.txt").write_text(
        "[ganzoo.v1]\nthis is no entry point\n"
    )
    registry = Registry.discover()
    assert registry.plugins["ganzoo-bad"].status == "broken"
    assert registry.plugins["zoo"].status == "ok"


def test_one_bad_component_is_left_out_and_noted(zoo: Install) -> None:
    code = plugin(
        "component('spell', 'abra', 'm:C', 'x'), component('loss', 'good', 'm:C', 'x'),"
        "component('loss', 'Bad Name', 'm:C', 'x'), component('loss', 'good', 'm:C', 'x')"
    )
    zoo("ganzoo-mixed", {"mixed": "mixed_light"}, {"mixed_light": code})
    registry = Registry.discover()
    state = registry.plugins["mixed"]
    assert (state.status, [item.name for item in state.items]) == ("ok", ["good"])
    assert "a newer ganzoo?" in state.notes["spell abra"]
    assert state.notes["loss good"] == "it is offered twice"
    with pytest.raises(PluginError, match="loss Bad Name of plugin mixed cannot be used"):
        registry.find("loss", "bad name")


def test_a_plugin_for_another_contract_is_incompatible_and_not_imported(zoo: Install) -> None:
    zoo("ganzoo-next", {"next": "next_light"}, {"next_light": "raise OSError"}, group="ganzoo.v2")
    state = Registry.discover().plugins["next"]
    assert (state.status, "next_light" in sys.modules) == ("incompatible", False)
    assert "ganzoo.v2" in state.reason


@pytest.mark.parametrize("switch", [{"only": ""}, {"only": "other"}, {"blocked": ["good"]}])
def test_a_disabled_plugin_is_not_imported(zoo: Install, switch: dict[str, str]) -> None:
    zoo("ganzoo-good", {"good": "good_light"}, {"good_light": GOOD})
    registry = Registry.discover(**switch)  # type: ignore[arg-type]
    assert registry.plugins["good"].status == "disabled"
    assert "good_light" not in sys.modules
    assert registry.plugins["zoo"].status == "ok"
    with pytest.raises(PluginError, match=r"plugin good \(ganzoo-good 1\.5\) is disabled"):
        registry.find("loss", "good")


@pytest.mark.parametrize("only", ["good", "ganzoo_good", ["good"], None])
def test_an_allowed_plugin_is_used(zoo: Install, only: str | list[str] | None) -> None:
    zoo("ganzoo-good", {"good": "good_light"}, {"good_light": GOOD})
    assert Registry.discover(only=only).find("loss", "good").plugin == "good"


def test_scanning_imports_nothing_and_names_everything(zoo: Install) -> None:
    zoo("ganzoo-bad", {"bad": "bad_light"}, {"bad_light": "raise OSError"})
    found = {source.name: source for source in Registry.scan()}
    assert (found["bad"].distribution, found["bad"].version) == ("ganzoo-bad", "1.5")
    assert found["zoo"].first_party
    assert "zoo_light" not in sys.modules


def test_two_distributions_with_one_plugin_name_are_both_kept(zoo: Install) -> None:
    zoo("ganzoo-a", {"same": "same_a"}, {"same_a": GOOD})
    zoo("ganzoo-b", {"same": "same_b"}, {"same_b": GOOD})
    registry = Registry.discover()
    assert {"same", "same@ganzoo-b"} <= set(registry.plugins)
    assert registry.find("loss", "same@ganzoo-b/good").source.distribution == "ganzoo-b"
    with pytest.raises(RecipeError, match="ambiguous; say same/good or same@ganzoo-b/good"):
        registry.find("loss", "good")


def test_a_third_party_cannot_take_a_first_party_name_or_alias(zoo: Install) -> None:
    code = plugin(
        "component('loss', 'wgan', 'm:C', 'x'), component('loss', 'non-saturating', 'm:C', 'x')"
    )
    zoo("a-thief", {"a-thief": "thief_light"}, {"thief_light": code})
    registry = Registry.discover()
    assert registry.find("loss", "wgan").full_id == "zoo/wgan"
    assert registry.find("loss", "non-saturating").full_id == "zoo/ns"
    assert registry.find("loss", "a-thief/wgan").full_id == "a-thief/wgan"
    assert registry.find("loss", "a-thief/wgan").id == "a-thief/wgan"
    assert registry.find("loss", "zoo/wgan").id == "wgan"


@pytest.mark.parametrize("name", ["wgan-gp", "WGAN_GP", "zoo/wgan-gp", "Zoo/Wgan_Gp"])
def test_names_do_not_mind_case_and_underscores(zoo: Install, name: str) -> None:
    assert Registry.discover().find("recipe", name).recipe.parts["loss"] == "wgan"


def test_aliases_find_what_they_stand_for(zoo: Install) -> None:
    assert Registry.discover().find("recipe", "deep").name == "dcgan"


@pytest.mark.parametrize(
    ("kind", "name", "message", "hint"),
    [
        ("recipe", "dgcan", "called 'dgcan'.  Did you mean dcgan?", "all models: ganzoo list"),
        ("loss", "wgn", "called 'wgn'.  Did you mean wgan?", "losses: ganzoo list --kind loss"),
        ("recipe", "no-such", "no model called 'no-such'.", "all models: ganzoo list"),
        ("recipe", "Pix2Pix", "ganzoo-translation: pip install ./examples/ganzoo-translation", ""),
        ("generator", "translation/unet", "'translation/unet' is in ganzoo-translation", ""),
        ("recipe", "outlines", "data set 'outlines' is in ganzoo-translation", ""),
        ("loss", "gp", "no loss 'gp'; it is a regularizer: --regularizer gp", ""),
        ("loss", "decay", "no loss 'decay'; it is a schedule", ""),
        ("loss", "wgan-gp", "train wgan-gp, or --loss wgan --regularizer gp", ""),
        ("generator", "wgan-gp", "it is a model: ganzoo train wgan-gp", ""),
    ],
)
def test_an_unknown_name_is_answered_with_what_it_may_mean(
    zoo: Install, kind: str, name: str, message: str, hint: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        Registry.discover(only="").find(kind, name)
    assert message in str(caught.value)
    assert (caught.value.hint or "").endswith(hint)


def test_what_a_known_plugin_offers_is_laid_at_its_door_when_it_is_broken(zoo: Install) -> None:
    zoo("ganzoo-translation", {"translation": "translation_light"}, {})
    with pytest.raises(PluginError, match=r"plugin translation .* is broken: ModuleNotFound"):
        Registry.discover().find("recipe", "pix2pix")


def test_an_installed_plugin_that_no_longer_has_a_name_is_not_offered(zoo: Install) -> None:
    zoo("ganzoo-translation", {"translation": "translation_light"}, {"translation_light": GOOD})
    registry = Registry.discover()
    assert "ganzoo-translation" not in [each.distribution for each in registry.absent()]
    with pytest.raises(RecipeError, match="no model called 'pix2pix'"):
        registry.find("recipe", "pix2pix")


@pytest.mark.parametrize("known", known_plugins(), ids=lambda known: known.name)
def test_the_list_of_known_plugins_says_what_they_offer(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(__file__).parents[1] / "examples" / known.distribution
    said = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    ((name, value),) = said["project"]["entry-points"]["ganzoo.v1"].items()
    monkeypatch.syspath_prepend(str(folder / "src"))
    state = Registry([Source(name, value, known.distribution)]).plugins[known.name]
    offers = [(kind, name) for kind, names in known.offers.items() for name in names]
    assert state.status == "ok", state.reason
    assert sorted(offers) == sorted((item.kind, item.name) for item in state.items)
    assert f"pip install ./examples/{folder.name} " in known.install


def test_every_package_among_the_examples_is_known() -> None:
    folders = (Path(__file__).parents[1] / "examples").glob("ganzoo-*/pyproject.toml")
    names = {path.parent.name for path in folders}
    assert names == {known.distribution for known in known_plugins()}


def test_an_unknown_kind_is_an_error_with_a_suggestion(zoo: Install) -> None:
    with pytest.raises(RecipeError, match="Did you mean regularizer"):
        Registry.discover().components("regulariser")


def test_without_a_first_party_the_cure_is_to_install_it() -> None:
    with pytest.raises(RecipeError) as caught:
        Registry([]).find("recipe", "dcgan")
    assert caught.value.hint == "ganzoo itself is not installed here: pip install -e ."


def test_loading_gives_the_class(zoo: Install) -> None:
    registry = Registry.discover()
    assert registry.load(registry.find("loss", "wgan")).__name__ == "Loss"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module:Loss", "ModuleNotFoundError"),
        ("zoo_heavy:Missing", "AttributeError"),
        ("zoo_heavy:VALUE", "VALUE is no class"),
        ("leaver:Loss", "SystemExit"),
    ],
)
def test_a_target_that_fails_names_plugin_target_and_reason(
    zoo: Install, target: str, reason: str
) -> None:
    code = plugin(f"component('loss', 'odd', '{target}', 'x')")
    heavy = "VALUE = 3\n"
    modules = {"odd_light": code, "zoo_heavy": heavy, "leaver": "raise SystemExit(2)"}
    zoo("ganzoo-odd", {"odd": "odd_light"}, modules)
    registry = Registry.discover()
    with pytest.raises(PluginError, match=r"loss odd/odd \(of ganzoo-odd 1\.5\)") as caught:
        registry.load(registry.find("loss", "odd"))
    assert target in str(caught.value)
    assert reason in str(caught.value)


def test_a_single_file_is_a_plugin(zoo: Install, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    path = tmp_path / "files" / "my-gan.py"
    path.write_text(plugin("component('loss', 'mine', 'my_gan:Mine', 'x')") + "class Mine: ...\n")
    registry = Registry.discover(only="", files=[path])
    entry = registry.find("loss", "mine")
    assert (entry.full_id, entry.id) == ("my-gan/mine", "my-gan/mine")
    assert registry.load(entry).__name__ == "Mine"
    assert registry.plugins["my-gan"].version.startswith("sha256:")
    assert "my-gan" not in sys.modules
    assert (
        Registry.discover(files=[path], blocked=["my-gan"]).plugins["my-gan"].status == "disabled"
    )


def test_a_file_that_is_not_there_is_a_broken_plugin(zoo: Install) -> None:
    state = Registry([Source.of_file("nowhere.py")]).plugins["nowhere"]
    assert (state.status, "FileNotFoundError" in state.reason) == ("broken", True)


def test_a_plugin_that_imports_torch_while_registering_is_named(
    zoo: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)  # so that it is put back as it was
    del sys.modules["torch"]
    code = "import sys\nsys.modules.setdefault('torch', sys)\n" + GOOD
    zoo("ganzoo-slow", {"slow": "slow_light"}, {"slow_light": code})
    states = Registry.discover().plugins
    assert [name for name, state in states.items() if state.imported_torch] == ["slow"]
    assert states["slow"].load_ms > 0


def test_the_standard_parts_are_well_described() -> None:
    registry = Registry([Source("std", "ganzoo_standard.plugin", "torch-ganzoo")])
    assert registry.plugins["std"].notes == {}
    assert {entry.kind for entry in registry.components()} == {
        "loss", "regularizer", "schedule", "algorithm",
    }  # fmt: skip
    assert all(entry.id == entry.name for entry in registry.components())


def test_the_light_rooms_import_nothing_heavy() -> None:
    code = (
        "import sys, ganzoo.plan, ganzoo_standard.plugin\n"
        "from ganzoo.registry import Registry; Registry.discover(only='')\n"
        "from ganzoo import recipe; recipe('a', 'b', {})\n"
        "print([m for m in ('torch', 'numpy', 'rich', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
