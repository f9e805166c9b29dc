"""How labels enter a network."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from ganzoo.errors import FitError
from ganzoo.types import Labels


def append_labels(
    inputs: Float[Tensor, "n c *size"], labels: Labels | None, num_classes: int
) -> Float[Tensor, "n d *size"]:
    """Return inputs with ``num_classes`` more channels, 1 in that of the label and 0 elsewhere.

    Latents become longer; images get a map for every class.

    Args:
        inputs: [n, c] or [n, c, h, w].
        labels: Class of each; not looked at when unconditional.
        num_classes: 0: unconditional, and the inputs come back as they are.

    Raises:
        FitError: A conditional network was given no labels.

    References: Conditional Generative Adversarial Nets, section 3.2 (Mirza and Osindero, 2014),
    https://arxiv.org/abs/1411.1784
    """
    if num_classes == 0:
        return inputs
    if labels is None:
        raise FitError(
            f"a network for {num_classes} classes was given no labels; say which class to make,"
            " or train with --no-conditional"
        )
    marks = one_hot(labels, num_classes).to(inputs)  # [n, k]
    maps = marks.view(*marks.shape, *[1] * (inputs.ndim - 2)).expand(-1, -1, *inputs.shape[2:])
    return torch.cat([inputs, maps], dim=1)
