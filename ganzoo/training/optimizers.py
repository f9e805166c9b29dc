"""Settings become optimizers, each in its fastest exact form."""

from collections.abc import Sequence

import torch
from torch import nn

from ganzoo.plan import Optimizer


def make_optimizer(
    settings: Optimizer, parameters: Sequence[nn.Parameter], device: torch.device
) -> torch.optim.Optimizer:
    """Return the optimizer of one player."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.use == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=settings.betas[0], weight_decay=decay)
    if settings.use == "rmsprop":
        return torch.optim.RMSprop(
            parameters, lr=rate, alpha=settings.betas[1], eps=settings.eps, weight_decay=decay
        )
    return torch.optim.Adam(
        parameters,
        lr=rate,
        betas=settings.betas,
        eps=settings.eps,
        weight_decay=decay,
        fused=device.type in ("cpu", "cuda"),
    )
