"""How fast a run goes, from when how many images had been shown."""

from collections import deque
from typing import final

from ganzoo.events import Started


@final
class Pace:
    """Images a second over the last moments, and the seconds since the start."""

    def __init__(self, window: float = 10.0) -> None:
        self._window = window
        self._seen: deque[tuple[int, float]] = deque()
        self._began: float | None = None

    def add(self, nimg: int, now: float) -> None:
        """Note how many images were shown by now."""
        self._began = now if self._began is None else self._began
        self._seen.append((nimg, now))
        while len(self._seen) > 2 and now - self._seen[1][1] >= self._window:
            self._seen.popleft()

    @property
    def elapsed(self) -> float:
        """Seconds from the first note to the last."""
        return self._seen[-1][1] - (self._began or 0.0) if self._seen else 0.0

    @property
    def rate(self) -> float:
        """Images a second; 0 while nobody knows."""
        if not self._seen:
            return 0.0
        (first, since), (last, now) = self._seen[0], self._seen[-1]
        return (last - first) / (now - since) if now > since else 0.0


def share(start: Started, nimg: int, elapsed: float) -> float:
    """Return how much of a run is done, 0 to 1."""
    if start.total_nimg:
        return min(1.0, nimg / start.total_nimg)
    return min(1.0, elapsed / (60 * start.minutes)) if start.minutes else 0.0
