"""Lightning on our networks: python -m peers.of_lightning GAME [template].

Lean: one generator pass for both players, nothing logged. As in its template: the fakes are made
for a grid, for the generator and for the discriminator, and losses and the grid go to TensorBoard.
"""

import sys
import tempfile

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from peers.games import GAMES, Game, loader
from peers.gate import Gate
from torch import Tensor
from torchvision.utils import make_grid

from ganzoo.algorithm import images_of


class Lean(lightning.LightningModule):
    """A GAN with manual optimization.

    Args:
        game: What is trained.
    """

    def __init__(self, game: Game) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.game = game
        self.made, self.judge = game.networks()

    def forward(self, z: Tensor) -> Tensor:
        return images_of(self.made(z))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        return [self.game.adam(self.made), self.game.adam(self.judge)], []

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        of_made, of_judge = self.optimizers()
        fake = self(self.latents(batch[0]))
        self.move(of_judge, self.d_loss(batch[0], fake))
        if (index + 1) % self.game.d_steps == 0:
            self.toggle_optimizer(of_made)
            self.move(of_made, self.game.g_loss(self.judge(fake)))
            self.untoggle_optimizer(of_made)

    def latents(self, like: Tensor) -> Tensor:
        return torch.randn(len(like), self.made.z_dim, device=like.device)

    def d_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.game.d_loss(self.judge(real), self.judge(fake.detach()))

    def move(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()


class Template(Lean):
    """The same game with the template's habits."""

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        real, z = batch[0], self.latents(batch[0])
        of_made, of_judge = self.optimizers()
        self.toggle_optimizer(of_made)
        grid = make_grid(self(z)[:6])
        self.logger.experiment.add_image("generated_images", grid, self.current_epoch)
        g_loss = self.game.g_loss(self.judge(self(z)))
        self.log("g_loss", g_loss, prog_bar=True)
        self.move(of_made, g_loss)
        self.untoggle_optimizer(of_made)
        self.toggle_optimizer(of_judge)
        d_loss = self.d_loss(real, self(z))
        self.log("d_loss", d_loss, prog_bar=True)
        self.move(of_judge, d_loss)
        self.untoggle_optimizer(of_judge)


def main() -> None:
    """Train until nobody asks for more."""
    gate = Gate(lightning.__version__)
    template = sys.argv[2:] == ["template"]
    model = (Template if template else Lean)(GAMES[sys.argv[1]])
    with tempfile.TemporaryDirectory() as folder:
        quiet = {} if template else {"logger": False, "enable_progress_bar": False}
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=-1,
            default_root_dir=folder,
            enable_checkpointing=template,
            enable_model_summary=False,
            **quiet,
        )
        gate.watch(model.judge)
        trainer.fit(model, loader(model.game.pixels(), model.game.batch))


if __name__ == "__main__":
    main()
