"""Every network of ours in its smallest form, and every way its settings make another of it."""

from typing import Any

import torch
from torch import nn

from ganzoo.interfaces import Env
from ganzoo.options import schema
from ganzoo.registry import Entry, Registry

REGISTRY = Registry.discover(only=())
GENERATORS = REGISTRY.components("generator")
DISCRIMINATORS = REGISTRY.components("discriminator")

_WAYS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("generator", "cgan"): [{"labels": way} for way in ("onehot", "embed", "norm")],
    ("discriminator", "dcgan"): [
        {"norm": norm} for norm in ("batch", "layer", "group", "instance", "spectral", "none")
    ],
    ("discriminator", "resnet"): [{"norm": "spectral"}, {"norm": "none", "pool": "mean"}],
    ("discriminator", "mlp"): [{"dropout": 0.0}],
}
_LEAST = {"width": 4, "z_dim": 5}


def ways(entry: Entry) -> list[dict[str, Any]]:
    """Return the settings that make different networks of one class."""
    return _WAYS.get((entry.kind, entry.name), [{}])


def least(entry: Entry, **settings: Any) -> dict[str, Any]:
    """Return settings with all that makes a network small."""
    known = schema(REGISTRY.load(entry))
    return {**{name: value for name, value in _LEAST.items() if name in known}, **settings}


def small(entry: Entry, env: Env, **settings: Any) -> nn.Module:
    """Return the smallest network of a class, with certain settings."""
    torch.manual_seed(0)
    made: nn.Module = REGISTRY.load(entry)(env, **least(entry, **settings))
    return made


def named(value: object) -> str | None:
    """Name an entry or its settings in the list of tests."""
    if isinstance(value, Entry):
        return f"{value.kind}-{value.name}"
    return ",".join(map(str, value.values())) if isinstance(value, dict) else None
