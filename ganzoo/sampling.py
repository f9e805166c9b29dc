"""Pictures from a generator: picture number i is a function of seed i alone, not of its mates."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganzoo.algorithm import images_of
from ganzoo.data.pixels import to_pixels
from ganzoo.errors import RecipeError
from ganzoo.interfaces import Env, Styled
from ganzoo.types import POINT, Labels, Latents, Pixels, Told

BATCH = 64
"""Pictures made at once."""

POINTS = 2500
"""Points of a sheet; as many are customary where their modes are counted."""

MOST_COLUMNS = 16
"""Classes up to which a grid has a column for each."""


def latents(seeds: Sequence[int], z_dim: int) -> Latents:
    """Return one latent for each seed, drawn on the CPU so that every device agrees."""
    rng = torch.Generator()
    return torch.stack([torch.randn(z_dim, generator=rng.manual_seed(seed)) for seed in seeds])


def sheet_columns(num_classes: int) -> int | None:
    """Return the columns of a grid in which each class has its own; None for a square."""
    return num_classes if 0 < num_classes <= MOST_COLUMNS else None


def sheet_count(num_classes: int, image_shape: tuple[int, int, int]) -> int:
    """Return how many pictures a grid has that nobody gave a number for; of points, many."""
    if image_shape == POINT:
        return POINTS
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


def told_for(env: Env, count: int) -> Told | None:
    """Return what a network may be told where there is no data: classes in turn, or noise."""
    if env.condition.kind == "image":
        rng = torch.Generator().manual_seed(0)
        return torch.rand(count, *env.condition.shape, generator=rng) * 2 - 1
    return labels_for(count, env.num_classes)


def sample(
    generator: nn.Module,
    seeds: Sequence[int],
    labels: Told | None = None,
    psi: float | None = None,
) -> Pixels:
    """Make one picture a seed, in evaluation mode, and leave all else as it was.

    Args:
        generator: The network; where it lies, the pictures are made.
        seeds: One a picture.
        labels: What it is told of each: classes, or images; None when unconditional.
        psi: Of truncation, as in :func:`render`.

    Returns:
        Pictures on the CPU, [n, c, h, w].
    """
    z = latents(seeds, int(generator.z_dim))  # type: ignore[arg-type]
    return render(generator, z, labels, psi=psi, noise_seed=seeds[0] if len(seeds) else 0)


def render(
    generator: nn.Module,
    z: Latents,
    labels: Told | None = None,
    *,
    psi: float | None = None,
    noise_seed: int = 0,
) -> Pixels:
    """Make the pictures of some latents, in evaluation mode, and leave all else as it was.

    Args:
        generator: The network; where it lies, the pictures are made.
        z: Latents, [n, z].
        labels: What it is told of each: classes, or images; None when unconditional.
        psi: Of truncation: w is pulled to its mean, w_mean + psi (w - w_mean); None: not at all.
        noise_seed: Of noise inside the network.

    Returns:
        Pictures on the CPU, [n, c, h, w].

    Raises:
        RecipeError: There is a psi, and the generator has no w.
    """
    with at_rest(generator, noise_seed):
        return torch.cat(list(_batches(generator, z, labels, psi)))


@contextmanager
def at_rest(generator: nn.Module, noise_seed: int) -> Iterator[None]:
    """Put a network in evaluation mode, without gradients, and its noise in a stream of its own.

    Args:
        generator: The network; afterwards its mode is what it was, as is torch's global stream.
        noise_seed: Of noise inside the network.
    """
    mode = generator.training
    generator.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(noise_seed)
            yield
    finally:
        generator.train(mode)


def styled(generator: nn.Module, asked: str) -> Styled:
    """Return a generator by what is asked of it: a mapping, its mean and a synthesis.

    Raises:
        RecipeError: It has none.
    """
    if isinstance(generator, Styled) and hasattr(generator, "w_mean"):
        return generator
    raise RecipeError(
        f"{asked}: {type(generator).__name__} has no w between z and its pictures;"
        " only style-based generators have"
    )


def truncated_w(generator: Styled, z: Latents, labels: Told | None, psi: float | None) -> Tensor:
    """Return the w of latents, pulled to its mean as in :func:`render`, [n, layers, w]."""
    if psi is not None and not math.isfinite(psi):
        raise RecipeError(f"--psi {psi}: truncation needs a number, such as 0.7")
    w = generator.mapping(z, labels)
    return w if psi is None else torch.lerp(generator.w_mean.to(w), w, psi)


def _batches(
    generator: nn.Module, z: Latents, labels: Told | None, psi: float | None
) -> Iterator[Pixels]:
    like = next(generator.parameters())
    for i in range(0, len(z), BATCH):
        told = None if labels is None else labels[i : i + BATCH].to(like.device)
        here = z[i : i + BATCH].to(like)
        if psi is None:
            yield to_pixels(images_of(generator(here, told))).cpu()
        else:
            maker = styled(generator, f"--psi {psi:g}")
            yield to_pixels(maker.synthesis(truncated_w(maker, here, told, psi))).cpu()
