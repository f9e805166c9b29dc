import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ganzoo.data.reading import quiet_pillow
from ganzoo.errors import DataError
from ganzoo_folder import decoding
from ganzoo_folder.decoding import decoded, header
from ganzoo_folder.places import shown

pytestmark = pytest.mark.usefixtures("home")


def _value(path: Path, channels: int = 3) -> list[int]:
    """The one value of a picture of one colour."""
    pixels = decoded(path, channels=channels, resolution=8).flatten(1).int()
    assert (pixels.amax(1) - pixels.amin(1)).max() <= 2
    return [int(value) for value in pixels[:, 0]]


def _saved(path: Path, picture: Image.Image, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def _new(mode: str, colour: object, side: int = 8) -> Image.Image:
    return Image.new(mode, (side, side), colour)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "colour", "name", "expected"),
    [
        ("1", 255, "a.png", [255] * 3),
        ("L", 77, "a.png", [77] * 3),
        ("L", 77, "a.bmp", [77] * 3),
        ("LA", (0, 128), "a.png", [127] * 3),
        ("P", 0, "a.png", [0] * 3),
        ("P", 0, "a.gif", [0] * 3),
        ("RGB", (200, 100, 50), "a.png", [200, 100, 50]),
        ("RGB", (200, 100, 50), "a.webp", [200, 100, 50]),
        ("RGB", (200, 100, 50), "a.tif", [200, 100, 50]),
        ("RGB", (200, 100, 50), "A.JPG", [200, 100, 50]),
        ("RGBA", (255, 0, 0, 0), "a.png", [255] * 3),
        ("RGBA", (255, 0, 0, 51), "a.png", [255, 204, 204]),
        ("RGBA", (255, 0, 0, 255), "a.webp", [255, 0, 0]),
        ("CMYK", (0, 255, 255, 0), "a.jpg", [255, 0, 0]),
        ("CMYK", (0, 0, 0, 255), "a.tif", [0, 0, 0]),
        ("YCbCr", (128, 128, 128), "a.jpg", [128] * 3),
        ("I;16", 32896, "a.png", [128] * 3),
        ("I;16", 65535, "a.tif", [255] * 3),
    ],
)
def test_every_kind_of_file_gives_the_colour_that_people_see(
    tmp_path: Path, mode: str, colour: object, name: str, expected: list[int]
) -> None:
    found = _value(_saved(tmp_path / name, _new(mode, colour)))

    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 3


@pytest.mark.parametrize("value", [0, 128, 129, 257, 30000, 65535])
def test_16_bits_are_divided_by_257(tmp_path: Path, value: int) -> None:
    path = _saved(tmp_path / "deep.png", _new("I;16", value))

    assert _value(path, channels=1) == [round(value / 257)]


def test_16_bits_with_white_at_zero_are_turned_around(tmp_path: Path) -> None:
    path = _saved(tmp_path / "deep.tif", _new("I;16", 0), tiffinfo={262: 0})

    assert _value(path, channels=1) == [255]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_of_no_known_range_are_refused(tmp_path: Path, mode: str) -> None:
    path = _saved(tmp_path / "float.tif", _new(mode, 1))
    for read in (header, lambda path: decoded(path, channels=1, resolution=8)):
        with pytest.raises(DataError, match=r"float\.tif holds numbers of no known range; save"):
            read(path)


def test_a_palette_with_a_transparent_colour_is_laid_on_white(tmp_path: Path) -> None:
    picture = _new("P", 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    path = _saved(tmp_path / "p.png", picture, transparency=1)

    assert _value(path) == [255, 255, 255]


def test_a_transparent_grey_is_laid_on_white(tmp_path: Path) -> None:
    path = _saved(tmp_path / "l.png", _new("L", 9), transparency=9)

    assert _value(path, channels=1) == [255]


def test_the_turn_of_a_camera_is_undone(tmp_path: Path) -> None:
    picture = _new("RGB", "black")
    picture.paste("white", (0, 0, 8, 4))  # white above black
    exif = Image.Exif()
    exif[0x0112] = 6
    path = _saved(tmp_path / "turned.png", picture, exif=exif)

    assert decoded(path, channels=3, resolution=8)[0, 4].tolist() == [0] * 4 + [255] * 4


def test_broken_camera_notes_do_not_spoil_a_picture(tmp_path: Path) -> None:
    path = _saved(tmp_path / "e.jpg", _new("L", 50), exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff123")
    with quiet_pillow():
        assert _value(path, channels=1) == [50]


def test_the_first_picture_of_a_moving_one_is_taken(tmp_path: Path) -> None:
    rest = [_new("RGB", "blue"), _new("RGB", "green")]
    for name in ("a.gif", "a.webp", "a.tif"):
        path = _saved(
            tmp_path / name, _new("RGB", "red"), save_all=True, append_images=rest, lossless=True
        )
        assert _value(path) == [255, 0, 0]


@pytest.mark.parametrize(
    ("mode", "grey"), [("1", True), ("L", True), ("LA", True), ("I;16", True), ("RGB", False)]
)
def test_a_header_says_size_and_whether_it_is_grey(
    tmp_path: Path, mode: str, grey: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _saved(tmp_path / "a.png", Image.new(mode, (5, 9)))
    monkeypatch.delattr(Image.Image, "convert")
    found = header(path)

    assert (found.width, found.height, found.grey) == (5, 9, grey)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_odd_shapes_become_squares(tmp_path: Path, shape: tuple[int, int]) -> None:
    path = _saved(tmp_path / "a.png", Image.new("L", shape, 9))

    assert set(decoded(path, channels=1, resolution=8).flatten().tolist()) == {9}


def _noisy(path: Path, side: int = 64) -> Path:
    values = torch.randint(0, 256, (side * side * 3,), dtype=torch.uint8)
    return _saved(path, Image.frombytes("RGB", (side, side), values.numpy().tobytes()))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif", "gif"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_a_cut_picture_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    path = _noisy(tmp_path / f"cut.{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    with quiet_pillow(), pytest.raises(DataError, match=rf"cut\.{suffix} cannot be read \(.+\)"):
        decoded(path, channels=3, resolution=8)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif", "gif"])
def test_damage_gives_pixels_or_an_error_that_names_the_file(tmp_path: Path, suffix: str) -> None:
    path = _noisy(tmp_path / f"bad.{suffix}", side=16)
    whole = path.read_bytes()
    outcomes: set[bool] = set()
    for place in range(0, min(len(whole), 400), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            with quiet_pillow():
                pixels = decoded(path, channels=3, resolution=8)
        except DataError as error:
            outcomes.add(path.name in str(error))
        else:
            outcomes.add(pixels.shape == (3, 8, 8))
    assert outcomes == {True}


@pytest.mark.parametrize(
    "content", [b"plain text", b"%!PS-Adobe-3.0 EPSF\n", b"SIMPLE  =  T", b"<svg/>"]
)
def test_what_only_pretends_to_be_a_picture_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"text\.png cannot be read \(no picture of a known"):
        header(path)


def test_a_picture_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        raw = kind + data
        return struct.pack(">I", len(data)) + raw + struct.pack(">I", zlib.crc32(raw))

    for side in (9_000, 60_000):
        path = tmp_path / f"bomb{side}.png"
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")))
        with pytest.raises(DataError, match=rf"bomb{side}\.png has .*pixels.*make it smaller"):
            header(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_a_pipe_never_blocks(tmp_path: Path) -> None:
    path = tmp_path / "pipe.png"
    os.mkfifo(path)

    with pytest.raises(DataError, match=r"pipe\.png is no regular file; move it away"):
        header(path)


def test_links_to_nothing_and_to_themselves_are_named(tmp_path: Path) -> None:
    for name, target in (("lost.png", "nowhere.png"), ("self.png", "self.png")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(DataError, match=rf"{name} cannot be read"):
            header(tmp_path / name)


def test_a_name_is_shown_without_control_characters() -> None:
    assert shown("a\x1b]0;b\n\udcff.png") == "a?]0;b??.png"
    assert shown(Path("Köln/猫.png")) == "Köln/猫.png"


def test_pillow_is_asked_for_six_formats_only() -> None:
    assert decoding._FORMATS == ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
