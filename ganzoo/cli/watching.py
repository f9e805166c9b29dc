"""What every screen is, and what a row of a table is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import final

from ganzoo.events import Event


class Screen(ABC):
    """An observer with an end: as a context manager it leaves the terminal as it was."""

    @abstractmethod
    def show(self, event: Event) -> None:
        """Show one event."""

    def __enter__(self) -> "Screen":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self.close()

    def close(self) -> None:  # noqa: B027 - most have nothing to put back
        """Put the terminal back."""


@final
@dataclass(frozen=True)
class Cells:
    """One row of a table.

    Attributes:
        cells: Its words.
        dim: Whether it is less important than the others.
    """

    cells: Sequence[str]
    dim: bool = False
