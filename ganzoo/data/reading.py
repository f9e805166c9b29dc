"""Images of a data set, one by one: read by threads, without the remarks of the decoder."""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

from ganzoo.errors import DataError
from ganzoo.interfaces import Reader
from ganzoo.types import Pixels


def gathered(
    reader: Reader, indices: Sequence[int], unread: dict[int, DataError] | None = None
) -> Pixels:
    """Return some images of a data set, read by as many threads as there are cores.

    Args:
        reader: Reads one image.
        indices: Which.
        unread: Takes the errors of images that cannot be read, and they are 0; None: the first
            error ends it.
    """

    def read(index: int) -> Tensor | None:
        try:
            return reader(index)
        except DataError as error:
            if unread is None:
                raise
            unread[index] = error
            return None

    pixels = torch.zeros((len(indices), 1, 1, 1), dtype=torch.uint8)
    # Pillow decodes outside the interpreter lock; the first error ends the rest.
    with quiet_pillow(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for place, image in enumerate(pool.map(read, indices)):
            if image is not None:
                if pixels.shape[1:] != image.shape:
                    pixels = torch.zeros((len(indices), *image.shape), dtype=torch.uint8)
                pixels[place] = image
    return pixels


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's remarks on odd but readable files; not for use inside a thread."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield
