"""Which resolutions a network has layers for."""

from collections.abc import Sequence

from ganzoo.errors import FitError


def check_resolution(network: str, resolution: int, sizes: Sequence[int]) -> None:
    """Refuse a resolution that a network does not make.

    Args:
        network: What people call it.
        resolution: Pixels per side.
        sizes: What it makes.

    Raises:
        FitError: The resolution is not among the sizes; the nearest is named, of two the larger.
    """
    if resolution in sizes:
        return
    *most, last = map(str, sorted(sizes))
    listed = f"{', '.join(most)} or {last}" if most else last
    raise FitError(
        f"{network} makes {listed}, not {resolution}."
        f" Nearest: --resolution {nearest(resolution, sizes)}"
    )


def nearest(resolution: int, sizes: Sequence[int]) -> int:
    """Return the size of which a resolution is least enlarged or shrunk; of two the larger."""
    return min(sizes, key=lambda size: (max(size, resolution) / min(size, resolution), -size))


def doubling_widths(resolution: int, width: int, max_width: int, smallest: int = 4) -> list[int]:
    """Return the channels of every map from ``smallest`` pixels to the resolution.

    Args:
        resolution: Pixels per side of the largest map.
        width: Its channels; each smaller map has twice as many.
        max_width: Channels that no map exceeds.
        smallest: Pixels per side of the smallest map.
    """
    last = (resolution // smallest).bit_length() - 1
    return [min(width << (last - level), max_width) for level in range(last + 1)]
