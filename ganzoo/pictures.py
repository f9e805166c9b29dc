"""Pictures for people: a grid of images as one PNG file."""

import io
import math
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ganzoo.files import write_aside
from ganzoo.types import Pixels


def grid(pixels: Pixels, columns: int | None = None, gap: int = 1) -> Tensor:
    """Lay images out in rows.

    Args:
        pixels: Images, [n, c, h, w].
        columns: Images in a row; None for a square.
        gap: Grey pixels between images.

    Returns:
        One image, uint8 [height, width, c].
    """
    n, channels, height, width = pixels.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    sheet = torch.full(
        (channels, rows * (height + gap) + gap, columns * (width + gap) + gap),
        128,
        dtype=torch.uint8,
    )
    for index, image in enumerate(pixels.cpu()):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        sheet[:, top : top + height, left : left + width] = image
    return sheet.permute(1, 2, 0).contiguous()


def save_png(path: Path, sheet: Tensor, *, zoom: int = 1) -> None:
    """Write an image as PNG, all at once.

    Args:
        path: The file.
        sheet: uint8 [height, width, 1 or 3].
        zoom: Whole factor by which pixels are enlarged.
    """
    array = sheet.repeat_interleave(zoom, 0).repeat_interleave(zoom, 1).numpy()
    picture = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_aside(path, buffer.getvalue())


def save_grid(path: Path, pixels: Pixels, columns: int | None = None) -> None:
    """Write a grid of images, small ones enlarged so that a person can see them."""
    zoom = max(1, 64 // pixels.shape[-1])
    save_png(path, grid(pixels, columns), zoom=zoom)
