"""A run goes on when what changed may change, says what it was, and else says why it does not."""

import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import torch
from PIL import Image

from ganzoo import runner
from ganzoo.cli.main import main
from ganzoo.events import Started
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint

pytestmark = pytest.mark.faults

Note = Callable[[str, str], None]

REGISTRY = Registry.discover(only=())
SMALL = (
    *("dataset.count=16", "generator.width=2", "discriminator.width=2", "generator.z_dim=2"),
    *("training.batch_size=4", "training.kimg=0.024", "training.tick_kimg=0.008"),
    *("training.checkpoint_kimg=0.008", "training.eval_kimg=none", "training.rehearse=false"),
)
FREE: Mapping[str, Any] = {
    "optimizer.generator.learning_rate": 0.0001,
    "optimizer.discriminator.learning_rate": 0.0003,
    "training.kimg": 0.04,
    "training.tick_kimg": 0.012,
    "training.sample_kimg": 0.016,
    "training.checkpoint_kimg": 0.02,
    "training.keep": 2,
}
FIXED: Mapping[str, Any] = {
    "training.seed": 5,
    "training.batch_size": 8,
    "training.resolution": 32,
    "training.conditional": True,
    "training.ema_halflife_kimg": 5.0,
    "dataset.count": 32,
    "dataset.seed": 1,
    "dataset.split": "test",
    "generator.width": 4,
    "generator.z_dim": 3,
    "discriminator.width": 4,
    "loss.use": "hinge",
    "optimizer.generator.use": "rmsprop",
    "optimizer.generator.betas": [0.25, 0.75],
}
MINE = """
from ganzoo import component, hookimpl
from ganzoo_standard.losses import Hinge

class Mine(Hinge): ...

@hookimpl
def ganzoo_register():
    return [component('loss', 'mine', 'mine:Mine', 'a loss')]
"""


class Heard:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def show(self, event: object) -> None:
        if isinstance(event, Started):
            self.notes += event.notes


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of three checkpoints."""
    plan = resolve(REGISTRY, "gan", sets=SMALL)
    return runner.train(plan, REGISTRY, out=tmp_path_factory.mktemp("runs"), device="cpu").run


@pytest.fixture
def run(ended: Path, tmp_path: Path) -> RunDir:
    return RunDir(Path(shutil.copytree(ended, tmp_path / ended.name)))


def edit(run: RunDir, key: str, value: Any) -> Any:
    """Change a value of config.toml, as somebody with an editor does; returns the old one."""
    document = tomlkit.parse(run.config.read_text(encoding="utf-8"))
    *tables, name = key.split(".")
    table: Any = document
    for each in tables:
        table = table[each]
    old, table[name] = table[name], value
    run.config.write_text(tomlkit.dumps(document), encoding="utf-8")
    return None if old == "none" else old


def resume(run: RunDir, **words: Any) -> list[str]:
    heard = Heard()
    end = runner.resume(run, REGISTRY, device="cpu", observers=[heard], **words)
    assert end.status == "done"
    return heard.notes


def contents(run: RunDir) -> dict[str, str]:
    return {
        str(path): sha256(path.read_bytes()).hexdigest()
        for path in run.path.rglob("*")
        if path.is_file() and path != run.lock
    }


def refused(run: RunDir, capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    """Return what the command line says of a run with which it does nothing."""
    before = contents(run)
    assert main(["resume", str(run.path), "--device", "cpu", *words]) == code
    assert contents(run) == before
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_a_setting_that_may_change_is_in_force_said_and_written_down(
    run: RunDir, measured: Note
) -> None:
    was = {key: edit(run, key, new) for key, new in FREE.items()}

    notes = resume(run, kimg="0.04")

    changed = [note for note in notes if "settings changed" in note]
    assert len(changed) == 1
    said = [key for key, new in FREE.items() if f"{key} {was[key]} -> {new}" in changed[0]]
    assert said == list(FREE)
    assert changed[0] in [note for event in run.read_events() for note in event.get("notes", ())]
    optimizers = checkpoint.load(run.checkpoints).groups["optimizers"]
    rates = [optimizers[name]["groups"][0]["lr"] for name in ("generator", "discriminator")]
    assert rates == [0.0001, 0.0003]
    assert checkpoint.moments(run.checkpoints) == [24, 40]
    assert not [note for note in resume(run, kimg="+0.004", start=40) if "learning" in note]
    measured("A10", f"{len(said)} of {len(FREE)} allowed, in force, said and written down")


def test_a_setting_that_a_checkpoint_depends_on_is_refused_with_both_values(
    ended: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], measured: Note
) -> None:
    unnamed = []
    for key, new in FIXED.items():
        run = RunDir(Path(shutil.copytree(ended, tmp_path / key)))
        old = edit(run, key, new)
        said = refused(run, capsys, 8, "--kimg", "+1")
        if f"{key} was {old} and is {new} now" not in said:
            unnamed.append(said)

    assert unnamed == []
    measured("A10", f"{len(FIXED)} of {len(FIXED)} refused with both values")


def test_a_part_that_was_added_is_refused(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    run.config.write_text(run.config.read_text() + '\n[regularizer.r1]\nuse = "std/r1"\n')

    said = refused(run, capsys, 8, "--kimg", "+1")

    assert "regularizer.r1.use was none and is r1 now" in said


def test_a_run_that_wrote_no_settings_down_is_resumed_all_the_same(run: RunDir) -> None:
    info = run.read_info()
    del info["settings"]
    run.write_info(info)
    edit(run, "training.keep", 2)

    assert not [note for note in resume(run, kimg="+0.004") if "settings changed" in note]


def pictures(folder: Path, first: int) -> str:
    folder.mkdir(exist_ok=True)
    for number in range(first, 8):
        Image.new("L", (32, 32), 9 * number + first).save(folder / f"{number}.png")
    return str(folder)


def test_other_images_are_refused_until_they_are_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], measured: Note
) -> None:
    where = {"dataset": pictures(tmp_path / "mine", 0)}
    plan = resolve(REGISTRY, "gan", sets=SMALL[1:], replace=where)
    run = RunDir(runner.train(plan, REGISTRY, out=tmp_path / "runs", device="cpu").run)
    before = run.read_info()["fingerprint"]
    moved = shutil.move(tmp_path / "mine", tmp_path / "moved")
    edit(run, "dataset.path", str(moved))
    assert any("dataset.path" in note for note in resume(run, kimg="+0.004"))
    pictures(tmp_path / "moved", 7)  # one of eight

    said = refused(run, capsys, 3, "--kimg", "+0.004")
    notes = resume(run, kimg="+0.004", allow_other_data=True)

    assert "--allow-other-data" in said
    assert any("data is not what" in note for note in notes)
    assert run.read_info()["fingerprint"] != before
    assert not any("data is not what" in note for note in resume(run, kimg="+0.004"))
    (tmp_path / "moved" / "7.png").unlink()
    assert "other images" in refused(run, capsys, 3, "--kimg", "+0.004")
    assert main(["resume", str(run.path), "--kimg", "+0.004", "--allow-other-data"]) == 0
    measured(
        "A11", "1 picture of 8 changed, or gone: 2 of 2 exit 3, flag named; allowed, it goes on"
    )


def test_where_nothing_is_usable_each_reason_is_named_and_nothing_is_trained(
    run: RunDir, capsys: pytest.CaptureFixture[str], measured: Note
) -> None:
    first, second, third = (run.checkpoint(nimg) for nimg in checkpoint.moments(run.checkpoints))
    weights = first / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    state = second / "state.json"
    state.write_bytes(state.read_bytes().replace(b'"step":', b'"stop":', 1))
    (third / "manifest.json").unlink()
    wanted = {
        first.name: "generator.safetensors: truncated",
        second.name: "state.json: its sha256",
        third.name: "manifest.json: missing",
    }

    said = " ".join(refused(run, capsys, 8, "--kimg", "+1").split())

    named = sum(f"{name}: {reason}" in said for name, reason in wanted.items())
    assert named == 3
    shutil.rmtree(run.checkpoints)
    assert "there is no checkpoint" in refused(run, capsys, 8, "--kimg", "+1")
    measured("A12", f"{named} of 3 named, none at all refused too")


def test_another_machine_goes_on_and_each_difference_is_one_line(
    run: RunDir, measured: Note
) -> None:
    info = run.read_info()
    before = {"torch": "1.0", "python": "3.0", "device": "abacus", "ganzoo": "0.0.1"}
    info["environment"] |= before
    info["made_by"]["loss"] |= {"distribution": "my-plugin", "version": "1"}
    run.write_info(info)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        notes = resume(run, kimg="+0.004")
    finally:
        torch.set_num_threads(threads)

    lines = [note for note in notes if "not bit-exact" in note]
    wanted = {key: f"not bit-exact: {key} {old} -> " for key, old in before.items()}
    wanted["threads"] = f"not bit-exact: threads {threads} -> {threads + 1}"
    found = [key for key, line in wanted.items() if sum(x.startswith(line) for x in lines) == 1]
    assert sorted(found) == sorted(wanted)
    assert len(lines) == len(wanted)
    measured("A8", f"{len(found)} of {len(wanted)} differences of the machine said, a line each")


def test_the_code_of_a_file_that_was_changed_is_said(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    notes = []
    for add in ("", "# changed\n"):
        file.write_text(MINE + add)
        registry, heard = Registry.discover(only=(), files=[file]), Heard()
        if not add:
            plan = resolve(registry, "gan", sets=SMALL, replace={"loss": "mine"})
            run = RunDir(runner.train(plan, registry, out=tmp_path, device="cpu").run)
        runner.resume(
            run, registry, device="cpu", kimg="+0.004", trust_code=True, observers=[heard]
        )
        notes.append([note for note in heard.notes if "not bit-exact" in note])

    assert notes[0] == []
    assert len(notes[1]) == 1
    assert notes[1][0].startswith("not bit-exact: mine/mine sha256:")
