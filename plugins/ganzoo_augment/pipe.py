"""The changes of ADA, in their order, each with a probability of its own for every image.

An image that none of them hits is handed on as it is, bit for bit; that is chosen on the device,
so nothing waits for it.
"""

import math
from collections.abc import Collection
from functools import reduce
from typing import Literal, TypeAlias, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ganzoo.types import Images
from ganzoo_augment.diffaugment import Each, hole
from ganzoo_augment.sampling import resampled

Group: TypeAlias = Literal["blit", "geometric", "color", "cutout"]
"""Which changes are made."""

Moves: TypeAlias = Float[Tensor, "n 3 3"]
"""A change of place for each image, in pixels from its middle."""


@final
class Dice:
    """Random numbers for a batch, one for each image, and whom a change hits.

    Args:
        rng: The stream they are drawn from.
        images: The batch.
        p: Probability of a change.
    """

    def __init__(self, rng: torch.Generator, images: Images, p: Float[Tensor, ""]) -> None:
        self._rng, self.p = rng, p
        self._count, self._device, self._dtype = len(images), images.device, images.dtype

    def uniform(self, low: float, high: float) -> Each:
        """Return numbers between two bounds."""
        drawn = torch.rand(self._count, generator=self._rng, device=self._device)
        return (low + (high - low) * drawn).to(self._dtype)

    def normal(self, deviation: float) -> Each:
        """Return numbers around 0."""
        drawn = torch.randn(self._count, generator=self._rng, device=self._device)
        return (deviation * drawn).to(self._dtype)

    def sign(self) -> Each:
        """Return 1 or -1, as often."""
        return 1 - 2 * self.uniform(0.0, 2.0).floor()

    def hits(self, p: Float[Tensor, ""]) -> Bool[Tensor, " n"]:
        """Return whom a change of probability ``p`` hits: nobody at 0, all at 1."""
        return torch.rand(self._count, generator=self._rng, device=self._device) < p

    def some(self, value: Each, neutral: float, p: Float[Tensor, ""] | None = None) -> Each:
        """Return ``value`` for those it hits, by default with probability p, else ``neutral``."""
        return torch.where(self.hits(self.p if p is None else p), value, neutral)


def moved(
    images: Images, dice: Dice, groups: Collection[Group], *, flip: bool, rotate: bool
) -> Images:
    """Return images after all changes of place, made at once.

    ``blit``: mirrored, turned by right angles, shifted by up to an eighth of the side in whole
    pixels. ``geometric``: scaled by 2^N(0, 0.2), rotated, stretched along an axis by as much and
    squeezed along the other, rotated, shifted by N(0, 0.125) of the side. A rotation comes before
    the stretch or after it or both, each with probability 1 - sqrt(1 - p): none of them has 1 - p.

    Args:
        images: [n, c, h, w]
        dice: Random numbers.
        groups: Of which ``blit`` and ``geometric`` are made.
        flip: Whether images are mirrored.
        rotate: Whether they are turned, by right angles or any.
    """
    side = images.shape[-1]
    one = images.new_ones(len(images))
    # The matrices lead back from the result. Each is drawn from the distribution of its inverse,
    # because they are the same; and their product is in the order of what happens.
    steps: list[Moves] = []
    if "blit" in groups:
        if flip:
            steps.append(_scaling(dice.some(dice.sign(), 1.0), one))
        if rotate:
            steps.append(_rotation(dice.some(dice.uniform(0.0, 4.0).floor() * (math.pi / 2), 0.0)))
        steps.append(_shift(dice, *(dice.uniform(-side / 8, side / 8).round() for _ in "xy")))
    if "geometric" in groups:
        often = 1 - (1 - dice.p).sqrt()
        scale = dice.some(dice.normal(0.2).exp2(), 1.0)
        stretch = dice.some(dice.normal(0.2).exp2(), 1.0)
        steps.append(_scaling(scale, scale))
        if rotate:
            steps.append(_rotation(dice.some(dice.uniform(-math.pi, math.pi), 0.0, often)))
        steps.append(_scaling(stretch, 1 / stretch))
        if rotate:
            steps.append(_rotation(dice.some(dice.uniform(-math.pi, math.pi), 0.0, often)))
        steps.append(_shift(dice, *(dice.normal(side / 8) for _ in "xy")))
    if not steps:
        return images
    inverse = reduce(_product, steps)
    same = (inverse == _affine(one, 0 * one, 0 * one, one)).flatten(1).all(1)
    return torch.where(same.view(-1, 1, 1, 1), images, resampled(images, inverse))


def recolored(images: Images, dice: Dice, share: float) -> Images:
    """Return images after all changes of colour, made at once.

    Brightness N(0, 0.2) is added, then contrast 2^N(0, 0.5) multiplies; colours are mirrored at
    the plane of mid-grey, so that dark is light; turned around the axis of greys; and 2^N(0, 1)
    is their distance from it. Greys have neither hue nor saturation, and stay unmirrored.

    All but brightness are linear and leave the axis of greys (1, 1, 1) where it is: with g the
    grey of a pixel, x - g and its quarter turn around that axis are scaled and added up.

    Args:
        images: [n, c, h, w]
        dice: Random numbers.
        share: Of the probability p that a change of colour has.
    """
    p = dice.p * share
    light = dice.some(dice.normal(0.2), 0.0, p)
    contrast = dice.some(dice.normal(0.5).exp2(), 1.0, p)
    if images.shape[1] != 3:
        made = (images + _wide(light)) * _wide(contrast)
        return torch.where(_wide((light == 0) & (contrast == 1)), images, made)
    flip = dice.some(dice.sign(), 1.0, p)
    hue = dice.some(dice.uniform(-math.pi, math.pi), 0.0, p)
    vivid = dice.some(dice.normal(1.0).exp2(), 1.0, p)
    same = (light == 0) & (contrast == 1) & (flip == 1) & (hue == 0) & (vivid == 1)
    grey = images.mean(1, keepdim=True)
    turned = (images.roll(1, 1) - images.roll(-1, 1)) / math.sqrt(3)  # the axis x the colour
    made = (grey + _wide(light)) * _wide(contrast * flip)
    made = made + (images - grey) * _wide(contrast * vivid * hue.cos())
    made = made + turned * _wide(contrast * vivid * hue.sin())
    return torch.where(_wide(same), images, made)


def cut(images: Images, dice: Dice) -> Images:
    """Return images some of which have a grey hole of half the side."""
    square = hole(images, dice.uniform(0.0, 1.0), dice.uniform(0.0, 1.0))
    return torch.where(square & _wide(dice.hits(dice.p)), 0.0, images)


def _wide(each: Tensor) -> Tensor:
    return each.view(-1, 1, 1, 1)


def _affine(
    a: Each, b: Each, c: Each, d: Each, x: Each | None = None, y: Each | None = None
) -> Moves:
    """Return the matrices [[a, b, x], [c, d, y], [0, 0, 1]]."""
    zero, one = torch.zeros_like(a), torch.ones_like(a)
    x, y = zero if x is None else x, zero if y is None else y
    return torch.stack([a, b, x, c, d, y, zero, zero, one], 1).view(-1, 3, 3)


def _scaling(x: Each, y: Each) -> Moves:
    return _affine(x, torch.zeros_like(x), torch.zeros_like(x), y)


def _rotation(angle: Each) -> Moves:
    return _affine(angle.cos(), -angle.sin(), angle.sin(), angle.cos())


def _shift(dice: Dice, x: Each, y: Each) -> Moves:
    """Return shifts of those they hit; one chance for both axes."""
    hit = dice.hits(dice.p)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return _affine(one, zero, zero, one, torch.where(hit, x, 0), torch.where(hit, y, 0))


def _product(first: Moves, second: Moves) -> Moves:
    """Return matrix products in full precision: a GPU may round factors to ten bits."""
    return (first[:, :, :, None] * second[:, None]).sum(2)
