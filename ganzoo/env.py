"""The world a part is built for: what is made, and what conditions it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Condition:
    """What the pictures are conditioned on.

    Attributes:
        kind: ``none``; ``classes`` (an index); ``vector``; ``image``.
        shape: (number of classes,), (vector length,) or (c, h, w); empty for ``none``.
    """

    kind: Literal["none", "classes", "vector", "image"] = "none"
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Env:
    """What a part may know about the run it is built for: what is made, and given what.

    Attributes:
        image_shape: (channels, height, width) of one image.
        condition: What both players are told; by default nothing.
    """

    image_shape: tuple[int, int, int]
    condition: Condition = Condition()

    @property
    def channels(self) -> int:
        """Colour channels."""
        return self.image_shape[0]

    @property
    def resolution(self) -> int:
        """Pixels per side."""
        return self.image_shape[-1]

    @property
    def num_classes(self) -> int:
        """Classes the players are told; 0 when unconditional."""
        return self.condition.shape[0] if self.condition.kind == "classes" else 0

    @staticmethod
    def classes(image_shape: tuple[int, int, int], num_classes: int) -> "Env":
        """Return the environment of a class-conditional run (0 classes: unconditional)."""
        if num_classes == 0:
            return Env(image_shape)
        return Env(image_shape, Condition("classes", (num_classes,)))
