"""``ganzoo info NAME --trace``: what each layer gives, from z to P(real), at the first step."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo import build
from ganzoo.cli.screen import Cells, remark, say, table
from ganzoo.cli.wording import grouped
from ganzoo.plan import Plan
from ganzoo.registry import Registry
from ganzoo.sampling import told_for

_MOST = 64  # images; a batch may be larger than a terminal needs
_HEADS = ("", "what", "shape", "range", "parameters")


def print_flow(plan: Plan, registry: Registry) -> None:
    """Print the data flow of an untrained model on one batch.

    Raises:
        FitError: Its parts do not go together.
    """
    built = build.outline(plan, registry)
    for note in built.notes:
        remark(f"  ! {note}")
    rng = torch.Generator().manual_seed(plan.training.seed)
    torch.manual_seed(plan.training.seed)
    z = torch.randn(min(plan.training.batch_size, _MOST), built.z_dim, generator=rng)
    labels = told_for(built.env, len(z))
    generator = built.networks[built.algorithm.samples_from]
    rows = [_row("z", "N(0, 1)", z)]
    if labels is not None:
        classes = built.env.num_classes
        rows.append(_row("labels", f"0 ... {classes - 1}" if classes else "images", labels))
    with torch.no_grad():
        made = _through(rows, "generator", generator, z, labels)
        images = made["image"] if isinstance(made, Mapping) else made
        rows.append(_row("images", "", images))
        if "discriminator" in built.networks:
            judge = built.networks["discriminator"]
            told = _through(rows, "discriminator", judge, images, labels)
            logits = told["logits"] if isinstance(told, Mapping) else told
            rows.append(_row("logits", "higher: more real", logits))
            if built.loss is not None and "D(real)" in built.loss.readings(logits, logits):
                rows.append(_row("P(real)", "sigmoid(logits)", logits.sigmoid()))
    say(f"{plan.model}, untrained, one batch; ranges are min ... max", "")
    table(_HEADS, rows, right=("parameters",))
    say("")
    for role, network in built.networks.items():
        count = sum(p.numel() for p in network.parameters())
        say(f"  {role:<14} {grouped(count)} parameters")


def _through(rows: list[Cells], role: str, network: nn.Module, *inputs: Tensor | None) -> Any:
    """Run a network and add a row for each of its layers, in the order in which they act."""
    rows.append(Cells((role, "", "", "", "")))
    with _watched(network, lambda name, layer, out: rows.append(_layer(name, layer, out))):
        return network(*inputs)


@contextmanager
def _watched(network: nn.Module, seen: Callable[[str, nn.Module, Any], None]) -> Iterator[None]:
    """Report what each module without children gives."""

    def report(name: str, layer: nn.Module, _: Any, out: Any) -> None:
        seen(name, layer, out)

    handles = [
        layer.register_forward_hook(partial(report, name))
        for name, layer in network.named_modules()
        if not any(True for _ in layer.children())
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _layer(name: str, layer: nn.Module, out: Any) -> Cells:
    count = sum(p.numel() for p in layer.parameters(recurse=False))
    return _row(f"  {name}", type(layer).__name__, out, grouped(count) if count else "")


def _row(name: str, what: str, value: Any, count: str = "") -> Cells:
    if not isinstance(value, Tensor):
        return Cells((name, what, "", "", count))
    low, high = value.min().item(), value.max().item()
    return Cells((name, what, str(list(value.shape)), f"{low:.3g} ... {high:.3g}", count))
