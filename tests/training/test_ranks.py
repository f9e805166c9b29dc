"""Two processes with half a batch each train the networks of one with the whole."""

import multiprocessing as mp
from multiprocessing.queues import Queue
from pathlib import Path
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
    return [
        v for n in trainer.networks.values() for p in n.parameters() for v in p.flatten().tolist()
    ]


def _rank(rank: int, meeting: str, answers: "Queue[Any]") -> None:
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    answers.put((rank, weights(Ranks.here())))
    dist.barrier()
    dist.destroy_process_group()


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    context = mp.get_context("spawn")
    answers = context.Queue()
    both = [
        context.Process(target=_rank, args=(rank, str(tmp_path / "meeting"), answers))
        for rank in (0, 1)
    ]
    for process in both:
        process.start()
    found = dict(answers.get(timeout=120) for _ in both)
    for process in both:
        process.join(30)

    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    torch.testing.assert_close(found[0], weights(Ranks()), rtol=1e-6, atol=1e-9)
