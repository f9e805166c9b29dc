"""ganzoo, or a loop by hand, in a process of its own: python -m peers.of_us GAME CONTENDER."""

import sys

import torch
from peers.games import GAMES
from peers.gate import Gate
from peers.loops import limit, plain
from torch import nn

import ganzoo
from ganzoo.data.resident import Resident
from ganzoo.training.trainer import Trainer

CPU = torch.device("cpu")


def main() -> None:
    """Train until nobody asks for more."""
    game, who = GAMES[sys.argv[1]], sys.argv[2]
    pixels = game.pixels()
    if who == "ganzoo":
        gate = Gate(ganzoo.__version__)
        trainer = Trainer(game.outline().with_data(Resident(pixels, None, CPU, 0)), CPU)
        step, judge = trainer.play_step, trainer.networks["discriminator"]
    else:
        gate, seen = Gate(torch.__version__), list[nn.Module]()
        made = {"limit loop": limit, "plain loop": plain}[who]
        step = made(game, pixels, game.batch, CPU, watched=seen.append)
        (judge,) = seen
    gate.watch(judge)
    while True:
        step()


if __name__ == "__main__":
    main()
