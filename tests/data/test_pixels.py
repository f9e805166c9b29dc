import pytest
import torch

from ganzoo.data.pixels import fit, to_images, to_pixels


def _grey(*values: int, side: int = 4) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, side, side)


def _found(pixels: torch.Tensor) -> set[int]:
    return set(pixels.flatten().tolist())


def test_black_is_minus_one_and_white_is_one() -> None:
    images = to_images(_grey(0, 255))

    assert images.dtype == torch.float32
    assert images[:, 0, 0, 0].tolist() == [-1, 1]


def test_every_pixel_value_survives_the_way_to_an_image_and_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)

    assert torch.equal(to_pixels(to_images(pixels)), pixels)


def test_values_outside_the_range_are_clamped() -> None:
    images = torch.tensor([-9.0, 9.0]).view(2, 1, 1, 1)

    assert to_pixels(images).flatten().tolist() == [0, 255]


def test_to_images_leaves_its_pixels_alone() -> None:
    pixels = _grey(7).clone()
    to_images(pixels)

    assert _found(pixels) == {7}


def test_grey_28_becomes_32_by_a_border_of_zero() -> None:
    pixels = torch.randint(1, 256, (3, 1, 28, 28), dtype=torch.uint8)

    fitted = fit(pixels, 32)

    assert torch.equal(fitted[..., 2:30, 2:30], pixels)
    assert fitted.sum() == pixels.sum()


def test_colour_28_is_resized_as_a_border_would_be_a_frame() -> None:
    pixels = torch.full((1, 3, 28, 28), 200, dtype=torch.uint8)

    assert _found(fit(pixels, 32)) == {200}


@pytest.mark.parametrize("resolution", [1, 5, 8, 64])
def test_one_value_stays_one_value_at_any_resolution(resolution: int) -> None:
    fitted = fit(_grey(10, 131, side=16), resolution)

    assert fitted.shape == (2, 1, resolution, resolution)
    assert [_found(each) for each in fitted] == [{10}, {131}]


def test_the_middle_square_is_kept() -> None:
    wide = torch.zeros(1, 1, 2, 6, dtype=torch.uint8)
    wide[..., 2:4] = 255

    assert _found(fit(wide, 2)) == {255}
    assert _found(fit(wide.transpose(2, 3), 2)) == {255}


def test_fine_stripes_fade_instead_of_turning_into_coarse_ones() -> None:
    stripes = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    stripes[..., ::2] = 255

    small = fit(stripes, 10).float()

    assert (small - 127.5).abs().max() < 30


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_fitted_together_as_each_alone(channels: int) -> None:
    pixels = torch.randint(0, 256, (5, channels, 20, 16), dtype=torch.uint8)
    alone = torch.cat([fit(each, 9) for each in torch.split(pixels, 1)])

    assert torch.equal(fit(pixels, 9), alone)


def test_resizing_is_bicubic_with_antialias_to_the_nearest_value() -> None:
    pixels = torch.randint(0, 256, (4, 3, 24, 24), dtype=torch.uint8)
    exact = torch.nn.functional.interpolate(
        pixels.float(), (10, 10), mode="bicubic", antialias=True
    )

    assert (fit(pixels, 10).float() - exact.clamp(0, 255)).abs().max() < 1.5


def test_no_pixels_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        fit(_grey(0), 0)
