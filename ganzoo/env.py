"""The world a part is built for: what is made, what conditions it, and what lies in the data."""

from collections.abc import Mapping
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


@dataclass(frozen=True)
class DataInfo:
    """What a data set holds, known from listings and headers alone.

    Attributes:
        image_shape: (channels, height, width) as ``Dataset.load`` gives them.
        count: Number of images.
        num_classes: Number of classes; 0 without labels.
        class_counts: Images of each class; empty without labels or when not known yet.
        class_names: What the classes are called; empty without names.
        notes: Sentences that people should read once: what is left out, and what is changed.
        left_out: Names of pictures that cannot be read, where people chose to go without them.
        given_shape: (channels, height, width) of the image that each is to be made of; None where
            they are made of nothing but noise.
    """

    image_shape: tuple[int, int, int]
    count: int
    num_classes: int = 0
    class_counts: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    given_shape: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Survey:
    """What lies in the files of a data set; every picture was decoded to know it.

    Attributes:
        pictures: Number of pictures that can be used, by the ending of their names.
        others: Number of files that are no pictures, by ending.
        unreadable: Why a picture cannot be used, by its name.
        sizes: (width, height) of the smallest, the middle and the largest of them.
        changes: Number of pictures by what is done to them, in words.
        copies: Pictures that look like one before them.
    """

    pictures: Mapping[str, int]
    others: Mapping[str, int]
    unreadable: Mapping[str, str]
    sizes: tuple[tuple[int, int], ...]
    changes: Mapping[str, int]
    copies: int
