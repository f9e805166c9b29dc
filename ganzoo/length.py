"""How long a run is, and when something is due: all in real images, whatever people said."""

import math
from dataclasses import replace

from ganzoo.errors import RecipeError
from ganzoo.outline import Outline
from ganzoo.plan import Plan
from ganzoo.rundir import RunDir


def due(since: int, nimg: int, every_kimg: float | None) -> bool:
    """Return whether a multiple of the interval lies between two moments."""
    if every_kimg is None:
        return True
    every = every_kimg * 1000
    return math.floor(nimg / every) > math.floor(since / every)


def tick_nimg(built: Outline, total: int | None) -> int:
    """Return the images between two ticks: 20 a run, and at least one an epoch.

    Where minutes bound the run, nobody knows how many images that is: 10 kimg then.
    """
    training = built.plan.training
    if training.tick_kimg is not None:
        return max(1, round(training.tick_kimg * 1000))
    if total is None:
        return max(10_000, training.batch_size)
    return max(min(built.info.count, total // 20), total // 100, training.batch_size)


def with_length(built: Outline, epochs: float | None, steps: int | None) -> Outline:
    """Turn epochs or steps into images."""
    training = built.plan.training
    try:
        if epochs is not None:
            kimg = epochs * built.info.count / 1000
        elif steps is not None:
            kimg = steps * training.batch_size * built.algorithm.batches / 1000
        else:
            kimg = training.kimg
        math.ceil(kimg * 1000)
    except (OverflowError, ValueError):
        origin = built.plan.origin("training.kimg")
        said = {"--epochs": epochs, "--steps": steps, f"kimg (from {origin})": training.kimg}
        key, value = next(each for each in said.items() if each[1] is not None)
        raise RecipeError(f"{key}: {value} is no length") from None
    if epochs is None and steps is None:
        return built
    origins = {**built.plan.origins, "training.kimg": "--steps" if epochs is None else "--epochs"}
    training = replace(training, kimg=kimg, minutes=None)
    return replace(built, plan=replace(built.plan, training=training, origins=origins))


def one_length(**said: object) -> None:
    """Refuse a length that is said more than once.

    Raises:
        RecipeError: It names all that were said.
    """
    given = [key for key, value in said.items() if value is not None]
    if len(given) > 1:
        raise RecipeError(f"{' and '.join(given)} all say how long; give one")


def longer(plan: Plan, kimg: str | None, minutes: float | None, run: RunDir, nimg: int) -> Plan:
    """Return the plan of a run with a new end.

    Raises:
        RecipeError: It is no end, or the run has reached it.
    """
    one_length(kimg=kimg, minutes=minutes)
    training = plan.training
    if minutes is not None:
        if not 0 < minutes < math.inf:
            raise RecipeError(f"--minutes {minutes} is no length; write 30")
        return replace(plan, training=replace(training, minutes=minutes))
    if kimg is not None:
        try:
            end = float(kimg) + (nimg / 1000 if training.minutes else training.kimg) * (
                kimg.startswith("+")
            )
            if math.ceil(end * 1000) <= 0 or float(kimg) <= 0:
                raise ValueError
        except (ValueError, OverflowError):
            raise RecipeError(f"--kimg {kimg!r} is no length; write 600 or +100") from None
        training = replace(training, kimg=end, minutes=None)
    over = training.minutes is None and nimg >= training.kimg * 1000
    # A run killed after its last checkpoint has yet to say that it is done.
    if over and (kimg is not None or run.read_info().get("status") == "done"):
        raise RecipeError(
            f"{run.path.name} is done at {nimg / 1000:g} kimg; go on with"
            f" --kimg +{training.kimg:g}"
        )
    return replace(plan, training=training)
