"""The Inception network of 2015 that published FIDs are measured in, from torch-fidelity."""

import logging
import os
import socket
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Annotated, TypeAlias, final

import torch
from torch import nn

from ganzoo.errors import DataError, FitError, MachineError
from ganzoo.options import Opt
from ganzoo.types import Features, Pixels

FEATURES = 2048
"""Length of a feature vector, of the layer pool3."""

_PUBLISHED = "6726825d"
"""How the sha256 of the published weights begins; their file's name says so, too."""

_NAMES = {"FD": "FID", "KD": "KID"}
_PREPARATION = "1: grey repeated, TF1 bilinear to 299, (x - 128) / 128"
_BATCH = 50
_PATIENCE_SEC = 15.0

_log = logging.getLogger(__name__)

Device: TypeAlias = Annotated[str, Opt("auto (a GPU where there is one), cpu, cuda, ...")]


@final
class Inception:
    """Pool3 features of TensorFlow's Inception of 2015-12-05, 2,048 an image.

    Pixels are resized inside the network as TensorFlow 1 did, bilinear without antialiasing; grey
    is repeated in three channels. Importing torch-fidelity waits until one is made.

    Args:
        weights: The weights as torch-fidelity publishes them; None takes those of PyTorch's hub
            folder, and fetches them where they are not there.
        device: Where it runs; features are the same but for rounding.

    Attributes:
        known_as: FD is FID, and KD is KID, with the published weights; no names with other ones.
        digest: sha256 of the weights file and of how images are prepared.

    Raises:
        MachineError: torch-fidelity is not installed, or there is no such device.
        DataError: The weights are nowhere, or are other ones than the network's.

    References: GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium,
    section 4 (Heusel et al., 2017), https://arxiv.org/abs/1706.08500; Rethinking the Inception
    Architecture for Computer Vision (Szegedy et al., 2015), https://arxiv.org/abs/1512.00567
    """

    def __init__(
        self,
        *,
        weights: Annotated[str | None, Opt("path of the weights; none: PyTorch's hub")] = None,
        device: Device = "auto",
    ) -> None:
        library = _library()
        self._device = _device(device)
        path = _located(weights, library.URL_INCEPTION_V3)
        raw = path.read_bytes()
        self.digest = sha256(raw + _PREPARATION.encode()).hexdigest()
        published = sha256(raw).hexdigest().startswith(_PUBLISHED)
        self.known_as: Mapping[str, str] = _NAMES if published else {}
        self._network = _network(library, path).to(self._device)

    @torch.no_grad()
    def __call__(self, pixels: Pixels) -> Features:
        """Return the features of grey or colour images.

        Raises:
            FitError: The images are neither.
        """
        if pixels.shape[1] not in (1, 3):
            raise FitError(
                f"extractor inception reads images of 1 or 3 channels, not {pixels.shape[1]};"
                " take an extractor that the data set names, see ganzoo list --kind extractor"
            )
        made = [torch.empty(0, FEATURES), *map(self._features, pixels.split(_BATCH))]
        return torch.cat(made)

    def _features(self, pixels: Pixels) -> Features:
        colour = pixels.expand(-1, 3, -1, -1).to(self._device)
        # The half precision of TF32 would make a GPU's features another space than a CPU's.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            features: Features = self._network(colour)[0]
        return features.float().cpu()


def _library() -> ModuleType:
    try:
        from torch_fidelity import feature_extractor_inceptionv3
    except ImportError as error:
        raise MachineError(
            "extractor inception needs torch-fidelity, which is not installed here;"
            ' pip install "torch-ganzoo[fid]"'
        ) from error
    module: ModuleType = feature_extractor_inceptionv3
    return module


def _network(library: ModuleType, path: Path) -> nn.Module:
    """Return the network with the weights of a file.

    Raises:
        DataError: The file does not hold them.
    """
    try:
        # torch-fidelity lets pickles run code; none is handed to it that holds more than weights.
        torch.load(path, map_location="cpu", weights_only=True)
        network: nn.Module = library.FeatureExtractorInceptionV3(
            "inception-v3-compat", [str(FEATURES)], feature_extractor_weights_path=str(path)
        )
    except Exception as error:  # whatever an unpickler may raise
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path} does not hold the weights of torch-fidelity's Inception ({why}); put"
            f" {Path(library.URL_INCEPTION_V3).name} in its place"
        ) from error
    return network.eval().requires_grad_(False)


def _located(weights: str | None, url: str) -> Path:
    """Return where the weights lie, after fetching them where need be.

    Raises:
        DataError: They lie nowhere and cannot be fetched.
    """
    if weights is not None:
        path = Path(weights).expanduser()
        if not path.is_file():
            raise DataError(
                f"extractor.inception.weights: there is no file {path}; download {url} and give"
                " its path"
            )
        return path
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    if not path.is_file():
        _fetch(url, path)
    return path


def _fetch(url: str, path: Path) -> None:
    cure = (
        f"download {url} elsewhere and put it there, or give its path with"
        " extractor.inception.weights"
    )
    if os.environ.get("GANZOO_OFFLINE", "") not in ("", "0"):
        raise DataError(
            f"extractor inception: no weights at {path}, and GANZOO_OFFLINE forbids fetching them;"
            f" {cure}"
        )
    _log.warning("inception: fetching %s (GANZOO_OFFLINE=1 forbids it)", url)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE_SEC)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=_PUBLISHED, progress=False)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"extractor inception: no weights at {path}, and they cannot be fetched ({error});"
            f" {cure}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _device(asked: str) -> torch.device:
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
            f"extractor inception: no device {asked!r} here ({why}); say device=auto or cpu"
        ) from error
    return device
