"""torchgan's own trainer on our networks: python -m peers.of_torchgan GAME."""

import sys
import tempfile
from typing import Any

import torch
from peers.games import GAMES, loader
from peers.gate import Gate
from torch import Tensor, nn

from ganzoo.algorithm import images_of


def main() -> None:
    """Train until nobody asks for more."""
    import torchgan
    from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss
    from torchgan.models import Discriminator, Generator
    from torchgan.trainer import Trainer

    class Made(Generator):  # type: ignore[misc]
        def __init__(self, network: nn.Module) -> None:
            super().__init__(network.z_dim)
            self.network = network

        def forward(self, z: Tensor) -> Tensor:
            return images_of(self.network(z))

    class Judge(Discriminator):  # type: ignore[misc]
        def __init__(self, network: nn.Module) -> None:
            super().__init__(32)
            self.network = network

        def forward(self, images: Tensor) -> Any:
            return self.network(images)

    game, gate = GAMES[sys.argv[1]], Gate(torchgan.__version__.removeprefix("v"))
    adam = {
        "name": torch.optim.Adam,
        "args": {"lr": game.learning_rate, "betas": game.betas},
    }
    made, judge = game.networks()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            {
                "generator": {"name": Made, "args": {"network": made}, "optimizer": adam},
                "discriminator": {"name": Judge, "args": {"network": judge}, "optimizer": adam},
            },
            [MinimaxGeneratorLoss(), MinimaxDiscriminatorLoss()],
            device=torch.device("cpu"),
            ncritic=game.d_steps,
            epochs=1000,
            checkpoints=f"{folder}/gan",
            recon=folder,
        )
        gate.watch(judge)
        trainer(loader(game.pixels(), game.batch))


if __name__ == "__main__":
    main()
