"""Every hook there is. Registration is asked once a process; run hooks reach a run's own parts.

A method becomes a hook by the marker ``ganzoo.hookimpl``; a misspelled hook is an error.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from ganzoo.spec import Component, Recipe

if TYPE_CHECKING:
    from ganzoo.play import Phase, Play, RunView

hookspec = pluggy.HookspecMarker("ganzoo")
hookimpl = pluggy.HookimplMarker("ganzoo")
"""Marks a function or method as a hook; ``@hookimpl(optionalhook=True)`` one that an older ganzoo
may not have."""


class Registration:
    """What a plugin module answers."""

    @hookspec
    def ganzoo_register(self) -> Iterable[Component | Recipe]:  # type: ignore[empty-body]
        """Return the plugin's components and recipes; must not import torch."""


class RunHooks:
    """Moments of one run, for parts that change training. Observers consume ticks instead."""

    @hookspec
    def run_start(self, run: "RunView") -> None:
        """Everything is built (and restored, on resume); nothing trained yet."""

    @hookspec
    def step_start(self, run: "RunView") -> None:
        """Before the phases of a step; may use every service of the run."""

    @hookspec
    def phase_end(self, run: "RunView", phase: "Phase", play: "Play") -> None:
        """After a player's update; the nodes of the play are still alive.

        A part with this hook that says ``capturable = True`` lets steps be recorded as CUDA
        graphs: it changes what it keeps in place, and asks neither the device nor Python for
        anything that differs from step to step. Other parts keep their runs from graphs.
        """

    @hookspec
    def step_end(self, run: "RunView") -> None:
        """After the last phase of a step and the update of the averaged generator."""

    @hookspec
    def run_end(self, run: "RunView", error: BaseException | None) -> None:
        """Always, with what ended the run early or None."""
