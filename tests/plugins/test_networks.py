"""What every network of ours promises, whichever plugin it comes from."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from zoo import DISCRIMINATORS, GENERATORS, REGISTRY, awake, named, size_of, small, ways

from ganzoo.errors import FitError
from ganzoo.interfaces import Env
from ganzoo.nn.stddev import MinibatchStddev
from ganzoo.registry import Entry

NETWORKS = [*GENERATORS, *DISCRIMINATORS]
LINEAR = {"progan", "stylegan", "r3gan"}  # as in their papers; the others end in tanh
VARIANTS = [(entry, settings) for entry in NETWORKS for settings in ways(entry)]


def env_of(resolution: int, channels: int = 1, classes: int = 0) -> Env:
    return Env.classes((channels, resolution, resolution), classes)


def least_env(entry: Entry, classes: int = 0) -> Env:
    return env_of(size_of(entry) or 0, classes=classes)


def answer_of(out: Any) -> Tensor:
    """Return logits or images, whichever form a network gives them in."""
    answer: Tensor = (
        out[{"logits", "image"}.intersection(out).pop()] if isinstance(out, dict) else out
    )
    return answer


def inputs_of(entry: Entry, env: Env, count: int = 4) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    shape = (5,) if entry.kind == "generator" else env.image_shape
    return torch.randn(count, *shape, generator=rng)


@pytest.mark.parametrize("entry", GENERATORS, ids=named)
def test_latents_become_finite_images_at_every_size(entry: Entry) -> None:
    for resolution in entry.component.sizes:
        made = small(entry, env_of(resolution, channels=3), width=2)
        images = answer_of(made(torch.full((2, 5), 10.0)))
        assert images.shape == (2, 3, resolution, resolution)
        assert images.isfinite().all()
        assert images.abs().max() <= (20 if entry.name in LINEAR else 1)


@pytest.mark.parametrize("entry", DISCRIMINATORS, ids=named)
def test_images_become_one_raw_logit_each_at_every_size(entry: Entry) -> None:
    for resolution in entry.component.sizes:
        judge = small(entry, env_of(resolution, channels=3), width=2)
        logits = answer_of(judge(torch.randn(2, 3, resolution, resolution)))
        assert logits.shape == (2,)
        assert logits.isfinite().all()


@pytest.mark.parametrize("entry", NETWORKS, ids=named)
def test_a_size_it_does_not_make_is_refused_with_the_nearest(entry: Entry) -> None:
    largest = max(entry.component.sizes)
    with pytest.raises(FitError, match=rf"not 300\. Nearest: --resolution {largest}"):
        small(entry, env_of(300))


@pytest.mark.parametrize(("entry", "settings"), VARIANTS, ids=named)
def test_the_class_changes_the_answer_and_a_missing_class_is_an_error(
    entry: Entry, settings: dict[str, Any]
) -> None:
    env = least_env(entry, classes=3)
    network = small(entry, env, **settings).eval()
    inputs = inputs_of(entry, env)
    zeros, ones = torch.zeros(4).long(), torch.ones(4).long()
    if "class_logits" in entry.component.provides:  # it is not told the class, it names it
        assert network(inputs)["class_logits"].shape == (4, 3)
        return
    assert not torch.equal(*(answer_of(network(inputs, each)) for each in (zeros, ones)))
    with pytest.raises(FitError, match="3 classes was given no labels; say which class"):
        network(inputs)


@pytest.mark.parametrize(("entry", "settings"), VARIANTS, ids=named)
def test_without_classes_labels_are_not_looked_at(entry: Entry, settings: dict[str, Any]) -> None:
    env = least_env(entry)
    network, inputs = small(entry, env, **settings).eval(), inputs_of(entry, env)
    one, two = network(inputs), network(inputs, torch.tensor([1, 2, 0, 1]))
    assert torch.equal(answer_of(one), answer_of(two))


@pytest.mark.parametrize(("entry", "settings"), VARIANTS, ids=named)
def test_in_evaluation_an_answer_does_not_depend_on_batch_mates(
    entry: Entry, settings: dict[str, Any]
) -> None:
    for resolution in {28, 32} & set(entry.component.sizes):
        env = env_of(resolution, classes=3)
        network, inputs = small(entry, env, **settings), inputs_of(entry, env)
        labels = torch.tensor([0, 1, 2, 0])
        network(inputs, labels)  # so that running statistics are not the initial ones
        network.eval()
        if "minibatch" in settings or any(
            isinstance(m, MinibatchStddev) for m in network.modules()
        ):
            continue  # a batch is what it judges
        alone, together = network(inputs[:1], labels[:1]), network(inputs, labels)
        difference = answer_of(alone) - answer_of(together)[:1]
        assert difference.abs().max() <= 1e-5


@pytest.mark.parametrize(
    ("entry", "settings"), [v for v in VARIANTS if v[0].kind == "discriminator"], ids=named
)
def test_a_discriminator_that_says_so_judges_every_image_alone(
    entry: Entry, settings: dict[str, Any]
) -> None:
    env = least_env(entry, classes=3)
    judge = small(entry, env, **settings)
    images = inputs_of(entry, env, 3).requires_grad_()
    logits = answer_of(judge(images, torch.tensor([0, 1, 2])))
    slopes = [torch.autograd.grad(each, images, retain_graph=True)[0] for each in logits]
    among = torch.stack(slopes).flatten(2).abs().sum(2)  # [n, n]
    assert (among.diagonal() > 0).all()
    assert bool((among - among.diagonal().diag()).any()) == getattr(judge, "mixes_samples", False)


@pytest.mark.parametrize(
    ("entry", "settings"), [v for v in VARIANTS if v[0].kind == "discriminator"], ids=named
)
def test_a_slope_penalty_reaches_every_weight_of_a_discriminator(
    entry: Entry, settings: dict[str, Any]
) -> None:
    env = env_of(max({28, 32} & set(entry.component.sizes)))
    judge = awake(small(entry, env, **settings))
    images = inputs_of(entry, env).requires_grad_()
    logits = answer_of(judge(images)).sum()
    weights = [p for n, p in judge.named_parameters() if n.endswith(("weight", "original"))]
    asked = torch.autograd.grad(logits, weights, retain_graph=True, allow_unused=True)
    # a network that grows has colours of earlier stages, which the last one does not ask for
    used = [each for each, slope in zip(weights, asked, strict=True) if slope is not None]
    (slope,) = torch.autograd.grad(logits, images, create_graph=True)
    found = torch.autograd.grad(slope.square().sum(), used)
    assert len(used) >= 3
    assert len(used) == len(weights) or hasattr(judge, "set_stage")
    assert all(each.abs().sum() > 0 for each in found)


@pytest.mark.parametrize(("entry", "settings"), VARIANTS, ids=named)
def test_every_parameter_learns(entry: Entry, settings: dict[str, Any]) -> None:
    env = least_env(entry, classes=3)
    network = small(entry, env, **settings)
    for _ in stages_of(network, env):
        out = network(inputs_of(entry, env), torch.tensor([0, 1, 2, 0]))
        answers = out.values() if isinstance(out, dict) else [out]
        total = sum(each.square().sum() for each in answers)
        assert isinstance(total, Tensor)
        total.backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


def stages_of(network: nn.Module, env: Env) -> Iterator[int]:
    """Go through the stages of a network that grows; the others have one."""
    for stage in (
        range((env.resolution // 4).bit_length()) if hasattr(network, "set_stage") else [0]
    ):
        if hasattr(network, "set_stage"):
            network.set_stage(stage, 1.0)
        yield stage


def test_every_plugin_describes_itself_well() -> None:
    items = [entry.item for entry in (*REGISTRY.components(), *REGISTRY.recipes())]
    assert [problem for item in items for problem in item.problems()] == []
    assert all(entry.item.paper and entry.recipe.year for entry in REGISTRY.recipes())
    assert all(entry.recipe.reading and entry.recipe.step for entry in REGISTRY.recipes())
    assert {"quick", "paper"} <= set.intersection(
        *(set(entry.recipe.presets) for entry in REGISTRY.recipes())
    )
