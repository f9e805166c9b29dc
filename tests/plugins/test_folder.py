import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganzoo.errors import DataError
from ganzoo_folder import folder
from ganzoo_folder.folder import Folder

pytestmark = pytest.mark.usefixtures("home")


def _picture(
    path: Path, value: int = 0, size: tuple[int, int] = (16, 16), mode: str = "L"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


def _values(pixels: torch.Tensor) -> list[int]:
    return [int(value) for value in pixels[:, 0, 0, 0]]


def test_a_flat_folder_has_no_classes(photos: Path) -> None:
    for value, name in enumerate(["b.png", "a.PNG", "c.bmp"]):
        _picture(photos / name, value)

    info = Folder(path=str(photos)).describe()
    pixels, labels = Folder(path=str(photos)).load()

    assert (info.image_shape, info.count, info.num_classes) == ((1, 16, 16), 3, 0)
    assert (info.class_counts, info.class_names) == ((), ())
    assert _values(pixels) == [1, 0, 2]
    assert labels is None


def test_folders_in_a_folder_are_classes_and_give_all_below_them(photos: Path) -> None:
    for value, name in enumerate(["dogs/a.png", "cats/deep/b.png", "cats/a.png", "cats/a/c.png"]):
        _picture(photos / name, value)
    (photos / "empty").mkdir()
    (photos / "notes.txt").write_text("not a picture")

    info = Folder(path=str(photos)).describe()
    pixels, labels = Folder(path=str(photos)).load()

    assert info.class_names == ("cats", "dogs")
    assert info.class_counts == (3, 1)
    assert info.num_classes == 2
    assert labels is not None
    assert labels.tolist() == [0, 0, 0, 1]
    assert _values(pixels) == [2, 3, 1, 0]


def test_a_lone_folder_is_packing_and_no_class(photos: Path) -> None:
    _picture(photos / "archive" / "img" / "a.png")
    _picture(photos / "archive" / "img" / "b.png")
    assert Folder(path=str(photos)).describe().num_classes == 0

    _picture(photos / "archive" / "other" / "a.png")
    assert Folder(path=str(photos)).describe().class_names == ("img", "other")


def test_pictures_beside_folders_of_pictures_are_refused(photos: Path) -> None:
    for name in ("loose.png", "cats/a.png", "dogs/a.png"):
        _picture(photos / name)

    with pytest.raises(DataError, match=r"1 picture beside folders of pictures \(cats, dogs\)"):
        Folder(path=str(photos)).describe()


def test_one_coloured_picture_makes_the_set_coloured(photos: Path) -> None:
    _picture(photos / "a.png", 7)
    assert Folder(path=str(photos)).describe().image_shape[0] == 1

    _picture(photos / "b.png", mode="RGB")
    data = Folder(path=str(photos))

    assert data.describe().image_shape[0] == 3
    assert data.load()[0][0, :, 0, 0].tolist() == [7, 7, 7]


def test_its_own_resolution_is_the_middle_one_of_the_shorter_sides(photos: Path) -> None:
    for index, size in enumerate([(10, 99), (24, 20), (50, 40)]):
        _picture(photos / f"{index}.png", size=size)
    data = Folder(path=str(photos))

    assert data.describe().image_shape == (1, 20, 20)
    assert data.load()[0].shape == (3, 1, 20, 20)
    assert data.describe(8).image_shape == (1, 8, 8)
    assert data.load(8)[0].shape == (3, 1, 8, 8)


def test_describing_decodes_nothing(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _picture(photos / "a.png")
    monkeypatch.delattr(folder, "decoded")

    assert Folder(path=str(photos)).describe().count == 1


def test_pictures_are_decoded_once(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _picture(photos / "x" / "a.png", 5)
    _picture(photos / "y" / "b.png", 6)
    pixels, labels = Folder(path=str(photos)).load(8)
    monkeypatch.delattr(folder, "decoded")
    again, told = Folder(path=str(photos)).load(8)

    assert torch.equal(pixels, again)
    assert labels is not None
    assert told is not None
    assert torch.equal(labels, told)


def test_a_changed_picture_is_decoded_anew(photos: Path) -> None:
    path = _picture(photos / "a.png", 5)
    assert _values(Folder(path=str(photos)).load()[0]) == [5]
    before = path.stat()
    _picture(path, 6)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))

    assert _values(Folder(path=str(photos)).load()[0]) == [6]


def test_a_twin_folder_is_not_taken_for_its_brother(photos: Path, tmp_path: Path) -> None:
    _picture(photos / "a.bmp", 5)
    twin = _picture(tmp_path / "twin" / "photos" / "a.bmp", 6)
    shutil.copystat(photos / "a.bmp", twin)
    Folder(path=str(photos)).load()

    assert _values(Folder(path=str(twin.parent)).load()[0]) == [6]


def test_a_missing_folder_names_its_neighbour(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _picture(photos / "a.png")
    _picture(photos / "b.png")
    monkeypatch.chdir(photos.parent)

    with pytest.raises(DataError) as caught:
        Folder(path="./photo").describe()
    assert str(caught.value) == "./photo does not exist.  Did you mean ./photos (2 files)?"
    with pytest.raises(DataError, match=r"does not exist\.  Name a folder with pictures"):
        Folder(path="/quite/elsewhere").load()


def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    with pytest.raises(DataError, match=r"no pictures in .*texts \(no files\)"):
        Folder(path=str(texts)).describe()

    for index in range(38):
        (texts / f"{index}.txt").touch()
    (texts / "README").touch()
    with pytest.raises(DataError) as caught:
        Folder(path=str(texts)).describe()
    assert "(39 files: 38 .txt, 1 without an ending).  Pictures: .png .jpg" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "cure"),
    [("photos.tar", "unpack it and name the folder"), ("a.png", "name the folder or zip")],
)
def test_a_file_is_no_folder(tmp_path: Path, name: str, cure: str) -> None:
    (tmp_path / name).touch()

    with pytest.raises(DataError, match=f"{name} is a file; {cure}"):
        Folder(path=str(tmp_path / name)).describe()


def test_hidden_files_are_passed_over(photos: Path) -> None:
    _picture(photos / "a.png")
    (photos / "._a.png").write_bytes(b"Mac OS X        ")
    (photos / ".DS_Store").touch()
    _picture(photos / ".thumbnails" / "a.png")

    assert Folder(path=str(photos)).describe().count == 1


def test_pictures_that_cannot_be_read_here_are_told(photos: Path) -> None:
    _picture(photos / "a.png")
    (photos / "b.HEIC").touch()

    info = Folder(path=str(photos)).describe()

    assert info.count == 1
    assert "1 .heic not read" in info.notes[0]


def test_a_loop_of_links_is_walked_once(photos: Path) -> None:
    _picture(photos / "cats" / "a.png")
    _picture(photos / "dogs" / "a.png")
    (photos / "cats" / "again").symlink_to(photos)
    (photos / "self").symlink_to("self")

    info = Folder(path=str(photos)).describe()

    assert info.class_counts == (1, 1)


def test_a_linked_class_counts(photos: Path, tmp_path: Path) -> None:
    _picture(tmp_path / "elsewhere" / "a.png", 3)
    _picture(photos / "dogs" / "a.png", 4)
    (photos / "cats").symlink_to(tmp_path / "elsewhere")

    assert Folder(path=str(photos)).describe().class_names == ("cats", "dogs")
    assert _values(Folder(path=str(photos)).load()[0]) == [3, 4]


def test_a_folder_named_like_a_picture_is_a_folder(photos: Path) -> None:
    _picture(photos / "x.png" / "a.png")
    _picture(photos / "y.png" / "a.png")

    assert Folder(path=str(photos)).describe().class_names == ("x.png", "y.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_a_pipe_among_pictures_is_named(photos: Path) -> None:
    _picture(photos / "a.png")
    os.mkfifo(photos / "b.png")

    with pytest.raises(DataError, match=r"b\.png is no regular file"):
        Folder(path=str(photos)).describe()


def test_one_cut_picture_among_many_is_named_before_training(photos: Path) -> None:
    for index in range(30):
        _picture(photos / f"{index:02}.bmp", size=(40, 40))
    cut = photos / "29.bmp"
    cut.write_bytes(cut.read_bytes()[:1200])
    data = Folder(path=str(photos))
    data.describe()

    with pytest.raises(DataError, match=r"29\.bmp cannot be read"):
        data.load()


def test_a_picture_that_vanishes_is_named(photos: Path) -> None:
    path = _picture(photos / "a.png")
    data = Folder(path=str(photos))
    data.describe()
    path.unlink()

    with pytest.raises(DataError, match=r"a\.png is gone"):
        data.load()


def test_any_name_that_a_disk_can_hold_will_do(photos: Path) -> None:
    for name in ("Köln 猫.png", "a\nb.png", "-x.png"):
        _picture(photos / name)
    odd = os.fsencode(photos) + b"/\xff\xfe.png"
    try:
        shutil.copy(os.fsencode(photos / "-x.png"), odd)
    except OSError:
        pytest.skip("this disk refuses such names")

    assert len(Folder(path=str(photos)).load()[0]) == 4
