"""The trainer plays exactly the step that a person would write down; every recipe has one."""

import copy
import inspect
from collections.abc import Callable
from importlib import import_module

import pytest
import torch
from torch import Tensor, nn
from zoo import REGISTRY, Pictures, least

from ganzoo import build
from ganzoo.outline import Outline
from ganzoo.plan import resolve
from ganzoo.settings import Optimizer
from ganzoo.spec import Recipe
from ganzoo.training.streams import Streams
from ganzoo.training.trainer import Trainer

CPU = torch.device("cpu")
DATA = Pictures(32, classes=3, dtype=torch.float64)
RECIPES = [entry.recipe for entry in REGISTRY.recipes()]

Batch = tuple[Tensor, Tensor | None, Tensor]


def built_small(recipe: Recipe, *, conditional: bool) -> Outline:
    sets = ["training.batch_size=4"]
    for kind in ("generator", "discriminator"):
        least_of = least(REGISTRY.find(kind, str(recipe.parts[kind])))
        sets += [f"{kind}.{name}={value}" for name, value in least_of.items()]
    sets += ["discriminator.dropout=0"] if recipe.parts["discriminator"] == "mlp" else []
    # Adam with its usual eps makes steps even of a gradient that is 0 but for rounding, as that of
    # a bias before a norm is; with this one such a step stays rounding
    sets += [f"optimizer.{player}.eps=1e-5" for player in ("generator", "discriminator")]
    told = {"training.conditional": conditional, "training.resolution": 32}
    plan = resolve(REGISTRY, recipe.name, sets=sets, add={"schedule": ["none"]}, overrides=told)
    built = build.outline(plan, REGISTRY, {"dataset": DATA})
    for network in built.networks.values():
        network.double()
    return built


def optimizer(network: nn.Module, said: Optimizer) -> torch.optim.Optimizer:
    parameters, rate = network.parameters(), said.learning_rate
    if said.use == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=rate, alpha=said.betas[1], eps=said.eps)
    return torch.optim.Adam(parameters, lr=rate, betas=said.betas, eps=said.eps)


def step_of(recipe: Recipe) -> Callable[..., None]:
    return REGISTRY.step(REGISTRY.find("recipe", recipe.name))


def told_or_not(recipe: Recipe) -> list[bool]:
    """Without classes, and with; a recipe that cannot be without them, only with."""
    return [True] if recipe.conditional else [False, True]


CASES = [(recipe, told) for recipe in RECIPES for told in told_or_not(recipe)]


@pytest.mark.parametrize(
    ("recipe", "conditional"), CASES, ids=[f"{r.name}-{'classes' * c}" for r, c in CASES]
)
def test_five_steps_equal_the_straight_line_to_ten_digits(
    recipe: Recipe, conditional: bool
) -> None:
    built, play = built_small(recipe, conditional=conditional), step_of(recipe)
    ours = {role: copy.deepcopy(network).train() for role, network in built.networks.items()}
    trainer = Trainer(built.with_data(DATA), CPU)
    latents = Streams(built.plan.training.seed, CPU).rng("latents")
    optimizers = tuple(optimizer(ours[role], built.plan.optimizers[role]) for role in ours)
    torch.manual_seed(0)
    for _ in range(5):
        trainer.play_step()

    torch.manual_seed(0)  # penalties draw from it
    for index in range(5):
        first = index * built.algorithm.batches
        batches: list[Batch] = []
        for number in range(first, first + built.algorithm.batches):
            real, labels = DATA.batch(4 * number, 4)
            z = torch.randn(4, built.z_dim, generator=latents, dtype=torch.float64)
            batches.append((real, labels if conditional else None, z))
        play(*ours.values(), optimizers, batches, index)

    for role, network in ours.items():
        theirs = trainer.networks[role].state_dict()
        for key, value in network.state_dict().items():
            far = (theirs[key].double() - value.double()).abs().max().item()
            assert far <= 1e-10 * max(1.0, value.abs().max().item()), f"{role}.{key}: {far:.1e}"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_step_is_written_in_sixty_lines_of_plain_pytorch(recipe: Recipe) -> None:
    step = step_of(recipe)

    assert len(inspect.getsource(step).splitlines()) <= 60
    module = inspect.getsource(import_module(step.__module__))
    assert "ganzoo" not in "".join(
        line for line in module.splitlines() if line.startswith(("from", "import"))
    )
