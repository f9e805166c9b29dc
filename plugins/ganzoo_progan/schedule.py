"""When networks grow: every stage is trained for a while, then the next one is faded in."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, final

from torch.nn.functional import avg_pool2d, interpolate

from ganzoo import hookimpl
from ganzoo.algorithm import D, G, RunView
from ganzoo.errors import RecipeError
from ganzoo.interfaces import Env, Schedule
from ganzoo.options import Opt
from ganzoo.types import Images
from ganzoo_progan.networks import SMALLEST


@final
class Progressive(Schedule):
    """Trains a stage for ``stage_kimg``, fades in the next over ``fade_kimg``, and so on.

    Real images lose the detail that the stage does not have: they are averaged and enlarged again,
    and while a stage is faded in, mixed with those of the stage before. Where a stage or a fade
    begins, both optimizers forget their moments.

    Args:
        env: What is made.
        start: Pixels per side of the first stage.
        stage_kimg: Thousands of real images that a stage is trained alone.
        fade_kimg: Thousands of real images over which the next one is faded in.
        halve_above: Pixels per side above which every doubling halves the batch.

    References: Progressive Growing of GANs, sections 2 and A.1 and figure 2 (Karras et al., 2018),
    https://arxiv.org/abs/1710.10196
    """

    calls: ClassVar[Mapping[str, str]] = {G: "set_stage", D: "set_stage"}
    capturable: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        start: Annotated[int, Opt("pixels per side of the first stage", ge=4)] = 8,
        stage_kimg: Annotated[float, Opt("length of a stage", gt=0)] = 600.0,
        fade_kimg: Annotated[float, Opt("length of a fade", ge=0)] = 600.0,
        halve_above: Annotated[
            int, Opt("pixels per side above which each doubling halves the batch", ge=4)
        ] = 64,
    ) -> None:
        last = (env.resolution // SMALLEST).bit_length() - 1
        known = [SMALLEST << stage for stage in range(last + 1)]
        if start not in known:
            raise RecipeError(
                f"schedule.progressive.start: {start} px is no stage on the way to"
                f" {env.resolution}; the stages are {', '.join(map(str, known))}"
            )
        self._first, self._last = known.index(start), last
        self._stage_nimg, self._fade_nimg = round(stage_kimg * 1000), round(fade_kimg * 1000)
        self._halve_above = halve_above
        self._stage, self._fade = self._first, 1.0
        self._phase: tuple[int, bool] | None = None
        self._batch_size: int | None = None

    def position(self, nimg: int) -> tuple[int, float]:
        """Return the stage after so many real images, and the share of it that counts."""
        number, rest = divmod(nimg, self._stage_nimg + self._fade_nimg)
        stage, over = self._first + number, rest - self._stage_nimg
        if stage >= self._last:
            return self._last, 1.0
        return (stage + 1, over / self._fade_nimg) if over > 0 else (stage, 1.0)

    @hookimpl
    def run_start(self, run: RunView) -> None:
        """Remember the batch of the settings; from now on real images have the stage's detail."""
        if self._batch_size is None:
            self._batch_size = run.batch_size
        run.add_real_transform(self.shown)

    @hookimpl
    def step_start(self, run: RunView) -> None:
        """Tell both networks where they are; begin anew where a stage or a fade begins."""
        self._stage, self._fade = self.position(run.nimg)
        for role in self.calls:
            run.network(role).set_stage(self._stage, self._fade)  # type: ignore[operator]
        phase = (self._stage, self._fade < 1)
        if phase == self._phase:
            return
        if self._phase is not None:
            run.reset_optimizer(G)
            run.reset_optimizer(D)
        self._phase = phase
        run.set_batch_size(self._batch_at(self._stage))

    def shown(self, images: Images) -> Images:
        """Return real images as the stage sees them."""
        factor = images.shape[-1] // (SMALLEST << self._stage)
        fine = _coarse(images, factor)
        if self._fade == 1:
            return fine
        before = _coarse(images, 2 * factor)
        return before + (fine - before) * self._fade

    def state_dict(self) -> dict[str, Any]:
        """Return where the last step was, and the batch of the settings."""
        stage, fading = self._phase or (None, None)
        return {"stage": stage, "fading": fading, "batch_size": self._batch_size}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        known = state["stage"] is not None
        self._phase = (state["stage"], state["fading"]) if known else None
        self._batch_size = state["batch_size"]

    def _batch_at(self, stage: int) -> int:
        """Return the batch of a stage; it stays a whole number of groups of 4 where it can."""
        assert self._batch_size is not None
        batch, side = self._batch_size, self._halve_above
        while side < SMALLEST << stage and batch > 4:
            batch, side = max(batch // 2, 4), side * 2
        return batch


def _coarse(images: Images, factor: int) -> Images:
    """Return images averaged over squares of ``factor`` pixels."""
    if factor == 1:
        return images
    return interpolate(avg_pool2d(images, factor), scale_factor=factor)
