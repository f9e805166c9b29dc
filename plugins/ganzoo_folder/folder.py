"""Your own pictures: a folder or a zip, flat or with one folder a class.

Everything is listed and every header read before anything is decoded; everything is decoded before
the first step, and kept in the cache. Nothing is left out without a word.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, final

import torch
from jaxtyping import UInt8
from torch import Tensor

from ganzoo.data.cache import cached, data_folder, kept_tensors
from ganzoo.data.copies import SIDE, copies
from ganzoo.data.reading import gathered
from ganzoo.errors import DataError
from ganzoo.interfaces import DataInfo, Dataset, Reader, Survey
from ganzoo.options import Opt
from ganzoo.types import Labels, Pixels
from ganzoo_folder.decoding import Background, decoded
from ganzoo_folder.listing import Listing, counting, kinds, listing
from ganzoo_folder.places import shown

_VERSION = 1
"""Raise it with any change of a pixel: old cache files are then left alone."""

_MOST_UNREADABLE = 0.01


@final
class Folder(Dataset):
    """Pictures of any size and shape; each is cut to the square in its middle and resized.

    A flat folder has no classes. In a folder of folders, each is a class and gives all pictures
    below it; a lone folder is looked into. Files whose names start with a dot are passed over.

    Args:
        path: The folder, or a zip, which is read where it is.
        skip_bad: Leave out pictures that cannot be read, as long as they are 1 % or less.
        background: What transparent pictures are laid on.
    """

    def __init__(
        self,
        *,
        path: Annotated[str, Opt("folder or zip with pictures")],
        skip_bad: Annotated[bool, Opt("leave out what cannot be read, up to 1 %")] = False,
        background: Annotated[Background, Opt("behind transparent pictures")] = "white",
    ) -> None:
        self._path = path
        self._skip_bad = skip_bad
        self._background: Background = background
        self._found: Listing | None = None

    def describe(self, resolution: int | None = None) -> DataInfo:
        found = self._scanned()
        names, classes = found.classes()
        side, counted = resolution or found.side, Counter(classes or ())
        return DataInfo(
            image_shape=(found.channels, side, side),
            count=len(found.headers),
            num_classes=len(names),
            class_counts=tuple(counted[index] for index in range(len(names))),
            class_names=names,
            notes=found.notes(),
            left_out=tuple(map(found.name, found.unreadable)),
        )

    def load(self, resolution: int | None = None) -> tuple[Pixels, Labels | None]:
        found = self._scanned()
        side = resolution or found.side
        key = {**self._key("folder", found), "classes": found.classes()[0], "resolution": side}
        reader = _Reader(found, side, self._background)
        return cached(key, lambda: (gathered(reader, range(len(reader))), reader.labels))

    def reader(self, resolution: int | None = None) -> Reader:
        found = self._scanned()
        if not self._skip_bad:  # else they were looked through when they were listed
            for reason in self._looked_through(found)[1].values():
                raise reason
        return _Reader(found, resolution or found.side, self._background)

    def survey(self) -> Survey:
        found = listing(self._path, tolerant=True)
        thumbnails, damaged = self._looked_through(found)
        left = found.without({path: str(error) for path, error in damaged.items()})
        whole = torch.tensor([path not in damaged for path in found.headers], dtype=torch.bool)
        by_size = sorted((h.width * h.height, h.width, h.height) for h in left.headers.values())
        picked = [by_size[0], by_size[len(by_size) // 2], by_size[-1]] if by_size else []
        return Survey(
            pictures=dict(kinds(left.pictures)),
            others=left.others,
            unreadable={left.name(path): why for path, why in left.unreadable.items()},
            sizes=tuple((width, height) for _, width, height in picked),
            changes=left.changes(),
            copies=int(copies(thumbnails[whole]).sum()) if by_size else 0,
        )

    def _scanned(self) -> Listing:
        """Listed once: what was described is what is loaded."""
        if self._found is None:
            found = listing(self._path, tolerant=self._skip_bad)
            if self._skip_bad:
                damaged = self._looked_through(found)[1]
                found = found.without({path: str(error) for path, error in damaged.items()})
                self._must_be_few(found)
            self._found = found
        return self._found

    def _must_be_few(self, found: Listing) -> None:
        bad, count = len(found.unreadable), len(found.unreadable) + len(found.headers)
        if bad > _MOST_UNREADABLE * count:
            some = [found.name(path) for path in found.unreadable][:5]
            raise DataError(
                f"{shown(self._path)}: {bad:,} of {counting(count, 'picture')} cannot be read,"
                f" more than 1 % ({', '.join(some)}{' ...' if bad > len(some) else ''}); repair"
                " them or move them away."
            )

    def _looked_through(self, found: Listing) -> tuple[Tensor, Mapping[Path, DataError]]:
        """Decode every picture once; returns thumbnails, and why some cannot be read."""
        reader = _Reader(found, SIDE, self._background)

        def look() -> dict[str, Tensor]:
            unread: dict[int, DataError] = {}
            thumbnails = gathered(reader, range(len(reader)), unread)
            return {"thumbnails": thumbnails, "damaged": torch.tensor(sorted(unread)).long()}

        key = self._key("thumbnails", found)
        kept = kept_tensors(data_folder(), str(key["dataset"]), key, look)
        again: dict[int, DataError] = {}
        gathered(reader, kept["damaged"].tolist(), again)
        return kept["thumbnails"], {found.pictures[i]: error for i, error in again.items()}

    def _key(self, what: str, found: Listing) -> dict[str, object]:
        return {
            "dataset": f"{what}-{Path(self._path).name}",
            "version": _VERSION,
            "files": found.fingerprint(),
            "channels": found.channels,
            "background": self._background,
        }


@final
class _Reader:
    """One picture after the other, here or in another process."""

    def __init__(self, found: Listing, resolution: int, background: Background) -> None:
        classes = found.classes()[1] if found.headers else None
        self.labels = None if classes is None else torch.tensor(classes)
        self._place, self._pictures = found.place, found.pictures
        self._channels, self._resolution = found.channels, resolution
        self._background: Background = background

    def __len__(self) -> int:
        return len(self._pictures)

    def __call__(self, index: int) -> UInt8[Tensor, "c h w"]:
        return decoded(
            self._pictures[index],
            channels=self._channels,
            resolution=self._resolution,
            opened=self._place.open,
            background=self._background,
            among=len(self),
        )
