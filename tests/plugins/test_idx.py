import gzip
from pathlib import Path

import pytest
import torch

from ganzoo.errors import DataError
from ganzoo_downloads.idx import IdxFile, read_idx, read_labels

FACTS = IdxFile("train-images-idx3-ubyte", (3, 2, 2))
LABELS = IdxFile("train-labels-idx1-ubyte", (3,))
WHOLE = bytes([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, *range(12)])
OTHER = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, *range(4)])
HUGE = bytes([0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 2, 0, 0, 0, 2, *range(12)])
SUM = "27f76f77ae2e3a7ef1d7cbcd38b2ea69e4b72a7d7cdbd1ef9e4aa4d4a3a9a4d2"


def test_a_whole_file_gives_its_values(tmp_path: Path) -> None:
    path = tmp_path / FACTS.name
    path.write_bytes(WHOLE)

    assert read_idx(path, FACTS).flatten().tolist() == list(range(12))
    assert read_idx(path, FACTS).shape == (3, 2, 2)
    assert FACTS.path(tmp_path) == path


def test_a_packed_file_is_read_where_no_unpacked_one_lies(tmp_path: Path) -> None:
    path = FACTS.path(tmp_path)
    path.write_bytes(gzip.compress(WHOLE, mtime=0))

    assert path.suffix == ".gz"
    assert read_idx(path, FACTS).sum() == sum(range(12))


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "is empty"),
        (WHOLE[:3], "is cut short: 3 of 28 bytes"),
        (WHOLE[:-1], "is cut short: 27 of 28 bytes"),
        (WHOLE + b"x", "has more than its 28 bytes"),
        (b"<!DOCTYPE html><html>sign in</html>", "begins with b'<!DOCTYP', which is no header"),
        (b"\x1f\x8b" + WHOLE, "which is no header"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]), "which is no header"),
        (OTHER, "says it holds 1 x 2 x 2 values, not 3 x 2 x 2"),
        (HUGE, "says it holds 4,294,967,295 x 2 x 2 values"),
    ],
)
def test_a_forged_file_is_named_with_what_was_found_and_the_cure(
    tmp_path: Path, raw: bytes, problem: str
) -> None:
    path = tmp_path / FACTS.name
    path.write_bytes(raw)

    with pytest.raises(DataError) as caught:
        read_idx(path, FACTS)

    assert str(path) in str(caught.value)
    assert problem in str(caught.value)
    assert "delete it to fetch it again" in str(caught.value)


def test_one_changed_bit_is_noticed_by_the_published_sum(tmp_path: Path) -> None:
    path = tmp_path / FACTS.name
    path.write_bytes(WHOLE)

    with pytest.raises(DataError, match="its sha256 does not fit"):
        read_idx(path, IdxFile(FACTS.name, FACTS.shape, sha256=SUM))


@pytest.mark.parametrize(
    "raw",
    [gzip.compress(WHOLE, mtime=0)[:-9], b"\x1f\x8bnonsense", b""],
    ids=["cut short", "nonsense", "empty"],
)
def test_a_broken_archive_is_named(tmp_path: Path, raw: bytes) -> None:
    path = FACTS.path(tmp_path)
    path.write_bytes(raw)

    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz (cannot be read|is empty)"):
        read_idx(path, FACTS)


def test_an_archive_that_grows_is_read_no_further_than_needed(tmp_path: Path) -> None:
    path = FACTS.path(tmp_path)
    path.write_bytes(gzip.compress(WHOLE + bytes(10_000_000), mtime=0))

    with pytest.raises(DataError, match="more than its 28 bytes"):
        read_idx(path, FACTS)


def test_a_class_that_is_none_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / LABELS.name
    path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 9, 250, 0]))

    with pytest.raises(DataError, match="says class 250 at image 1 of 10"):
        read_labels(path, LABELS, num_classes=10)


def test_labels_are_read(tmp_path: Path) -> None:
    path = tmp_path / LABELS.name
    path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 9, 2, 0]))

    assert torch.equal(read_labels(path, LABELS, num_classes=10).long(), torch.tensor([9, 2, 0]))
