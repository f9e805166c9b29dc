"""What `ganzoo plugins` says, and that strangers' broken plugins cost no command anything."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from strangers import BROKEN, WORKING, install, plugin

from ganzoo.cli.main import COMMANDS, main
from ganzoo.known import Known, known_plugins

Said = pytest.CaptureFixture[str]

_GOOD = ("first", "second", "third", "fourth", "fifth")

_TINY = (
    "--batch-size 8 --device cpu --resolution 28 --steps 2 --set generator.width=8"
    " --set discriminator.width=8 --set dataset.count=40"
)
_WORDS = {
    "list": ["list --all", "list --json"],
    "info": ["info dcgan"],
    "train": [
        f"train gan --loss second/squares --seeds 0,1 {_TINY}",
        "train dcgan --print-config",
    ],
    "resume": ["resume last --kimg +0.016 --device cpu"],
    "sample": ["sample last -n 2 --device cpu"],
    "export": ["export last"],
    "eval": ["eval last --metrics frechet --extractor pca --samples 16 --device cpu"],
    "compare": ["compare sweep-1"],
    "bench": ["bench no-such-model"],
    "runs": ["runs"],
    "checkpoint": ["checkpoint verify"],
    "data": ["data check photos --resolution 28", "data preview digits --set dataset.count=64"],
    "explain": ["explain variety"],
    "plugins": ["plugins", "plugins first", "plugins --load"],
    "new-plugin": ["new-plugin weather --kind loss"],
    "check-plugin": ["check-plugin first"],
    "doctor": ["doctor"],
}
_CODES = {"bench": 2, "doctor": 6}
_SILENT = ("export", "compare", "runs", "checkpoint", "explain", "plugins", "doctor")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and another one beside it to install into."""
    work, site = tmp_path / "work", tmp_path / "site"
    work.mkdir()
    site.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.syspath_prepend(str(site))
    return site


def test_every_command_works_beside_nine_broken_plugins_and_names_each_once(
    here: Path, capsys: Said
) -> None:
    for name in _GOOD:
        install(here, name, WORKING)
    for name, (code, _) in BROKEN.items():
        install(here, name, code)
    Path("photos").mkdir()
    for i in range(4):
        Image.new("RGB", (32, 32), (60 * i, 0, 0)).save(f"photos/{i}.png")

    assert list(_WORDS) == list(COMMANDS)
    for command, lines in _WORDS.items():
        for line in lines:
            code = main(line.split())
            out, err = capsys.readouterr()
            assert code == _CODES.get(command, 0), f"{line}: {err}"
            assert "Traceback" not in out + err, line
            named = [said for said in err.splitlines() if said.startswith("remark: plugin ")]
            if command in _SILENT:
                assert named == [], line
                continue
            assert len(named) == len(BROKEN), line
            for name, (_, reason) in BROKEN.items():
                (told,) = [each for each in named if f" {name} (ganzoo-{name} 1.0) is " in each]
                assert reason in told
                assert told.endswith(f"   ganzoo plugins {name}")


@pytest.mark.parametrize(
    ("origin", "hint"),
    [
        ("index", "pip install --upgrade ganzoo-syntax   or   ganzoo plugins syntax"),
        ("folder", ""),
    ],
)
def test_only_what_came_from_an_index_is_to_be_upgraded(
    origin: str, hint: str, here: Path, capsys: Said
) -> None:
    install(here, "syntax", BROKEN["syntax"][0])
    if origin == "folder":
        url = {"url": "file:///home/ada/ganzoo-syntax", "dir_info": {"editable": True}}
        (here / "ganzoo_syntax-1.0.dist-info" / "direct_url.json").write_text(json.dumps(url))

    assert main(["train", "syntax/model"]) == 6

    (told,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("error: ")]
    assert told.endswith(f"   {hint or 'ganzoo plugins syntax'}")
    assert ("pip" in told) == bool(hint)


def test_load_says_of_each_how_long_it_took_and_who_imported_torch(
    here: Path, capsys: Said
) -> None:
    install(here, "light", WORKING)
    install(here, "heavy", f"import sys\nsys.modules['torch'] = sys\n{WORKING}")
    install(here, "syntax", BROKEN["syntax"][0])

    assert main(["plugins", "--load", "--json"]) == 0
    told = {each["plugin"]: each for each in json.loads(capsys.readouterr().out)["plugins"]}
    assert [name for name, each in told.items() if each["imported_torch"]] == ["heavy"]
    here_now = [each for each in told.values() if each["state"] != "not installed"]
    assert all(each["load_ms"] > 0 for each in here_now)
    assert told["syntax"]["state"] == "broken"
    assert "Traceback" in told["syntax"]["traceback"]
    assert told["light"]["offers"] == [{"kind": "loss", "name": "squares"}]
    assert "stranger_light" not in sys.modules

    assert main(["plugins", "--load"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "stranger_heavy" in line]
    assert row.endswith(" ms, imports torch")
    assert row.split()[:5] == ["heavy", "ganzoo-heavy", "1.0", "stranger_heavy", "ok"]


def test_what_is_expected_to_fail_is_shown_with_the_reason(here: Path, capsys: Said) -> None:
    why = 'expected_failures={"gradients": "one layer is frozen"}'
    items = (
        f'component("loss", "cosine", "x:Y", "angles", {why}), recipe("cosy", "x", {{}}, {why})'
    )
    install(here, "honest", plugin(items))

    assert main(["plugins", "honest"]) == 0
    out = capsys.readouterr().out
    assert "  may fail     loss cosine, gradients: one layer is frozen\n" in out
    assert "  may fail     recipe cosy, gradients: one layer is frozen\n" in out


def test_expected_failures_that_cannot_be_read_cost_only_that_part(here: Path) -> None:
    odd = 'component("loss", "odd", "x:Y", "x", expected_failures="gradients")'
    install(here, "mixed", plugin(f'{odd}, component("loss", "even", "x:Y", "x")'))

    done = subprocess.run(  # here beartype would refuse it sooner
        [sys.executable, "-m", "ganzoo", "plugins", "mixed"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "  offers       loss even\n" in done.stdout
    assert "  more         loss odd is left out: its description cannot be read: " in done.stdout


@pytest.mark.parametrize("known", known_plugins(), ids=lambda known: known.name)
def test_a_known_plugin_that_is_not_installed_says_how_to_install_it(
    known: Known, here: Path, capsys: Said
) -> None:
    assert main(["plugins"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if known.name in line.split()]
    assert f" not installed  -          {known.install}" in row

    for word in (known.name, known.distribution):
        assert main(["plugins", word]) == 0
        out = capsys.readouterr().out
        assert f"  more         {known.install}\n" in out
        assert "traceback" not in out

    model = known.offers["recipe"][0]
    assert main(["train", model]) == 2
    said = f"error: model {model!r} is in {known.distribution}: {known.install}"
    assert capsys.readouterr().err.startswith(said)
    assert main(["list", "--all"]) == 0
    assert f"not installed (ganzoo plugins {known.name})" in capsys.readouterr().out

    install(here, known.name, WORKING)
    assert main(["list", "--all"]) == 0
    assert f"not installed (ganzoo plugins {known.name})" not in capsys.readouterr().out
