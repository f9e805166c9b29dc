"""Learning rates over a run, as factors of their settings.

Progress is the share of the run's images; a run bounded by time has none, and its rates stay.
"""

import math
from typing import Annotated, TypeAlias, final

from ganzoo.algorithm import D, G, RunView
from ganzoo.hookspecs import hookimpl
from ganzoo.interfaces import Env, Schedule
from ganzoo.options import Opt

Start: TypeAlias = Annotated[float, Opt("share of the run before it begins", ge=0, lt=1)]
"""When rates begin to fall."""

Final: TypeAlias = Annotated[float, Opt("factor at the end of the run", ge=0)]
"""Where they end."""

Players: TypeAlias = Annotated[tuple[str, ...], Opt("whose rates fall")]
"""Whose they are."""


@final
class Decay(Schedule):
    """Rates fall in a line to ``final`` over the last part of the run."""

    def __init__(
        self, env: Env, *, start: Start = 2 / 3, final: Final = 0.0, players: Players = (G, D)
    ) -> None:
        self.start, self.final, self.players = start, final, players

    @hookimpl
    def step_start(self, run: RunView) -> None:
        """Set the rates of the next step."""
        share = _share(run, self.start)
        if share is not None:
            for player in self.players:
                run.set_rate(player, 1 + (self.final - 1) * share)


@final
class Cosine(Schedule):
    """Rates fall to ``final`` along half a cosine.

    References: SGDR: Stochastic Gradient Descent with Warm Restarts, eq. 5, without restarts
    (Loshchilov and Hutter, 2017), https://arxiv.org/abs/1608.03983
    """

    def __init__(
        self, env: Env, *, start: Start = 0.0, final: Final = 0.0, players: Players = (G, D)
    ) -> None:
        self.start, self.final, self.players = start, final, players

    @hookimpl
    def step_start(self, run: RunView) -> None:
        """Set the rates of the next step."""
        share = _share(run, self.start)
        if share is not None:
            left = 0.5 * (1 + math.cos(math.pi * share))
            for player in self.players:
                run.set_rate(player, self.final + (1 - self.final) * left)


def _share(run: RunView, start: float) -> float | None:
    """Share of the falling part that is done, 0...1; None when the end is not known."""
    if run.total_nimg is None:
        return None
    return min(max((run.nimg / run.total_nimg - start) / (1 - start), 0.0), 1.0)
