"""Cartoon animals that look at you: heads of 29 factors, at any resolution, alike everywhere."""

from typing import ClassVar, final

import torch
from torch import Tensor

from ganzoo.types import Images
from ganzoo_rendered.animal import drawn
from ganzoo_rendered.factors import Factors, Rendered, uniform

FLOATS = (
    "background_hue",
    "background_angle",
    "fur_hue",
    "fur_saturation",
    "fur_brightness",
    "head_width",
    "head_height",
    "head_squareness",
    "ear_size",
    "ear_angle",
    "eye_size",
    "eye_gap",
    "eye_height",
    "gaze_x",
    "gaze_y",
    "iris_hue",
    "lid",
    "smile",
    "mouth_open",
    "mouth_width",
    "nose",
    "blush",
    "muzzle",
    "yaw",
    "tilt",
    "light",
)
"""The factors that are uniform in 0...1."""

SHARES = {"glasses": 0.18, "spots": 0.3}
"""The factors that are yes or no, and how often they are yes."""


@final
class Critters(Rendered):
    """Heads of animals in colour: a face, maybe ears, maybe glasses, maybe a spot.

    The class is the kind of ears. :meth:`factors` tells all that decides a picture.
    """

    name: ClassVar[str] = "critters"
    version: ClassVar[int] = 1
    class_factor: ClassVar[str] = "ears"
    class_names: ClassVar[tuple[str, ...]] = ("none", "round", "pointed", "floppy")
    fine_from: ClassVar[int] = 128

    def _drawn(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        yes = {
            name: (torch.rand(count, generator=rng) < share).long()
            for name, share in SHARES.items()
        }
        return uniform(FLOATS, count, rng) | yes

    def _pictures(self, factors: Factors, side: int) -> Images:
        return drawn(factors, side)
