"""What changes over a run: learning rates, and with them penalties, moments and the average.

Progress is the share of the run's images; a run bounded by time has none, and all stays as set.
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
    """Rates fall to ``final`` along half a cosine; what else is told goes to its end with them.

    Args:
        env: What the run is for.
        start: Share of the run before anything changes.
        final: Factor of the rates at the end; 1: they stay.
        players: Whose rates and moments change.
        penalty: Factor of every penalty's weight at the end; None: they stay.
        beta2: Decay of the second moment at the end, from that of the optimizer's settings; None:
            it stays.
        ema_halflife_kimg: Half-life of the averaged generator at the end, from 0, which copies;
            ``training.ema_ramp`` bounds it as any other. None: it stays as set.

    References: SGDR: Stochastic Gradient Descent with Warm Restarts, eq. 5, without restarts
    (Loshchilov and Hutter, 2017), https://arxiv.org/abs/1608.03983; all but rates: The GAN is
    dead; long live the GAN!, appendix (Huang et al., 2024), https://arxiv.org/abs/2501.05441
    """

    def __init__(
        self,
        env: Env,
        *,
        start: Start = 0.0,
        final: Final = 0.0,
        players: Players = (G, D),
        penalty: Annotated[
            float | None, Opt("factor of penalties at the end; none: they stay", ge=0)
        ] = None,
        beta2: Annotated[
            float | None, Opt("decay of the second moment at the end; none: it stays", ge=0, lt=1)
        ] = None,
        ema_halflife_kimg: Annotated[
            float | None, Opt("half-life of the average at the end, from 0; none: as set", ge=0)
        ] = None,
    ) -> None:
        self.start, self.final, self.players = start, final, players
        self.penalty, self.beta2, self.ema_halflife_kimg = penalty, beta2, ema_halflife_kimg

    @hookimpl
    def step_start(self, run: RunView) -> None:
        """Set all of it for the next step."""
        share = _share(run, self.start)
        if share is None:
            return
        left = 0.5 * (1 + math.cos(math.pi * share))
        for player in self.players:
            run.set_rate(player, _between(1.0, self.final, left))
            if self.beta2 is not None:
                beta1, beta2 = run.betas(player)
                run.set_betas(player, (beta1, _between(beta2, self.beta2, left)))
        if self.penalty is not None:
            for name in run.penalties:
                run.set_weight(name, _between(1.0, self.penalty, left))
        if self.ema_halflife_kimg is not None:
            run.set_ema_halflife(_between(0.0, self.ema_halflife_kimg, left))


def _between(first: float, last: float, left: float) -> float:
    """What a value is on its way when a share of the way is left."""
    return last + (first - last) * left


def _share(run: RunView, start: float) -> float | None:
    """Share of the falling part that is done, 0...1; None when the end is not known."""
    if run.total_nimg is None:
        return None
    return min(max((run.nimg / run.total_nimg - start) / (1 - start), 0.0), 1.0)
