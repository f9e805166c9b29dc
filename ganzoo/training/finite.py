"""Numbers that are no longer finite: found before a player's update where nobody has to wait.

A CPU is asked before each update. A card is never waited for: it notes what it finds in a flag,
which a graph may record; the flag is copied out now and then, and read before anything is saved.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from ganzoo.errors import DivergedError

EVERY = 16
"""Steps between two copies of a card's flags."""

_CURE = (
    "lower the learning rate (--set optimizer.discriminator.learning_rate=1e-4) or add a penalty"
    " (--regularizer r1)"
)
_NOT_WEIGHTS = ("extra", "clock", "rng-")


def diverged(what: str, step: int | None = None) -> DivergedError:
    """Return the error about something that is no longer a finite number."""
    when = "" if step is None else f" in step {step:,}"
    return DivergedError(f"{what} is no longer a finite number{when}; {_CURE}")


@final
class Finite:
    """Watches the gradients of every update.

    A gradient whose norm is beyond float32 counts as not finite.

    Args:
        networks: By role.
        players: Roles of each player.
        device: Where they are trained.
        waits: Ask before each update, and wait for the answer.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        players: Mapping[str, Sequence[str]],
        device: torch.device,
        *,
        waits: bool,
    ) -> None:
        self._networks, self._players, self._waits = networks, players, waits
        self._flags = {player: torch.zeros((), device=device) for player in players}
        self._copied: Tensor | None = None
        self._event = torch.cuda.Event() if device.type == "cuda" else None

    def look(
        self, player: str, parameters: Sequence[Tensor], readings: Mapping[str, Tensor], step: int
    ) -> None:
        """Look at the gradients of a player that is about to be updated.

        Args:
            player: Whose.
            parameters: What is trained.
            readings: Of the phase, by column: they tell which term it was.
            step: Steps completed.

        Raises:
            DivergedError: One is not finite, and it was waited for.
        """
        grads = [each.grad for each in parameters if each.grad is not None]
        if not grads:
            return
        norm = torch.stack([each.float() for each in torch._foreach_norm(grads)]).sum()
        if not self._waits:
            self._flags[player] += (~norm.isfinite()).float()
        elif not norm.isfinite():
            raise diverged(self._what(player, readings), step)

    def poll(self, step: int) -> None:
        """Read what a card had found when it was last asked, if it has answered; ask again.

        Raises:
            DivergedError: A gradient was not finite.
        """
        if self._event is None or step % EVERY:
            return
        if self._copied is None:
            self._copied = torch.zeros(len(self._flags)).pin_memory()
        elif not self._event.query():
            return
        self._read(self._copied)
        self._copied.copy_(torch.stack(list(self._flags.values())), non_blocking=True)
        self._event.record()

    def check(self) -> None:
        """Read the flags, and wait for them.

        Raises:
            DivergedError: A gradient was not finite.
        """
        if not self._waits:
            self._read(torch.stack(list(self._flags.values())))

    def _read(self, flags: Tensor) -> None:
        for player, found in zip(self._flags, flags.tolist(), strict=True):
            if found:
                raise diverged(f"the gradient of {player}")

    def _what(self, player: str, readings: Mapping[str, Tensor]) -> str:
        """Return the first term that is not finite, and the first parameter it broke."""
        broken = [
            f"{role}.{name}"
            for role in self._players[player]
            for name, each in self._networks[role].named_parameters()
            if each.grad is not None and not each.grad.isfinite().all()
        ]
        terms = [name for name, value in readings.items() if not value.isfinite().all()]
        gradient = f"the gradient of {broken[0] if broken else player}"
        return f"{terms[0]}, and with it {gradient}," if terms else gradient


def check_state(groups: Mapping[str, Any]) -> None:
    """Refuse a state whose weights, averages or moments are not all finite.

    Args:
        groups: Of :func:`ganzoo.training.state.pack_state`.

    Raises:
        DivergedError: Names the first that is not.
    """
    for stem, tree in groups.items():
        for name, tensor in () if stem.startswith(_NOT_WEIGHTS) else _tensors(tree, stem):
            if tensor.is_floating_point() and not tensor.sum().isfinite():
                raise diverged(name)


def _tensors(tree: Any, place: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(tree, Tensor):
        yield place, tree
    elif isinstance(tree, Mapping):
        for name, each in tree.items():
            yield from _tensors(each, f"{place}.{name}")
