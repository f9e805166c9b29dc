"""A run that a release made goes on in every later one: ``tests/corpus`` keeps one of each."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

import ganzoo
from ganzoo import runner
from ganzoo.plan import resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint
from ganzoo.training.skeleton import digest

pytestmark = pytest.mark.faults

CORPUS = Path(__file__).parents[1] / "corpus"
DIGESTS = CORPUS / "digests.json"
REGISTRY = Registry.discover(only=())
SMALLEST = (
    *("dataset.count=16", "generator.width=1", "discriminator.width=1", "generator.z_dim=2"),
    *("training.batch_size=4", "training.kimg=0.008", "training.checkpoint_kimg=0.008"),
    *("training.eval_kimg=none", "training.rehearse=false"),
)


def unpacked(version: str, folder: Path) -> RunDir:
    with ZipFile(CORPUS / f"{version}.zip") as archive:
        for name in archive.namelist():
            archive.extract(name, folder)
    return RunDir(next(folder.iterdir()))


def test_the_run_of_every_release_loads_bit_by_bit_and_goes_on(
    tmp_path: Path, measured: Callable[[str, str], None]
) -> None:
    known = json.loads(DIGESTS.read_text())
    for version, expected in known.items():
        run = unpacked(version, tmp_path / version)
        assert digest(checkpoint.load(run.checkpoints).groups) == expected, version

        end = runner.resume(run, REGISTRY, device="cpu", kimg="+0.004")

        assert (end.status, end.nimg) == ("done", 12), version

    archives = {path.stem for path in CORPUS.glob("*.zip")}
    assert ganzoo.__version__ in known
    assert archives == set(known)
    measured("A8", f"checkpoints of {len(known)} of {len(known)} releases load and go on")


def add(version: str) -> None:
    """Keep a run of this version; one that is there stays as it was released."""
    plan = resolve(REGISTRY, "gan", sets=SMALLEST, replace={"dataset": "grid2d"})
    known = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    with TemporaryDirectory() as made, ZipFile(CORPUS / f"{version}.zip", "x") as archive:
        run = RunDir(runner.train(plan, REGISTRY, out=Path(made), device="cpu").run)
        run.update_info(host="any", pid=0)
        known[version] = digest(checkpoint.load(run.checkpoints).groups)
        for path in sorted(run.path.rglob("*")):
            if path.is_file() and path.suffix != ".png" and path != run.lock:
                archive.write(path, path.relative_to(made), ZIP_DEFLATED)
    DIGESTS.write_text(json.dumps(known, indent=2) + "\n")


if __name__ == "__main__":
    add(ganzoo.__version__)
