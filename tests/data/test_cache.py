import logging
import os
from pathlib import Path

import pytest
import torch

from ganzoo.data.cache import cache_root, cached

KEY = {"dataset": "Some Thing", "version": 1, "resolution": 4}


class Maker:
    """Makes the same data each time, and counts."""

    def __init__(self, labelled: bool = True) -> None:
        self.calls = 0
        self._labels = torch.tensor([1, 0]) if labelled else None

    def __call__(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        self.calls += 1
        return torch.arange(32, dtype=torch.uint8).view(2, 1, 4, 4), self._labels


def _file(home: Path) -> Path:
    (file,) = (home / "data").iterdir()
    return file


@pytest.mark.parametrize("labelled", [True, False])
def test_what_was_made_once_is_read_the_next_time(home: Path, labelled: bool) -> None:
    make = Maker(labelled)
    first, second = cached(KEY, make), cached(dict(reversed(KEY.items())), make)

    assert make.calls == 1
    assert torch.equal(first[0], second[0])
    assert (first[1] is None) == (second[1] is None) == (not labelled)
    assert _file(home).name.startswith("some-thing-")


def test_another_key_is_another_file() -> None:
    make = Maker()
    cached(KEY, make)
    cached({**KEY, "resolution": 5}, make)

    assert make.calls == 2


def test_every_damaged_byte_is_noticed_and_the_data_made_again(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make = Maker()
    made, _ = cached(KEY, make)
    whole = _file(home).read_bytes()
    for place in range(0, len(whole), 3):
        _file(home).write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        pixels, labels = cached(KEY, make)
        assert torch.equal(pixels, made)
        assert labels is not None
        assert labels.tolist() == [1, 0]
    assert "it is made again" in caplog.text


@pytest.mark.parametrize("kept", [0, 5, 8, 100, -1])
def test_a_cut_file_is_made_again(home: Path, kept: int, caplog: pytest.LogCaptureFixture) -> None:
    make = Maker()
    cached(KEY, make)
    whole = _file(home).read_bytes()
    _file(home).write_bytes(whole[:kept])

    cached(KEY, make)

    assert make.calls == 2
    assert str(_file(home)) in caplog.text
    assert _file(home).read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_a_warning_only(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.write_text("a file where the folder should be")
    make = Maker()

    assert len(cached(KEY, make)[0]) == 2
    assert len(cached(KEY, make)[0]) == 2
    assert make.calls == 2
    assert "cannot be written" in caplog.text


def test_an_error_while_making_leaves_nothing_behind(home: Path) -> None:
    def fail() -> tuple[torch.Tensor, torch.Tensor | None]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        cached(KEY, fail)

    assert not list(home.rglob("*"))


def test_who_writes_at_the_same_time_finds_a_whole_file(home: Path) -> None:
    def racing() -> tuple[torch.Tensor, torch.Tensor | None]:
        cached(KEY, Maker())
        return Maker()()

    cached(KEY, racing)

    assert _file(home).suffix == ".safetensors"
    unused = Maker()
    cached(KEY, unused)
    assert unused.calls == 0


def test_the_cache_lies_where_the_environment_says(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert cache_root() == home
    monkeypatch.delenv("GANZOO_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(home / "xdg"))
    assert cache_root() == home / "xdg" / "ganzoo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path.home() / ".cache" / "ganzoo"
