"""Damage to a checkpoint is found, named to the tensor, and costs no more than one checkpoint."""

import json
import os
import random
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from forged import seal

from ganzoo.cli.main import main
from ganzoo.errors import CheckpointError
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint

pytestmark = pytest.mark.faults

Amount = Callable[[int, int], int]
Note = Callable[[str, str], None]

OLDER, NEWEST, FILE = "000000008", "000000016", "generator.safetensors"


@pytest.fixture
def run(trained: RunDir, tmp_path: Path) -> RunDir:
    """A copy of it, to be damaged."""
    shutil.copytree(trained.path, tmp_path / trained.path.name)
    return RunDir.open(tmp_path / trained.path.name)


def _tensor_at(raw: bytes, place: int) -> str | None:
    """Return the tensor that a byte of a file of tensors belongs to; None for its header."""
    length = struct.unpack("<Q", raw[:8])[0]
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        first, last = entry.get("data_offsets", (0, 0))
        if first <= place - 8 - length < last:
            return str(name)
    return None


def test_a_flipped_bit_in_any_byte_is_found_and_named_to_the_tensor(
    run: RunDir, amount: Amount, measured: Note
) -> None:
    path = run.checkpoints / NEWEST
    files = {file: file.read_bytes() for file in sorted(path.iterdir())}
    places = [(file, place) for file, raw in files.items() for place in range(len(raw))]
    chance = random.Random(0)
    chosen = sorted(chance.sample(places, amount(300, 14_000)))

    named = 0
    for file, place in chosen:
        with file.open("r+b", buffering=0) as opened:
            os.pwrite(opened.fileno(), bytes([files[file][place] ^ 1 << place % 8]), place)
            (problem,) = checkpoint.verify(path)
            os.pwrite(opened.fileno(), files[file][place : place + 1], place)
        assert problem.startswith(f"{file.name}: ")
        tensor = _tensor_at(files[file], place) if file.suffix == ".safetensors" else None
        if tensor is not None:
            assert problem.endswith(f"; damaged: {tensor}")
            named += 1
        elif b'"dtype"' in files[file]:  # a file of no tensors has but a header
            assert problem.endswith("; the header is damaged")

    assert checkpoint.verify(path) == []
    assert named > len(chosen) // 3
    flips = len(chosen)
    measured("B6", f"{flips} of {flips} flips found, file named; tensor named in {named}")


def _truncated(path: Path, older: Path) -> None:
    os.truncate(path / FILE, 1000)


def _emptied(path: Path, older: Path) -> None:
    os.truncate(path / FILE, 0)


def _grown(path: Path, older: Path) -> None:
    with (path / FILE).open("ab") as file:
        file.write(b"\0")


def _removed(path: Path, older: Path) -> None:
    (path / FILE).unlink()


def _without_state(path: Path, older: Path) -> None:
    (path / "state.json").unlink()


def _without_manifest(path: Path, older: Path) -> None:
    (path / "manifest.json").unlink()


def _older_tensors(path: Path, older: Path) -> None:
    shutil.copy(older / FILE, path / FILE)


def _older_state(path: Path, older: Path) -> None:
    shutil.copy(older / "state.json", path / "state.json")


def _older_manifest(path: Path, older: Path) -> None:
    shutil.copy(older / "manifest.json", path / "manifest.json")


def _older_in_its_place(path: Path, older: Path) -> None:
    shutil.rmtree(path)
    shutil.copytree(older, path)


def _renamed(path: Path, older: Path) -> None:
    path.rename(path.with_name("000000024"))


def _link_to_a_file(path: Path, older: Path) -> None:
    (path / FILE).rename(path.parent / "elsewhere")
    (path / FILE).symlink_to(path.parent / "elsewhere")


def _link_to_a_folder(path: Path, older: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _zeroed_page(path: Path, older: Path) -> None:
    with (path / "optimizers.safetensors").open("r+b") as file:
        os.pwrite(file.fileno(), bytes(4096), 4096)


def _fifo(path: Path, older: Path) -> None:
    (path / FILE).unlink()
    os.mkfifo(path / FILE)


def _folder_for_a_file(path: Path, older: Path) -> None:
    (path / FILE).unlink()
    (path / FILE).mkdir()


def _stranger(path: Path, older: Path) -> None:
    shutil.copy(path / FILE, path / "critic.safetensors")


def _file_for_the_folder(path: Path, older: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"")


def _swapped_groups(path: Path, older: Path) -> None:
    one, two = path / FILE, path / "generator_ema.safetensors"
    raw = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(raw)


HARMS: dict[Callable[[Path, Path], None], str] = {
    _truncated: "generator.safetensors: truncated, 1000 bytes for",
    _emptied: "generator.safetensors: truncated, 0 bytes for",
    _grown: "generator.safetensors: grown",
    _removed: "generator.safetensors: missing",
    _without_state: "state.json: missing",
    _without_manifest: "manifest.json: missing",
    _older_tensors: "generator.safetensors: its sha256 is not that of the manifest; damaged: ",
    _older_state: "state.json: ",
    _older_manifest: "manifest.json: is that of 8 images; the folder was renamed",
    _older_in_its_place: "manifest.json: is that of 8 images; the folder was renamed",
    _renamed: "manifest.json: is that of 16 images; the folder was renamed",
    _link_to_a_file: "generator.safetensors: not a plain file",
    _link_to_a_folder: "is not a plain folder",
    _zeroed_page: "optimizers.safetensors: its sha256 is not that of the manifest",
    _fifo: "generator.safetensors: not a plain file",
    _folder_for_a_file: "generator.safetensors: not a plain file",
    _stranger: "critic.safetensors: not in the manifest",
    _file_for_the_folder: "is not a plain folder",
    _swapped_groups: "generator.safetensors: its sha256 is not that of the manifest; damaged: ",
}


def test_a_harmed_file_costs_one_checkpoint_and_is_named(
    trained: RunDir, tmp_path: Path, measured: Note
) -> None:
    fell_back = 0
    for harm, said in HARMS.items():
        folder = tmp_path / harm.__name__
        shutil.copytree(trained.checkpoints, folder)
        harm(folder / NEWEST, folder / OLDER)
        loaded = checkpoint.load(folder)
        ((name, reason),) = loaded.rejected
        assert loaded.path.name == OLDER, harm.__name__
        assert name == ("000000024" if harm is _renamed else NEWEST), harm.__name__
        assert said in reason, harm.__name__
        fell_back += 1
    measured("B6", f"{fell_back} of {len(HARMS)} whole-file cases fall back by name")


def test_a_newer_format_is_refused_by_name_and_nothing_older_is_taken(
    run: RunDir, measured: Note
) -> None:
    seal(run.checkpoints / NEWEST, version=2)
    with pytest.raises(CheckpointError, match=f"{NEWEST}: has format version 2.* update ganzoo"):
        checkpoint.load(run.checkpoints)
    measured("B6", "a newer format is refused by name")


def test_verify_reads_every_checkpoint_and_ends_with_8_when_the_newest_is_damaged(
    run: RunDir, capsys: pytest.CaptureFixture[str], measured: Note
) -> None:
    words = ["checkpoint", "verify", str(run.path)]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{OLDER}  ok\n{NEWEST}  ok\n"

    _zeroed_page(run.checkpoints / OLDER, run.path)
    assert main(words) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert (first, third) == (f"{OLDER}  damaged", f"{NEWEST}  ok")
    assert second.startswith("  optimizers.safetensors: its sha256 is not that of the manifest; ")
    assert "damaged: " in second

    _removed(run.checkpoints / NEWEST, run.path)
    assert main([*words, "--json"]) == 8
    out, err = capsys.readouterr()
    said = json.loads(out)["checkpoints"]
    assert [each["checkpoint"] for each in said] == [OLDER, NEWEST]
    assert said[1]["problems"] == ["generator.safetensors: missing"]
    assert "the newest checkpoint is damaged; start a new run" in err
    measured("B7", "ok and damaged are told for each checkpoint, exit 8 for the newest")


def test_a_run_without_checkpoints_has_none_to_verify(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run.checkpoints)
    assert main(["checkpoint", "verify", str(run.path)]) == 8
    assert "has no checkpoint yet" in capsys.readouterr().err


def test_a_large_state_is_saved_and_verified_at_the_speed_of_its_hash(
    tmp_path: Path, amount: Amount, measured: Note
) -> None:
    count = amount(1_000_000, 100_000_000) // 20  # of 20 tensors: 4 MB, or 400 MB
    roles = ("generator", "discriminator", "generator_ema", "optimizers")
    groups = {role: {str(i): torch.randn(count) for i in range(5)} for role in roles}
    began, used = time.perf_counter(), time.process_time()
    path = checkpoint.save(tmp_path, 64, groups, keep=1)
    saved = f"{time.perf_counter() - began:.1f} s, {time.process_time() - used:.1f} CPU-s"
    size, began = sum(file.stat().st_size for file in path.iterdir()), time.process_time()
    assert checkpoint.verify(path) == []
    speed = size / (time.process_time() - began) / 1e6

    assert size > 80 * count
    if amount(0, 1):
        measured("B7", f"{speed:.0f} MB/s on one core, of {size / 1e6:.0f} MB")
        measured("B9", f"{size / 1e6:.0f} MB saved in {saved}")
