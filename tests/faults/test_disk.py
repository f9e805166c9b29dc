"""A disk that is full, read-only or not what it seems never costs what was saved before."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import tmpfs
from forks import Child, forks, needs_forks
from saving import NEW, OLD, groups
from small import assert_same, left, only_run, resume, rows, state, train

from ganzoo.training import checkpoint

pytestmark = [pytest.mark.faults, needs_forks]

Note = Callable[[str, str], None]
KEPT = "training.keep=99"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole")
    assert forks().ganzoo(*train(out, KEPT)).end() == 0
    return only_run(out)


def on_a_disk(out: Path, options: str, words: list[str], how: str = "") -> Child:
    """Let ganzoo run on a small disk in place of a folder; it is then in ``<out>-after``."""
    if not tmpfs.allowed():
        pytest.skip("needs leave to mount")
    out.mkdir(exist_ok=True)
    child = forks().call("tmpfs:play", options, str(out), words, how)
    child.end()
    assert "Traceback" not in child.text
    return child


def assert_refused(child: Child, *said: str) -> None:
    """Demand exit 4 and one line."""
    (line,) = child.text.splitlines()
    assert child.code == 4
    assert all(word in line for word in said), line


@pytest.mark.parametrize(
    ("options", "how"),
    [("size=3m", ""), ("size=3m", "blind"), ("size=8m,nr_inodes=50", "")],
    ids=["full", "full and free room unknown", "no inodes"],
)
def test_on_a_full_disk_a_run_warns_thrice_and_ends_with_its_last_checkpoint_sound(
    options: str, how: str, whole: Path, tmp_path: Path, measured: Note
) -> None:
    child = on_a_disk(tmp_path / "out", options, train(tmp_path / "out", KEPT), how)
    run = only_run(tmp_path / "out-after")
    found = [line for line in child.text.splitlines() if "was not saved" in line]
    assert child.code == 4, child.text
    assert len(found) == 3
    last = checkpoint.moments(run / "checkpoints")[-1]
    assert all(f"{last:09d} is untouched" in line and "MiB needed" in line for line in found)
    assert all(f"{tmp_path / 'out'}" in line for line in found)
    assert state(run, last) == state(whole, last)
    assert rows(run) == rows(whole)[: len(rows(run))]
    assert left(run) == []
    measured("B4", f"{options} {how}: 3 warnings, exit 4, last good exact")


def test_when_there_is_room_again_the_next_save_succeeds_and_the_run_ends_as_ever(
    whole: Path, tmp_path: Path, measured: Note
) -> None:
    out = tmp_path / "out"
    child = on_a_disk(out, "size=20m", train(out, KEPT), "ballast")
    assert child.code == 0, child.text
    assert child.text.count("was not saved") == 1
    run = only_run(tmp_path / "out-after")
    assert (state(run), rows(run), left(run)) == (state(whole), rows(whole), [])
    measured("B4", "room again: 1 warning, training goes on, end bit-identical")


def test_no_file_may_be_larger_than_some_bytes(tmp_path: Path, measured: Note) -> None:
    checkpoint.save(tmp_path / "c", OLD, groups(OLD), keep=2)
    child = forks().call("tmpfs:limited", str(tmp_path / "c"), 600)
    assert child.end() == 4
    (line,) = child.text.splitlines()
    assert "000000192 was not saved" in line
    assert "File too large" in line
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["000000128"]
    assert checkpoint.load(tmp_path / "c").nimg == OLD
    assert forks().call("tmpfs:limited", str(tmp_path / "c"), 1 << 20).end() == 0
    assert checkpoint.load(tmp_path / "c").nimg == NEW
    measured("B4", "RLIMIT_FSIZE: exit 4, last good intact")


def test_where_nothing_can_be_written_one_line_says_so_before_anything_is_done(
    whole: Path, tmp_path: Path, measured: Note
) -> None:
    out = tmp_path / "out"
    said = (str(out), "Read-only file system", "--out")
    assert_refused(on_a_disk(out, "size=2m", train(out), "read-only"), *said)
    file = tmp_path / "file"
    file.touch()
    assert_refused(forks_ended(*train(file)), str(file), "--out")
    assert_refused(forks_ended(*train(file / "deeper")), str(file / "deeper"), "--out")
    assert_refused(forks_ended(*train(Path("/proc/none/runs"))), "/proc/none", "--out")
    assert forks_ended(*train(tmp_path / "a" / "b", KEPT)).code == 0
    assert_same(only_run(tmp_path / "a" / "b"), whole)
    measured("B12", "read-only, a file, below a file, in /proc: one line, exit 4; missing: made")


def forks_ended(*words: str, env: dict[str, str] | None = None) -> Child:
    child = forks().ganzoo(*words, env=env)
    child.end()
    return child


@pytest.mark.parametrize("umask", ["077", "022"])
def test_every_file_of_a_run_obeys_the_umask(umask: str, tmp_path: Path, measured: Note) -> None:
    child = forks().call("tmpfs:masked", int(umask, 8), train(tmp_path))
    assert child.end() == 0
    run = only_run(tmp_path)
    modes = {path.relative_to(run): stat.S_IMODE(path.stat().st_mode) for path in run.rglob("*")}
    wanted = {path: (0o777 if (run / path).is_dir() else 0o666) & ~int(umask, 8) for path in modes}
    assert modes == wanted
    measured("B10", f"umask {umask}: {len(modes)} of {len(modes)} files and folders obey")


@pytest.mark.parametrize(
    "name", ["checkpoints", "samples", "metrics.jsonl", "events.jsonl", ".lock", "config.toml"]
)
def test_no_link_in_place_of_a_part_leads_out_of_the_run(
    name: str, tmp_path: Path, measured: Note
) -> None:
    words = train(tmp_path / "out", "training.kimg=0.064")
    assert forks_ended(*words).code == 0
    run = only_run(tmp_path / "out")
    outside = tmp_path / "outside"
    (run / name).rename(outside)
    (run / name).symlink_to(outside)
    before = {path: path.stat().st_mtime_ns for path in [outside, *outside.rglob("*")]}
    child = forks_ended(*resume(run), "--kimg", "+0.064")
    assert child.code in (0, 4), child.text
    assert "Traceback" not in child.text
    assert {path: path.stat().st_mtime_ns for path in [outside, *outside.rglob("*")]} == before
    measured("B10", f"a link in place of {name}: not followed, exit {child.code}")


def test_a_link_in_place_of_a_checkpoint_is_replaced_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    folder = tmp_path / "c"
    checkpoint.save(folder, OLD, groups(OLD), keep=2)
    for name in ("000000192", "000000064", ".tmp-old", ".trash-old", "000000128.aside"):
        (folder / name).symlink_to(outside)
    checkpoint.save(folder, NEW, groups(NEW), keep=1)
    assert checkpoint.load(folder).nimg == NEW
    assert sorted(path.name for path in folder.iterdir()) == ["000000128.aside", "000000192"]
    assert [path.name for path in outside.iterdir()] == ["precious"]
