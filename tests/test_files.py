"""Files are whole or absent; a lock has one holder, with and without the system's help."""

import errno
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ganzoo import files
from ganzoo.errors import MachineError
from ganzoo.files import Lock, append_line, sync_folder, write_aside


def _refusing(code: int) -> object:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.fixture(params=["flock", "no fcntl"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "no fcntl":
        monkeypatch.setattr(files, "fcntl", None)
    elif find_spec("fcntl") is None:
        pytest.skip("no fcntl here")
    return str(request.param)


def test_a_file_is_replaced_whole_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "made" / "run.json"
    write_aside(path, "old")
    write_aside(path, b"new \xff")
    assert path.read_bytes() == b"new \xff"
    assert [entry.name for entry in path.parent.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        (errno.ENOSPC, "the disk is full .*; free some room"),
        (errno.EROFS, "not allowed to write .*; choose another place"),
        (errno.EIO, "cannot be written .*; check the disk"),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_names_file_and_cure(
    code: int, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    write_aside(path, "old")
    monkeypatch.setattr(os, "fsync", _refusing(code))
    with pytest.raises(MachineError, match=f"run.json: {cure}"):
        write_aside(path, "new")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_synced_is_no_error_but_a_failing_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", _refusing(errno.EINVAL))
    sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", _refusing(errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        sync_folder(tmp_path)


def test_a_line_is_appended_after_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_line(path, "one")
    with path.open("ab") as file:
        file.write(b'{"to')
    append_line(path, "zwölf")
    assert path.read_text("utf-8").splitlines() == ["one", '{"to', "zwölf"]


def test_a_second_lock_is_refused_with_pid_and_host(tmp_path: Path, locks: str) -> None:
    path = tmp_path / ".lock"
    with Lock(path, "run 7"):
        words = path.read_text().split()
        assert words[:2] == [str(os.getpid()), socket.gethostname()]
        who = f"run 7 is in use by pid {os.getpid()} on host {socket.gethostname()}; wait or stop"
        with pytest.raises(MachineError, match=who) as caught, Lock(path, "run 7"):
            pass
        assert caught.value.exit_code == 4
    with Lock(path, "run 7"):
        pass


def test_a_lock_left_by_a_dead_process_is_free(tmp_path: Path, locks: str) -> None:
    path = tmp_path / ".lock"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path.write_text(f"{dead.pid} {socket.gethostname()} long-ago\n")
    with Lock(path, "run 7"):
        assert path.read_text().startswith(f"{os.getpid()} ")


def test_without_system_locks_a_lock_of_another_host_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "fcntl", None)
    path = tmp_path / ".lock"
    path.write_text("1 elsewhere.example long-ago\n")
    with pytest.raises(MachineError, match=r"host elsewhere.example") as caught:
        Lock(path, "run 7").__enter__()
    assert caught.value.hint == f"if it is gone, delete {path}"


def test_another_process_is_refused_and_a_killed_one_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    code = (
        "import sys; from pathlib import Path; from ganzoo.files import Lock\n"
        "with Lock(Path(sys.argv[1]), 'run 7'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[1])},
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(MachineError, match=f"in use by pid {holder.pid} "):
            Lock(path, "run 7").__enter__()
        holder.kill()
    with Lock(path, "run 7"):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from ganzoo.files import Lock\n"
        "lock = Lock(Path(sys.argv[1]), 'run 7'); lock.__enter__()\n"
        "if os.fork() == 0: os.write(1, b'%d\\n' % os.getpid())\n"
        "time.sleep(60)"
    )
    path = tmp_path / ".lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[1])},
    )
    with holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        holder.kill()
        holder.wait()
        try:
            with Lock(path, "run 7"):
                os.kill(child, 0)  # it lives, and the lock is free
        finally:
            os.kill(child, 9)


def test_the_module_imports_and_locks_where_fcntl_is_absent(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from pathlib import Path; from ganzoo.files import Lock\n"
        "path = Path(sys.argv[1])\n"
        "with Lock(path, 'run 7'): assert path.exists()\n"
        "assert not path.exists()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / ".lock")],
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[1])},
    )
