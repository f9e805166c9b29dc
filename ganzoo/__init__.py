"""ganzoo: train, compare and share GANs. Importing this imports no torch.

The names below are the light half of the public surface (for plugin modules) and, on first use,
the heavy half (``ganzoo.train``, ``ganzoo.load`` ...).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganzoo.hookspecs import hookimpl
from ganzoo.options import Opt
from ganzoo.spec import Component, Recipe, component, recipe

if TYPE_CHECKING:
    from ganzoo.api import Run, dataset, load, resume, train

__version__ = "0.1.0"
__all__ = [
    "Component",
    "Opt",
    "Recipe",
    "Run",
    "component",
    "dataset",
    "hookimpl",
    "load",
    "recipe",
    "resume",
    "train",
]

_HEAVY = dict.fromkeys(("Run", "dataset", "load", "resume", "train"), "ganzoo.api")


def __getattr__(name: str) -> Any:
    if name in _HEAVY:
        return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")
