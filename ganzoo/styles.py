"""Mixed styles: a table of pictures with the coarse features of one seed and the fine of another.

Any generator with a mapping and a synthesis can do it; see :class:`ganzoo.interfaces.Styled`.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from ganzoo.data.pixels import to_pixels
from ganzoo.errors import RecipeError
from ganzoo.made import load_generator, num_classes
from ganzoo.pictures import save_grid
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.sampling import BATCH, at_rest, labels_for, latents, styled, truncated_w
from ganzoo.types import Pixels

MIXED = 12
"""Seeds of a table, half of them rows, where nobody says how many."""


def mix(
    generator: nn.Module,
    rows: Sequence[int],
    columns: Sequence[int],
    labels: Int64[Tensor, " seeds"] | None = None,
    *,
    layers: Sequence[int] | None = None,
    psi: float | None = None,
) -> Pixels:
    """Make a table whose first row and column show the pictures of seeds, all others mixtures.

    A mixture is the picture of its row's seed, but some layers have the w of its column's.

    Args:
        generator: The network; where it lies, the pictures are made.
        rows: Seeds.
        columns: Seeds.
        labels: Classes of the rows, then of the columns; None when unconditional.
        layers: Those that the column styles, counted from the smallest map; None for the first
            half, which make what is coarse.
        psi: Of truncation, as in :func:`ganzoo.sampling.render`.

    Returns:
        uint8 [(rows + 1) * (columns + 1), c, h, w] on the CPU, row by row; the first is grey.

    Raises:
        RecipeError: The generator has no w, or not those layers.

    References: A Style-Based Generator Architecture for Generative Adversarial Networks, section
    3.1 (Karras et al., 2019), https://arxiv.org/abs/1812.04948
    """
    maker, like = styled(generator, "a mix"), next(generator.parameters())
    z = latents([*rows, *columns], maker.z_dim).to(like)
    told = None if labels is None else labels.to(like.device)
    others = range(len(rows), len(z))
    pairs = [(j, j) for j in others]
    pairs += [(i, j) for i in range(len(rows)) for j in (i, *others)]
    of_row, of_column = torch.tensor(pairs).T
    with at_rest(generator, rows[0]):
        w = truncated_w(maker, z, told, psi)
        chosen = list(range(w.shape[1] // 2) if layers is None else layers)
        if not set(chosen) <= set(range(w.shape[1])):
            said = f"--layers {min(chosen)}-{max(chosen)}"
            raise RecipeError(f"{said}: this generator has layers 0 to {w.shape[1] - 1}")
        mixed = w[of_row]
        mixed[:, chosen] = w[of_column][:, chosen]
        pixels = [to_pixels(maker.synthesis(part)).cpu() for part in mixed.split(BATCH)]
    return torch.cat([torch.full_like(pixels[0][:1], 128), *pixels])


def make_mix(
    run: RunDir,
    registry: Registry,
    *,
    seeds: Sequence[int],
    layers: Sequence[int] | None = None,
    label: int | None = None,
    psi: float | None = None,
    device: str | None = None,
    output: Path | None = None,
    at: int | None = None,
) -> Path:
    """Write a table of mixed styles of a run's averaged generator.

    Args:
        run: The run.
        registry: What names mean.
        seeds: The first half are rows, the others columns.
        layers: As of :func:`mix`.
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
        raise RecipeError(f"{output}: a mix is a .png file")
    if len(seeds) < 2:
        raise RecipeError("a mix needs a row and a column; say -n 2 or more")
    half = len(seeds) // 2
    labels = labels_for(len(seeds), num_classes(run), label)
    generator = load_generator(run, registry, device=device, at=at)
    pixels = mix(generator, seeds[:half], seeds[half:], labels, layers=layers, psi=psi)
    path = output or run.next_made() / "mix.png"
    save_grid(path, pixels, len(seeds) - half + 1)
    return path
