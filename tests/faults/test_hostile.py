"""Strangers' plugins: whatever they do, the commands that only look answer, and name them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import DEADLY, ESCAPES, HOSTILE, install

from ganzoo.discovery import scan

pytestmark = pytest.mark.faults

Measured = Callable[[str, str], None]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder with the sixteen that can be caught."""
    folder = tmp_path / "site"
    install(folder, *HOSTILE)
    return folder


def ganzoo(site: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    env = dict(os.environ, PYTHONPATH=str(site), COLUMNS="100")
    return subprocess.run(
        [sys.executable, "-m", "ganzoo", *words],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        cwd=site,
        timeout=120,
    )


def test_list_survives_sixteen_and_names_each_broken_one_in_a_line(
    site: Path, measured: Measured
) -> None:
    done = ganzoo(site, "list")

    assert done.returncode == 0, done.stderr
    broken = {name: bad for name, bad in HOSTILE.items() if bad.told}
    for name, bad in broken.items():
        maker = "hostile_metadata 6.6" if bad.metadata else f"hostile-{name} 6.6"
        (line,) = [each for each in done.stderr.splitlines() if f" ({maker}) is " in each]
        assert bad.told in line
        if bad.line:
            assert f"hostile_{name.replace('-', '_')}.py:{bad.line})" in line
    assert "  dcgan " in done.stdout
    assert "Traceback" not in done.stderr
    count = len(HOSTILE)
    measured("F1", f"list: {count} of {count} survived, {len(broken)} broken ones named")


def test_list_json_is_json_though_plugins_print(site: Path) -> None:
    done = ganzoo(site, "list", "--all", "--json")

    said = json.loads(done.stdout)
    assert done.returncode == 0
    assert len(said["broken"]) == sum(bool(bad.told) for bad in HOSTILE.values())
    names = [part["name"] for part in said["parts"] if part["kind"] == "loss"]
    assert {"hinge", "noisy@hostile-noisy/loud", "noisy/loud"} & set(names) > {"hinge"}
    assert "dcgan@hostile-shadows/hinge" in names


def test_what_a_plugin_calls_itself_moves_no_cursor(site: Path) -> None:
    done = ganzoo(site, "list", "--all")

    assert "gpj.exe" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)
    assert {"\x1b", "\x07", "\u202e"} < set(ESCAPES)


def test_plugins_reads_metadata_alone_and_survives_all_eighteen(
    site: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    install(site, *DEADLY)

    done = ganzoo(site, "plugins", "--json")

    assert done.returncode == 0, done.stderr
    states = {each["plugin"]: each["state"] for each in json.loads(done.stdout)["plugins"]}
    assert {name for name, state in states.items() if state == "incompatible"} == {"api-9"}
    assert list(states.values()).count("broken") == 1  # the illegal name
    assert len(states) >= len(HOSTILE) + len(DEADLY)
    assert all(states[name] == "installed" for name in DEADLY)
    monkeypatch.syspath_prepend(str(site))
    began = time.perf_counter()
    found = scan()
    took = (time.perf_counter() - began) * 1000
    assert sum(source.value.startswith("hostile_") for source in found) == 18
    measured("F1", f"plugins: 18 of 18 named, none imported, scanned in {took:.0f} ms")


@pytest.mark.parametrize("name", ["import-error", "raises", "api-9"])
def test_a_broken_plugin_that_is_asked_for_is_exit_6_with_the_same_line(
    site: Path, name: str
) -> None:
    listed = ganzoo(site, "list", "--json")
    (reason,) = [e["reason"] for e in json.loads(listed.stdout)["broken"] if e["plugin"] == name]

    done = ganzoo(site, "train", f"{name}/model")

    assert done.returncode == 6
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("error: ")]
    assert f"plugin {name} (hostile-{name} 6.6) is " in line
    assert reason in line
    assert f"pip install --upgrade hostile-{name}" in line


def test_doctor_names_the_crashers_too(
    tmp_path: Path, amount: Callable[[int, int], int], measured: Measured
) -> None:
    site = tmp_path / "site"
    names = list(HOSTILE)[: amount(3, len(HOSTILE))]
    install(site, *names, *DEADLY)

    done = ganzoo(site, "doctor", "--json")

    findings = json.loads(done.stdout)["findings"]
    told = {f["found"]: f["advice"] for f in findings if f["state"] == "to fix"}
    broken = [name for name in names if HOSTILE[name].told]
    assert told["segfault (hostile-segfault 6.6)"] == "broken: killed by signal 11"
    assert told["endless (hostile-endless 6.6)"] == "broken: did not answer in 10 s"
    assert len(told) == len(broken) + len(DEADLY)
    for name in broken:
        assert any(HOSTILE[name].told in advice for advice in told.values())
    assert done.returncode == 6
    measured("F2", f"asked for: exit 6 with the line and a pip hint; doctor names {len(told)}")


def test_ctrl_c_while_a_plugin_hangs_ends_the_program_and_names_the_plugin(site: Path) -> None:
    install(site, "endless")
    process = subprocess.Popen(
        [sys.executable, "-m", "ganzoo", "list"],
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(site)),
        cwd=site,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # in the background too
    )
    while not (site / "begun").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted while plugin endless (hostile-endless 6.6) was asked; -p no:end" in told


def test_one_plugin_is_asked_alone(site: Path) -> None:
    install(site, *DEADLY)

    done = ganzoo(site, "plugins", "raises")

    assert done.returncode == 0
    assert "ValueError: no" in done.stdout
    assert ganzoo(site, "plugins", "segfault").returncode < 0
