"""A zip is a folder that nobody unpacked: the same pictures, and errors that name its members."""

import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganzoo.errors import DataError
from ganzoo_folder import folder
from ganzoo_folder.folder import Folder

pytestmark = pytest.mark.usefixtures("home")


def _picture(path: Path, value: int = 0, side: int = 16, mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (side, side), value).save(path)
    return path


def _zipped(root: Path, target: Path | None = None, packing: int = zipfile.ZIP_DEFLATED) -> Path:
    """Pack a folder, the last files first."""
    target = target or root.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", packing) as archive:
        for path in sorted(root.rglob("*"), reverse=True):
            archive.write(path, path.relative_to(root))
    return target


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


LAYOUTS = {
    "flat": ["b.png", "a.PNG", "c.bmp", "Köln 猫.png", "-x.png"],
    "classes": ["dogs/a.png", "cats/deep/b.png", "cats/z.png", "cats/a/c.png", "cats-2/a.png"],
    "packed": ["top/img/b.png", "top/img/a.png", "__MACOSX/top/img/c.png"],
    "hidden": ["a.png", ".b.png", ".thumbnails/a.png"],
}


@pytest.mark.parametrize("names", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_zip_gives_what_the_folder_of_the_same_files_gives(
    photos: Path, names: list[str], packing: int
) -> None:
    for value, name in enumerate(names):
        _picture(photos / name, value, side=8 + value)
    (photos / "notes.txt").write_text("no picture")
    whole, packed = Folder(path=str(photos)), Folder(path=str(_zipped(photos, packing=packing)))
    info, (pixels, labels), (others, told) = whole.describe(), whole.load(8), packed.load(8)

    assert packed.describe() == info
    assert torch.equal(others, pixels)
    assert (told is None) == (labels is None)
    if told is not None and labels is not None:
        assert torch.equal(told, labels)
    assert not [path for path in photos.parent.iterdir() if path.name not in ("photos", "home")][
        1:
    ]


@pytest.mark.parametrize("resolution", [None, 5])
def test_one_picture_at_a_time_is_what_is_loaded_whole(
    photos: Path, resolution: int | None
) -> None:
    for value, name in enumerate(LAYOUTS["classes"]):
        _picture(photos / name, value)
    for path in (photos, _zipped(photos)):
        pixels, labels = Folder(path=str(path)).load(resolution)
        reader = pickle.loads(pickle.dumps(Folder(path=str(path)).reader(resolution)))

        assert torch.equal(torch.stack([reader(i) for i in range(len(reader))]), pixels)
        assert torch.equal(reader.labels, labels)


def test_members_are_decoded_once_and_anew_when_one_changes(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _picture(photos / "a.png", 5)
    path = _zipped(photos)
    assert int(Folder(path=str(path)).load()[0].max()) == 5
    with monkeypatch.context() as patch:
        patch.delattr(folder, "decoded")
        assert int(Folder(path=str(path)).load()[0].max()) == 5

    _picture(photos / "a.png", 6)
    assert int(Folder(path=str(_zipped(photos))).load()[0].max()) == 6


def test_describing_a_zip_decodes_nothing(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _picture(photos / "a.png")
    monkeypatch.delattr(folder, "decoded")

    assert Folder(path=str(_zipped(photos))).describe().count == 1


def test_archives_inside_and_other_files_are_other_files(photos: Path) -> None:
    _picture(photos / "in" / "a.png")
    inner = _zipped(photos / "in", photos / "inner.zip")
    shutil.rmtree(photos / "in")
    (photos / "a.txt").touch()

    with pytest.raises(DataError, match=r"photos\.zip \(2 files: 1 .*\.zip.*\)\.  Pictures"):
        Folder(path=str(_zipped(photos))).describe()
    assert Folder(path=str(inner)).describe().count == 1


def test_loose_pictures_beside_classes_are_refused_in_a_zip_too(photos: Path) -> None:
    for name in ("loose.png", "cats/a.png", "dogs/a.png"):
        _picture(photos / name)

    with pytest.raises(DataError, match=r"photos\.zip holds 1 picture beside folders"):
        Folder(path=str(_zipped(photos))).describe()


def test_a_damaged_picture_in_a_zip_is_named(photos: Path) -> None:
    _picture(photos / "cats" / "3.png").write_bytes(b"text")
    _picture(photos / "dogs" / "3.png")

    with pytest.raises(DataError) as caught:
        Folder(path=str(_zipped(photos))).describe()

    assert str(caught.value).endswith(
        "photos.zip/cats/3.png cannot be read (no picture of a known format); repair it or move"
        " it away."
    )


def test_a_member_that_fails_its_checksum_is_named(photos: Path) -> None:
    _picture(photos / "a.bmp", 3, side=200)
    path = _zipped(photos, packing=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(bytes([3] * 20)) + 39_000] ^= 1
    path.write_bytes(content)
    data = Folder(path=str(path))
    data.describe()

    with pytest.raises(DataError, match=r"photos\.zip/a\.bmp cannot be read \(Bad CRC-32"):
        data.load()


def _patched(path: Path, offset: int, value: bytes) -> None:
    """Change the entry of the only member in the directory at the end."""
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02") + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)


REFUSED: dict[str, tuple[int, bytes, str]] = {
    "encrypted": (8, b"\x01\x00", r"a\.png is encrypted; pack it without a password"),
    "rare": (10, b"\x0e\x00", r"a\.png is packed in a rare way; pack it as a plain zip does"),
    "huge": (24, struct.pack("<I", 2**28 + 1), r"a\.png claims 268,435,457 bytes, packed in"),
    "bomb": (24, struct.pack("<I", 2**20 + 1), r"a\.png claims 1,048,577 bytes, .*; take it out"),
}


@pytest.mark.parametrize(("offset", "value", "words"), REFUSED.values(), ids=REFUSED)
def test_members_that_are_refused_are_named(
    photos: Path, offset: int, value: bytes, words: str
) -> None:
    _picture(photos / "a.png")
    path = _zipped(photos)
    _patched(path, offset, value)

    with pytest.raises(DataError, match=rf"photos\.zip/{words}"):
        Folder(path=str(path)).describe()


def test_what_claims_too_much_is_no_matter_where_it_is_no_picture(photos: Path) -> None:
    _picture(photos / "a.png")
    (photos / "zeros.bin").write_bytes(bytes(2**21))

    assert Folder(path=str(_zipped(photos))).describe().count == 1


def test_a_member_with_more_than_it_claims_is_read_no_further(photos: Path) -> None:
    _picture(photos / "a.bmp", 7, side=300)
    path = _zipped(photos)
    _patched(path, 24, struct.pack("<I", 5000))
    data = Folder(path=str(path))

    with pytest.raises(DataError, match=r"photos\.zip/a\.bmp cannot be read"):
        data.load()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "text": lambda content: b"no zip at all" * 9,
    "cut": lambda content: content[: len(content) // 2],
    "no directory": lambda content: content.replace(b"PK\x01\x02", b"PK\x09\x09"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_zip_is_refused_in_a_sentence(
    photos: Path, damage: Callable[[bytes], bytes]
) -> None:
    _picture(photos / "a.png")
    path = _zipped(photos)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(
        DataError, match=r"photos\.zip cannot be read \(.+\); copy or pack it anew"
    ):
        Folder(path=str(path)).describe()


def test_every_damaged_byte_gives_the_pictures_or_one_sentence(photos: Path) -> None:
    _picture(photos / "a.png", 9)
    path = _zipped(photos)
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            outcome = len(Folder(path=str(path)).load(4)[0]) == 1
        except DataError as error:
            outcome = "photos.zip" in str(error)
        assert outcome


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "a//b.png", "./b.png"])
def test_no_name_leads_out_of_a_zip(tmp_path: Path, name: str) -> None:
    picture = _picture(tmp_path / "a.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr(name, picture)
        archive.writestr("x/y.png" if "/" in name.strip("./") else "y.png", picture)

    assert Folder(path=str(tmp_path / "odd.zip")).describe().count == 2 - name.startswith("..")


def test_a_missing_zip_names_its_neighbour(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _picture(photos / "a.png")
    _zipped(photos)
    shutil.rmtree(photos)
    monkeypatch.chdir(photos.parent)

    with pytest.raises(DataError, match=r"^\./photo\.zip does not exist.*mean \./photos\.zip\?$"):
        Folder(path="./photo.zip").describe()


def test_a_zip_of_an_old_windows_tool_keeps_its_classes(photos: Path) -> None:
    paths = [_picture(photos / name, value) for value, name in enumerate(["a.png", "b.png"])]
    target = photos.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for path, kind in zip(paths, ("cats", "dogs"), strict=True):
            info = zipfile.ZipInfo("x")
            info.filename = f"{kind}\\{path.name}"
            archive.writestr(info, path.read_bytes())

    assert Folder(path=str(target)).describe().class_names == ("cats", "dogs")
    assert Folder(path=str(target)).load()[0][:, 0, 0, 0].tolist() == [0, 1]
