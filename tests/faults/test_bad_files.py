"""Bombs, archives and idx files: refused from what they claim, and nothing is ever unpacked."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from corpus import HUGE, SOUND
from forge import Member, idx, picture, png, zipped
from PIL import Image

from ganzoo.cli.main import main
from ganzoo.errors import DataError
from ganzoo_folder import places
from ganzoo_folder.decoding import decoded
from ganzoo_folder.folder import Folder

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("home")]

Measured = Callable[[str, str], None]

_PEAK = """
import resource, sys
from ganzoo.errors import DataError
from ganzoo_folder.folder import Folder
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
Folder(path=sys.argv[1]).load(8)
before = peak()
for path in sys.argv[2:]:
    try:
        Folder(path=path).load(8)
    except DataError as error:
        print(error, file=sys.stderr)
print(peak() - before)
"""


def test_bombs_are_refused_without_being_unpacked(tmp_path: Path, measured: Measured) -> None:
    sound = picture(tmp_path / "sound" / "a.png").parent
    huge = tmp_path / "huge"
    huge.mkdir()
    (huge / "a.png").write_bytes(HUGE)
    packed = zipped(tmp_path / "bomb.zip", Member("a.png", bytes(200 * 2**20)))
    assert len(HUGE) < 20_000
    assert packed.stat().st_size < 210_000

    done = subprocess.run(
        [sys.executable, "-c", _PEAK, sound, huge, packed],
        capture_output=True,
        text=True,
        check=True,
    )

    refused = done.stderr.splitlines()
    assert re.search(r"huge/a\.png has 11,000 x 11,000 pixels, more than", refused[0])
    assert re.search(r"bomb\.zip/a\.png claims 209,715,200 bytes", refused[1])
    assert int(done.stdout) < 200
    measured(
        "E4",
        f"{len(HUGE) / 1024:.0f} KiB of 121 Mpx and {packed.stat().st_size / 1024:.0f} KiB of"
        f" 200 MiB refused with +{int(done.stdout)} MB",
    )


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("_MOST_MEMBERS", 2, "has 3 members, more than 2; make several of it"),
        ("_MOST_TOTAL", 20, "bytes, more than 20; unpack it, name the folder"),
    ],
)
def test_a_zip_of_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, words: str
) -> None:
    path = zipped(tmp_path / "a.zip", *(Member(f"{n}.png", SOUND) for n in range(3)))
    assert Folder(path=str(path)).describe().count == 3
    monkeypatch.setattr(places, limit, value)

    with pytest.raises(DataError, match=rf"a\.zip .*{words}"):
        Folder(path=str(path)).describe()


ATTACKS: dict[str, tuple[Member, str]] = {
    "up": (Member("../a.png", SOUND), "no pictures"),
    "up from below": (Member("x/../../a.png", SOUND), "no pictures"),
    "up as Windows has it": (Member("..\\a.png", SOUND), "no pictures"),
    "absolute": (Member("/tmp/evil/a.png", SOUND), ""),
    "drive": (Member("C:\\evil\\a.png", SOUND), ""),
    "share": (Member("\\\\host\\evil\\a.png", SOUND), ""),
    "link": (Member("a.png", b"/etc/passwd", 0o120777), "is a link or a device"),
    "device": (Member("a.png", b"", 0o020666), "is a link or a device"),
    "pipe": (Member("a.png", b"", 0o010666), "is a link or a device"),
    "long name": (Member("a" * 256 + ".png", SOUND), "a name of more than 255 bytes"),
    "bytes that are no text": (Member("\udcff.png", SOUND), ""),
    "hidden": (Member(".ssh/a.png", SOUND), "no pictures"),
}


def test_no_name_in_a_zip_puts_anything_anywhere(tmp_path: Path, measured: Measured) -> None:
    where = tmp_path / "in" / "deep"
    where.mkdir(parents=True)
    for name, (member, words) in ATTACKS.items():
        path = _packed(where / "a.zip", member)
        before = _below(tmp_path)
        try:
            found = str(len(Folder(path=str(path)).load(8)[0]))
        except DataError as error:
            found = str(error)
        assert (words or "1") in found, name
        assert _below(tmp_path) == before, name

    measured("E5", f"{len(ATTACKS)} of {len(ATTACKS)} names refused, passed over or harmless")


def _packed(path: Path, member: Member) -> Path:
    if "\udcff" not in member.name:
        return zipped(path, member)
    zipped(path, Member("x.png", member.content))
    path.write_bytes(path.read_bytes().replace(b"x.png", b"\xff.png"))
    return path


def _below(root: Path) -> set[Path]:
    cache = Path(os.environ["GANZOO_HOME"])
    return {path for path in root.rglob("*") if cache not in (path, *path.parents)}


HEAD = idx((60_000, 28, 28))[:16]
SIZE = 16 + 60_000 * 28 * 28


def _labels(number: int = 60_000, worst: int = 9) -> bytes:
    return idx((number,), lambda place: worst if place == 5 else 0)


IDX: dict[str, tuple[bytes, int, bytes, str]] = {
    "cut": (HEAD, SIZE - 9, _labels(), "images.*cut short: 47,040,007 of 47,040,016 bytes"),
    "too long": (HEAD, SIZE + 1, _labels(), "images.*more than its 47,040,016 bytes"),
    "magic": (b"\1" + HEAD, SIZE, _labels(), "images.*no header of train-images-idx3-ubyte"),
    "web page": (b"<!DOCTYPE html>", 15, _labels(), r"images.*begins with b'<!DOCTYP'"),
    "number of labels": (HEAD, SIZE, _labels(7), "labels.*says it holds 7 values, not 60,000"),
    "class": (HEAD, SIZE, _labels(worst=250), "labels.*says class 250 at image 5 of 10"),
    "2^31": (HEAD[:4] + b"\x80\0\0\0" + HEAD[8:], SIZE, _labels(), "2,147,483,648 x 28"),
    "empty": (b"", 0, _labels(), "images.*is empty"),
    "swapped": (_labels(), 60_008, HEAD, "train-images.*no header of train-images"),
}


@pytest.mark.parametrize("name", IDX)
def test_a_bad_idx_file_is_named_with_what_was_found(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, size, labels, words = IDX[name]
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    with (folder / "train-images-idx3-ubyte").open("wb") as file:
        file.write(images)
        file.truncate(size)  # what follows are zeros
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)

    code = main(["data", "check", "fashion-mnist", "--data-root", str(tmp_path)])

    said = capsys.readouterr().err.splitlines()
    assert (code, len(said)) == (3, 1)
    assert re.search(words, said[0]), said
    assert str(folder) in said[0]


def test_nine_kinds_of_bad_idx_files_are_known(measured: Measured) -> None:
    assert len(IDX) == 9
    measured("E6", "9 of 9 named with what was expected and found, exit 3")


MODES: dict[str, tuple[str, object, str, list[int]]] = {
    "1 bit": ("1", 1, "a.png", [255]),
    "grey": ("L", 77, "a.png", [77]),
    "grey, BMP": ("L", 77, "a.bmp", [77]),
    "grey and alpha": ("LA", (0, 128), "a.png", [127]),
    "palette": ("P", 3, "a.gif", [3, 252, 9]),
    "colour": ("RGB", (200, 100, 50), "a.png", [200, 100, 50]),
    "colour, TIFF": ("RGB", (200, 100, 50), "a.tif", [200, 100, 50]),
    "colour, WebP": ("RGB", (200, 100, 50), "a.webp", [200, 100, 50]),
    "colour and alpha": ("RGBA", (255, 0, 0, 51), "a.png", [255, 204, 204]),
    "CMYK": ("CMYK", (0, 255, 255, 0), "a.tif", [255, 0, 0]),
    "YCbCr, JPEG": ("YCbCr", (128, 128, 128), "a.jpg", [128, 128, 128]),
    "16 bits, TIFF": ("I;16", 32896, "a.tif", [128]),
}
HOW: dict[str, dict[str, object]] = {
    "a.webp": {"lossless": True},
    "a.gif": {"palette": b"".join(bytes((i, 255 - i, 9)) for i in range(256))},
}
DEEP = {
    "16 bits": (0, b"\x40\x40", [64]),
    "16 bits a colour": (2, b"\xc8\xff\x64\x00\x32\x80", [200, 100, 50]),
    "16 bits and alpha": (6, b"\xff\xff\0\0\0\0\x33\x33", [255, 204, 204]),
}


def test_every_mode_of_picture_gives_the_right_values(tmp_path: Path, measured: Measured) -> None:
    off: dict[str, int] = {}
    for name, (mode, colour, file, expected) in MODES.items():
        how = HOW.get(file, {})
        off[name] = _off(picture(tmp_path / file, mode, colour, **how), expected)
    for name, (kind, pixel, expected) in DEEP.items():
        path = tmp_path / "deep.png"
        path.write_bytes(png(16, 16, pixel * 16, bits=16, colour=kind))
        off[name] = _off(path, expected)

    assert {name: number for name, number in off.items() if number > 1} == {}
    measured("E3", f"{len(off)} of {len(off)} modes within {max(off.values())}/255")


def _off(path: Path, expected: list[int]) -> int:
    found = decoded(path, channels=len(expected), resolution=8).flatten(1)
    return max(
        int((row.int() - value).abs().max()) for row, value in zip(found, expected, strict=True)
    )


def test_what_is_transparent_lies_on_the_colour_that_was_asked_for(tmp_path: Path) -> None:
    root = picture(tmp_path / "a" / "a.png", "RGBA", (255, 0, 0, 0)).parent

    white = Folder(path=str(root)).load(8)[0]
    black = Folder(path=str(root), background="black").load(8)[0]

    assert (white.unique().tolist(), black.unique().tolist()) == ([255], [0])
    with Image.open(root / "a.png") as image:
        assert image.getpixel((0, 0)) == (255, 0, 0, 0)
