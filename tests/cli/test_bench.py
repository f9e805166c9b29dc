"""``ganzoo bench``: trains, tables, checks, and the paper's table, on the smallest there is."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from ran import a_run
from torch import nn

from ganzoo.cli.main import main
from ganzoo.errors import DivergedError
from ganzoo.quality import paper
from ganzoo.quality.speedrun import Row, publish, read
from ganzoo.registry import Entry, Registry
from ganzoo.rundir import RunDir

Said = pytest.CaptureFixture[str]

PLUGIN = """
import torch
from torch import nn
from ganzoo import Component, Recipe, hookimpl
from ganzoo.interfaces import DataInfo, Dataset

class Spots(Dataset):
    def describe(self, resolution=None):
        return DataInfo((1, 8, 8), 60)
    def load(self, resolution=None):
        rng = torch.Generator().manual_seed(0)
        return torch.randint(0, 256, (60, 1, 8, 8), generator=rng).to(torch.uint8), None

class Small(nn.Module):
    z_dim = 3
    def __init__(self, env):
        super().__init__()
        self.layer = nn.Linear(3, 64)
    def forward(self, z, labels=None):
        return self.layer(z).tanh().view(-1, 1, 8, 8)

class Judge(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.layer = nn.Linear(64, 1)
    def forward(self, images, labels=None):
        return self.layer(images.flatten(1)).flatten()

@hookimpl
def ganzoo_register():
    parts = {"generator": "small", "discriminator": "judge", "loss": "ns", "dataset": "spots"}
    return (
        Component("dataset", "spots", "tiny_bench:Spots", "noise"),
        Component("generator", "small", "tiny_bench:Small", "one layer"),
        Component("discriminator", "judge", "tiny_bench:Judge", "one layer"),
        Recipe(name="tiny", summary="for tests", parts=parts, presets={"quick": {}}),
    )
"""
SHORT = ["--set", "training.rehearse=false", "--set", "training.eval_samples=40"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


def _trained(*more: str) -> list[str]:
    Path("tiny_bench.py").write_text(PLUGIN)
    words = ["-p", "tiny_bench.py", "bench", "tiny", "-d", "spots", "--kimg", "0.256", "-q"]
    return [*words, "--every", "0.128", "--seeds", "0,1", "--device", "cpu", *SHORT, *more]


def test_a_model_is_trained_with_each_seed_tabled_published_and_checked(capsys: Said) -> None:
    assert main(_trained("--targets", "1e9,1e-9", "-o", "rows.json")) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert lines[0].startswith("FD-pca, cpu (")
    assert lines[1].split() == ["recipe", "<=", "1e+09", "<=", "1e-09", "last", "kimg", "seeds"]
    assert lines[2].split()[:2] == ["tiny", "quick"]
    assert lines[2].split()[-1] == "2"
    rows = read(Path("rows.json"))
    assert [row.seed for row in rows] == [0, 1]
    assert [each and each.kimg for each in rows[0].reached] == [0.128, None]
    assert {RunDir(path).read_info()["sweep"] for path in Path("runs").glob("0*")} == {"sweep-1"}

    assert main(["bench", "--table", "sweep-1", "--targets", "1e9,1e-9", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 2
    assert main(["bench", "--table", "rows.json", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("### FD-pca, cpu (")

    again = ["-p", "tiny_bench.py", "bench", "-q", "--check", "rows.json", "--device", "cpu"]
    assert main([*again, "--row", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tiny quick, seed 1: FD-pca; cpu (")
    assert out.splitlines()[2].split()[:3] == ["1e+09", "0.128", "0.128"]
    assert out.splitlines()[2].endswith("ok")

    _publish_sooner(rows[1])
    assert main([*again, "--row", "tiny/1"]) == 7
    out, err = capsys.readouterr()
    assert out.splitlines()[2].endswith("MISSED")
    assert "1 of 2 targets were not reached within 1.25 times the published images" in err


def _publish_sooner(row: Row) -> None:
    """Claim that a row reached its first target in half the images."""
    Path("rows.json").unlink()
    first = row.reached[0]
    assert first is not None
    sooner = type(first)(first.value, first.kimg / 2, first.cpu_sec, first.wall_sec)
    publish(Path("rows.json"), [Row(**{**vars(row), "reached": (sooner, None)})])


def test_one_model_that_fails_does_not_stop_the_next(capsys: Said) -> None:
    words = _trained("--targets", "1e9")
    at = words.index("tiny")
    code = main([*words[:at], "dcgan", *words[at:]])

    out, err = capsys.readouterr()
    assert code != 0
    assert "error: dcgan, seed 0: " in err
    assert "tiny quick" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--table"], "--table needs runs or JSON files"),
        (["--table", "--check", "x.json", "last"], "mean nothing"),
        (["--check", "x.json", "--kimg", "3"], "--kimg mean nothing with --check"),
        (["--paper", "-d", "mnist"], "--dataset mean nothing with --paper"),
        (["--weights", "x.pth"], "--weights mean nothing here"),
        (["--targets", "a"], "write 100,50,25,10"),
        (["nonsuch"], "nonsuch"),
        (["dcgan", "--set", "training.nonsuch=1"], "nonsuch"),
        (["--check", "missing.json"], "missing.json: cannot be read"),
    ],
    ids=" ".join,
)
def test_words_that_go_nowhere_are_refused(words: list[str], said: str, capsys: Said) -> None:
    assert main(["bench", *words]) in (2, 3)
    assert said in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_paper_s_table_says_why_its_cells_are_empty(capsys: Said) -> None:
    assert main(["bench", "--paper", "sngan", "wgan", "--weights", "missing.pth"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0].split()[:1] == ["model"]
    assert "CIFAR-10 FID 16.77 (mimicry)" in lines[1]
    assert all("missing.pth" in line or "torch-fidelity" in line for line in lines[1:3])
    assert not Path("runs").exists()


def test_a_model_that_cannot_be_measured_has_a_line_like_the_others(tmp_path: Path) -> None:
    registry = Registry.discover(only=())
    models = [registry.find("recipe", name) for name in ("gan", "dcgan", "sngan", "wgan")]
    bare = Entry(type(models[0].recipe)(name="bare", summary="-", parts={}), "x", models[0].source)

    def play(entry: Entry) -> tuple[RunDir, bool]:
        if entry.name == "gan":
            raise DivergedError("D loss is nan at step 3")
        run = a_run(tmp_path, nimg=4000, environment={"device": "cpu (1 threads)"})
        return run, entry.name == "sngan"

    lines = paper.measure([bare, *models], registry, play, settings={})

    assert lines[0].why == "it has no paper preset"
    assert lines[1].why == "D loss is nan at step 3"
    assert "checkpoint" in lines[2].why
    assert (lines[2].kimg, lines[2].device) == (4.0, "cpu (1 threads)")
    assert lines[4].why == "interrupted"
    assert lines[1].cells()[2:8] == ["-"] * 6


def test_a_distance_that_is_no_fid_is_not_called_so() -> None:
    line = paper.Line("gan", "", {"FD": 12.345, "KD": 0.01, "precision": 0.5}, "p", 3.0, "cpu")
    published = paper.Line("gan", "", {"FID": 12.345, "KID": 0.01})

    assert line.cells()[2:7] == ["(FD 12.35)", "(KD 0.0100)", "0.500", "-", "3"]
    assert published.cells()[2:4] == ["12.35", "0.0100"]
    assert any("not the published weights" in note for note in paper.notes([line]))
    assert not any("not the published weights" in note for note in paper.notes([published]))


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10 as torchvision has it, of 20 images, and a data set that knows their number."""
    from torchvision.datasets import CIFAR10

    from ganzoo.interfaces import DataInfo
    from ganzoo_downloads.torchvision_sets import Cifar10

    folder = tmp_path / "data" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = torch.Generator().manual_seed(0)

    def write(name: str, content: dict[str, Any]) -> list[str]:
        raw = pickle.dumps(content)
        (folder / name).write_bytes(raw)
        return [name, hashlib.md5(raw, usedforsecurity=False).hexdigest()]

    def batch(count: int) -> dict[str, Any]:
        values = torch.randint(0, 256, (count, 3072), generator=rng).to(torch.uint8)
        return {"data": values.numpy(), "labels": [i % 10 for i in range(count)]}

    monkeypatch.setattr(
        CIFAR10, "train_list", [write(f"data_batch_{i}", batch(4)) for i in (1, 2, 3, 4, 5)]
    )
    monkeypatch.setattr(CIFAR10, "test_list", [write("test_batch", batch(10))])
    name, md5 = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})
    info = DataInfo((3, 32, 32), 20, 10, (2,) * 10, tuple("abcdefghij"))
    monkeypatch.setattr(Cifar10, "describe", lambda *_: info)
    return folder.parent


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights of Inception, as torch-fidelity keeps them."""
    library = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    path = tmp_path / "inception.pth"
    torch.save({}, path)
    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        patch.setattr(nn.Module, "load_state_dict", lambda *_: None)
        network = library.FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path)
        )
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("home")
def test_a_paper_s_table_is_trained_and_judged_in_one_command(
    cifar: Path, weights: Path, capsys: Said
) -> None:
    words = ["bench", "--paper", "dcgan", "--weights", str(weights), "--data-root", str(cifar)]
    small = ["--kimg", "0.016", "--samples", "8", "--device", "cpu", "--json", "-q"]
    sets = ["--set", "training.batch_size=4", "--set", "training.rehearse=false"]

    assert main([*words, *small, *sets]) == 0
    (line,) = json.loads(capsys.readouterr().out)["lines"]
    assert line["why"] == ""
    assert {"FD", "KD", "precision", "recall"} <= set(line["values"])
    assert (line["kimg"], line["model"]) == (0.016, "dcgan")
    assert line["device"].startswith("cpu (")
    assert "8 generated (seed 0, ema) against 20 of cifar10, 32 px" in line["protocol"]
    assert line["reported"].startswith("CIFAR-10 FID 48.29 (StudioGAN)")
