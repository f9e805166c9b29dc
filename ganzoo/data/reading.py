"""Images of a data set, one by one: read by threads, without the remarks of the decoder."""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

from ganzoo.interfaces import Reader
from ganzoo.types import Pixels


def gathered(reader: Reader, indices: Sequence[int]) -> Pixels:
    """Return some images of a data set, read by as many threads as there are cores."""
    # Pillow decodes outside the interpreter lock; the first error ends the rest.
    with quiet_pillow(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for place, image in enumerate(pool.map(reader, indices)):
            if place == 0:
                pixels = torch.empty((len(indices), *image.shape), dtype=torch.uint8)
            pixels[place] = image
    return pixels


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's remarks on odd but readable files; not for use inside a thread."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield
