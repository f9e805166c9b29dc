import pytest
import torch
from jaxtyping import TypeCheckError

from ganzoo.data.order import batch_indices
from ganzoo.data.pixels import to_images
from ganzoo.data.resident import Resident


def _data(count: int = 10, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, channels, 4, 4), dtype=torch.uint8, generator=rng)
    return pixels, torch.arange(count)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_is_the_images_of_the_order_with_their_labels(channels: int) -> None:
    pixels, labels = _data(channels=channels)
    resident = Resident(pixels, labels, device="cpu", seed=4)

    images, told = resident.batch(start=8, size=5)

    chosen = batch_indices(seed=4, start=8, size=5, count=10)
    assert told is not None
    assert torch.equal(told, chosen)
    assert torch.equal(images, to_images(pixels[chosen]))
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_data_without_classes_gives_no_labels() -> None:
    pixels, _ = _data()

    assert Resident(pixels, None, device="cpu", seed=0).batch(0, 2)[1] is None


def test_a_batch_may_be_larger_than_the_set() -> None:
    pixels, labels = _data(count=3)

    images, told = Resident(pixels, labels, device="cpu", seed=0).batch(0, 9)

    assert len(images) == 9
    assert told is not None
    assert told.bincount().tolist() == [3, 3, 3]


def test_a_changed_batch_changes_no_data() -> None:
    pixels, labels = _data()
    resident = Resident(pixels, labels, device="cpu", seed=0)
    before = resident.batch(0, 10)[0].clone()
    resident.batch(0, 10)[0].zero_()

    assert torch.equal(resident.batch(0, 10)[0], before)
    assert resident.count == 10


def test_the_fingerprint_knows_pixels_shape_and_labels_but_not_the_seed() -> None:
    pixels, labels = _data()
    fingerprint = Resident(pixels, labels, device="cpu", seed=0).fingerprint()
    other = pixels.clone()
    other[3, 1, 2, 2] += 1

    assert Resident(pixels.clone(), labels, device="cpu", seed=1).fingerprint() == fingerprint
    changed = [
        (other, labels),
        (pixels[:9], labels[:9]),
        (pixels.reshape(10, 3, 2, 8), labels),
        (pixels, labels.flip(0)),
        (pixels, None),
    ]
    for some, told in changed:
        assert Resident(some, told, device="cpu", seed=0).fingerprint() != fingerprint


def test_the_fingerprint_of_many_images_reads_a_sample() -> None:
    pixels = torch.zeros(2000, 1, 64, 64, dtype=torch.uint8)
    fingerprint = Resident(pixels, None, device="cpu", seed=0).fingerprint()
    pixels[::8] = 1

    assert Resident(pixels, None, device="cpu", seed=0).fingerprint() != fingerprint


def test_no_images_and_missing_labels_are_refused() -> None:
    pixels, labels = _data()
    with pytest.raises(ValueError, match="without images"):
        Resident(pixels[:0], None, device="cpu", seed=0)
    with pytest.raises((ValueError, TypeCheckError), match="9"):
        Resident(pixels, labels[:9], device="cpu", seed=0)
