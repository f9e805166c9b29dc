"""The same checks on the command line, without pytest, and in a test file of two lines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from weather_dist import PARTS, install

from ganzoo.cli.main import main
from ganzoo.errors import PluginError, RecipeError
from ganzoo.testing import checks, checks_for

LINEAR = {**PARTS, ("generator", "cloud"): "Linear"}
KNOWN = '{"range": "linear, as in the paper"}'


def asked(folder: Path, *words: str, code: str = "", cwd: Path | None = None) -> tuple[int, str]:
    """Run Python in a process of its own that sees the forged plugins."""
    paths = (str(folder), str(Path(__file__).parent / "broken"))
    done = subprocess.run(
        [sys.executable, *(["-c", code] if code else []), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_needs_no_pytest_and_ends_with_what_is_next(forge: Path) -> None:
    install(forge, "weather-plain")
    code = """
import sys
sys.modules["pytest"] = None  # importing it fails
from ganzoo.cli.main import main
raise SystemExit(main(["check-plugin", "weather-plain"]))
"""

    returned, said = asked(forge, code=code)

    assert returned == 0, said
    assert "  raw logits        ok" in said
    assert "CPU-seconds)   next: ganzoo train weather-plain-gan" in said


def test_a_failure_is_named_with_its_part_and_leaves_with_6(
    forge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(forge, "weather-shiny", LINEAR)

    assert main(["check-plugin", "weather-shiny-dist"]) == PluginError.exit_code

    rows = capsys.readouterr().out.splitlines()
    (failed,) = [row for row in rows if " FAIL " in row]
    assert "range" in failed
    assert "generator weather-shiny/cloud: images reach" in failed
    assert rows[-1].startswith("1 failed, 35 ok")
    assert rows[-1].endswith("each part: ganzoo check-plugin weather-shiny-dist -v")


def test_json_holds_every_check(forge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(forge, "weather-json", LINEAR)

    assert main(["check-plugin", "weather-json", "--json"]) == 6

    said = json.loads(capsys.readouterr().out)
    assert (said["schema"], said["plugin"], said["failed"]) == (1, "weather-json", 1)
    assert len(said["checks"]) == 36
    (failed,) = [each for each in said["checks"] if each["state"] == "fail"]
    assert (failed["what"], failed["check"]) == ("generator weather-json/cloud", "range")
    assert {"found", "cpu_sec"} < set(failed)


@pytest.mark.parametrize(
    ("cloud", "returned", "told"),
    [("Linear", 0, "linear, as in the paper"), ("Cloud", 6, "it passes; take it out of")],
)
def test_a_failure_that_its_part_expects_is_none_unless_it_passes(
    cloud: str, returned: int, told: str, forge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {**PARTS, ("generator", "cloud"): cloud}
    name = install(forge, f"expected-{cloud.lower()}", parts, expected=KNOWN)

    assert main(["check-plugin", name, "-v"]) == returned

    rows = capsys.readouterr().out.splitlines()
    (row,) = [each for each in rows if f"{name}/cloud" in each and " range " in each]
    assert told in row
    assert ("expected" if returned == 0 else "FAIL") in row.split()


def test_a_test_file_of_two_lines_tells_the_same(forge: Path) -> None:
    install(forge, "weather-linear", LINEAR)
    install(forge, "weather-cured", PARTS, expected=KNOWN)
    (forge / "test_weather.py").write_text(
        "from ganzoo.testing import checks_for\n"
        'known = {"range": "linear, as in the paper"}\n'
        'test_linear = checks_for("weather-linear")\n'
        'test_known = checks_for("weather-linear", expected_failures=known)\n'
        'test_cured = checks_for("weather-cured")\n'
    )
    words = ("-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-k", "range or state")

    returned, said = asked(forge, *words, "test_weather.py", cwd=forge)

    assert returned == 1
    assert "FAILED test_weather.py::test_linear[generator weather-linear/cloud: range]" in said
    assert "images reach" in said
    assert "XFAIL test_weather.py::test_known[generator weather-linear/cloud: range]" in said
    assert "FAILED test_weather.py::test_cured[generator weather-cured/cloud: range]" in said
    assert "2 failed, 6 passed" in said
    assert "Traceback" not in said


def test_an_expected_failure_must_name_a_check(forge: Path) -> None:
    install(forge, "weather-named")

    with pytest.raises(RecipeError, match="weather-named has no check 'rang'"):
        checks_for("weather-named", expected_failures={"rang": "?"})


def test_a_plugin_in_one_file_is_checked_by_its_path(
    forge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(forge, "weather-file")
    module = forge / "weather_file.py"
    alone = module.rename(forge / "sky.py")
    alone.write_text(alone.read_text().replace('"weather-file/', '"sky/'))

    assert main(["check-plugin", str(alone)]) == 0

    assert "light             skipped" in capsys.readouterr().out
    assert "generator sky/cloud: shapes" in [check.id for check in checks(str(alone))]


@pytest.mark.parametrize(
    ("name", "told"),
    [("dcgann", "no plugin called 'dcgann'.  Did you mean dcgan"), ("no.py", "no such file")],
)
def test_what_is_not_there_is_said(
    name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-plugin", name]) == 6
    assert told in capsys.readouterr().err


def test_a_disabled_plugin_is_said_to_be_so(
    forge: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(forge, "weather-off")
    monkeypatch.setenv("GANZOO_PLUGINS", "")

    assert main(["check-plugin", "weather-off"]) == 6
    assert "not named in GANZOO_PLUGINS" in capsys.readouterr().err
