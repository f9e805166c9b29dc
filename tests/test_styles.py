"""What a generator with a mapping and a synthesis can do: truncation and mixed styles."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo.cli.main import main
from ganzoo.data.pixels import to_pixels
from ganzoo.errors import RecipeError
from ganzoo.sampling import latents, render, sample
from ganzoo.styles import mix
from ganzoo.walk import walk

Said = pytest.CaptureFixture[str]

LAYERS = 4


class Weaver(nn.Module):
    """Paints w as it is: a row of pixels a layer. Classes brighten it; training mode would too."""

    z_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.2))
        self.register_buffer("w_mean", torch.tensor([0.1, -0.3, 0.5]))

    def mapping(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        told = 0.0 if labels is None else labels[:, None] / 10
        return (self.gain * z + told)[:, None].expand(-1, LAYERS, -1)

    def synthesis(self, w: Tensor) -> Tensor:
        return (w + self.training)[:, None]

    def forward(self, z: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        w = self.mapping(z, labels)
        return {"image": self.synthesis(w), "w": w}


class Plain(nn.Module):
    """A generator of one step."""

    z_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.gain * z[:, None, None]


def test_at_psi_zero_every_seed_has_the_picture_of_the_mean() -> None:
    shown = sample(Weaver(), range(5), psi=0.0)
    mean = to_pixels(Weaver().synthesis(torch.tensor([0.1, -0.3, 0.5]).expand(1, LAYERS, 3)) - 1)
    assert torch.equal(shown, mean.expand(5, -1, -1, -1))


def test_at_psi_one_and_without_psi_pictures_are_the_same() -> None:
    weaver = Weaver()
    assert torch.equal(sample(weaver, range(70), psi=1.0), sample(weaver, range(70)))


def test_truncation_is_a_line_from_the_mean_through_w() -> None:
    weaver, z = Weaver(), latents([4], 3)
    w = weaver.mapping(z)
    for psi in (0.25, 0.7, 1.5):
        expected = to_pixels((weaver.w_mean + psi * (w - weaver.w_mean))[:, None])
        assert (render(weaver, z, psi=psi).int() - expected.int()).abs().max() <= 1


def test_truncation_leaves_mode_weights_and_random_state_alone() -> None:
    weaver = Weaver().train()
    before = torch.get_rng_state()
    sample(weaver, range(3), psi=0.5)
    mix(weaver, [0], [1], psi=0.5)
    assert weaver.training
    assert torch.equal(torch.get_rng_state(), before)
    assert weaver.gain.grad is None


def test_a_walk_is_truncated_like_its_stops() -> None:
    shown = walk(Weaver(), [3, 5], 4, psi=0.5)
    assert torch.equal(shown[::4], sample(Weaver(), [3, 5], psi=0.5))
    told = walk(Weaver(), [3, 5], 4, [0, 2], 0.5)
    assert torch.equal(told[:8], shown)
    assert torch.equal(told[8::4], sample(Weaver(), [3, 5], torch.tensor([2, 2]), 0.5))


def test_a_mixture_has_the_chosen_layers_of_its_column_and_the_others_of_its_row() -> None:
    weaver, rows, columns = Weaver(), [7, 1], [4, 9, 2]
    table = mix(weaver, rows, columns, layers=[1, 2]).unflatten(0, (3, 4))
    assert (table[0, 0] == 128).all()
    assert torch.equal(table[0, 1:], sample(weaver, columns))
    assert torch.equal(table[1:, 0], sample(weaver, rows))
    inner = table[1:, 1:]  # [rows, columns, 1, layers, w]
    of_row, of_column = (
        side.expand(2, 3, 1, LAYERS, 3) for side in (table[1:, :1], table[:1, 1:])
    )
    assert torch.equal(inner[..., 1:3, :], of_column[..., 1:3, :])
    assert torch.equal(inner[..., 0::3, :], of_row[..., 0::3, :])


def test_with_all_layers_a_mixture_is_its_column_and_with_none_its_row() -> None:
    weaver = Weaver()
    every = mix(weaver, [0, 1], [2, 3], layers=range(LAYERS)).unflatten(0, (3, 3))
    none = mix(weaver, [0, 1], [2, 3], layers=[]).unflatten(0, (3, 3))
    assert torch.equal(every[1:, 1:], every[:1, 1:].expand(2, 2, 1, LAYERS, 3))
    assert torch.equal(none[1:, 1:], none[1:, :1].expand(2, 2, 1, LAYERS, 3))


def test_the_first_half_of_the_layers_is_mixed_where_nobody_says_which() -> None:
    usual, said = (mix(Weaver(), [0], [1], layers=each) for each in (None, range(LAYERS // 2)))
    assert torch.equal(usual, said)


def test_a_mixture_is_truncated_and_each_seed_has_its_class() -> None:
    labels, weaver = torch.tensor([1, 2, 3]), Weaver()
    table = mix(weaver, [5], [6, 7], labels, layers=[0], psi=0.3).unflatten(0, (2, 3))
    shown = sample(weaver, [5, 6, 7], labels, 0.3)
    assert torch.equal(table[1, 0], shown[0])
    assert torch.equal(table[0, 1:], shown[1:])
    assert torch.equal(table[1, 1, :, :1], shown[1, :, :1])


def test_a_table_is_made_in_parts_whatever_its_size() -> None:
    weaver = Weaver()
    table = mix(weaver, range(9), range(9, 19)).unflatten(0, (10, 11))
    assert torch.equal(table[9, 0], sample(weaver, [8])[0])
    assert torch.equal(table[0, 10], sample(weaver, [18])[0])
    assert torch.equal(table[9, 10], mix(weaver, [8], [18])[3])


def test_a_generator_of_one_step_is_refused_with_what_was_asked() -> None:
    with pytest.raises(RecipeError, match=r"--psi 0\.7: Plain has no w between z and its picture"):
        sample(Plain(), [0], psi=0.7)
    with pytest.raises(RecipeError, match=r"--psi nan: truncation needs a number, such as 0\.7"):
        sample(Weaver(), [0], psi=float("nan"))
    with pytest.raises(RecipeError, match="a mix: Plain has no w"):
        mix(Plain(), [0], [1])


def test_layers_that_are_not_there_are_refused_with_those_that_are() -> None:
    with pytest.raises(RecipeError, match="--layers 2-4: this generator has layers 0 to 3"):
        mix(Weaver(), [0], [1], layers=range(2, 5))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the smallest runs of a style-based model with classes, and of a plain one."""
    folder = tmp_path_factory.mktemp("styles")
    small = "--dataset digits --set dataset.count=50 --steps 1 --batch-size 4 --device cpu -q"
    widths = "--set generator.width=4 --set discriminator.width=4"
    most = "--set generator.max_width=8 --set discriminator.max_width=8 --resolution 32"
    for words in (f"stylegan-lite {most} --conditional", "gan"):
        assert main(f"train {words} {widths} {small} --out {folder}".split()) == 0
    return folder


def sampled(root: Path, words: str, said: Said) -> Path:
    """Return what ``ganzoo sample -q`` says it wrote."""
    assert main(["sample", *words.split(), "-q", "--device", "cpu", "--out", str(root)]) == 0
    return Path(said.readouterr().out.strip())


def test_a_mix_is_one_picture_of_rows_and_columns(root: Path, capsys: Said) -> None:
    usual, chosen = (sampled(root, f"1 --mix {words}", capsys) for words in ("", "--seed 3-7"))

    assert usual == usual.parent / "mix.png"
    assert usual.parent.parent.name == "made"
    with Image.open(usual) as square, Image.open(chosen) as wide:
        assert square.size == (7 * 33 * 2 + 2, 7 * 33 * 2 + 2)  # of 32 px, twice as large
        assert wide.size == (4 * 33 * 2 + 2, 3 * 33 * 2 + 2)


def test_the_words_of_a_mix_change_it(root: Path, capsys: Said, tmp_path: Path) -> None:
    said = ["", "--layers 0-1", "--layers 7", "--psi 0.2", "--label 3"]
    files = [
        sampled(root, f"1 --mix -n 4 {words} -o {tmp_path / f'{index}.png'}", capsys)
        for index, words in enumerate(said)
    ]
    assert len({file.read_bytes() for file in files}) == len(said)


def test_python_asks_as_the_command_line_does(root: Path, capsys: Said) -> None:
    run = ganzoo.load(root / "0001-stylegan-lite-digits")
    table = run.mix([0, 1], [2, 3, 4], label=5)
    assert table.shape == (12, 1, 32, 32)
    singles = run.sample(5, label=5)
    near = torch.cat([table[[4, 8]], table[1:4]]).int() - singles.int()
    assert near.abs().max() <= 1
    ends = run.walk([0, 1], frames=2, label=5, psi=0.5)[::2].int()
    assert (ends - run.sample(2, label=5, psi=0.5).int()).abs().max() <= 1
    mean = run.sample(3, label=5, psi=0.0)
    assert torch.equal(mean, mean[:1].expand(3, -1, -1, -1))
    assert not torch.equal(run.sample(1, label=5, psi=0.5), singles[:1])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("2 --psi 0.5", "--psi 0.5: MLPGenerator has no w between z and its pictures"),
        ("2 --walk --psi 0.5", "--psi 0.5: MLPGenerator has no w"),
        ("2 --mix", "a mix: MLPGenerator has no w"),
        ("1 --mix --layers 2-8", "--layers 2-8: this generator has layers 0 to 7"),
        ("1 --mix --layers 3-1", "--layers 3-1: the range is empty; write 1-3"),
        ("1 --mix --layers coarse", "--layers 'coarse' is neither a number nor a range"),
        ("1 --mix --walk", "a walk does not mix; choose --walk or --mix"),
        ("1 --layers 0-3", "--layers is of a mix; add --mix"),
        ("1 --mix --frames 3", "--frames is of a walk; add --walk"),
        ("1 --mix -n 1", "a mix needs a row and a column"),
        ("1 --mix -o mix.webp", "mix.webp: a mix is a .png file"),
        ("1 --mix --label 10", "--label 10: the classes are 0 to 9"),
        ("1 --psi much", "'much' is not a valid float"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(
    words: str, told: str, root: Path, capsys: Said
) -> None:
    before = sorted(root.rglob("*"))

    assert main(["sample", *words.split(), "--device", "cpu", "--out", str(root)]) == 2

    assert told in " ".join(capsys.readouterr().err.split())
    assert sorted(root.rglob("*")) == before
