"""Who plays when: a step is a sequence of phases, a phase trains some networks on a sum of terms.

What a term reads is in :mod:`ganzoo.play`, whose names are found here too. No GAN is named here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

from torch import Tensor

from ganzoo.interfaces import Loss, Regularizer
from ganzoo.play import D, Draw, G, Phase, Play, RunView, Term, widened
from ganzoo.types import Images

__all__ = [
    "Algorithm",
    "D",
    "Draw",
    "G",
    "Moves",
    "Phase",
    "Play",
    "RunView",
    "Term",
    "images_of",
    "widened",
]


@runtime_checkable
class Moves(Protocol):
    """What an algorithm may ask of the trainer when it orders its own step."""

    def backward(self, phase: Phase) -> None:
        """Fill the gradients of the roles a phase trains."""

    def update(self, player: str) -> None:
        """Let a player's optimizer step."""


class Algorithm(ABC):
    """Roles, players and the phases of a step.

    Attributes:
        roles: Kind of network by role.
        players: Roles trained by each player; a player has one optimizer.
        play: The play its terms read.
        samples_from: The role whose average is kept and sampled from.
        symbols: The letter of a player in the trace.
        batches: Real batches that one step takes.
    """

    roles: ClassVar[Mapping[str, str]] = {G: "generator", D: "discriminator"}
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {D: (D,), G: (G,)}
    play: ClassVar[type[Play]] = Play
    samples_from: ClassVar[str] = G
    symbols: ClassVar[Mapping[str, str]] = {G: "G", D: "D"}
    batches: int = 1

    def bind(self, loss: Loss | None, regularizers: Mapping[str, Regularizer]) -> None:  # noqa: B027
        """Take the parts of the run; called once, before anything is trained.

        An algorithm without a ``bind`` of its own takes neither a loss nor regularizers, and a
        run that names some is refused.
        """

    @abstractmethod
    def phases(self, run: RunView) -> Sequence[Phase]:
        """Return the phases of the next step, in order.

        Asked several times in a step, it answers the same: by ``run.step``, not by ``run.nimg``,
        which grows as batches are taken.
        """

    def iterate(self, run: RunView, moves: Moves) -> None:
        """Play one step; by default each phase is followed by its player's update."""
        for phase in self.phases(run):
            moves.backward(phase)
            moves.update(phase.player)


def images_of(out: Images | Mapping[str, Tensor]) -> Images:
    """Return the images of a generator's output, whichever form it takes."""
    return out["image"] if isinstance(out, Mapping) else out
