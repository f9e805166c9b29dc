"""Optimizers: torch's, in the form that starts fastest, with their state by name."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from ganzoo.settings import Optimizer as Settings
from ganzoo.training.optimizers import make_optimizer

_STEPS = """
import sys, torch
from ganzoo.settings import Optimizer
from ganzoo.training.optimizers import make_optimizer

layer = torch.nn.Linear(2, 1)
for use in ("adam", "rmsprop", "sgd"):
    optimizer = make_optimizer(Optimizer(use=use), list(layer.parameters()), torch.device("cpu"))
    optimizer.zero_grad(set_to_none=True)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""


def test_no_optimizer_imports_the_compiler_which_takes_a_second() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STEPS], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"


def _any(kind: type) -> Any:
    return kind


@pytest.mark.parametrize("use", ["adam", "rmsprop", "sgd"])
def test_an_optimizer_steps_as_torch_does(use: str) -> None:
    settings = Settings(use=use, learning_rate=0.1, betas=(0.5, 0.9))
    kind, options = {
        "adam": (torch.optim.Adam, {"betas": (0.5, 0.9), "eps": settings.eps, "fused": True}),
        "rmsprop": (torch.optim.RMSprop, {"alpha": 0.9, "eps": settings.eps}),
        "sgd": (torch.optim.SGD, {"momentum": 0.5}),
    }[use]
    ours, theirs = (nn.Linear(3, 2, dtype=torch.float64) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    optimizers = (
        make_optimizer(settings, list(ours.parameters()), torch.device("cpu")),
        _any(kind)(theirs.parameters(), lr=0.1, **options),
    )
    told: list[object] = []
    optimizers[0].register_step_post_hook(lambda *_: told.append(None))

    for _ in range(3):
        for layer, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad(set_to_none=True)
            layer(torch.ones(4, 3, dtype=torch.float64)).square().sum().backward()
            optimizer.step()

    assert type(optimizers[0]).__name__ == kind.__name__
    assert len(told) == 3
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)
