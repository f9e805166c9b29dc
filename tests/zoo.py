"""Every network of ours in its smallest form, in every way it can be set, and pictures for it."""

from typing import Any

import torch
from torch import Tensor, nn

from ganzoo import build
from ganzoo.interfaces import DataInfo, Dataset, Env
from ganzoo.options import schema
from ganzoo.plan import resolve
from ganzoo.registry import Entry, Registry
from ganzoo.training.trainer import Trainer

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
_LEAST = {"width": 4, "max_width": 8, "z_dim": 5, "codes": 2}


def ways(entry: Entry) -> list[dict[str, Any]]:
    """Return the settings that make different networks of one class."""
    known = _WAYS.get((entry.kind, entry.name), [{}])
    optional = "minibatch" in schema(REGISTRY.load(entry))
    return [*known, {**known[-1], "minibatch": 3}] if optional else known


def least(entry: Entry, **settings: Any) -> dict[str, Any]:
    """Return settings with all that makes a network small."""
    known = schema(REGISTRY.load(entry))
    return {**{name: value for name, value in _LEAST.items() if name in known}, **settings}


def small(entry: Entry, env: Env, **settings: Any) -> nn.Module:
    """Return the smallest network of a class, with certain settings."""
    torch.manual_seed(0)
    made: nn.Module = REGISTRY.load(entry)(env, **least(entry, **settings))
    return made


def awake(network: nn.Module) -> nn.Module:
    """Return a network with its zeros drawn anew: behind a factor of 0 nothing has a slope."""
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.5)
    return network


def size_of(*entries: Entry) -> int | None:
    """Return the smallest resolution, of pictures, that all networks make; None for none."""
    shared = set.intersection(*(set(entry.component.sizes) - {1} for entry in entries))
    return min(shared, default=None)


def named(value: object) -> str | None:
    """Name an entry or its settings in the list of tests."""
    if isinstance(value, Entry):
        return f"{value.kind}-{value.name}"
    return ",".join(map(str, value.values())) if isinstance(value, dict) else None


class Pictures(Dataset):
    """Random pictures of some classes, a function of where one begins to look.

    It is opened and in memory from the start; how often somebody looks is counted.
    """

    count = 16

    def __init__(self, side: int = 28, *, classes: int = 2, dtype: torch.dtype = torch.float32):
        self.side, self.classes, self.dtype, self.looks = side, classes, dtype, 0

    def describe(self, resolution: int | None = None) -> DataInfo:
        side = resolution or self.side
        return DataInfo((1, side, side), count=self.count, num_classes=self.classes)

    def load(self, resolution: int | None = None) -> tuple[Tensor, Tensor | None]:
        raise NotImplementedError

    def batch(self, start: int, size: int) -> tuple[Tensor, Tensor]:
        self.looks += 1
        rng = torch.Generator().manual_seed(start)
        images = torch.rand(size, 1, self.side, self.side, generator=rng, dtype=self.dtype)
        return images * 2 - 1, torch.arange(start, start + size) % self.classes


RESUMED: dict[str, tuple[str, dict[str, Any]]] = {
    **{entry.name: (entry.name, {}) for entry in REGISTRY.recipes()},
    "lecam": ("sngan", {"regularizer": ["lecam"]}),
    "dragan": ("dcgan", {"regularizer": ["none", "dragan"]}),
    "ada": ("dcgan", {"augment": ["ada"]}),
    "diffaugment": ("dcgan", {"augment": ["diffaugment"]}),
}
"""Every recipe, and parts that remember something and are in none, by what they add to which."""


def trainer_of(case: str) -> Trainer:
    """Return a trainer of one of these, with networks as small as they get."""
    name, add = RESUMED[case]
    recipe = REGISTRY.find("recipe", name).recipe
    networks = {k: REGISTRY.find(k, str(recipe.parts[k])) for k in ("generator", "discriminator")}
    sets = ["training.batch_size=4"]
    for kind, entry in networks.items():
        sets += [f"{kind}.{name}={value}" for name, value in least(entry).items()]
    side = size_of(*networks.values()) or 0
    plan = resolve(REGISTRY, name, sets=sets, add=add, overrides={"training.resolution": side})
    data = Pictures(side)
    built = build.outline(plan, REGISTRY, {"dataset": data})
    return Trainer(built.with_data(data), torch.device("cpu"))
