import subprocess
import sys
from hashlib import sha256

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ganzoo.errors import DataError
from ganzoo_rendered import critters, factors, scenes
from ganzoo_rendered.canvas import Canvas
from ganzoo_rendered.critters import Critters
from ganzoo_rendered.factors import Rendered
from ganzoo_rendered.scenes import SHAPES, Scenes, Vector

pytestmark = pytest.mark.usefixtures("home")

SETS = (Critters, Scenes)
CHUNK = 40
both = pytest.mark.parametrize("kind", SETS)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few images be many chunks."""
    monkeypatch.setattr(factors, "_CHUNK", CHUNK)


def picture(kind: type[Rendered], start: float = 0.6, **changed: float) -> dict[str, Tensor]:
    """Return the factors of one picture that shows all there is."""
    if kind is Critters:
        values = dict.fromkeys(critters.FLOATS, torch.tensor([start]))
        classes = {"ears": 1, "glasses": 1, "spots": 1}
    else:
        values = dict.fromkeys(scenes.FLOATS, torch.tensor([start]))
        classes = {"shape": 1}
    values |= {name: torch.tensor([value]) for name, value in classes.items()}
    return values | {
        name: torch.tensor([value], dtype=values[name].dtype) for name, value in changed.items()
    }


@pytest.mark.parametrize(
    ("kind", "digest"),
    [(Critters, "0307146a64bf4904"), (Scenes, "dbf853ac26ad3246")],
)
def test_pixels_stay_as_they_were_once_drawn(kind: type[Rendered], digest: str) -> None:
    pixels, _ = kind(count=20).load(32)
    rough = (pixels.int() + 8).div(16, rounding_mode="floor").byte()

    assert sha256(rough.numpy().tobytes()).hexdigest()[:16] == digest


@both
@pytest.mark.usefixtures("small_chunks")
def test_a_small_set_is_the_beginning_of_a_larger_one(kind: type[Rendered]) -> None:
    more, told = kind(count=90).load(16)

    assert told is not None
    for count in (1, 19, 21, 40, 83):
        pixels, labels = kind(count=count).load(16)
        assert labels is not None
        assert torch.equal(pixels, more[:count])
        assert torch.equal(labels, told[:count])


@both
def test_no_image_is_met_twice_in_training_test_or_another_seed(kind: type[Rendered]) -> None:
    sets = [kind(count=100), kind(count=100, split="test"), kind(count=100, seed=1)]
    seen = {image.numpy().tobytes() for each in sets for image in each.load(16)[0]}

    assert len(seen) == 300


@both
def test_an_image_keeps_its_content_at_another_resolution(kind: type[Rendered]) -> None:
    small, labels = kind(count=20).load(32)
    large, same = kind(count=20).load(64)
    shrunk = avg_pool2d(large.float(), 2)
    of_others = (shrunk.roll(1, 0) - small.float()).abs().mean()

    assert labels is not None
    assert same is not None
    assert torch.equal(labels, same)
    assert (shrunk - small.float()).abs().mean() < min(3.0, of_others / 10)


@both
@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("count", [1, 7, 40, 93])
def test_images_are_described_as_they_are_drawn(kind: type[Rendered], count: int) -> None:
    data = kind(count=count, seed=3)
    info = data.describe(16)
    pixels, labels = data.load(16)

    assert labels is not None
    assert pixels.dtype == torch.uint8
    assert info.image_shape == tuple(pixels.shape[1:]) == (3, 16, 16)
    assert info.count == len(pixels) == count
    assert list(info.class_counts) == labels.bincount(minlength=4).tolist()
    assert info.num_classes == len(info.class_names) == 4


@both
def test_images_are_64_pixels_wide_of_their_own(kind: type[Rendered]) -> None:
    assert kind().describe().image_shape == (3, 64, 64)
    assert kind().describe().class_counts == (5000,) * 4
    assert kind(count=2).load()[0].shape == (2, 3, 64, 64)


@pytest.mark.parametrize(
    ("kind", "factor", "floats", "classes"),
    [(Critters, "ears", 26, {"ears", "glasses", "spots"}), (Scenes, "shape", 7, {"shape"})],
)
def test_every_factor_is_told_in_the_order_of_the_images(
    kind: type[Rendered], factor: str, floats: int, classes: set[str]
) -> None:
    told = kind(count=130).factors()
    pixels, labels = kind(count=130).load(16)

    assert labels is not None
    assert torch.equal(labels, told[factor])
    assert {name for name in told if told[name].dtype == torch.int64} == classes
    assert len(told) == floats + len(classes)
    for values in told.values():
        assert values.shape == (130,)
        assert values.min() >= 0
    for name in told.keys() - classes:
        assert told[name].max() < 1
        assert told[name].unique().numel() > 120
    assert torch.equal(kind().render(told, 16), pixels)


def test_glasses_and_spots_are_as_frequent_as_promised() -> None:
    told = Critters(count=20_000).factors()

    assert told["glasses"].float().mean() == pytest.approx(0.18, abs=0.01)
    assert told["spots"].float().mean() == pytest.approx(0.30, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in SETS for name in sorted(kind(count=1).factors())],
)
def test_every_factor_changes_the_picture(kind: type[Rendered], name: str) -> None:
    first, second = (kind().render(picture(kind, **{name: value})).int() for value in (0, 1))
    half = kind().render(picture(kind)).int()
    if picture(kind)[name].dtype == torch.int64:
        half = first

    # Hues and angles come round at 1, so what counts is the way there too.
    changed = torch.maximum((first - second).abs(), (first - half).abs()).amax((0, 1))

    assert (changed > 12).sum() >= 12


@pytest.mark.parametrize("name", ["ear_size", "ear_angle"])
def test_ears_that_are_not_there_have_no_size(name: str) -> None:
    def drawn(ears: int, value: float) -> Tensor:
        return Critters().render(picture(Critters, ears=ears, **{name: value}), 32)

    assert torch.equal(drawn(0, 0.1), drawn(0, 0.9))
    for ears in (1, 2, 3):
        assert not torch.equal(drawn(ears, 0.1), drawn(ears, 0.9))


@pytest.mark.parametrize("shape", range(4))
def test_a_turn_shows_even_on_what_is_round(shape: int) -> None:
    first, second = (
        Scenes().render(picture(Scenes, shape=shape, yaw=yaw), 32).int() for yaw in (0.2, 0.6)
    )

    assert ((first - second).abs() > 8).float().mean() > 0.02


@both
@pytest.mark.parametrize("end", [0.0, 1.0])
@pytest.mark.parametrize("label", range(4))
def test_the_ends_of_all_ranges_can_be_drawn(kind: type[Rendered], label: int, end: float) -> None:
    drawn = kind()._pictures(picture(kind, end, **{kind.class_factor: label}), 64)

    assert drawn.isfinite().all()
    assert drawn.min() >= 0
    assert drawn.max() < 2
    assert drawn.std((0, 2, 3)).mean() > 0.05


def test_windows_cut_nothing_off_an_animal(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Critters(count=12).factors()
    ends = [
        picture(Critters, end, ears=ears, yaw=yaw, tilt=tilt)
        for end in (0.0, 1.0)
        for ears in range(4)
        for yaw in (0.0, 1.0)
        for tilt in (0.0, 1.0)
    ]
    every = {name: torch.cat([f[name] for f in (drawn, *ends)]) for name in drawn}
    windowed = [Critters().render({n: f[i : i + 1] for n, f in every.items()}) for i in range(44)]
    monkeypatch.setattr(Canvas, "_place", lambda *_: (slice(None), slice(None)))
    whole = Critters().render(every)

    assert (torch.cat(windowed).int() - whole.int()).abs().max() <= 1


@both
def test_the_number_of_threads_changes_no_pixel_and_stays(kind: type[Rendered]) -> None:
    before = torch.get_num_threads()
    drawn = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            drawn.append(kind(count=50).load(50)[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)

    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])


def test_the_number_of_threads_stays_when_drawing_fails() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError, match="camera"):
            Scenes().render({"shape": torch.zeros(1, dtype=torch.int64)})
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@both
def test_global_random_state_is_neither_read_nor_changed(kind: type[Rendered]) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = kind(count=10).load(16)[0]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)

    assert torch.equal(kind(count=10).load(16)[0], first)


@both
@pytest.mark.usefixtures("small_chunks")
def test_many_images_are_drawn_once(kind: type[Rendered], monkeypatch: pytest.MonkeyPatch) -> None:
    first = kind(count=41).load(16)[0]
    monkeypatch.delattr(kind, "_pictures")
    monkeypatch.setattr(kind, "__abstractmethods__", frozenset())

    assert torch.equal(kind(count=41).load(16)[0], first)


@both
def test_too_few_pixels_are_refused_with_the_cure(kind: type[Rendered]) -> None:
    for call in (kind().describe, kind().load):
        with pytest.raises(DataError, match="choose --resolution 16 or more"):
            call(15)


@pytest.mark.parametrize("name", SHAPES)
def test_a_ray_enters_a_shape_from_outside_and_leaves_it(name: str) -> None:
    rng = torch.Generator().manual_seed(0)
    shape, size = SHAPES[name], torch.full((1,), 0.8)
    start = Vector(*(4 * torch.randn(3, 4000, generator=rng)))
    start = start._replace(y=start.y.abs() + 2)
    aim = Vector(*(0.5 * torch.randn(3, 4000, generator=rng)))
    way = Vector(*(a - s for a, s in zip(aim, start, strict=True)))

    enter, leave = shape.span(start, way, size)

    hit = (enter < leave) & (leave - enter > 1e-2)
    assert 0.1 < hit.float().mean() < 0.9
    start, way = (Vector(*(axis[hit] for axis in v)) for v in (start, way))
    enter, leave = enter[hit], leave[hit]
    surface = start.at(way, enter)
    assert (surface.y > -1e-4).all()
    seen = shape.normal(surface, size).dot(way)
    assert (seen[surface.y > 1e-2] < 1e-4).float().mean() > 0.995
    again, gone = shape.span(start.at(way, (enter + leave) / 2), way, size)
    assert (again < 0).all()
    assert torch.allclose(gone, -again, atol=1e-3)


def test_a_shape_throws_its_shadow_away_from_the_light() -> None:
    left, right = (
        Scenes().render(picture(Scenes, shape=0, light=light)).float().mean(1)[0, 40:56]
        for light in (0.0, 1.0)
    )

    assert left[:, 40:].mean() + 3 < right[:, 40:].mean()
    assert right[:, :24].mean() + 3 < left[:, :24].mean()


def test_listing_the_plugin_imports_no_torch() -> None:
    code = (
        "import sys; from ganzoo_rendered.plugin import ganzoo_register;"
        "print([c.name for c in ganzoo_register()], 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "['critters', 'scenes'] False"
