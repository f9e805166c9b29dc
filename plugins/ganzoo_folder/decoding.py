"""One picture file to pixels: the right values for every kind of file, or an error that names it.

Pillow is asked for six formats only, and for no more pixels than a large photograph has. Animated
files give their first frame, transparent ones are laid on a colour, and cameras' turns are undone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ganzoo.data.pixels import fit
from ganzoo.errors import DataError
from ganzoo_folder.places import Opener, Unsuitable, regular, shown

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
"""How the names of pictures end, in any case."""

Background: TypeAlias = Literal["white", "black"]
"""What transparent pictures are laid on."""

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
_FEWEST = 100  # pictures of which one may be left out
_MOST_PIXELS = 64 * 2**20
_GREY = ("1", "L", "LA", "La")
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")


@dataclass(frozen=True)
class Header:
    """What the head of a picture file says.

    Attributes:
        width: Pixels from left to right, as stored.
        height: Pixels from top to bottom, as stored.
        grey: Whether it has one channel.
        turned: Whether a camera's note says that it lies on its side.
        transparent: Whether it says how transparent its pixels are.
        moving: Whether it has several frames.
    """

    width: int
    height: int
    grey: bool
    turned: bool = False
    transparent: bool = False
    moving: bool = False


def header(path: Path, opened: Opener = regular, *, among: int = 1) -> Header:
    """Return what the head of a picture says, without decoding it.

    Args:
        path: The file.
        opened: Opens it.
        among: How many pictures there are, which decides on the hint of an error.

    Raises:
        DataError: The file cannot be read, has too many pixels, or holds numbers of no known
            range.
    """
    with _picture(path, opened, among) as picture:
        return Header(
            *picture.size,
            grey=_is_grey(picture),
            turned=_is_turned(picture),
            transparent=_is_transparent(picture),
            moving=getattr(picture, "is_animated", False),
        )


def decoded(
    path: Path,
    *,
    channels: int,
    resolution: int,
    opened: Opener = regular,
    background: Background = "white",
    among: int = 1,
) -> UInt8[Tensor, "c h w"]:
    """Return a picture cut to the square in its middle and brought to ``resolution``.

    Args:
        path: The file.
        channels: 1 for grey, 3 for colour.
        resolution: Pixels per side.
        opened: Opens the file.
        background: What it is laid on where it is transparent.
        among: As for :func:`header`.

    Raises:
        DataError: As :func:`header`, or the picture is cut short or damaged.
    """
    with _picture(path, opened, among) as picture:
        white_is_zero = _tiff_tag(picture, 262, default=1) == 0
        turned = ImageOps.exif_transpose(picture)
        if turned.mode in _DEEP:
            # Pillow turns other depths around; 16 bits it leaves as they are stored.
            values = _deep_values(turned, white_is_zero=white_is_zero)
        else:
            values = _values(turned, background)
    if len(values) < channels:
        values = values.expand(channels, -1, -1)
    return fit(values.unsqueeze(0), resolution)[0]


@contextmanager
def _picture(path: Path, opened: Opener, among: int) -> Iterator[Image.Image]:
    try:
        with opened(path) as file, Image.open(file, formats=_FORMATS) as picture:
            _must_suit(picture)
            yield picture
    except Unsuitable as error:
        raise DataError(f"{shown(path)} {error}.") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{shown(path)} has too many pixels; make it smaller.") from error
    # On damaged files Pillow raises a dozen kinds, SyntaxError and struct.error among them.
    except Exception as error:
        hint = "up to 1 % of the pictures may be left out: --set dataset.skip_bad=true"
        raise DataError(
            f"{shown(path)} cannot be read ({_reason(error)}); repair it or move it away.",
            hint=hint if among >= _FEWEST else None,
        ) from error


def _must_suit(picture: Image.Image) -> None:
    if picture.width * picture.height > _MOST_PIXELS:
        raise Unsuitable(
            f"has {picture.width:,} x {picture.height:,} pixels, more than {_MOST_PIXELS:,};"
            " make it smaller"
        )
    if not _has_known_range(picture):
        raise Unsuitable("holds numbers of no known range; save it with 8 or 16 bits a channel")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "no picture of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return shown(str(error)) or type(error).__name__


def _is_grey(picture: Image.Image) -> bool:
    return picture.mode in _GREY or picture.mode in _DEEP


def _is_turned(picture: Image.Image) -> bool:
    if picture.format == "PNG" and "exif" not in picture.info:
        return False  # Pillow would decode the picture to look behind it
    return picture.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)


def _has_known_range(picture: Image.Image) -> bool:
    """Whether black and white are known: not of floats, signed, 32-bit or 12-bit numbers."""
    if picture.mode in _DEEP:
        return set(_tiff_tag(picture, 258, default=(16,))) == {16}
    return picture.mode not in ("F", "I")


def _tiff_tag(picture: Image.Image, tag: int, default: Any) -> Any:
    return getattr(picture, "tag_v2", {}).get(tag, default)


def _deep_values(picture: Image.Image, *, white_is_zero: bool) -> Tensor:
    """16 bits to 8: 65535 becomes 255, so a value is divided by 257."""
    wide = picture.convert("I")
    values = torch.frombuffer(bytearray(wide.tobytes()), dtype=torch.int32)
    values = 65535 - values if white_is_zero else values
    return ((values * 2 + 257) // 514).byte().view(1, wide.height, wide.width)


def _is_transparent(picture: Image.Image) -> bool:
    return picture.mode in _TRANSPARENT or "transparency" in picture.info


def _values(picture: Image.Image, background: Background) -> Tensor:
    if _is_transparent(picture):
        solid = picture.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", solid.size, background), solid)
    else:
        flat = picture
    flat = flat.convert("L" if _is_grey(picture) else "RGB")
    values = torch.frombuffer(bytearray(flat.tobytes()), dtype=torch.uint8)
    return values.view(flat.height, flat.width, -1).permute(2, 0, 1)
