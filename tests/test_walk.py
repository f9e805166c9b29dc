"""A walk through the latents: where it stops, how it goes, and what it leaves on the disk."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo.cli.main import main
from ganzoo.errors import RecipeError
from ganzoo.made import class_of
from ganzoo.rundir import RunDir
from ganzoo.sampling import latents, sample
from ganzoo.walk import walk, walk_latents

Said = pytest.CaptureFixture[str]


class Painter(nn.Module):
    """Paints its latent: one pixel a dimension, and the class as a level of grey in the last."""

    z_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.2))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        last = torch.zeros(len(z)) if labels is None else labels / 10
        return torch.cat([self.gain * z, last[:, None]], 1).view(-1, 1, 2, 2).clamp(-1, 1)


def test_a_walk_stops_at_its_seeds_and_returns_to_the_first() -> None:
    z = walk_latents([4, 9, 2], 16, 5)
    assert z.shape == (15, 16)
    assert torch.equal(z[::5], latents([4, 9, 2], 16))
    last_leg, first = z[10:], z[:1]
    assert (last_leg[-1] - first).norm() < (last_leg[0] - first).norm()


def test_a_walk_runs_along_the_sphere_in_equal_steps() -> None:
    z = walk_latents([0, 1], 64, 8)[:9].double()  # from the first stop to the second
    lengths = z.norm(dim=1)
    even = torch.lerp(lengths[0], lengths[8], torch.arange(9).double() / 8)
    torch.testing.assert_close(lengths, even, rtol=1e-5, atol=0)
    steps = torch.cosine_similarity(z[1:], z[:-1])
    torch.testing.assert_close(steps, steps[:1].expand(8), rtol=1e-5, atol=0)
    straight = torch.lerp(z[0], z[8], 0.5).norm()
    assert straight < 0.8 * lengths[4]  # the way through the inside would be short of mass


def test_a_walk_of_one_seed_stands_still() -> None:
    z = walk_latents([7], 8, 3)
    assert torch.equal(z, latents([7, 7, 7], 8))


def test_the_picture_at_a_stop_is_that_of_its_seed() -> None:
    painter = Painter()
    shown = walk(painter, [3, 5], 4)
    assert shown.shape == (8, 1, 2, 2)
    assert torch.equal(shown[::4], sample(painter, [3, 5]))


def test_classes_are_shown_on_the_same_walk() -> None:
    shown = walk(Painter(), [3, 5], 4, [2, 6]).unflatten(0, (2, 8))
    assert torch.equal(shown[0].flatten(1)[:, :3], shown[1].flatten(1)[:, :3])
    assert (shown[0, :, 0, 1, 1] < shown[1, :, 0, 1, 1]).all()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the smallest run of a model with classes, and of one without."""
    folder = tmp_path_factory.mktemp("walk")
    small = "--set dataset.count=100 --steps 1 --batch-size 8 --device cpu -q"
    for name in ("cgan", "gan"):
        widths = "--set generator.width=4 --set discriminator.width=4"
        assert main(f"train {name} {widths} {small} --out {folder}".split()) == 0
    return folder


def opened(path: Path) -> Image.Image:
    """Return a picture as grey values, its file closed."""
    with Image.open(path) as picture:
        return picture.convert("L")


def sampled(root: Path, words: str, said: Said) -> Path:
    """Return what ``ganzoo sample -q`` says it wrote."""
    assert main(["sample", *words.split(), "-q", "--device", "cpu", "--out", str(root)]) == 0
    return Path(said.readouterr().out.strip())


def test_a_walk_is_a_webp_and_its_frames(root: Path, capsys: Said) -> None:
    path = sampled(root, "2 --walk -n 3 --frames 4", capsys)

    assert path == path.parent / "walk.webp"
    assert path.parent.parent.name == "made"
    frames = sorted((path.parent / "walk").iterdir())
    assert [frame.name for frame in frames] == [f"{index:05d}.png" for index in range(12)]
    with Image.open(path) as animation:
        assert (animation.n_frames, animation.info["loop"]) == (12, 0)
        assert animation.size == opened(frames[0]).size
        animation.seek(5)
        assert animation.convert("L").tobytes() == opened(frames[5]).tobytes()


def test_python_walks_as_the_command_line_does(root: Path) -> None:
    run = ganzoo.load(root / "0001-cgan-digits")

    every, one = run.walk([1, 2], frames=3), run.walk([1, 2], frames=3, label="4")

    assert (len(every), len(one)) == (60, 6)
    assert torch.equal(every[24:30], one)
    assert torch.equal(one[3:4], run.sample(1, seed=2, label=4))


def test_a_walk_with_classes_shows_all_side_by_side_or_the_one_asked_for(
    root: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    every = sampled(root, "1 --walk -n 2 --frames 2 -o all.webp", capsys)
    one = sampled(root, "1 --walk -n 2 --frames 2 --label 3 -o frames", capsys)

    assert (every, one) == (Path("all.webp"), Path("frames"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.webp", "frames"]
    assert len(list(one.iterdir())) == 4
    wide, narrow = opened(every).size, opened(one / "00000.png").size
    assert wide[0] > 9 * wide[1]
    assert narrow[0] == narrow[1]
    assert wide[0] <= 1280
    assert narrow[1] <= 256


def test_a_class_is_found_by_its_name_or_its_number(root: Path, tmp_path: Path) -> None:
    run = RunDir.open(shutil.copytree(root / "0001-cgan-digits", tmp_path / "0001-cgan-digits"))
    assert [class_of(run, word) for word in ("7", "0")] == [7, 0]
    run.update_info(data={**run.read_info()["data"], "class_names": ["cat", "dog", "0"]})
    assert [class_of(run, word) for word in ("dog", "1", "0")] == [1, 1, 2]
    with pytest.raises(RecipeError, match=r"the classes are cat, dog, 0\..*Did you mean dog\?"):
        class_of(run, "dogs")


def test_a_grid_with_classes_has_a_column_for_each(root: Path, capsys: Said) -> None:
    every, one = sampled(root, "1", capsys), sampled(root, "1 --label 7", capsys)

    assert opened(every).size[0] > 1.2 * opened(every).size[1]  # 10 columns, 8 rows
    assert opened(one).size[0] == opened(one).size[1]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("1 --label 10", 2, "--label 10: the classes are 0 to 9"),
        ("2 --label 1", 2, "trained without classes"),
        ("1 --label seven", 2, "--label seven: there is no such class"),
        ("1 --walk --label 10", 2, "--label 10: the classes are 0 to 9"),
        ("2 --walk --label 1", 2, "trained without classes"),
        ("1 --walk -o walk.png", 2, "a walk is a .webp file, or a folder"),
        ("1 -o walk.webp", 2, "write a .png or a .safetensors file"),
        ("1 --frames 3", 2, "--frames is of a walk; add --walk"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_anything_is_written(
    words: str, code: int, told: str, root: Path, capsys: Said
) -> None:
    before = sorted(root.rglob("*"))

    assert main(["sample", *words.split(), "--device", "cpu", "--out", str(root)]) == code

    assert told in capsys.readouterr().err
    assert sorted(root.rglob("*")) == before
