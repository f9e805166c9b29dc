import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ganzoo_extractors
from ganzoo.data.pixels import fit
from ganzoo.errors import FitError, MachineError
from ganzoo.interfaces import Dataset, Embedded, Extractor
from ganzoo.options import make
from ganzoo.registry import Registry
from ganzoo_digits.digits import Digits
from ganzoo_downloads import stacked, torchvision_sets
from ganzoo_downloads.stacked import StackedMnist
from ganzoo_downloads.torchvision_sets import Cifar10, FashionMnist, Mnist, Split
from ganzoo_extractors.classifiers import Colour, Lenet, LenetDigits, own
from ganzoo_extractors.pca import Pca
from ganzoo_points.judged import Coordinates, ModesFound
from ganzoo_points.points import Grid2d, Ring2d, Spiral2d

TRAINED = (Lenet, LenetDigits, Colour)
MADE = Path(ganzoo_extractors.__file__).parent

each_trained = pytest.mark.parametrize("made", TRAINED)

# A change of one of these makes every value that was measured with it another one's.
SHIPPED = {
    "lenet": "2eac271fa4a3886e1c755210fe7b27e6c9f3e29b12f1b4a326659fb63e1ec485",
    "lenet-digits": "ff9b60d0abf4b36d7ba65a132e8c2a5c77cab488f024ac37c0676e463b0a201d",
    "colour": "7c093b1f1a9bf14320a793227a356565acaf6aec614a4ae7e2c3371d43f35fd6",
}
DIGESTS = {
    Lenet: "f0160567a9db0da94694d698a8c5752b31fb7e348f7557ab6cc12c0db2775cb0",
    LenetDigits: "9b0c72a7f277396d4c4d6d99bd750b246a3bdd792b997447eb97ad857740b8ce",
    Colour: "4eabdbb1ff888b400f5f23e82b157aa317ac71c678025f09c7c12789ff89ed14",
}


def noise(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_weights_are_those_that_values_were_measured_with(name: str) -> None:
    raw = (MADE / f"{name}.safetensors").read_bytes()

    assert hashlib.sha256(raw).hexdigest() == SHIPPED[name]
    assert len(raw) < 1_000_000


@each_trained
def test_a_digest_stays(made: type[Lenet]) -> None:
    assert made().digest == made(device="cpu").digest == DIGESTS[made]


@each_trained
@pytest.mark.parametrize("shape", [(3, 1, 28, 28), (2, 3, 32, 32), (2, 1, 64, 64), (0, 3, 16, 16)])
def test_any_size_of_grey_or_colour_becomes_features(
    made: type[Lenet], shape: tuple[int, ...]
) -> None:
    extractor = made()

    features = extractor(noise(*shape))

    assert features.shape == (shape[0], 128)
    assert features.dtype == torch.float32
    assert features.device.type == "cpu"
    assert not features.requires_grad
    assert extractor.class_logits(features).shape == (shape[0], 10)


@each_trained
def test_features_of_an_image_depend_on_it_alone(made: type[Lenet]) -> None:
    extractor, pixels = made(), noise(501, 1, 28, 28)

    together = extractor(pixels)

    for alone in (0, 499, 500):
        assert torch.allclose(together[alone], extractor(pixels[alone : alone + 1])[0], atol=1e-4)
    assert extractor(pixels).equal(together)


def test_28_px_of_grey_are_what_padded_32_px_are() -> None:
    pixels = noise(4, 1, 28, 28)
    padded = torch.nn.functional.pad(pixels, (2, 2, 2, 2))

    assert Lenet()(pixels).equal(Lenet()(padded))


def test_grey_shown_in_colour_is_read_as_grey() -> None:
    pixels = noise(4, 1, 32, 32)

    assert own(pixels.expand(-1, 3, -1, -1), 1, "lenet").equal(own(pixels, 1, "lenet"))
    assert own(pixels, 3, "colour").equal(own(pixels, 1, "lenet").expand(-1, 3, -1, -1))


@each_trained
def test_images_that_are_neither_grey_nor_colour_are_refused(made: type[Lenet]) -> None:
    with pytest.raises(FitError, match=r"reads images of 1 or 3 channels, not 2; take"):
        made()(noise(2, 2, 1, 1))


@each_trained
def test_a_device_that_is_not_there_is_refused(made: type[Lenet]) -> None:
    with pytest.raises(MachineError, match=r"no device 'tpu9' here .* device=auto or cpu"):
        made(device="tpu9")


def test_drawn_digits_are_told_apart_and_held_out_ones_too() -> None:
    data = Digits(count=1000)
    extractor = LenetDigits()
    for given in (data.load(), data.held_out()):
        assert given is not None
        pixels, labels = given
        taken = extractor.class_logits(extractor(pixels[:1000])).argmax(1)

        assert labels is not None
        assert (taken == labels[:1000]).double().mean() > 0.97


def test_components_are_orthogonal_and_explain_the_most() -> None:
    pixels = noise(400, 1, 8, 8)
    pixels[:, :, :4] = pixels[:, :, :1, :1]  # one value for a half of the image
    pca = Pca()

    pca.fit(pixels)

    features = pca(pixels).double()
    spread = features.var(0)
    values = (pixels.flatten(1) / 127.5 - 1).double()
    assert features.shape == (400, 64)
    assert features.mean(0).abs().max() < 1e-4
    assert torch.allclose(features.T.cov(correction=1), spread.diag(), atol=1e-4)
    assert (spread[:-1] >= spread[1:] - 1e-4).all()
    assert float(spread.sum()) == pytest.approx(float(values.var(0).sum()), rel=1e-4)
    assert spread[0] > 5 * spread[1]


def test_distances_survive_where_every_component_is_kept() -> None:
    pixels = noise(100, 1, 8, 8)
    pca = Pca()
    pca.fit(pixels)

    values, features = (pixels.flatten(1) / 127.5 - 1).double(), pca(pixels).double()
    apart, wanted = torch.cdist(features, features), torch.cdist(values, values)
    assert torch.allclose(apart, wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "length"),
    [((90, 1, 64, 64), 64), ((90, 3, 64, 64), 64), ((20, 1, 28, 28), 19), ((90, 2, 1, 1), 2)],
)
def test_there_are_as_many_components_as_the_images_allow(
    shape: tuple[int, ...], length: int
) -> None:
    pca = Pca()
    pca.fit(noise(*shape))

    features = pca(noise(7, *shape[1:], seed=1))

    assert features.shape == (7, length)
    assert features.dtype == torch.float32
    assert features.isfinite().all()


def test_the_digest_of_components_is_that_of_what_was_fitted() -> None:
    parts = [Pca() for _ in range(4)]
    unfitted = parts[0].digest
    for part, seed in zip(parts, (0, 0, 1, 0), strict=True):
        part.fit(noise(50, 1, 28, 28, seed=seed))
    parts[3].fit(noise(50, 1, 14, 56))

    digests = [part.digest for part in parts]

    assert digests[0] == digests[1]
    assert len({unfitted, *digests}) == 4


def test_components_of_one_image_or_before_any_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        Pca().fit(noise(1, 1, 8, 8))
    with pytest.raises(RuntimeError, match="fit pca"):
        Pca()(noise(1, 1, 8, 8))


def point_side(data: Dataset) -> Embedded:
    pixels, labels = data.load()
    return Embedded(pixels, Coordinates()(pixels), labels)


def test_the_features_of_a_point_are_where_it_lies() -> None:
    pixels = torch.tensor([[0, 255], [255, 0]], dtype=torch.uint8)[:, :, None, None]

    assert Coordinates()(pixels).tolist() == [[-1, 1], [1, -1]]
    with pytest.raises(FitError, match=r"not images of 1x28x28; take lenet"):
        Coordinates()(noise(2, 1, 28, 28))


@pytest.mark.parametrize(("made", "count"), [(Ring2d, 8), (Grid2d, 25)])
def test_real_points_find_every_mode(made: type[Ring2d], count: int) -> None:
    real, fresh = (
        point_side(made(count=n, split=s)) for n, s in ((6000, "train"), (3000, "test"))
    )

    scores = ModesFound().score(real, fresh, fresh)

    assert scores["modes"] == count
    assert scores["high-quality"] > 0.97
    assert set(scores) == ModesFound.higher


def test_a_generator_of_one_point_finds_one_mode() -> None:
    real = point_side(Ring2d(count=1000))
    fake = Embedded(real.pixels[:1].expand(99, 2, 1, 1), real.features[:1].expand(99, 2))

    assert ModesFound().score(real, fake, real) == {"modes": 1, "high-quality": 1}


def test_nothing_is_said_of_modes_where_there_are_none() -> None:
    spiral = point_side(Spiral2d(count=500))
    picture = Embedded(noise(5, 1, 8, 8), torch.zeros(5, 1))

    assert ModesFound().score(spiral, spiral, spiral) == {}
    assert ModesFound().score(picture, picture, picture) == {}


REGISTRY = Registry.discover(only=())


@pytest.mark.parametrize(
    ("dataset", "extractors", "metrics"),
    [
        ("mnist", ("lenet", "pca"), ()),
        ("digits", ("lenet-digits", "pca"), ()),
        ("fashion-mnist", ("pca",), ()),
        ("cifar10", ("colour", "pca"), ()),
        ("critters", ("colour", "pca"), ()),
        ("scenes", ("colour", "pca"), ()),
        ("ring2d", ("coordinates",), ("modes", "frechet")),
        ("grid2d", ("coordinates",), ("modes", "frechet")),
        ("spiral2d", ("coordinates",), ("frechet",)),
    ],
)
def test_a_data_set_names_parts_that_there_are(
    dataset: str, extractors: tuple[str, ...], metrics: tuple[str, ...]
) -> None:
    component = REGISTRY.find("dataset", dataset).component

    assert component.extractors == extractors
    assert component.metrics == metrics
    for kind, names in (("extractor", extractors), ("metric", metrics)):
        for name in names:
            part: Any = make(REGISTRY.load(REGISTRY.find(kind, name)), settings={}, where=kind)
            assert kind == "metric" or isinstance(part, Extractor)


def test_held_out_digits_are_not_in_the_training_set() -> None:
    data = Digits(count=3000, seed=3)
    held_out = data.held_out()

    assert held_out is not None
    pixels, labels = held_out
    assert labels is not None
    assert pixels.shape == (10_000, 1, 28, 28)
    assert labels.bincount().tolist() == [1000] * 10
    kept, shown = ({row.numpy().tobytes() for row in part} for part in (pixels, data.load()[0]))
    assert kept.isdisjoint(shown)
    assert len(kept) == 10_000


def test_held_out_digits_are_the_same_whatever_the_training_set(home: Path) -> None:
    first, second = Digits(count=10).held_out(8), Digits(count=20, seed=5).held_out(8)

    assert first is not None
    assert second is not None
    assert first[0].equal(second[0])
    assert len(list((home / "data").glob("digits-8*"))) == 1


def test_who_trains_on_the_test_part_has_nothing_held_out() -> None:
    assert Digits(count=10, split="test").held_out() is None


def test_held_out_images_are_of_the_resolution_asked_for() -> None:
    native, padded = Digits(count=10).held_out(), Digits(count=10).held_out(32)

    assert native is not None
    assert padded is not None
    assert native[0].shape[1:] == (1, 28, 28)
    assert padded[0].shape[1:] == fit(native[0], 32).shape[1:]


COUNTS: Mapping[Split, tuple[int, ...]] = {"train": (3,) * 10, "test": (1,) * 10}


@pytest.fixture
def small_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A root with a small MNIST: 30 images of 0 to 29 to train on, ten of 200 to 209 held out."""
    small = replace(torchvision_sets.MNIST, class_counts=COUNTS, sha256={}, fetches=())
    folder = tmp_path / small.folder
    folder.mkdir(parents=True)
    starts: dict[Split, int] = {"train": 0, "test": 200}
    for split, start in starts.items():
        images, labels = small.files(split)
        count = images.shape[0]
        pixels = b"".join(bytes([start + i]) * 28 * 28 for i in range(count))
        (folder / images.name).write_bytes(images.header + pixels)
        (folder / labels.name).write_bytes(labels.header + bytes(i % 10 for i in range(count)))
    for module, name in (
        (torchvision_sets, "MNIST"),
        (torchvision_sets, "FASHION_MNIST"),
        (stacked, "MNIST"),
    ):
        monkeypatch.setattr(module, name, small)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("made", "count"), [(Mnist, 10), (FashionMnist, 10), (StackedMnist, 10_000)]
)
def test_what_is_held_out_is_made_of_the_test_part(
    made: type[Mnist], count: int, small_root: str
) -> None:
    held_out = made(root=small_root).held_out(32)

    assert held_out is not None
    pixels, labels = held_out
    assert len(pixels) == count
    assert pixels.shape[-1] == 32
    assert pixels[..., 16, 16].min() == 200
    assert labels is not None
    assert len(labels) == count
    assert made(root=small_root, split="test").held_out() is None


def test_stacked_pictures_are_held_out_whatever_the_seed(small_root: str) -> None:
    first, second = (StackedMnist(root=small_root, seed=seed).held_out() for seed in (0, 7))

    assert first is not None
    assert second is not None
    assert first[0].equal(second[0])


def test_held_out_photographs_are_those_of_the_test_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: Path, *, train: bool) -> tuple[Tensor, Tensor]:
        return torch.full((4, 3, 32, 32), 10 if train else 20).byte(), torch.arange(4)

    monkeypatch.setattr(torchvision_sets, "located", lambda *_: Path())
    monkeypatch.setattr(torchvision_sets, "_read_cifar", read)

    held_out = Cifar10().held_out(16)

    assert held_out is not None
    assert held_out[0].shape == (4, 3, 16, 16)
    assert held_out[0].unique().tolist() == [20]
    assert Cifar10(split="test").held_out() is None
