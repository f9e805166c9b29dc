"""Two processes with half a batch each train the networks of one with the whole."""

import multiprocessing as mp
from pathlib import Path

import torch
from pair import play_as, weights

from ganzoo.training.ranks import Ranks


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    context = mp.get_context("spawn")
    answers = context.Queue()
    both = [
        context.Process(target=play_as, args=(rank, str(tmp_path / "meeting"), answers))
        for rank in (0, 1)
    ]
    for process in both:
        process.start()
    found = dict(answers.get(timeout=120) for _ in both)
    for process in both:
        process.join(30)

    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    torch.testing.assert_close(found[0], weights(Ranks()), rtol=1e-6, atol=1e-9)
