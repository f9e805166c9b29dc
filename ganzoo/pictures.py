"""Pictures for people: a grid of images as one PNG file, a walk as an animation and as frames.

Points of the plane are no pictures; they are drawn into one.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ganzoo.files import write_aside
from ganzoo.types import POINT, Pixels


def grid(pixels: Pixels, columns: int | None = None, gap: int = 1) -> Tensor:
    """Lay images out in rows, and points where they lie.

    Args:
        pixels: Images, [n, c, h, w]; of points, see :func:`scatter`.
        columns: Images in a row; None for a square.
        gap: Grey pixels between images.

    Returns:
        One image, uint8 [height, width, c].
    """
    if pixels.shape[1:] == POINT:
        return scatter(pixels)
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


def scatter(pixels: Pixels) -> Tensor:
    """Draw points into one picture of the plane, brighter where more of them lie.

    Args:
        pixels: Points, [n, 2, 1, 1]; each of their bytes is a column or a row.

    Returns:
        One image, uint8 [256, 256, 1].
    """
    x, y = pixels.flatten(1).cpu().long().unbind(1)
    counts = torch.bincount((255 - y) * 256 + x, minlength=256 * 256).view(256, 256, 1)
    return (20 + 235 * (1 - 0.6**counts)).byte()


def save_png(path: Path, sheet: Tensor, *, zoom: int = 1) -> None:
    """Write an image as PNG, all at once.

    Args:
        path: The file.
        sheet: uint8 [height, width, 1 or 3].
        zoom: Whole factor by which pixels are enlarged.
    """
    buffer = io.BytesIO()
    _picture(sheet, zoom).save(buffer, "PNG")
    write_aside(path, buffer.getvalue())


def save_webp(path: Path, sheets: Sequence[Tensor], *, zoom: int = 1, seconds: float) -> None:
    """Write images as an animation that begins anew when it ends, without loss, all at once.

    Args:
        path: The file.
        sheets: uint8 [height, width, 1 or 3] each.
        zoom: Whole factor by which pixels are enlarged.
        seconds: That each is shown.
    """
    first, *others = (_picture(sheet, zoom).convert("RGB") for sheet in sheets)
    buffer = io.BytesIO()
    first.save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=round(1000 * seconds),
        loop=0,
        lossless=True,
    )
    write_aside(path, buffer.getvalue())


def zoom_to(length: int, side: int) -> int:
    """Return the largest whole factor, at least 1, that keeps a side within a length."""
    return max(1, length // side)


def _picture(sheet: Tensor, zoom: int) -> Image.Image:
    array = sheet.repeat_interleave(zoom, 0).repeat_interleave(zoom, 1).numpy()
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def save_grid(path: Path, pixels: Pixels, columns: int | None = None) -> None:
    """Write a grid of images, small ones enlarged so that a person can see them."""
    zoom = 2 if pixels.shape[1:] == POINT else zoom_to(64, pixels.shape[-1])
    save_png(path, grid(pixels, columns), zoom=zoom)
