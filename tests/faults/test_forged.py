"""A checkpoint that somebody wrote with right hashes runs nothing, and is refused or sound."""

import ast
import json
import pickle
import shutil
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from forged import REGISTRY, seal, tensors_file, trainer_of
from guard import apart, peak_mb, watch
from mutants import Forger

from ganzoo.cli.main import main
from ganzoo.errors import CheckpointError, DivergedError
from ganzoo.made import load_generator
from ganzoo.published import export, unpack
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint

pytestmark = pytest.mark.faults

Amount = Callable[[int, int], int]
Note = Callable[[str, str], None]

NEWEST, FILE = "000000016", "generator_ema.safetensors"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(trained: RunDir, tmp_path: Path) -> RunDir:
    """A copy of it, with one checkpoint, to be forged."""
    shutil.copytree(trained.path, tmp_path / trained.path.name)
    run = RunDir.open(tmp_path / trained.path.name)
    shutil.rmtree(run.checkpoints / "000000008")
    return run


def test_a_mutant_is_refused_or_goes_on_as_a_sound_state(
    run: RunDir, amount: Amount, measured: Note
) -> None:
    count = amount(120, 1_850)

    def try_all() -> dict[str, Any]:
        forger, trainer = Forger(run.checkpoints / NEWEST), trainer_of(run)
        found: dict[str, Any] = {"refused": 0, "loaded": 0, "wrong": [], "slowest": 0.0}
        trainer.play_step()
        before = peak_mb()
        for _ in range(count):
            said, began = forger.mutant(), time.process_time()
            try:
                trainer.load_state_dict(checkpoint.load(run.checkpoints, 16).groups)
                found["slowest"] = max(found["slowest"], time.process_time() - began)
                found["loaded"] += 1
                trainer.play_step()
                trainer = trainer_of(run)
            except CheckpointError as error:
                found["refused"] += 1
                found["wrong"] += [said] if len(str(error)) > 1000 else []
            except DivergedError:  # in the step: a number was no longer finite
                trainer = trainer_of(run)
            except Exception as error:
                found["wrong"].append(f"{said}: {error!r}")
            found["slowest"] = max(found["slowest"], time.process_time() - began)
        return {**found, "grown": peak_mb() - before}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = apart(try_all)
    refused, loaded = found["refused"], found["loaded"]
    assert found["wrong"] == []
    assert refused + loaded == count
    assert loaded > 0
    assert found["grown"] < 200
    measured(
        "G2",
        f"{refused} of {count} mutants refused, {loaded} go on, 0 leaks;"
        f" slowest {found['slowest']:.2f} s, {found['grown']:.0f} MB",
    )


class _Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


def _hostile(folder: Path, marker: Path) -> dict[str, tuple[str, bytes]]:
    """Return hostile files by what they try: (name in the checkpoint, bytes)."""
    code = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    pickles = {f"pickle {i}": pickle.dumps(_Bomb(marker), i) for i in range(6)}
    torch.save({"w": torch.ones(1), "x": _Bomb(marker)}, folder / "bomb.pt")
    with zipfile.ZipFile(folder / "bomb.zip", "w") as archive:
        archive.writestr("../../manifest.json", code)
    raw = {
        **pickles,
        "torch.save": (folder / "bomb.pt").read_bytes(),
        "zip": (folder / "bomb.zip").read_bytes(),
        "python": code.encode(),
        "yaml": f"!!python/object/apply:os.system ['touch {marker}']".encode(),
        "npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'shape': (1,)}\n" + pickles["pickle 2"],
        "pickle in a header": tensors_file(pickles["pickle 0"], b""),
        "code in a header": tensors_file(code.encode(), b""),
    }
    tensors = {name: (FILE, data) for name, data in raw.items()}
    state = {f"{name} as state": ("state.json", data) for name, data in raw.items()}
    nodes = [
        {"$": "eval", "v": code},
        {"$": "pickle", "v": pickles["pickle 0"].hex()},
        {"$": "object", "v": "os:system"},
        {"py/reduce": [{"py/function": "os.system"}, {"py/tuple": [f"touch {marker}"]}]},
        {"__class__": "os.system", "__init__": f"touch {marker}"},
        {"class_path": "os.system", "init_args": {"command": f"touch {marker}"}},
        {"_target_": "os.system", "_args_": [f"touch {marker}"]},
    ]
    for number, node in enumerate(nodes):
        text = str({"nimg": 16, "groups": {"extra": node}}).replace("'", '"')
        state[f"node {number}"] = ("state.json", text.encode())
    return {**tensors, **state}


def test_nothing_of_a_hostile_checkpoint_is_run(run: RunDir, measured: Note) -> None:
    path, marker = run.checkpoints / NEWEST, run.path / "PWNED"
    files = _hostile(run.path, marker)
    sound = {file: file.read_bytes() for file in path.iterdir()}

    def load_all() -> dict[str, Any]:
        trainer, refused = trainer_of(run), 0
        trainer.load_state_dict(checkpoint.load(run.checkpoints).groups)
        seen = list[str]()
        for number, (name, raw) in enumerate([(FILE, b""), *files.values()]):
            (path / name).write_bytes(raw)
            seal(path)
            seen = watch() if number == 1 else seen  # the first one imports what errors need
            for load in (checkpoint.load, lambda _: checkpoint.load_group(path, "generator_ema")):
                try:
                    load(run.checkpoints)
                except CheckpointError:
                    refused += 1
            checkpoint.verify(path)
            for file, data in sound.items():
                file.write_bytes(data)
        watched = list(seen)
        pickle.loads(pickle.dumps(_Bomb(run.path / "proof")))  # that the guard sees what runs
        return {"seen": watched, "proof": seen[len(watched) :], "refused": refused}

    found = apart(load_all)
    assert found["seen"] == []
    assert any("pickle.find_class" in event for event in found["proof"])
    assert found["refused"] >= len(files)
    assert not marker.exists()
    assert len(files) >= 30
    measured("G1", f"{len(files)} hostile files, 0 events, no marker")


BANNED = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "yaml", "code", "runpy"}
CALLS = {"eval", "exec", "__import__", "compile"}
METHODS = {
    *("torch.load", "torch.save", "np.load", "numpy.load", "yaml.load", "os.system", "os.popen"),
    "shutil.unpack_archive",
}
KNOWN = {"inception.py: torch.load"}
"""The judge of papers is published as a pickle; it is read with ``weights_only`` before use."""


def _dangers(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] in BANNED]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in BANNED:
            names = [str(node.module)]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            shell = any(key.arg == "shell" for key in node.keywords)
            bad = called in CALLS | METHODS or called.endswith((".extractall", ".extract"))
            names = [called] if bad or shell else []
        found += [f"{path.name}: {name}" for name in names]
    return found


def test_no_file_of_ganzoo_can_run_what_it_reads(tmp_path: Path, measured: Note) -> None:
    (tmp_path / "bad.py").write_text("import pickle\ntorch.load(x)\nrun(y, shell=True)\neval('1')")
    assert len(_dangers(tmp_path / "bad.py")) == 4

    files = [*(ROOT / "ganzoo").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    assert {danger for file in files for danger in _dangers(file)} == KNOWN
    assert len(files) > 100
    measured("G1", f"no pickle, eval or shell in {len(files)} files")


def _entry(first: int, last: int, shape: list[Any], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


DATA = bytes(16)
HEADERS: dict[str, bytes] = {
    "length beyond the file": tensors_file({"w": _entry(0, 16, [4])}, DATA, 1 << 40),
    "length of 2^64-1": tensors_file({"w": _entry(0, 16, [4])}, DATA, (1 << 64) - 1),
    "length of nothing": tensors_file({"w": _entry(0, 16, [4])}, DATA, 0),
    "no header": b"\x08",
    "overlap": tensors_file({"a": _entry(0, 12, [3]), "b": _entry(4, 16, [3])}, DATA),
    "hole": tensors_file({"a": _entry(0, 4, [1]), "b": _entry(12, 16, [1])}, DATA),
    "beyond the data": tensors_file({"w": _entry(0, 1 << 40, [1 << 38])}, DATA),
    "turned offsets": tensors_file({"w": _entry(16, 0, [4])}, DATA),
    "overflow of a shape": tensors_file({"w": _entry(0, 16, [1 << 62, 1 << 62])}, DATA),
    "huge and empty": tensors_file({"w": _entry(0, 0, [0, 1 << 60])}, b""),
    "deep": tensors_file(b'{"w":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b""),
    "a name twice": tensors_file(
        b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},'
        b'"w":{"dtype":"I32","shape":[4],"data_offsets":[0,16]}}',
        DATA,
    ),
    "a name like a path": tensors_file({"../../../PWNED": _entry(0, 16, [4])}, DATA),
    "an unknown type": tensors_file({"w": _entry(0, 16, [4], "PICKLE")}, DATA),
}


def test_a_header_attack_is_refused_at_every_door(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str], measured: Note
) -> None:
    path, file = run.checkpoints / NEWEST, export(run, tmp_path / "made.safetensors")
    words = file.read_bytes()
    header = json.loads(words[8 : 8 + int.from_bytes(words[:8], "little")])
    card = json.dumps(header["__metadata__"]).encode()
    before = sorted(tmp_path.rglob("*"))
    for name, raw in HEADERS.items():
        (path / FILE).write_bytes(raw)
        seal(path)
        with pytest.raises(CheckpointError):
            checkpoint.load(run.checkpoints)
        with pytest.raises(CheckpointError):
            load_generator(run, REGISTRY, device="cpu")
        assert main(["sample", str(run.path), "--device", "cpu", "-n", "1"]) == 8, name
        _, err = capsys.readouterr()
        assert err.startswith("error: "), name
        assert err.count("\n") == 1, name
        size = min(int.from_bytes(raw[:8], "little") + len(card) + 16, (1 << 64) - 1)
        rest = b'{"__metadata__":' + card + b"," + raw[8:].partition(b"{")[2]
        file.write_bytes(size.to_bytes(8, "little") + rest)
        with pytest.raises(CheckpointError):
            load_generator(unpack(file, tmp_path / "unpacked"), REGISTRY, device="cpu")
        shutil.rmtree(tmp_path / "unpacked", ignore_errors=True)
    assert sorted(tmp_path.rglob("*")) == before
    measured("G4", f"{len(HEADERS)} of {len(HEADERS)} header attacks refused at 4 doors")


CODE = ["./evil.py", "/tmp/evil.py", "evil:Generator", "os:system", "evil.Generator", "../x"]


def test_a_config_cannot_name_code(
    run: RunDir, capsys: pytest.CaptureFixture[str], measured: Note
) -> None:
    (run.path / "evil.py").write_text("from pathlib import Path\nPath('PWNED').touch()\n")
    text = run.config.read_text(encoding="utf-8")
    for name in CODE:
        forged = text.replace('use = "dcgan"', f'use = "{name}"', 1)
        assert forged != text
        run.config.write_text(forged, encoding="utf-8")
        for command in ("resume", "sample"):
            assert main([command, str(run.path), "--device", "cpu"]) == 2
            _, err = capsys.readouterr()
            assert name in err
            assert err.count("\n") == 1
    assert not list(run.path.rglob("PWNED"))
    assert not Path("PWNED").exists()
    measured("G3", f"{len(CODE)} of {len(CODE)} configs that name code refused, exit 2")


def test_what_is_no_longer_installed_is_named_and_never_fetched(
    run: RunDir, capsys: pytest.CaptureFixture[str], measured: Note
) -> None:
    made_by = run.read_info()["made_by"]
    gone = {**made_by["generator"], "distribution": "gan-of-nobody", "version": "1.2"}
    run.update_info(made_by={**made_by, "generator": gone})
    text = run.config.read_text(encoding="utf-8").replace('"dcgan"', '"nobody/dcgan"')
    run.config.write_text(text, encoding="utf-8")
    for command in ("resume", "sample"):
        assert main([command, str(run.path), "--device", "cpu"]) == 6
        _, err = capsys.readouterr()
        assert "generator of 0001-dcgan-digits came from gan-of-nobody 1.2" in err
        assert "pip install gan-of-nobody" in err
    measured("G3", "a plugin that is gone: exit 6 and its name")
