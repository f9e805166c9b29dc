"""Compiled networks, for steps in which nobody differentiates a gradient.

Double backward through a compiled network raises, or (torch 2.11) loses the gradient in silence,
so a penalty is given the network itself: https://github.com/pytorch/pytorch/issues/181581
"""

from collections.abc import Mapping

import torch
from torch import nn


def compiled(networks: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Return each network compiled; it shares parameters and buffers with the network."""
    return {role: _compile(network) for role, network in networks.items()}


def _compile(network: nn.Module) -> nn.Module:
    made = torch.compile(network, dynamic=False)
    assert isinstance(made, nn.Module)
    return made
