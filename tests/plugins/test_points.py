import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ganzoo import runner
from ganzoo.build import outline
from ganzoo.data.pixels import to_pixels
from ganzoo.errors import DataError, FitError
from ganzoo.interfaces import Dataset
from ganzoo.made import make_pictures, usual_count
from ganzoo.pictures import scatter
from ganzoo.plan import Plan, resolve
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.walk import make_walk
from ganzoo_points.modes import Modes, modes_found
from ganzoo_points.points import (
    GRID_STD,
    RING_STD,
    Grid2d,
    Ring2d,
    Spiral2d,
    grid_centres,
    ring_centres,
)

SETS = (Ring2d, Grid2d, Spiral2d)
MIXTURES = [(Ring2d, ring_centres(), RING_STD), (Grid2d, grid_centres(), GRID_STD)]

each_set = pytest.mark.parametrize("made", SETS)
each_mixture = pytest.mark.parametrize(("made", "centres", "std"), MIXTURES)


def plane(data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """Return points as a network is shown them, and their classes."""
    pixels, labels = data.load()
    assert labels is not None
    return pixels.flatten(1) / 127.5 - 1, labels


@each_mixture
def test_every_point_belongs_to_the_gaussian_of_its_class(
    made: type[Ring2d | Grid2d], centres: torch.Tensor, std: float
) -> None:
    points, labels = plane(made(count=5000))
    away = points - centres[labels]

    assert torch.cdist(points, centres).argmin(1).equal(labels)
    assert away.norm(dim=1).max() < 6 * std
    assert away.mean(0).abs().max() < 0.05 * std
    # Rounding to bytes adds the variance of an even draw as wide as a byte.
    wanted = math.hypot(std, 2 / 255 / math.sqrt(12))
    assert away.std(0).tolist() == pytest.approx([wanted] * 2, rel=0.05)


@each_mixture
def test_a_byte_is_no_wider_than_a_standard_deviation(
    made: type[Ring2d | Grid2d], centres: torch.Tensor, std: float
) -> None:
    assert std >= 2 / 255
    assert (centres.abs() + 5 * std).max() < 1


@each_mixture
def test_real_points_find_every_mode_evenly(
    made: type[Ring2d | Grid2d], centres: torch.Tensor, std: float
) -> None:
    modes = modes_found(plane(made(count=5000))[0], centres, std)

    assert modes.found == len(centres)
    assert 0.98 < modes.quality < 1
    assert modes.kl == pytest.approx(0, abs=1e-12)


def test_the_arms_of_the_spiral_are_whole_and_apart() -> None:
    points, labels = plane(Spiral2d(count=4000))
    first, second = (points[labels == arm] for arm in (0, 1))

    assert points.abs().max() < 1
    assert torch.cdist(first, second).amin(1).median() > 0.2
    for arm in (first, second):  # each is the other, turned by half a turn
        assert torch.cdist(arm, -points).amin(1).max() < 0.06
    radius = points.norm(dim=1).sort().values
    assert (radius[1:] - radius[:-1]).max() < 0.02


@each_set
@pytest.mark.parametrize("count", [1, 7, 1000, 2345])
def test_points_are_described_as_they_are_made(made: type[Ring2d], count: int) -> None:
    data = made(count=count, seed=3)
    info = data.describe()
    pixels, labels = data.load(1)

    assert labels is not None
    assert pixels.dtype == torch.uint8
    assert info.image_shape == tuple(pixels.shape[1:]) == (2, 1, 1)
    assert info.count == len(pixels) == count
    assert list(info.class_counts) == labels.bincount(minlength=info.num_classes).tolist()
    assert info.num_classes == len(info.class_names) == len(set(info.class_names))


@each_set
def test_a_small_set_is_the_beginning_of_a_larger_one(made: type[Ring2d]) -> None:
    points, labels = plane(made(count=700))
    more, told = plane(made(count=1500))

    assert torch.equal(points, more[:700])
    assert torch.equal(labels, told[:700])


@each_set
def test_another_seed_or_part_is_another_set(made: type[Ring2d]) -> None:
    first = made(count=50).load()[0]

    assert not torch.equal(made(count=50, seed=1).load()[0], first)
    assert not torch.equal(made(count=50, split="test").load()[0], first)


@each_set
def test_neither_threads_nor_global_random_state_change_a_point(made: type[Ring2d]) -> None:
    before, drawn = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            torch.manual_seed(threads)
            state = torch.get_rng_state()
            drawn.append(made(count=3000).load()[0])
            assert torch.equal(torch.get_rng_state(), state)
    finally:
        torch.set_num_threads(before)

    assert torch.equal(*drawn)


@each_set
def test_a_point_of_more_than_one_pixel_is_refused_with_the_cure(made: type[Ring2d]) -> None:
    for call in (made().describe, made().load):
        with pytest.raises(DataError, match=r"1 pixel, not 28; .*gan --preset points"):
            call(28)


LINE = torch.tensor([[-0.5, 0.0], [0.0, 0.0], [0.5, 0.0], [0.0, 0.5]])


def test_modes_are_counted_exactly() -> None:
    points = torch.tensor([[-0.5, 0.0], [-0.5, 0.029], [0.479, 0.021], [0.0, 0.0], [0.0, -0.2]])

    modes = modes_found(points, LINE, 0.01)

    halves = 2 * 0.4 * math.log(0.4 * 4) + 0.2 * math.log(0.2 * 4)
    assert modes == Modes(found=3, quality=0.8, kl=pytest.approx(halves))


def test_a_point_more_than_three_standard_deviations_away_finds_nothing() -> None:
    inside, outside = LINE[1] + torch.tensor([[0.0299, 0.0], [0.0301, 0.0]]).unsqueeze(1)

    assert modes_found(inside, LINE, 0.01)[:2] == (1, 1.0)
    assert modes_found(outside, LINE, 0.01)[:2] == (0, 0.0)


def test_a_collapsed_generator_has_one_mode_and_the_largest_divergence() -> None:
    modes = modes_found(LINE[:1].expand(100, 2), LINE, 0.01)

    assert modes == Modes(found=1, quality=1.0, kl=pytest.approx(math.log(4)))


def test_points_spread_over_the_square_meet_most_modes_and_are_of_low_quality() -> None:
    rng = torch.Generator().manual_seed(0)
    modes = modes_found(torch.rand(2500, 2, generator=rng) * 2 - 1, grid_centres(), GRID_STD)

    assert modes.found > 15
    assert modes.quality < 0.03


def test_modes_of_no_points_are_refused() -> None:
    with pytest.raises(ValueError, match="without a point"):
        modes_found(torch.empty(0, 2), LINE, 0.01)


def test_a_point_is_drawn_where_it_lies_and_brighter_where_more_lie() -> None:
    points = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])

    sheet = scatter(to_pixels(points[:, :, None, None]))[..., 0]

    ground = int(sheet[128, 128])
    assert sheet.shape == (256, 256)
    assert ground < sheet[0, -1] < sheet[0, 0]  # upper right, upper left
    assert sheet[-1, 0] == sheet[0, -1]  # lower left
    assert int((sheet > ground).sum()) == 3


REGISTRY = Registry.discover(only=())
SMALL = (
    "dataset.count=500",
    "generator.width=4",
    "discriminator.width=4",
    "training.batch_size=32",
    "training.tick_kimg=0.128",
)


def small_plan(*sets: str, model: str = "gan", dataset: str = "ring2d") -> Plan:
    return resolve(REGISTRY, model, sets=[*SMALL, *sets], replace={"dataset": dataset})


@pytest.mark.parametrize(
    ("dataset", "conditional"), [("ring2d", "false"), ("grid2d", "true"), ("spiral2d", "true")]
)
def test_a_run_on_points_is_drawn_resumed_and_sampled(
    tmp_path: Path, dataset: str, conditional: str
) -> None:
    plan = small_plan(
        "training.kimg=0.256", f"training.conditional={conditional}", dataset=dataset
    )
    run = RunDir.open(runner.train(plan, REGISTRY, out=tmp_path, device="cpu").run)
    done = runner.resume(run, REGISTRY, device="cpu", kimg="+0.256")
    assert done.nimg == 512

    for sheet in (run.real_sample, run.sample(0), run.sample(512)):
        with Image.open(sheet) as picture:
            assert (picture.mode, picture.size) == ("L", (512, 512))
    assert usual_count(run, None) == usual_count(run, 1) == 2500
    path = make_pictures(run, REGISTRY, seeds=range(100), output=tmp_path / "points.safetensors")
    assert load_file(path)["images"].shape == (100, 2, 1, 1)
    assert make_pictures(run, REGISTRY, seeds=range(100), output=tmp_path / "points.png").exists()
    assert make_walk(run, REGISTRY, seeds=range(2), frames=2).suffix == ".webp"


def test_a_network_of_convolutions_refuses_points_in_one_sentence() -> None:
    with pytest.raises(DataError, match="a point has 1 pixel, not 32"):
        outline(small_plan(model="dcgan"), REGISTRY)
    with pytest.raises(FitError, match=r"dcgan makes .*, not 1"):
        outline(small_plan("training.resolution=1", model="dcgan"), REGISTRY)
