"""Two processes of one run; a module of its own, because a spawned process must import it."""

from multiprocessing.queues import Queue
from typing import Any

import torch
import torch.distributed as dist
from tiny import experiment

from ganzoo.training.ranks import Ranks
from ganzoo.training.trainer import Trainer


def weights(ranks: Ranks) -> list[float]:
    """Play four steps without batch norm's view of its own half; return G and D."""
    trainer = Trainer(experiment(dtype=torch.float64), torch.device("cpu"), ranks=ranks)
    trainer.networks["generator"].eval()
    for _ in range(4):
        trainer.play_step()
    nets = trainer.networks.values()
    return [v for net in nets for p in net.parameters() for v in p.flatten().tolist()]


def play_as(rank: int, meeting: str, answers: "Queue[Any]") -> None:
    """Be one of two processes."""
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    answers.put((rank, weights(Ranks.here())))
    dist.barrier()
    dist.destroy_process_group()
