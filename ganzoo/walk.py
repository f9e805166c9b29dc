"""A walk through the latents: pictures that turn into one another, from seed to seed and back."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ganzoo.errors import RecipeError
from ganzoo.files import writing
from ganzoo.made import load_generator, num_classes
from ganzoo.pictures import grid, save_png, save_webp, zoom_to
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.sampling import MOST_COLUMNS, labels_for, latents, render
from ganzoo.types import Latents, Pixels

STOPS, FRAMES = 8, 16
"""Seeds of a walk, and frames from one to the next, where nobody says how many."""

_HEIGHT, _WIDTH = 256, 1280
"""Pixels that a frame has at most, about; small pictures are enlarged up to there."""

_FRAME_SECONDS = 1 / 16


def walk_latents(seeds: Sequence[int], z_dim: int, frames: int) -> Latents:
    """Return latents along a closed walk: from each seed to the next, from the last to the first.

    Between two latents it runs along the sphere, where N(0, I) has its mass, and not through the
    hollow inside; the length goes evenly from one to the other.

    Args:
        seeds: Where the walk stops; latent ``i * frames`` is that of seed i.
        z_dim: Latent dimensions.
        frames: From one stop to the next.

    Returns:
        [len(seeds) * frames, z].

    References: Sampling Generative Networks (White, 2016), https://arxiv.org/abs/1609.04468
    """
    stops = latents(seeds, z_dim)
    shares = torch.arange(frames)[:, None] / frames
    legs = [_arc(a, b, shares) for a, b in zip(stops, stops.roll(-1, 0), strict=True)]
    return torch.cat(legs)


def walk(
    generator: nn.Module,
    seeds: Sequence[int],
    frames: int,
    classes: Sequence[int] = (),
    psi: float | None = None,
) -> Pixels:
    """Make the pictures of a walk.

    Args:
        generator: The network.
        seeds: Where the walk stops.
        frames: From one stop to the next.
        classes: Shown side by side, all on the same walk; empty for a generator without classes.
        psi: Of truncation, as in :func:`ganzoo.sampling.render`.

    Returns:
        uint8 [n, c, h, w]; the frames of the first class, then those of the next.
    """
    z = walk_latents(seeds, int(generator.z_dim), frames)  # type: ignore[arg-type]
    labels = [each.expand(len(z)) for each in torch.tensor(classes)] if classes else [None]
    shown = [render(generator, z, each, psi=psi, noise_seed=seeds[0]) for each in labels]
    return torch.cat(shown)


def make_walk(
    run: RunDir,
    registry: Registry,
    *,
    seeds: Sequence[int],
    frames: int,
    label: int | None = None,
    psi: float | None = None,
    device: str | None = None,
    output: Path | None = None,
    at: int | None = None,
) -> Path:
    """Write a walk through the latents of a run's averaged generator.

    Args:
        run: The run.
        registry: What names mean.
        seeds: Where the walk stops.
        frames: From one stop to the next.
        label: The class; None for all classes side by side, as many as a grid has columns.
        psi: Of truncation; None for none.
        device: As :func:`ganzoo.made.load_generator`.
        output: ``.webp`` for an animation alone, a folder for the frames alone; None for both in
            the run's ``made/`` folder.
        at: As :func:`ganzoo.made.load_generator`.

    Returns:
        The animation, or the folder.

    Raises:
        RecipeError: The output is of another kind, the class does not exist, or the generator
            cannot do it.
    """
    if output is not None and output.suffix not in (".webp", ""):
        raise RecipeError(f"{output}: a walk is a .webp file, or a folder for its frames")
    classes = shown_classes(num_classes(run), label)
    generator = load_generator(run, registry, device=device, at=at)
    sheets = _sheets(walk(generator, seeds, frames, classes, psi), len(classes) or 1)
    height, width, _ = sheets[0].shape
    zoom = min(zoom_to(_HEIGHT, height), zoom_to(_WIDTH, width))
    made = run.next_made() / "walk" if output is None else output
    if not made.suffix:
        _save_frames(made, sheets, zoom)
    if output is not None and not output.suffix:
        return output
    animation = made.with_suffix(".webp")
    save_webp(animation, sheets, zoom=zoom, seconds=_FRAME_SECONDS)
    return animation


def _save_frames(folder: Path, sheets: Sequence[Tensor], zoom: int) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for index, sheet in enumerate(sheets):
        save_png(folder / f"{index:05d}.png", sheet, zoom=zoom)


def shown_classes(known: int, label: int | None) -> list[int]:
    """Return the classes a walk shows: one, or all that a grid has columns for.

    Raises:
        RecipeError: The class does not exist.
    """
    if label is None:
        return list(range(min(known, MOST_COLUMNS)))
    labels_for(1, known, label)
    return [label]


def _sheets(pixels: Pixels, columns: int) -> list[Tensor]:
    """Return one picture a frame, with the classes side by side."""
    frames = pixels.unflatten(0, (columns, -1)).transpose(0, 1)  # [frames, columns, c, h, w]
    return [grid(each, columns) for each in frames]


def _arc(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """Points on the arc from one latent to another, [frames, z]; the first is the start itself."""
    lengths = torch.lerp(start.norm(), end.norm(), shares)
    first, last = start / start.norm(), end / end.norm()
    angle = torch.arccos((first @ last).clamp(-1, 1))
    if angle < 1e-3:  # the same place twice: there is no way to go
        return start.expand(len(shares), -1)
    arc = torch.sin((1 - shares) * angle) * first + torch.sin(shares * angle) * last
    arc = lengths * arc / torch.sin(angle)
    return torch.where(shares > 0, arc, start)
