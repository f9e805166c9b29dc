"""What places of a picture look at, drawn for any generator with a layer that attends."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo.attention import COLOURS, LOOKED, PLACES, attention
from ganzoo.cli.main import main
from ganzoo.errors import RecipeError
from ganzoo.nn.attention import SelfAttention
from ganzoo.sampling import BATCH, latents, sample

Said = pytest.CaptureFixture[str]
COLUMNS = 1 + len(PLACES)


class Looker(nn.Module):
    """A map of 4x4, which attends, becomes a picture of 8x8; a second layer may attend to that."""

    z_dim = 3

    def __init__(self, *, channels: int = 1, twice: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, channels * 16)
        self.near = SelfAttention(channels)
        self.far = SelfAttention(channels) if twice else nn.Identity()
        for layer in self.modules():
            if isinstance(layer, SelfAttention):
                nn.init.normal_(layer.gamma)
                nn.init.constant_(layer.theta.weight, 5.0)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        told = 0.0 if labels is None else labels[:, None] / 10
        maps = self.near((self.linear(z) + told).view(len(z), -1, 4, 4))
        return torch.tanh(self.far(nn.functional.interpolate(maps, scale_factor=2.0)))


class Blind(nn.Module):
    """A generator without attention."""

    z_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.gain * z[:, None, None]


def _cells(looker: Looker) -> list[tuple[slice, slice]]:
    """Return the pixels of the places that are asked: a place of 4x4 has two by two of them."""
    corners = [(int(4 * y) * 2, int(4 * x) * 2) for y, x in PLACES]
    return [(slice(y, y + 2), slice(x, x + 2)) for y, x in corners]


def test_a_row_is_the_picture_with_a_dot_for_each_place_and_a_map_for_each() -> None:
    looker, seeds = Looker(), [4, 9]
    rows = attention(looker, seeds).unflatten(0, (2, COLUMNS))
    assert (rows.dtype, rows.shape) == (torch.uint8, (2, COLUMNS, 3, 8, 8))
    untouched = torch.ones(8, 8, dtype=torch.bool)
    for (down, right), colour in zip(_cells(looker), torch.tensor(COLOURS), strict=True):
        assert (rows[:, 0, :, down, right] == colour[:, None, None]).all()
        untouched[down, right] = False
    pictures = sample(looker, seeds).expand(-1, 3, -1, -1)
    assert torch.equal(rows[:, 0, :, untouched], pictures[..., untouched])
    assert untouched.sum() == 64 - 4 * len(PLACES)


def test_a_map_has_the_places_colour_as_much_as_it_looks_there() -> None:
    looker = Looker().eval()
    rows = attention(looker, [4, 9]).unflatten(0, (2, COLUMNS))
    dark = sample(looker, [4, 9]).float() / 2
    with torch.no_grad():
        maps = looker.linear(latents([4, 9], 3)).view(2, 1, 4, 4)
        weights = looker.near.weights(maps)
    for index, ((y, x), colour) in enumerate(zip(PLACES, COLOURS, strict=True)):
        row = weights[:, int(4 * y) * 4 + int(4 * x)]
        heat = (row / row.max(1, keepdim=True).values).view(2, 1, 2, 2)
        heat = heat.repeat_interleave(4, 2).repeat_interleave(4, 3)
        expected = dark * (1 - heat) + torch.tensor(colour).view(1, 3, 1, 1) * heat
        assert (rows[:, 1 + index].float() - expected).abs().max() <= 1
        assert heat.min() < 0.95  # it does look somewhere


def test_where_a_place_looks_most_its_map_has_its_colour_in_full() -> None:
    rows = attention(Looker(), range(3)).unflatten(0, (3, COLUMNS))
    for index, colour in enumerate(torch.tensor(COLOURS)):
        full = (rows[:, 1 + index] == colour[:, None, None].byte()).all(1)
        assert (full.flatten(1).sum(1) >= 16).all()  # a key of 2x2 has four by four pixels


def test_every_layer_that_attends_has_a_row_and_colours_stay() -> None:
    looker = Looker(channels=3, twice=True)
    rows = attention(looker, [0, 1]).unflatten(0, (2, 2, COLUMNS))
    assert rows.shape[3:] == (3, 8, 8)
    assert not torch.equal(rows[:, 0], rows[:, 1])
    corner = sample(looker, [0, 1])[:, :, 0, 0]
    assert torch.equal(rows[:, 0, 0, :, 0, 0], corner)
    assert torch.equal(rows[:, 1, 0, :, 0, 0], corner)


def test_a_row_is_a_function_of_its_seed_and_class_also_in_many_batches() -> None:
    looker, many = Looker(), BATCH + 3
    rows = attention(looker, range(many), torch.arange(many) % 4).unflatten(0, (many, COLUMNS))
    alone = attention(looker, [many - 1], torch.tensor([(many - 1) % 4]))
    assert (rows[-1].int() - alone.int()).abs().max() <= 1
    assert not torch.equal(alone, attention(looker, [many - 1], torch.tensor([0])))


def test_looking_leaves_the_generator_as_it_was() -> None:
    looker = Looker().train()
    before = torch.get_rng_state()
    attention(looker, range(3))
    assert looker.training
    assert torch.equal(torch.get_rng_state(), before)
    assert not looker.near._forward_pre_hooks
    with pytest.raises(RecipeError, match="has no w"):
        attention(looker, range(3), psi=0.5)
    assert not looker.near._forward_pre_hooks


def test_a_generator_that_does_not_attend_is_refused_by_name() -> None:
    with pytest.raises(RecipeError, match="--attention: no layer of Blind attends to itself"):
        attention(Blind(), [0])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the smallest runs of a model that attends, with classes, and of another."""
    folder = tmp_path_factory.mktemp("attention")
    small = "--dataset digits --set dataset.count=50 --steps 1 --batch-size 4 --device cpu -q"
    widths = "--set generator.width=4 --set discriminator.width=4"
    for words in ("sagan --conditional", "gan"):
        assert main(f"train {words} {widths} {small} --out {folder}".split()) == 0
    return folder


def sampled(root: Path, words: str, said: Said) -> Path:
    """Return what ``ganzoo sample -q`` says it wrote."""
    assert main(["sample", *words.split(), "-q", "--device", "cpu", "--out", str(root)]) == 0
    return Path(said.readouterr().out.strip())


def test_maps_are_one_picture_with_a_row_for_each_seed(root: Path, capsys: Said) -> None:
    usual, chosen = (sampled(root, f"1 --attention {each}", capsys) for each in ("", "--seed 3-7"))

    assert usual == usual.parent / "attention.png"
    assert usual.parent.parent.name == "made"
    with Image.open(usual) as whole, Image.open(chosen) as some:
        assert whole.size == (COLUMNS * 33 * 2 + 2, LOOKED * 33 * 2 + 2)  # of 32 px, enlarged
        assert some.size == (COLUMNS * 33 * 2 + 2, 5 * 33 * 2 + 2)


def test_python_asks_as_the_command_line_does(root: Path, capsys: Said, tmp_path: Path) -> None:
    run = ganzoo.load(root / "0001-sagan-digits")
    shown = run.attention([5, 6], label=3)
    assert shown.shape == (2 * COLUMNS, 3, 32, 32)
    file = sampled(root, f"1 --attention --seed 5-6 --label 3 -o {tmp_path / 'a.png'}", capsys)
    with Image.open(file) as sheet:
        first = torch.from_numpy(np.asarray(sheet.crop((2, 2, 66, 66))).copy())
    assert torch.equal(first[::2, ::2].permute(2, 0, 1).byte(), shown[0])
    assert not torch.equal(run.attention([5, 6], label=4), shown)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("2 --attention", "--attention: no layer of MLPGenerator attends to itself"),
        ("1 --attention --walk", "choose --attention, --walk or --mix"),
        ("1 --attention --mix", "choose --attention, --walk or --mix"),
        ("1 --attention -o maps.webp", "maps.webp: maps of attention are a .png file"),
        ("1 --attention --label 10", "--label 10: the classes are 0 to 9"),
        ("1 --attention --psi 0.5", "--psi 0.5: SAGANGenerator has no w"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(
    words: str, told: str, root: Path, capsys: Said
) -> None:
    before = sorted(root.rglob("*"))

    assert main(["sample", *words.split(), "--device", "cpu", "--out", str(root)]) == 2

    assert told in " ".join(capsys.readouterr().err.split())
    assert sorted(root.rglob("*")) == before
