"""Folders and zips as people have them, and what is documented of each."""

import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from forge import Member, cut, entry_patched, flipped, noise, picture, png, zipped
from PIL import Image


@dataclass(frozen=True)
class Case:
    """A folder, and what is documented of it.

    Attributes:
        name: What is wrong with it.
        make: Makes it; returns what people type.
        count: Pictures that it gives; 0: it is refused.
        words: What the refusal says, or ``data check``.
        value: What the first picture is in its left upper corner; empty: anything.
    """

    name: str
    make: Callable[[Path], Path]
    count: int = 0
    words: str = ""
    value: tuple[int, ...] = ()


def _file(name: str, content: bytes) -> Callable[[Path], Path]:
    """One file, in a folder with a sound picture that comes after it."""

    def make(root: Path) -> Path:
        (picture(root / "z.png").parent / name).write_bytes(content)
        return root

    return make


def _lone(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        root.mkdir()
        (root / name).write_bytes(content)
        return root

    return make


def _broken(name: str, damage: Callable[[Path], Path]) -> Callable[[Path], Path]:
    """A picture that something happened to, beside a sound one."""

    def make(root: Path) -> Path:
        picture(root / "z.png")
        damage(noise(root / name))
        return root

    return make


def _zip(*members: Member, zip64: bool = False) -> Callable[[Path], Path]:
    return lambda root: zipped(root.with_suffix(".zip"), *members, zip64=zip64)


def _entry(offset: int, value: bytes) -> Callable[[Path], Path]:
    return lambda root: entry_patched(_zip(Member("a.png", SOUND))(root), offset, value)


def _empty(root: Path) -> Path:
    root.mkdir()
    return root


def _named_like_a_picture(root: Path) -> Path:
    picture(root / "z.png")
    (root / "a.png").mkdir()
    return root


def _looped(root: Path) -> Path:
    picture(root / "cats" / "a.png")
    (root / "cats" / "again").symlink_to(root)
    (root / "self").symlink_to("self")
    return root


def _dangling(root: Path) -> Path:
    picture(root / "z.png")
    (root / "a.png").symlink_to("nowhere.png")
    return root


def _piped(root: Path) -> Path:
    picture(root / "z.png")
    os.mkfifo(root / "a.png")
    return root


def _forbidden(root: Path) -> Path:
    picture(root / "a.png").chmod(0)
    return root


def _turned(root: Path) -> Path:
    upright = Image.new("RGB", (8, 8), "black")
    upright.paste((255, 255, 255), (0, 0, 8, 4))
    exif = Image.Exif()
    exif[0x0112] = 3
    root.mkdir()
    upright.save(root / "a.png", exif=exif)
    return root


def _clear_palette(root: Path) -> Path:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    root.mkdir()
    image.save(root / "a.png", transparency=1)
    return root


def _moving(name: str) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        rest = [Image.new("RGB", (16, 16), "blue")]
        how = {"save_all": True, "append_images": rest, "lossless": True}
        return picture(root / name, colour="red", **how).parent

    return make


def _oddly_named(root: Path) -> Path:
    source = picture(root / "a\nb.PNG")
    shutil.copy(source, root / "Köln 猫.png")
    shutil.copy(os.fsencode(source), os.fsencode(root) + b"/\xff\xfe.png")
    return root


def _of_many_sizes(root: Path) -> Path:
    for side in (9, 30, 77):
        picture(root / f"{side}.png", side=side)
    return root


def _loose(root: Path) -> Path:
    for name in ("loose.png", "cats/a.png", "dogs/a.png"):
        picture(root / name)
    return root


def _of_many_kinds(root: Path) -> Path:
    picture(root / "a.jpg", "CMYK", (0, 255, 255, 0))
    picture(root / "b.png", "LA", (0, 128))
    picture(root / "c.PNG", "1", 1)
    return root


def _alike(root: Path) -> Path:
    for index in range(12):
        picture(root / f"{index}.png")
    return root


def _wrong_sum(root: Path) -> Path:
    path = zipped(root.with_suffix(".zip"), Member("a.bmp", _noisy_bmp(root), packing=0))
    return flipped(path, path.stat().st_size // 2)


def _noisy_bmp(root: Path) -> bytes:
    return noise(root / "n.bmp").read_bytes()


SOUND = png(8, 8, bytes([7] * 8))
HUGE = png(11_000, 11_000, bytes(1375), bits=1)
ONE = Member("a.png", SOUND)

CASES = (
    Case("empty folder", _empty, words=r"no pictures in .*photos \(no files\)"),
    Case("texts only", _lone("a.txt", b"x"), words=r"no pictures in .*1 \.txt"),
    Case("no such folder", lambda root: root, words=r"photos does not exist"),
    Case("a picture", lambda root: picture(root / "a.png"), words=r"a\.png is a file; name the"),
    Case("a tar", lambda r: _lone("a.tar", b"x")(r) / "a.tar", words=r"a\.tar is a file; unpack"),
    Case("one picture", lambda root: picture(root / "a.png").parent, 1),
    Case("0 bytes", _file("a.png", b""), words=r"a\.png cannot be read"),
    Case("text", _file("a.png", b"text"), words=r"a\.png .*no picture of a known format"),
    Case("web page", _file("a.jpg", b"<html>"), words=r"a\.jpg .*no picture of a known format"),
    Case("cut PNG", _broken("a.png", cut), words=r"a\.png cannot be read \(.*truncated"),
    Case("cut JPEG", _broken("a.jpg", cut), words=r"a\.jpg cannot be read \(.*truncated"),
    Case("cut GIF", _broken("a.gif", cut), words=r"a\.gif cannot be read"),
    Case("flipped PNG", _broken("a.png", lambda p: flipped(p, 99)), words=r"a\.png cannot be"),
    Case("wrong sum", _file("a.png", png(8, 8, bytes(8), crc=1)), words=r"a\.png cannot be read"),
    Case("damaged JPEG", _broken("a.jpg", lambda p: flipped(p, 1900, 1)), 2),  # nobody can see it
    Case("16 bits", _lone("a.png", png(2, 2, b"\x80" * 4, bits=16)), 1, value=(128,)),
    Case("floats", lambda r: picture(r / "a.tif", "F", 1.0).parent, words=r"a\.tif .*no known ra"),
    Case(
        "hidden red",
        lambda root: picture(root / "a.png", "RGBA", (255, 0, 0, 0)).parent,
        1,
        "1 with transparency",
        (255, 255, 255),
    ),
    Case("clear palette", _clear_palette, 1, "1 with transparency", (255, 255, 255)),
    Case("turned photo", _turned, 1, "1 turned as their cameras noted", (0, 0, 0)),
    Case("loop of links", _looped, 1),
    Case("dangling link", _dangling, words=r"a\.png cannot be read \(No such file"),
    Case("left by a Mac", _file("._x.png", b"Mac OS X"), 1),
    Case("bomb in the head", _file("a.png", png(9_000, 9_000, b"")), words=r"a\.png has 9,000 x"),
    Case("121 megapixels", _file("a.png", HUGE), words=r"a\.png has 11,000 x 11,000 pixels"),
    Case("forbidden file", _forbidden, words=r"a\.png cannot be read \(Permission denied\)"),
    Case("folder called a.png", _named_like_a_picture, 1),
    Case("pipe", _piped, words=r"a\.png is no regular file"),
    Case("1x1", lambda root: picture(root / "a.png", side=1).parent, 1),
    Case("1x10000", _lone("a.png", png(1, 10_000, b"\7")), 1, "1 cut to the square", (7,)),
    Case("odd names", _oddly_named, 3),
    Case("many sizes", _of_many_sizes, 3, r"9x9 \.\.\. 30x30 \.\.\. 77x77"),
    Case("CMYK, LA, 1 bit", _of_many_kinds, 3, "2 grey -> colour", (255, 0, 0)),
    Case("loose beside classes", _loose, words=r"1 picture beside folders of pictures"),
    Case("copies, all black", _alike, 12, "11 look like one before them"),
    Case("moving GIF", _moving("a.gif"), 1, "1 with several frames: the first", (255, 0, 0)),
    Case("moving WebP", _moving("a.webp"), 1, "1 with several frames: the first", (255, 0, 0)),
    Case("HEIC only", _lone("a.HEIC", b"x"), words=r"no pictures in .*1 \.heic"),
    Case("HEIC beside", _file("a.heic", b"x"), 1, r"no pictures: \.heic 1"),
    Case("zip of 0 bytes", lambda r: _lone("a.zip", b"")(r) / "a.zip", words=r"a\.zip cannot be"),
    Case("encrypted zip", _entry(8, b"\1\0"), words=r"a\.png is encrypted"),
    Case("wrong sum in a zip", _wrong_sum, words=r"a\.bmp cannot be read \(Bad CRC"),
    Case("zip64", _zip(ONE, zip64=True), 1, value=(7,)),
    Case("zip in a zip", _zip(Member("a.zip", b"PK")), words=r"no pictures in .*1 \.zip"),
    Case("folder in a zip", _zip(Member("p/a.png", SOUND), Member("p/b.png", SOUND)), 2),
    Case("bomb in a zip", _entry(24, struct.pack("<I", 2**28 - 1)), words=r"a\.png claims 268,4"),
    Case("link in a zip", _zip(Member("a.png", b"/etc", 0o120777)), words=r"a\.png is a link or"),
    Case("twice in a zip", _zip(ONE, ONE), words=r"photos\.zip holds a\.png twice"),
)
