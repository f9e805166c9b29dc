"""Attention drawn: what some places of a picture look at while a generator makes it.

Any generator with a :class:`ganzoo.nn.attention.SelfAttention` can do it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import interpolate, one_hot

from ganzoo.errors import RecipeError
from ganzoo.made import load_generator, num_classes
from ganzoo.nn.attention import Maps, SelfAttention
from ganzoo.pictures import save_grid
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.sampling import labels_for, sample
from ganzoo.types import Pixels

LOOKED = 8
"""Seeds of a sheet where nobody says how many."""

PLACES = ((0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75))
"""Where it is asked, as shares of the height and of the width."""

COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (204, 121, 167))
"""One a place, which people with colour blindness tell apart (Okabe and Ito, 2008)."""


def attention(
    generator: nn.Module,
    seeds: Sequence[int],
    labels: Int64[Tensor, " seeds"] | None = None,
    psi: float | None = None,
) -> Pixels:
    """Draw a row for each seed: its picture, and what each of five places of it looks at.

    The places are dots in the picture. The map of a place is the darkened picture, with the
    place's colour where it looks, full where it looks most.

    Args:
        generator: The network; where it lies, the pictures are made.
        seeds: One a row; with several layers that attend, one row a layer.
        labels: Their classes; None when unconditional.
        psi: Of truncation, as in :func:`ganzoo.sampling.render`.

    Returns:
        uint8 [rows * (1 + places), 3, h, w] on the CPU, row by row.

    Raises:
        RecipeError: No layer of the generator attends.
    """
    with _looking(generator) as found:
        pixels = sample(generator, seeds, labels, psi)
    rows = [_drawn(pixels.expand(-1, 3, -1, -1), torch.cat(each)) for each in found]
    return torch.stack(rows, 1).flatten(0, 2)


def make_attention(
    run: RunDir,
    registry: Registry,
    *,
    seeds: Sequence[int],
    label: int | None = None,
    psi: float | None = None,
    device: str | None = None,
    output: Path | None = None,
    at: int | None = None,
) -> Path:
    """Write what places of pictures of a run's averaged generator look at.

    Args:
        run: The run.
        registry: What names mean.
        seeds: One a row.
        label: Class of all; None for all classes in turn.
        psi: Of truncation; None for none.
        device: As :func:`ganzoo.made.load_generator`.
        output: A ``.png`` file; None for one in the run's ``made/`` folder.
        at: As :func:`ganzoo.made.load_generator`.

    Returns:
        The file that was written.

    Raises:
        RecipeError: The output is of another kind, or the generator cannot do it.
    """
    if output is not None and output.suffix != ".png":
        raise RecipeError(f"{output}: maps of attention are a .png file")
    labels = labels_for(len(seeds), num_classes(run), label)
    generator = load_generator(run, registry, device=device, at=at)
    pixels = attention(generator, seeds, labels, psi)
    path = output or run.next_made() / "attention.png"
    save_grid(path, pixels, 1 + len(PLACES))
    return path


@contextmanager
def _looking(generator: nn.Module) -> Iterator[list[list[Tensor]]]:
    """Keep what the places look at, batch by batch, for each layer that attends.

    Raises:
        RecipeError: There is none.
    """
    layers = [each for each in generator.modules() if isinstance(each, SelfAttention)]
    if not layers:
        raise RecipeError(
            f"--attention: no layer of {type(generator).__name__} attends to itself;"
            " only generators with self-attention have maps of it"
        )
    found: list[list[Tensor]] = [[] for _ in layers]
    handles = [
        layer.register_forward_pre_hook(partial(_note, seen))
        for layer, seen in zip(layers, found, strict=True)
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _note(seen: list[Tensor], layer: SelfAttention, inputs: tuple[Maps]) -> None:
    """Keep [n, places, h / 2, w / 2], 1 at the key that a place takes most from."""
    height, width = inputs[0].shape[2:]
    rows = layer.weights(inputs[0])[:, _asked(height, width)]
    heat = (rows / rows.amax(2, keepdim=True)).unflatten(2, (height // 2, width // 2))
    seen.append(heat.float().cpu())


def _asked(height: int, width: int) -> Int64[Tensor, " places"]:
    """Return the numbers of the places in a map, row by row."""
    return torch.tensor([int(y * height) * width + int(x * width) for y, x in PLACES])


def _drawn(pixels: Pixels, heat: Float[Tensor, "n places up down"]) -> Tensor:
    """Return the picture with dots, and the map of each place, [n, 1 + places, 3, h, w]."""
    height, width = (2 * side for side in heat.shape[2:])
    size = tuple(pixels.shape[2:])
    colours = torch.tensor(COLOURS)[:, :, None, None]
    heat = interpolate(heat, size)[:, :, None]  # [n, places, 1, h, w]
    maps = torch.lerp(pixels[:, None] / 2, colours.float(), heat).round().byte()
    dots = one_hot(_asked(height, width), height * width).view(1, -1, height, width)
    marked = pixels
    for dot, colour in zip(interpolate(dots.float(), size)[0], colours, strict=True):
        marked = torch.where(dot > 0, colour.byte(), marked)
    return torch.cat([marked[:, None], maps], 1)
