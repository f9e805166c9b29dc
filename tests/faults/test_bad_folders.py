"""Every bad folder gives its pictures, or one line that names the file."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from corpus import CASES, Case
from forge import cut, noise, picture
from PIL import Image

from ganzoo.cli.main import main
from ganzoo.rundir import RunDir
from ganzoo_folder.folder import Folder

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("home")]

Said = pytest.CaptureFixture[str]
NOBODY = 65534
TINY = ("generator.width=4", "discriminator.width=4", "training.batch_size=2")
QUICK = ("training.rehearse=false", "training.resident_gib=2")


@pytest.fixture
def photos() -> Iterator[Path]:
    """A folder to be, where everybody may look."""
    place = Path(tempfile.mkdtemp(prefix="ganzoo-faults-"))
    place.chmod(0o755)
    yield place / "photos"
    shutil.rmtree(place)


@contextmanager
def _as_nobody(needed: bool) -> Iterator[None]:
    """Root may read everything; a test of what may not be read is run as somebody else."""
    if not needed or os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _said(capsys: Said, *words: str) -> tuple[int, str, list[str]]:
    """Return the exit code, all that was said, and the lines of errors."""
    capsys.readouterr()
    code = main(list(words))
    said = "".join(capsys.readouterr())
    return code, said, [line for line in said.splitlines() if line.startswith("error:")]


def _train(path: Path, *sets: str) -> list[str]:
    out = str(path.parent / "runs")
    words = ["train", "gan", "-d", str(path), "--steps", "1", "--resolution", "28", "--out", out]
    return [*words, "--device", "cpu", *(w for s in (*TINY, *QUICK, *sets) for w in ("--set", s))]


def _refused(capsys: Said, words: list[str], expected: str) -> None:
    code, said, errors = _said(capsys, *words)
    assert (code, len(errors)) == (3, 1), said
    assert re.search(expected, errors[0]), errors
    assert "Traceback" not in said


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_each_bad_folder_gives_pictures_or_one_line_that_names_the_file(
    photos: Path,
    capsys: Said,
    measured: Callable[[str, str], None],
    amount: Callable[[int, int], int],
) -> None:
    Image.init()  # nobody may not import what is loaded late
    trained = CASES[:: amount(16, 1)]
    wrong: dict[str, str] = {}
    for number, case in enumerate(CASES):
        place = photos.parent / str(number)
        place.mkdir()
        path = case.make(place / "photos")
        try:
            with _as_nobody(case.name == "forbidden file"):
                _judge(case, path, capsys, train=case in trained)
        except AssertionError as error:
            wrong[case.name] = str(error)

    assert wrong == {}, json.dumps(wrong, indent=1)
    named = sum(not case.count for case in CASES)
    measured(
        "E1",
        f"{len(CASES)} folders: {len(CASES) - named} as documented, {named} named;"
        f" {len(trained)} of them in train too; 0 tracebacks",
    )


def _judge(case: Case, path: Path, capsys: Said, *, train: bool) -> None:
    preview = str(path.parent / "preview.png")
    check = ["data", "check", str(path), "-o", preview, "--resolution", "8"]
    if not case.count:
        _refused(capsys, check, case.words)
        if train:
            _refused(capsys, _train(path), case.words)
        return
    code, said, errors = _said(capsys, *check)
    assert (code, errors) == (0, []), (case.name, said)
    assert re.search(case.words, said), (case.name, said)
    assert f" {case.count} image{'s' * (case.count != 1)} of 8x8" in said, (case.name, said)
    pixels, _ = Folder(path=str(path)).load(8)
    if case.value:
        found = tuple(pixels[0, :, 0, 0].tolist())
        assert max(abs(a - b) for a, b in zip(found, case.value, strict=True)) <= 1, case.name
    if train:
        code, said, _ = _said(capsys, *_train(path))
        assert (code, "Traceback" in said) == (0, False), (case.name, said)


def _ten_thousand(root: Path, number: int) -> list[Path]:
    """Pictures of which only the last is cut; the others are one file under many names."""
    first = noise(root / "00000.bmp", side=8)
    paths = [root / f"{index:05}.bmp" for index in range(1, number)]
    for path in paths[:-1]:
        os.link(first, path)
    cut(noise(paths[-1], side=8), 0.9)
    return paths


@pytest.mark.parametrize("resident_gib", [2.0, 0.0001], ids=["resident", "streamed"])
def test_a_cut_picture_at_the_end_of_many_is_named_before_the_first_step(
    photos: Path,
    capsys: Said,
    measured: Callable[[str, str], None],
    amount: Callable[[int, int], int],
    resident_gib: float,
) -> None:
    number = amount(2000, 10_000)  # more than are looked at for the grids
    last = _ten_thousand(photos, number)[-1]
    sets = (f"training.resident_gib={resident_gib}", "training.workers=0")

    code, _, errors = _said(capsys, *_train(photos, *sets))

    assert code == 3
    assert errors[0].startswith(f"error: {last} cannot be read")
    assert "dataset.skip_bad=true" in errors[0]
    run = RunDir(next((photos.parent / "runs").iterdir()))
    assert not run.metrics.exists() or not run.metrics.read_text()
    kind = "streamed" if resident_gib < 1 else "resident"
    measured("E2", f"{kind}: number {number - 1:,} of {number:,} named before step 0")


@pytest.mark.parametrize("resident_gib", [2.0, 0.0001], ids=["resident", "streamed"])
def test_a_few_that_cannot_be_read_are_left_out_and_written_down(
    photos: Path, capsys: Said, resident_gib: float
) -> None:
    paths = _ten_thousand(photos, 200)
    (photos / "0text.bmp").write_bytes(b"text")
    sets = (f"training.resident_gib={resident_gib}", "training.workers=0")

    code, said, _ = _said(capsys, *_train(photos, "dataset.skip_bad=true", *sets))

    assert code == 0, said
    assert "left out, as they cannot be read: 2 (0text.bmp, 00199.bmp)" in said
    run = RunDir(next((photos.parent / "runs").iterdir()))
    assert run.read_info()["data"]["left_out"] == ["0text.bmp", paths[-1].name]
    assert run.read_info()["data"]["count"] == 199


def test_more_than_one_in_a_hundred_that_cannot_be_read_is_refused(
    photos: Path, capsys: Said
) -> None:
    _ten_thousand(photos, 200)
    for name in ("a.png", "b.png"):
        (photos / name).write_bytes(b"text")
    words = ["data", "check", str(photos), "--set", "dataset.skip_bad=true"]

    _refused(capsys, words, r"photos: 3 of 202 pictures cannot be read, more than 1 %")


@pytest.mark.parametrize(("number", "hinted"), [(51, False), (120, True)])
@pytest.mark.parametrize("content", [b"text", None], ids=["head", "cut"])
def test_a_hint_is_given_only_where_one_picture_may_be_left_out(
    photos: Path, capsys: Said, number: int, hinted: bool, content: bytes | None
) -> None:
    last = _ten_thousand(photos, number)[-1]
    if content is not None:
        last.write_bytes(content)

    code, said, _ = _said(capsys, "data", "check", str(photos), "-o", str(photos.parent / "p.png"))

    assert code == 3
    assert "repair it or move it away" in said
    assert ("up to 1 % of the pictures may be left out" in said) == hinted


@pytest.mark.parametrize("command", ["check", "preview"])
@pytest.mark.parametrize(("here", "name"), [(".", "."), ("cats", ".."), ("cats", "../../photos")])
def test_a_preview_is_never_written_into_the_pictures(
    photos: Path,
    capsys: Said,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    here: str,
    name: str,
) -> None:
    picture(photos / "cats" / "a.png", side=8)
    before = sorted(photos.rglob("*"))
    monkeypatch.chdir(photos / here)

    code, said, _ = _said(capsys, "data", command, name)

    sheet = photos.resolve().parent / "photos-preview.png"
    assert (code, str(sheet) in said, sheet.exists()) == (0, True, True), said
    assert sorted(photos.rglob("*")) == before
    assert "1 pictures" not in said
    assert "1 images" not in said
    said = _said(capsys, "data", command, name, "-o", "mine.png")[1]
    assert (photos / here / "mine.png").exists()


def test_a_preview_is_written_here_where_here_holds_no_data(
    photos: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(photos / "a.png", side=8)
    monkeypatch.chdir(photos.parent)
    assert _said(capsys, "data", "preview", "photos/")[1].strip() == "photos-preview.png"
    assert (photos.parent / "photos-preview.png").exists()


def test_a_check_for_programs_says_all_of_it(photos: Path, capsys: Said) -> None:
    for name in ("cats/a.png", "dogs/b.png"):
        picture(photos / name, colour="red", side=20)
    (photos / "cats" / "c.jpg").write_bytes(b"text")
    preview = photos.parent / "p.png"
    code, _, errors = _said(capsys, "data", "check", str(photos), "-o", str(preview))
    assert (code, len(errors), preview.exists()) == (3, 1, False)

    main(["data", "check", str(photos), "--json", "-o", str(preview)])
    found = json.loads(capsys.readouterr().out)
    assert list(found["survey"]["unreadable"]) == ["cats/c.jpg"]
    assert found["info"] is None
    assert "c.jpg cannot be read" in found["problem"]

    (photos / "cats" / "c.jpg").unlink()
    main(["data", "check", str(photos), "--json", "-o", str(preview)])
    found = json.loads(capsys.readouterr().out)
    assert found["problem"] is None
    assert found["info"]["class_counts"] == [1, 1]
    with Image.open(found["preview"]) as image:
        assert image.getpixel((9, 9)) == (255, 0, 0)


def test_a_preview_alone_is_its_path(photos: Path, capsys: Said, tmp_path: Path) -> None:
    picture(photos / "a.png")
    where = tmp_path / "some" / "p.png"

    code, said, _ = _said(capsys, "data", "preview", str(photos), "-o", str(where))
    assert (code, said.strip()) == (0, str(where))
    assert where.exists()
    few = ("--set", "dataset.count=50")
    code, said, _ = _said(capsys, "data", "check", "digits", "-o", str(where), *few)
    assert code == 0
    assert "50 images of 28x28, grey, 10 classes" in said
