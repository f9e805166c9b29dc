"""Three digits in one picture, of a small MNIST that is forged for these tests."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganzoo.errors import DataError
from ganzoo_downloads import stacked
from ganzoo_downloads.stacked import StackedMnist
from ganzoo_downloads.torchvision_sets import MNIST, Split

pytestmark = pytest.mark.usefixtures("home")

DIGITS: Mapping[Split, tuple[int, ...]] = {"train": (3,) * 10, "test": (1,) * 10}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A root with a small MNIST: every pixel of image i is i, and its class is the last digit."""
    small = replace(MNIST, class_counts=DIGITS, sha256={}, fetches=())
    monkeypatch.setattr(stacked, "MNIST", small)
    folder = tmp_path / small.folder
    folder.mkdir(parents=True)
    for split in DIGITS:
        images, labels = small.files(split)
        count = images.shape[0]
        pixels = b"".join(bytes([value]) * 28 * 28 for value in range(count))
        (folder / images.name).write_bytes(images.header + pixels)
        (folder / labels.name).write_bytes(labels.header + bytes(i % 10 for i in range(count)))
    return str(tmp_path)


def test_the_class_is_what_the_three_digits_spell(root: str) -> None:
    pixels, labels = StackedMnist(root=root, count=500).load()

    assert labels is not None
    assert pixels.shape == (500, 3, 28, 28)
    digits = pixels[:, :, 14, 14].long()
    assert torch.equal(digits[:, :, None, None].expand(-1, -1, 28, 28).byte(), pixels)
    assert torch.equal(digits % 10 @ torch.tensor([100, 10, 1]), labels)
    assert (
        digits.flatten().bincount(minlength=30).min() > 25
    )  # every digit is drawn, about as often


def test_digits_are_padded_to_32_pixels_and_not_resized(root: str) -> None:
    pixels = StackedMnist(root=root, count=20).load()[0]
    padded = StackedMnist(root=root, count=20).load(32)[0]

    assert torch.equal(padded[..., 2:-2, 2:-2], pixels)
    assert padded.sum() == pixels.sum()


def test_a_small_set_is_the_beginning_of_a_larger_one(root: str) -> None:
    pixels, labels = StackedMnist(root=root, count=33).load()
    more, told = StackedMnist(root=root, count=100).load()

    assert labels is not None
    assert told is not None
    assert torch.equal(pixels, more[:33])
    assert torch.equal(labels, told[:33])


def test_another_seed_or_part_stacks_other_digits(root: str) -> None:
    first = StackedMnist(root=root, count=30).load()[1]
    assert first is not None

    for other in (
        StackedMnist(root=root, count=30, seed=1),
        StackedMnist(root=root, split="test"),
    ):
        labels = other.load()[1]
        assert labels is not None
        assert not torch.equal(labels[:30], first)


def test_global_random_state_is_neither_read_nor_changed(root: str) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = StackedMnist(root=root, count=30).load()[0]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)

    assert torch.equal(StackedMnist(root=root, count=30).load()[0], first)


def test_it_is_described_while_mnist_is_absent() -> None:
    info = StackedMnist().describe(32)

    assert info.image_shape == (3, 32, 32)
    assert StackedMnist(count=5).describe().image_shape == (3, 28, 28)
    assert info.count == 60_000
    assert info.num_classes == len(info.class_names) == 1000
    assert (info.class_names[7], info.class_names[416]) == ("007", "416")
    assert info.class_counts == ()


def test_without_files_and_network_the_error_is_that_of_mnist() -> None:
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.*GANZOO_OFFLINE.*--data-root"):
        StackedMnist().load()
