"""What is done when the game is lost: warn, stop, or go back to where it was healthy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

from ganzoo.quality.health import Remark

COLLAPSES = frozenset({"diverging", "winning", "few-different"})
"""Words after which training seldom recovers. A blind discriminator may still learn, and copies
are no less copies after a rollback: of these people are only told."""

MOST = 3
"""Rollbacks of a run before it stops."""

SLOWER = 0.5
"""Of all learning rates at each rollback."""

ROLLED_BACK = "rolled-back"
"""Kind of the event that a rollback leaves in events.jsonl, which is all that is remembered."""


@final
@dataclass(frozen=True)
class Action:
    """What to do about a remark.

    Attributes:
        what: It.
        why: In words, for people.
        nimg: Of the checkpoint to go back to; None unless it is a rollback.
    """

    what: Literal["warn", "stop", "rollback"]
    why: str = ""
    nimg: int | None = None


@final
class Watchdog:
    """Decides; whoever conducts the run acts.

    Args:
        policy: What people asked for, of a lost game.
        events: Of the run so far, so that a resumed run counts on.
        on_nan: What they asked for, of a number that is not finite.
    """

    def __init__(
        self,
        policy: Literal["warn", "stop", "rollback"],
        events: Iterable[Mapping[str, Any]] = (),
        on_nan: Literal["stop", "rollback"] = "stop",
    ) -> None:
        self.policies = {**dict.fromkeys(COLLAPSES, policy), "nan": on_nan}
        self.rollbacks = sum(event.get("kind") == ROLLED_BACK for event in events)

    def decide(self, remark: Remark, healthy: Sequence[int]) -> Action:
        """Return what to do, and count a rollback.

        Args:
            remark: What is wrong.
            healthy: Images shown at the checkpoints from before anything was, in order.
        """
        policy = self.policies.get(remark.word, "warn")
        if policy == "warn":
            return Action("warn")
        if policy == "stop":
            setting = "on_nan" if remark.word == "nan" else "on_collapse"
            return Action("stop", f"stopped, as training.{setting} says")
        if self.rollbacks >= MOST:
            return Action("stop", f"stopped: it was lost again after {MOST} rollbacks")
        if not healthy:
            return Action("stop", "stopped: no checkpoint is from before it was lost")
        self.rollbacks += 1
        why = f"back to {healthy[-1] / 1000:g} kimg, learning rates times {SLOWER:g}"
        return Action("rollback", why, healthy[-1])
