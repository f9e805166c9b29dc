"""What parts of a picture are drawn on: a batch of pictures in a turned frame, and windows of it.

A picture spans -1.1 to 1.1, x to the right and y down. A part is a distance to its edge, negative
inside; a pixel is covered as far as the edge lies beyond it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ganzoo.types import Images

REACH = 1.1
_WHOLE = 16
"""Windows are so many pixels wide, or a multiple: processors work on whole vectors."""

_SOFT = 1.6
"""Width of an edge in pixels."""


@dataclass(frozen=True)
class Box:
    """Where a part can be, in the frame: [n, 1, 1] each."""

    left: Tensor
    top: Tensor
    right: Tensor
    bottom: Tensor

    @classmethod
    def around(cls, x: Tensor, y: Tensor, half_width: Tensor, half_height: Tensor) -> "Box":
        """Return the box with this middle."""
        return cls(x - half_width, y - half_height, x + half_width, y + half_height)


@dataclass(frozen=True)
class Canvas:
    """Pictures of n images, or a window of some of them.

    Attributes:
        colours: The pictures so far [n, 3, h, w].
        x: Where each pixel is in the frame [n, h, w].
        y: The same, downwards.
        light: How bright the body is there [n, h, w].
        body: How much of each pixel the body covers [n, h, w].
        tilt: Angle of the frame of every image of the batch [n, 1, 1].
        drop: How far below the middle of the picture the frame starts.
        side: Pixels per side of a whole picture.
    """

    colours: Images
    x: Tensor
    y: Tensor
    light: Tensor
    body: Tensor
    tilt: Tensor
    drop: float
    side: int

    def inside(self, distance: Tensor) -> Tensor:
        """Return how much of each pixel lies inside an edge, 0 to 1; overwrites ``distance``."""
        per_pixel = self.side / (2 * REACH)
        return distance.mul_(-per_pixel / _SOFT).add_(0.5).clamp_(0, 1)

    def paint(self, colour: Tensor, cover: Tensor, light: Tensor | None = None) -> None:
        """Lay a colour [n, 3], as bright as ``light``, where ``cover`` [n, h, w] says so."""
        laid = colour[:, :, None, None]
        if light is not None:
            laid = laid * light.unsqueeze(1)
        self.colours.lerp_(laid.expand_as(self.colours), cover.unsqueeze(1))

    @contextmanager
    def window(self, box: Box, rows: Tensor | None = None) -> Iterator["Canvas"]:
        """Give the smallest window that holds a part of all images; what is painted stays.

        Args:
            box: Where the part can be, of each image or of those in ``rows``.
            rows: The images that have the part; None for all.
        """
        across, down = self._place(box, self.tilt if rows is None else self.tilt[rows])
        part = replace(self, **{name: plane[..., down, across] for name, plane in self._planes()})
        if rows is None:
            yield part
            return
        some = replace(part, **{name: plane[rows] for name, plane in part._planes()})
        yield some
        part.colours[rows] = some.colours

    def _planes(self) -> Iterator[tuple[str, Any]]:
        for name in ("colours", "x", "y", "light", "body"):
            yield name, getattr(self, name)

    def _place(self, box: Box, tilt: Tensor) -> tuple[slice, slice]:
        """Return columns and rows of pixels that hold the turned boxes."""
        cos, sin = tilt.cos(), tilt.sin()
        corners = [
            (x, y + self.drop) for x in (box.left, box.right) for y in (box.top, box.bottom)
        ]
        across = torch.cat([x * cos - y * sin for x, y in corners])
        down = torch.cat([x * sin + y * cos for x, y in corners])
        return self._pixels(across, _WHOLE), self._pixels(down, 1)

    def _pixels(self, places: Tensor, whole: int) -> slice:
        per_pixel = self.side / (2 * REACH)
        first, last = (
            int((end.item() + REACH) * per_pixel) + margin
            for end, margin in ((places.min(), -2), (places.max(), 3))
        )
        first = max(first, 0) // whole * whole
        return slice(first, min(-(-last // whole) * whole, self.side))


def blank(
    near: Tensor, far: Tensor, angle: Tensor, tilt: Tensor, *, side: int, drop: float
) -> Canvas:
    """Return pictures that fade from one colour to another.

    Args:
        near: First colour [n, 3].
        far: Second colour [n, 3].
        angle: Direction of the fade [n, 1, 1].
        tilt: Angle of the frame [n, 1, 1].
        side: Pixels per side.
        drop: How far below the middle of the picture the frame starts.
    """
    line = ((torch.arange(side) + 0.5) / side * 2 - 1) * REACH
    across, down = line, line.unsqueeze(1)
    fade = across * (0.35 * angle.cos()) + down * (0.35 * angle.sin()) + 0.5  # [n, side, side]
    step = (far - near)[:, :, None, None]
    colours = torch.addcmul(near[:, :, None, None], step, fade.unsqueeze(1))
    x = across * tilt.cos() + down * tilt.sin()
    y = down * tilt.cos() - across * tilt.sin() - drop
    nothing = torch.zeros_like(x)
    return Canvas(colours, x, y, nothing, nothing.clone(), tilt, drop, side)
