"""Small classifiers as feature spaces; their weights are files beside this one.

Features are what the last layer but one makes of an image, so a distance between them is about
what tells the classes apart and blind to the rest. ``tests/benchmarks/train_extractor.py`` trained
them, on training images only.
"""

from abc import ABC, abstractmethod
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, ClassVar, TypeAlias, final

import torch
from jaxtyping import Float
from safetensors.torch import load
from torch import Tensor, nn

from ganzoo.data.pixels import fit, to_images
from ganzoo.errors import FitError, MachineError
from ganzoo.options import Opt
from ganzoo.types import Features, Images, Pixels

FEATURES, CLASSES, SIDE = 128, 10, 32
"""Length of a feature vector, classes told apart, and pixels per side that the networks read."""

_BATCH = 500
_PREPARATION = "1: fit to 32 px, [-1, 1], grey by 0.299 0.587 0.114"
"""Raise the number with any change of what the networks are shown."""

Device: TypeAlias = Annotated[str, Opt("auto (a GPU where there is one), cpu, cuda, ...")]


class Classifier(nn.Module, ABC):
    """A network with an embedding: a body up to the features, and one linear layer above it.

    Attributes:
        channels: Colour channels that it reads.
    """

    channels: ClassVar[int]

    @abstractmethod
    def features(self, images: Images) -> Features:
        """Return the features of images of :data:`SIDE` pixels."""

    @abstractmethod
    def logits(self, features: Features) -> Float[Tensor, "n classes"]:
        """Return the class logits that the last layer makes of features."""

    def forward(self, images: Images) -> Float[Tensor, "n classes"]:
        """Return the class logits of images."""
        return self.logits(self.features(images))


@final
class LenetNetwork(Classifier):
    """Three convolutions and two dense layers for grey images; 156,554 parameters.

    References: after LeNet-5 of Gradient-based learning applied to document recognition, section
    II.B (LeCun et al., 1998), with rectifiers, batch norm and no subsampling weights.
    """

    channels: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            *_stage(16, 32),
            *_stage(32, 64),
            nn.Flatten(),
            nn.Linear(64 * 4 * 4, FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, CLASSES)

    def features(self, images: Images) -> Features:
        made: Tensor = self.body(images)
        return made

    def logits(self, features: Features) -> Float[Tensor, "n classes"]:
        made: Tensor = self.head(features)
        return made


@final
class ColourNetwork(Classifier):
    """Four convolutions for colour images; features are the mean of the last over its places."""

    channels: ClassVar[int] = 3

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_stage(3, 24), *_stage(24, 48), *_stage(48, 96), *_stage(96, FEATURES)[:-1]
        )
        self.head = nn.Linear(FEATURES, CLASSES)

    def features(self, images: Images) -> Features:
        made: Tensor = self.body(images).mean((2, 3))
        return made

    def logits(self, features: Features) -> Float[Tensor, "n classes"]:
        made: Tensor = self.head(features)
        return made


def _stage(channels: int, wider: int) -> list[nn.Module]:
    """Return a convolution with batch norm and a rectifier, then a pooling to half the side."""
    convolution = nn.Conv2d(channels, wider, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(wider), nn.ReLU(), nn.MaxPool2d(2)]


def own(pixels: Pixels, channels: int, name: str) -> Float[Tensor, "n channels side side"]:
    """Return images as a network of 32 px reads them.

    Grey 28 px gets a border of black, all else is resized with an antialiased filter
    (:func:`ganzoo.data.pixels.fit`); colour becomes luma where grey is read, and grey is repeated
    where colour is.

    Raises:
        FitError: The pixels are neither grey nor colour.
    """
    found = pixels.shape[1]
    if found not in (1, 3):
        raise FitError(
            f"extractor {name} reads images of 1 or 3 channels, not {found}; take an extractor"
            " that the data set names, see ganzoo list --kind extractor"
        )
    if found == 3 and channels == 1:
        luma = pixels.new_tensor((0.299, 0.587, 0.114), dtype=torch.float32)
        pixels = torch.einsum("nchw,c->nhw", pixels.float(), luma)[:, None].round().byte()
    images = to_images(fit(pixels, SIDE))
    return images.expand(-1, channels, -1, -1).contiguous()


class _Trained(ABC):
    """A classifier with its weights from the package, as an extractor.

    Attributes:
        digest: sha256 of the weights file and of how images are prepared.
    """

    _name: ClassVar[str]
    _make: ClassVar[type[Classifier]]

    def __init__(self, *, device: Device = "auto") -> None:
        raw = files("ganzoo_extractors").joinpath(f"{self._name}.safetensors").read_bytes()
        self.digest = sha256(raw + _PREPARATION.encode()).hexdigest()
        self._network = self._make().eval().requires_grad_(False)
        self._network.load_state_dict(load(raw))
        self._device = _device(device, self._name)
        # Channels last is nearly twice as fast on a CPU.
        self._network.to(self._device).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def __call__(self, pixels: Pixels) -> Features:
        made = [torch.empty(0, FEATURES), *map(self._features, pixels.split(_BATCH))]
        return torch.cat(made)

    @torch.no_grad()
    def class_logits(self, features: Features) -> Float[Tensor, "n classes"]:
        return self._network.logits(features.to(self._device)).cpu()

    def _features(self, pixels: Pixels) -> Features:
        # The half precision of TF32 would make a GPU's features another space than a CPU's.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            images = own(pixels, self._network.channels, self._name)
            images = images.to(self._device, memory_format=torch.channels_last)
            return self._network.features(images).float().cpu()


@final
class Lenet(_Trained):
    """Features of a classifier of MNIST's training digits.

    Args:
        device: Where it runs; features are the same but for rounding.
    """

    _name = "lenet"
    _make = LenetNetwork


@final
class LenetDigits(_Trained):
    """Features of the same network, trained on the digits that ganzoo draws.

    Args:
        device: Where it runs; features are the same but for rounding.
    """

    _name = "lenet-digits"
    _make = LenetNetwork


@final
class Colour(_Trained):
    """Features of a classifier of the training photographs of CIFAR-10.

    Args:
        device: Where it runs; features are the same but for rounding.
    """

    _name = "colour"
    _make = ColourNetwork


def _device(asked: str, name: str) -> torch.device:
    """Return a device by its name.

    Raises:
        MachineError: There is no such device here.
    """
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(asked)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise MachineError(
            f"extractor {name}: no device {asked!r} here ({why}); say device=auto or cpu"
        ) from error
    return device
