"""torch-mimicry's own trainer on our networks: python -m peers.of_mimicry GAME.

It imports packages of its metrics and data sets that training never uses, one of them gone since
torch 2.0; they are replaced by empty ones while it is imported.
"""

import sys
import tempfile
from importlib.metadata import version
from unittest.mock import MagicMock

import torch
import torch.utils.tensorboard  # like torchvision before anything is replaced: both look for it
import torchvision  # noqa: F401
from peers.games import GAMES, Game, loader
from peers.gate import Gate
from torch import Tensor, nn

from ganzoo.algorithm import images_of

_UNUSED = (
    "tensorflow",
    "scipy",
    "skimage",
    "sklearn",
    "sklearn.metrics",
    "sklearn.metrics.pairwise",
    "torch._six",
)
sys.modules.update({name: MagicMock() for name in _UNUSED})
from torch_mimicry.nets.gan import gan  # noqa: E402
from torch_mimicry.training import Trainer  # noqa: E402

for name in _UNUSED:
    del sys.modules[name]


class Made(gan.BaseGenerator):  # type: ignore[misc]
    """A generator of ours.

    Args:
        network: The network.
        loss: Mimicry's name of the loss.
    """

    def __init__(self, network: nn.Module, loss: str) -> None:
        super().__init__(nz=network.z_dim, ngf=0, bottom_width=0, loss_type=loss)
        self.network = network

    def forward(self, z: Tensor) -> Tensor:
        return images_of(self.network(z))


class Judge(gan.BaseDiscriminator):  # type: ignore[misc]
    """A discriminator of ours.

    Args:
        network: The network.
        loss: Mimicry's name of the loss.
    """

    def __init__(self, network: nn.Module, loss: str) -> None:
        super().__init__(ndf=0, loss_type=loss)
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)[:, None]


def train(game: Game, gate: Gate, folder: str) -> None:
    """Train until nobody asks for more."""
    loss = "hinge" if game.hinge else "ns"
    made, judge = game.networks()
    trainer = Trainer(
        netD=Judge(judge, loss).train(),
        netG=Made(made, loss).train(),
        optD=game.adam(judge),
        optG=game.adam(made),
        dataloader=loader(game.pixels(), game.batch),
        num_steps=1_000_000,
        n_dis=game.d_steps,
        log_dir=folder,
        device=torch.device("cpu"),
    )
    gate.watch(judge)
    trainer.train()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        train(GAMES[sys.argv[1]], Gate(version("torch-mimicry")), folder)
