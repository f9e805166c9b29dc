"""What a power cut would leave: the calls of a real save, played on a model of a disk."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from forks import needs_forks
from saving import NEW, OLD, groups
from strace import Call, allowed, traced

from ganzoo.errors import CheckpointError
from ganzoo.training import checkpoint
from ganzoo.training.skeleton import digest

pytestmark = [pytest.mark.faults, needs_forks]

Op = tuple[str, str, str]  # what, where, where to
State = frozenset[tuple[str, bytes]]


def ops(calls: Sequence[Call]) -> Iterator[Op]:
    """Yield what calls did to the disk, in order."""
    for call in calls:
        if " = -1 " in call.text:
            continue
        if call.name == "openat" and "O_CREAT" in call.text:
            yield "create", call.named[0], ""
        elif call.name in ("write", "pwrite64", "ftruncate"):
            yield "write", call.opened, ""
        elif call.name == "fsync":
            yield "sync", call.opened, ""
        elif call.name.startswith("rename"):
            yield "rename", *call.named
        elif call.name.startswith("unlink"):
            yield "unlink", str(Path(call.opened, call.named[0])), ""


@dataclass
class Disk:
    """Files by name and by identity; names are kept in order, contents are not.

    Attributes:
        names: Identity by path.
        synced: Identities whose content is safe.
        written: Identities with content.
    """

    names: dict[str, int]
    synced: set[int] = field(default_factory=set)
    written: set[int] = field(default_factory=set)

    def play(self, op: Op) -> None:
        what, path, to = op
        if what == "create":
            self.names[path] = 1 + max([*self.names.values(), *self.written, *self.synced])
        elif what == "write":
            self.written.add(self.names[path])
            self.synced.discard(self.names[path])
        elif what == "sync" and path in self.names:
            self.synced.add(self.names[path])
        elif what == "rename":
            moved = [name for name in self.names if name == path or name.startswith(f"{path}/")]
            for name in moved:
                self.names[to + name[len(path) :]] = self.names.pop(name)
        elif what == "unlink":
            del self.names[path]


def crashes(
    before: dict[str, int],
    done: Sequence[Op],
    content: dict[int, bytes],
    halves: Sequence[int] = (0, 1, 2),
) -> Iterator[State]:
    """Yield what a reader may find after a power cut at any moment.

    Changes of names survive in order, at least up to the last sync; of a file that was not
    synced so many ``halves`` are there.
    """
    disk = Disk(dict(before), set(before.values()), set(before.values()))
    past, certain = [dict(before)], 0
    for op in [*done, ("end", "", "")]:
        for names in past[certain:]:
            shown = {path: each for path, each in names.items() if "/.t" not in path}
            doubtful = sorted(set(shown.values()) - disk.synced)
            whole = {
                each: content[each] if each in disk.written else b"" for each in shown.values()
            }
            for share in itertools.product(halves, repeat=len(doubtful)):
                found = whole | {
                    each: whole[each][: len(whole[each]) * part // 2]
                    for each, part in zip(doubtful, share, strict=True)
                }
                yield frozenset((path, found[each]) for path, each in shown.items())
        disk.play(op)
        past.append(dict(disk.names))
        if op[0] == "sync":
            certain = len(past) - 1


def outcome(state: State, folder: Path, root: Path) -> str:
    """Return what a run would resume from, were this on the disk."""
    for path, content in state:
        file = root / Path(path).relative_to(folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    try:
        loaded = checkpoint.load(root)
    except CheckpointError:
        return "lost"
    exact = digest(loaded.groups) == digest(groups(loaded.nimg))
    return {OLD: "old", NEW: "new"}[loaded.nimg] if exact else "wrong"


def test_a_power_cut_at_any_moment_of_a_save_loses_nothing(
    tmp_path: Path, measured: Callable[[str, str], None]
) -> None:
    if not allowed():
        pytest.skip("needs strace, and leave to trace")
    folder = tmp_path / "c"
    checkpoint.save(folder, OLD, groups(OLD), keep=1)
    before = {str(path): place for place, path in enumerate(sorted(folder.glob("0*/*")))}
    content = {place: Path(path).read_bytes() for path, place in before.items()}
    code, calls, said = traced("saving:save", str(folder), 1)
    assert (code, said) == (0, "")
    done = [op for op in ops(calls) if f"{op[1]}/".startswith(f"{folder}/")]
    done = [op for op in done if Path(op[1]).name not in ("begun", "over")]

    assert_order(done, folder)
    end = Disk(dict(before), set(before.values()), set(before.values()))
    for op in done:
        end.play(op)
    content |= {each: Path(path).read_bytes() for path, each in end.names.items()}

    states = Counter(crashes(before, done, content))
    found = {state: outcome(state, folder, tmp_path / str(i)) for i, state in enumerate(states)}
    assert set(found.values()) == {"old", "new"}
    bare = set(crashes(before, [op for op in done if op[0] != "sync"], content, (0,)))
    without = {outcome(state, folder, tmp_path / f"bare-{i}") for i, state in enumerate(bare)}
    assert "lost" in without  # the model would see it
    total = f"{states.total()} states, {len(states)} of them different to a reader"
    measured("A6", f"{total}: 0 lost, 0 wrong; the order of all files holds; without fsync: lost")


def assert_order(done: Sequence[Op], folder: Path) -> None:
    """Demand for each file: written, synced, its folder synced, renamed, synced, then pruned."""
    aside = next(op[1] for op in done if op[0] == "rename" and op[2] == str(folder / "000000192"))
    shown = done.index(("rename", aside, str(folder / "000000192")))
    folders = [i for i, op in enumerate(done) if op[:2] == ("sync", aside)]
    parent = done.index(("sync", str(folder), ""))
    pruned = next(i for i, op in enumerate(done) if op[1] == str(folder / "000000128"))
    disk = Disk({})
    disk.names["/"] = 0
    writes, syncs = dict[int, int](), dict[int, int]()
    for i, op in enumerate(done[:shown]):
        disk.play(op)
        each = disk.names.get(op[1], 0)
        if op[0] in ("write", "sync") and each:
            (writes if op[0] == "write" else syncs)[each] = i
    files = [each for path, each in disk.names.items() if path.startswith(f"{aside}/")]
    assert len(files) == 5
    for each in files:
        assert writes[each] < syncs[each] < folders[-1] < shown < parent < pruned
