"""Pictures from a generator: picture number i is a function of seed i alone, not of its mates."""

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from ganzoo.algorithm import images_of
from ganzoo.data.pixels import to_pixels
from ganzoo.errors import RecipeError
from ganzoo.types import Labels, Latents, Pixels

BATCH = 64
"""Pictures made at once."""

MOST_COLUMNS = 16
"""Classes up to which a grid has a column for each."""


def latents(seeds: Sequence[int], z_dim: int) -> Latents:
    """Return one latent for each seed, drawn on the CPU so that every device agrees."""
    rng = torch.Generator()
    return torch.stack([torch.randn(z_dim, generator=rng.manual_seed(seed)) for seed in seeds])


def sheet_columns(num_classes: int) -> int | None:
    """Return the columns of a grid in which each class has its own; None for a square."""
    return num_classes if 0 < num_classes <= MOST_COLUMNS else None


def sheet_count(num_classes: int) -> int:
    """Return how many pictures a grid has that nobody gave a number for."""
    return (sheet_columns(num_classes) or 8) * 8


def labels_for(count: int, num_classes: int, label: int | None = None) -> Labels | None:
    """Return the classes to draw: one, or all in turn; None when there are none.

    Raises:
        RecipeError: The class does not exist.
    """
    if num_classes == 0:
        if label is not None:
            raise RecipeError(
                f"--label {label}: this generator was trained without classes;"
                " train one with --conditional"
            )
        return None
    if label is None:
        return torch.arange(count) % num_classes
    if not 0 <= label < num_classes:
        raise RecipeError(f"--label {label}: the classes are 0 to {num_classes - 1}")
    return torch.full((count,), label)


def sample(generator: nn.Module, seeds: Sequence[int], labels: Labels | None = None) -> Pixels:
    """Make one picture a seed, in evaluation mode, and leave all else as it was.

    Args:
        generator: The network; where it lies, the pictures are made.
        seeds: One a picture.
        labels: Their classes; None when unconditional.

    Returns:
        Pictures on the CPU, [n, c, h, w].
    """
    z = latents(seeds, int(generator.z_dim))  # type: ignore[arg-type]
    return render(generator, z, labels, noise_seed=seeds[0] if len(seeds) else 0)


@torch.no_grad()
def render(
    generator: nn.Module, z: Latents, labels: Labels | None = None, *, noise_seed: int = 0
) -> Pixels:
    """Make the pictures of some latents, in evaluation mode, and leave all else as it was.

    Args:
        generator: The network; where it lies, the pictures are made.
        z: Latents, [n, z].
        labels: Their classes; None when unconditional.
        noise_seed: Of noise inside the network.

    Returns:
        Pictures on the CPU, [n, c, h, w].
    """
    mode, device = generator.training, next(generator.parameters()).device
    generator.eval()
    try:
        with torch.random.fork_rng():  # in-network noise must not move the run's own stream
            torch.manual_seed(noise_seed)
            made = list(_batches(generator, z, labels, device))
    finally:
        generator.train(mode)
    return torch.cat(made)


def _batches(
    generator: nn.Module, z: Latents, labels: Labels | None, device: torch.device
) -> Iterator[Pixels]:
    dtype = next(generator.parameters()).dtype
    for i in range(0, len(z), BATCH):
        told = None if labels is None else labels[i : i + BATCH].to(device)
        yield to_pixels(images_of(generator(z[i : i + BATCH].to(device, dtype), told))).cpu()
