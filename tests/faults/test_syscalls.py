"""Stopped or refused at any call of the system, a save loses nothing."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from forks import needs_forks
from saving import NEW, OLD, OLDER, groups
from strace import Call, allowed, traced

from ganzoo.training import checkpoint
from ganzoo.training.skeleton import digest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900), needs_forks]


@pytest.fixture(autouse=True)
def _tracer() -> None:
    if not allowed():
        pytest.skip("needs strace, and leave to trace")


def folder_of_two(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for nimg in (OLDER, OLD):
        checkpoint.save(folder, nimg, groups(nimg), keep=2)
    return folder


def calls_of_a_save(folder: Path, keep: int = 2) -> list[Call]:
    """Return the calls that a save and the deletion after it make, and no others."""
    code, calls, said = traced("saving:save", str(folder_of_two(folder)), keep)
    assert (code, said) == (0, "")
    begun, over = (
        next(i for i, call in enumerate(calls) if f"{folder}/{word}" in call.text)
        for word in ("begun", "over")
    )
    return calls[begun + 2 : over]


def newest(folder: Path) -> int:
    """Return the moment of the newest checkpoint, which must be sound and exact."""
    loaded = checkpoint.load(folder)
    assert loaded.rejected == ()
    assert digest(loaded.groups) == digest(groups(loaded.nimg))
    return loaded.nimg


def test_killed_at_any_call_the_newest_checkpoint_is_the_new_or_the_old_one(
    tmp_path: Path,
    amount: Callable[[int, int], int],
    measured: Callable[[str, str], None],
) -> None:
    folder = tmp_path / "c"
    calls = calls_of_a_save(folder)
    found: Counter[int] = Counter()
    for call in calls[:: amount(9, 1)]:
        fault = f"{call.name}:signal=KILL:when={call.nth}"
        code, _, _ = traced("saving:save", str(folder_of_two(folder)), 2, fault=fault)
        assert code == -9, call.text
        found[newest(folder)] += 1
        checkpoint.save(folder, NEW, groups(NEW), keep=2)
        assert sorted(path.name for path in folder.glob("*0*")) == ["000000128", "000000192"]
        assert newest(folder) == NEW
    assert set(found) == {OLD, NEW}
    total = found.total()
    measured("A5", f"{total} of {total} calls: {found[OLD]} load N-1, {found[NEW]} load N, exact")


def test_refused_at_any_call_a_save_fails_with_one_error_and_loses_nothing(
    tmp_path: Path,
    amount: Callable[[int, int], int],
    measured: Callable[[str, str], None],
) -> None:
    folder = tmp_path / "c"
    calls = calls_of_a_save(folder)
    shown = next(
        i for i, call in enumerate(calls) if call.named[1:] == [str(folder / "000000192")]
    )
    last = next(i for i, call in enumerate(calls) if call.name == "fsync" and i > shown) + 1
    room = {"write", "ftruncate", "mkdir", "renameat", "rename"}
    faults = [
        (place, call, kind)
        for place, call in enumerate(calls)
        for kind in ("ENOSPC", "EIO", *(["EDQUOT"] if call.name in room else []))
    ][:: amount(25, 1)]
    outcomes: Counter[str] = Counter()
    for place, call, kind in faults:
        fault = f"{call.name}:error={kind}:when={call.nth}"
        code, _, said = traced("saving:save", str(folder_of_two(folder)), 2, fault=fault)
        assert code in ((0, 4) if place <= last else (0,)), f"{call.text}\n{said}"
        assert newest(folder) == (NEW if code == 0 or place > shown else OLD), call.text
        if code == 4:
            assert said.startswith("checkpoint 000000192 was not saved")
            assert str(folder) in said
            assert "000000128 is untouched" in said
            assert not list(folder.glob(".tmp-*"))
        outcomes["saved" if code == 0 else "refused"] += 1
        checkpoint.save(folder, NEW, groups(NEW), keep=2)
        assert newest(folder) == NEW
        assert not list(folder.glob(".t*"))
    assert len(outcomes) == 2
    total = outcomes.total()
    assert total == len(faults)
    found = f"ENOSPC, EIO into each of {len(calls)} calls, EDQUOT where room is taken"
    measured(
        "B5", f"{found}: {total} of {total} intact, only MachineError, deletions never fail it"
    )
