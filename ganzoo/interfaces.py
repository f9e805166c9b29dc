"""The seam: what every part of a GAN is, on one page.

A plugin implements these, ganzoo calls them, and neither knows more of the other. Networks are
protocols (any ``nn.Module`` with the right ``forward`` will do); the rest are abstract bases that
carry defaults. Every part is built as ``Part(env, *, options...)``: the keyword-only parameters of
the constructor are the part's settings.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ganzoo.env import Condition as Condition
from ganzoo.env import DataInfo as DataInfo
from ganzoo.env import Env as Env
from ganzoo.env import Survey as Survey
from ganzoo.play import Play, RunView
from ganzoo.types import (
    Features,
    GivenPixels,
    Images,
    Labels,
    Latents,
    Logits,
    Pixels,
    Told,
    Values,
)


@runtime_checkable
class Generator(Protocol):
    """A network that makes images from latents; an ``nn.Module``.

    ``labels`` is what it is told: classes, or where the run's condition is images, those images.
    Returns images, or a mapping with ``image`` and extras that a regularizer may ask for (``w``).
    """

    z_dim: int

    def __call__(
        self, z: Latents, labels: Told | None = None
    ) -> Images | Mapping[str, Tensor]: ...


@runtime_checkable
class Styled(Protocol):
    """A :class:`Generator` of two steps: z to w, a vector for each layer, and w to images.

    Who has both, and ``w_mean`` [w], can be asked for truncation and for mixed styles. The two
    steps note nothing, whatever the mode; the mean may be a buffer.
    """

    z_dim: int
    if TYPE_CHECKING:  # isinstance sees no buffers from Python 3.12 on
        w_mean: Tensor

    def mapping(self, z: Latents, labels: Labels | None = None) -> Float[Tensor, "n layers w"]: ...

    def synthesis(self, w: Float[Tensor, "n layers w"]) -> Images: ...


@runtime_checkable
class Discriminator(Protocol):
    """A network that judges images; an ``nn.Module``. ``labels`` as of a :class:`Generator`.

    Returns raw logits (never a sigmoid), one an image or one a patch, or a mapping with ``logits``
    and extras (``features``, ``class_logits``).

    Optional class attributes, read with their default where absent: ``mixes_samples`` (False):
    the answer for one image depends on its batch mates; ``bounds_slope`` (empty): see
    :class:`Regularizer`.
    """

    def __call__(
        self, images: Images, labels: Told | None = None
    ) -> Logits | Mapping[str, Tensor]: ...


class Loss(ABC):
    """What each player minimizes, as a pure function of logits.

    Element-wise: the trainer takes the mean once. Logits of patches are averaged after the loss.

    Attributes:
        paired: The generator's side wants real logits too (relativistic losses).
        needs_bounded_slope: Meaningless unless something bounds the discriminator's slope.
        wants_bounded_slope: Unsteady unless something does.
        mixes_samples: The loss of one sample depends on its batch mates.
        symptoms: What readings look like when a player is ``winning`` or ``blind``: for each word
            the range of each column, ``{"winning": {"D acc": (0.98, 1.0)}}``.
    """

    paired: ClassVar[bool] = False
    needs_bounded_slope: ClassVar[bool] = False
    wants_bounded_slope: ClassVar[bool] = False
    mixes_samples: ClassVar[bool] = False
    symptoms: ClassVar[Mapping[str, Mapping[str, tuple[float, float]]]] = {}

    @abstractmethod
    def discriminator(self, real: Logits, fake: Logits) -> Values:
        """Return what the discriminator minimizes."""

    @abstractmethod
    def generator(self, fake: Logits, real: Logits | None = None) -> Values:
        """Return what the generator minimizes; ``real`` is given when the loss is paired."""

    def readings(self, real: Logits, fake: Logits) -> Mapping[str, Tensor]:
        """Return scalars for people, by the name of their column in the trace."""
        return {"C(real)": real.mean(), "C(fake)": fake.mean(), "gap": real.mean() - fake.mean()}


class Regularizer(ABC):
    """A penalty added to what a player minimizes.

    Attributes:
        on: The players that pay it.
        input_grads: Images whose gradient it takes: ``real``, ``fake`` or both.
        second_order: It differentiates a gradient, so the phase must run uncompiled.
        bounds_slope: Where it bounds the discriminator's slope: at ``real``, at ``fake`` or both.
        per_sample: It is wrong when the discriminator mixes samples (batch norm).
        weight: Factor of the penalty, the paper's gamma or lambda.
        interval: It acts every so many steps, and then that much stronger.
    """

    on: ClassVar[tuple[str, ...]] = ("discriminator",)
    input_grads: ClassVar[tuple[str, ...]] = ()
    second_order: ClassVar[bool] = False
    bounds_slope: ClassVar[frozenset[str]] = frozenset()
    per_sample: ClassVar[bool] = False
    mixes_samples: ClassVar[bool] = False
    weight: float = 1.0
    interval: int = 1

    @abstractmethod
    def penalty(self, play: Play) -> Values:
        """Return the penalty before its weight."""


class Augment(ABC):
    """A differentiable change of images before the discriminator sees them, real or fake.

    Attributes:
        reads_sign: It takes the sign of real logits for a verdict; not every loss gives one.
    """

    reads_sign: bool = False

    @abstractmethod
    def __call__(self, images: Images, rng: torch.Generator) -> Images:
        """Return changed images; all randomness comes from ``rng``."""


class Schedule(ABC):
    """A part that changes settings while training: rates, stages, batch size.

    Attributes:
        calls: The method that it calls of a network, by role; the network must have it.
        capturable: The networks keep what it tells them on the device, or every such change comes
            with ``reset_optimizer``; else a schedule that calls them keeps runs from CUDA graphs.
    """

    calls: ClassVar[Mapping[str, str]] = {}
    capturable: ClassVar[bool] = False

    @abstractmethod
    def step_start(self, run: RunView) -> None:
        """Act before a step; called as a run hook."""


@runtime_checkable
class Reader(Protocol):
    """Reads a data set one image at a time, in any process: it can be pickled.

    Attributes:
        labels: The class of each image; None without classes.
    """

    labels: Labels | None

    def __len__(self) -> int:
        """Return the number of images."""

    def __call__(self, index: int) -> UInt8[Tensor, "c h w"]:
        """Return one image as :meth:`Dataset.load` gives it.

        Raises:
            DataError: It cannot be read; the message names it.
        """


class Dataset(ABC):
    """Where real images come from."""

    @abstractmethod
    def describe(self, resolution: int | None = None) -> DataInfo:
        """Return what :meth:`load` would give, from listings and headers only.

        Args:
            resolution: Pixels per side; None for the data's own.

        Raises:
            DataError: The data is missing, empty or unsuitable.
        """

    @abstractmethod
    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | GivenPixels | None]:
        """Return every image, square and of one size, with its class where there are classes.

        With ``given_shape``, the image that each is to be made of stands in place of its class.

        Raises:
            DataError: A file cannot be read; the message names it.
        """

    def reader(self, resolution: int | None = None) -> Reader | None:
        """Return what gives one image at a time, for sets that do not fit in memory.

        None: they are only loaded whole. Raises as :meth:`describe`.
        """
        return None

    def held_out(
        self, resolution: int | None = None
    ) -> tuple[Pixels, Labels | GivenPixels | None] | None:
        """Return real images that :meth:`load` does not give: the test split, where there is one.

        None: whoever judges sets some of the loaded images apart. Raises as :meth:`load`.
        """
        return None

    def survey(self) -> Survey | None:
        """Return what lies in the files, damaged ones too; None: they are checked by a sum.

        Raises as :meth:`describe`.
        """
        return None


@runtime_checkable
class Extractor(Protocol):
    """Turns pixels into features, the space in which metrics compare images.

    Optional, read where present: ``fit(pixels)``, called once with the reference images before
    anything is extracted; ``class_logits(features)`` -> [n, k], the classes it takes images for;
    ``known_as`` (class attribute), names that values have in the literature when each side has
    10,000 images or more, ``{"FD": "FID"}``.

    Attributes:
        digest: sha256 of its weights and of all else that decides the features, in hex; after
            ``fit`` where it has one. Values with different digests are never compared.
    """

    digest: str

    def __call__(self, pixels: Pixels) -> Features:
        """Return features on the CPU; any resolution and channels that it can make its own."""


@dataclass(frozen=True)
class Embedded:
    """Images, and what an extractor makes of them.

    Attributes:
        pixels: The images.
        features: Of each image.
        labels: The class of each, or the one it was asked for; None without classes.
        class_logits: The classes that the extractor takes them for; None where it names none.
    """

    pixels: Pixels
    features: Features
    labels: Labels | None = None
    class_logits: Float[Tensor, "n k"] | None = None


class Metric(ABC):
    """Numbers that compare generated with real images; there is no generator inside.

    Attributes:
        higher: Names of values of which more is better; of the others less is.
        in_pixels: It looks at pixels alone and says the same whatever the extractor.
    """

    higher: ClassVar[frozenset[str]] = frozenset()
    in_pixels: ClassVar[bool] = False

    @property
    @abstractmethod
    def protocol(self) -> str:
        """How it compares, with every setting that decides a value; stamped on each."""

    @abstractmethod
    def score(self, real: Embedded, fake: Embedded, held_out: Embedded) -> Mapping[str, float]:
        """Return values by name; none where it cannot say anything.

        Args:
            real: The reference, images that may have been trained on.
            fake: What is judged.
            held_out: Real images that are not in the reference. Judged in place of ``fake`` they
                give the floor that is printed beside each value.
        """


@runtime_checkable
class Observer(Protocol):
    """Consumes what a run reports: ticks and events; never changes training."""

    def show(self, event: Any) -> None:
        """Take note of one event."""


@runtime_checkable
class Stateful(Protocol):
    """Any part with a state that a resumed run must find again: numbers, text and tensors."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return the state."""

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Take a state that :meth:`state_dict` gave."""


BOUNDED = frozenset({"real", "fake"})
"""Where the slope must be bounded for a loss that needs it."""
