"""Holds a peer's own training loop between windows, without a change to it.

A line with a number lets it play that many moves of the discriminator; the answer, a line of JSON
on standard output, tells what they cost. All that the peer prints goes to standard error.
"""

import json
import os
import sys
import time
from typing import Any

import torch
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook


class Gate:
    """Counts the discriminator's updates, whoever asks for them, and waits when told to.

    Args:
        version: Of the peer.
    """

    def __init__(self, version: str) -> None:
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self._mine: set[int] = set()
        self._left = 0
        self._before = 0.0
        self._say({"version": version})

    def watch(self, discriminator: torch.nn.Module) -> None:
        """Say whose updates count, and wait for the first window."""
        self._mine = {id(each) for each in discriminator.parameters()}
        register_optimizer_step_post_hook(self._stepped)
        self._wait()

    def _stepped(self, optimizer: Optimizer, *_: Any) -> None:
        if id(optimizer.param_groups[0]["params"][0]) not in self._mine:
            return
        self._left -= 1
        if not self._left:
            self._say({"sec": time.process_time() - self._before})
            self._wait()

    def _wait(self) -> None:
        asked = sys.stdin.readline()
        if not asked:
            os._exit(0)  # nobody listens any more; the loop has no other end
        self._left, self._before = int(asked), time.process_time()

    def _say(self, what: dict[str, object]) -> None:
        print(json.dumps(what), file=self._answers, flush=True)
