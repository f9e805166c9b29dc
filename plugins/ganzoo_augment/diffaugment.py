"""DiffAugment: colour, shift and a hole, drawn for every image, in one pass over the batch."""

from typing import Annotated, Literal, TypeAlias, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ganzoo.errors import FitError
from ganzoo.interfaces import Augment, Env
from ganzoo.options import Opt
from ganzoo.types import Images

Each: TypeAlias = Float[Tensor, " n"]
"""A number for each image."""

Change: TypeAlias = Literal["color", "translation", "cutout"]
"""What may be done to an image."""


@final
class DiffAugment(Augment):
    """Changes every image, always: no probability, nothing to adapt.

    Colour: brightness up or down by at most 0.5, saturation times 0 to 2, contrast times 0.5 to
    1.5. Translation: by whole pixels, at most an eighth of the side. Cutout: a square of half the
    side, whose centre is anywhere, is filled.

    Args:
        env: What is made.
        policy: What is done; the order is always colour, translation, cutout.
        fill: Value of places that a shift or a hole leaves empty: 0, mid-grey, is the authors';
            -1 is the background of digits.

    References: Differentiable Augmentation for Data-Efficient GAN Training, section 3.3 (Zhao et
    al., 2020), https://arxiv.org/abs/2006.10738; the ranges are those of the authors' code.
    """

    def __init__(
        self,
        env: Env,
        *,
        policy: Annotated[tuple[Change, ...], Opt("what is done to every image")] = (
            "color",
            "translation",
            "cutout",
        ),
        fill: Annotated[float, Opt("of empty places: 0 grey, -1 black", ge=-1, le=1)] = 0.0,
    ) -> None:
        need_pixels(env, "diffaugment")
        self.policy, self.fill = policy, fill

    def __call__(self, images: Images, rng: torch.Generator) -> Images:
        drawn = torch.rand(7, len(images), generator=rng, device=images.device)
        light, vivid, contrast, right, down, x, y = drawn.to(images.dtype).unbind()
        if "color" in self.policy:
            images = recolored(images, light - 0.5, 2 * vivid, contrast + 0.5)
        if "translation" in self.policy:
            reach = int(images.shape[-1] / 8 + 0.5)
            images = shifted(images, _whole(right, reach), _whole(down, reach), self.fill)
        if "cutout" in self.policy:
            images = torch.where(hole(images, x, y), self.fill, images)
        return images


def need_pixels(env: Env, name: str) -> None:
    """Refuse data that is no picture.

    Raises:
        FitError: There are fewer than 4 pixels a side.
    """
    if env.resolution < 4:
        raise FitError(
            f"augment {name} moves pixels, and this data has {env.resolution} a side;"
            " use --augment none"
        )


def recolored(images: Images, light: Each, vivid: Each, contrast: Each) -> Images:
    """Return images made lighter, then more vivid, then of more contrast.

    With m the mean colour of a pixel and M that of the image, x becomes
    ``vivid contrast (x - m) + contrast (m - M) + M + light``: colours move away from the grey of
    their pixel, greys from that of the image. On one channel x = m.

    Args:
        images: [n, c, h, w]
        light: Added.
        vivid: Factor of the distance from the grey of a pixel.
        contrast: Factor of the distance from the mean of the image.
    """
    light, vivid, contrast = (each.view(-1, 1, 1, 1) for each in (light, vivid, contrast))
    grey = images.mean(1, keepdim=True)
    mean = grey.mean((2, 3), keepdim=True)
    base = (grey - mean) * contrast + (mean + light)
    return base if images.shape[1] == 1 else base + (images - grey) * (vivid * contrast)


def shifted(images: Images, right: Each, down: Each, fill: float) -> Images:
    """Return images moved by whole pixels; what comes in from outside is filled."""
    count, channels, height, width = images.shape
    rows = torch.arange(height, device=images.device) - down.long()[:, None]  # [n, h]
    columns = torch.arange(width, device=images.device) - right.long()[:, None]  # [n, w]
    inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    source = (rows[:, :, None] * width + columns[:, None]).view(count, 1, -1)
    moved = images.flatten(2).gather(2, source.expand(count, channels, -1)).view_as(images)
    return torch.where(inside[:, None], moved, fill)


def hole(images: Images, x: Each, y: Each) -> Bool[Tensor, "n 1 h w"]:
    """Return where a square of half the side lies, whose centre is anywhere: x and y are 0...1.

    At the border a part of it is outside.
    """
    height, width = images.shape[-2:]
    rows, columns = _stretch(y, height), _stretch(x, width)
    return (rows[:, :, None] & columns[:, None])[:, None]


def _stretch(middle: Each, side: int) -> Bool[Tensor, "n side"]:
    """Return which of ``side`` pixels belong to the half of them around a point."""
    size = int(side / 2 + 0.5)
    places = side + 1 - size % 2  # an even stretch has its middle between two pixels
    first = (middle * places).long().clamp(max=places - 1)[:, None] - size // 2
    line = torch.arange(side, device=middle.device)
    return (line >= first) & (line < first + size)


def _whole(chance: Each, reach: int) -> Each:
    """Return a whole number from -reach to reach for each number of 0...1."""
    return (chance * (2 * reach + 1)).floor().clamp(max=2 * reach) - reach


def _within(index: Tensor, size: int) -> Tensor:
    return (index >= 0) & (index < size)
