"""ADA: how often images are changed follows how much the discriminator overfits."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, final

import torch

from ganzoo.algorithm import D, Phase, Play, RunView
from ganzoo.errors import RecipeError
from ganzoo.hookspecs import hookimpl
from ganzoo.interfaces import Augment, Env
from ganzoo.options import Opt
from ganzoo.types import Images
from ganzoo_augment.diffaugment import need_pixels
from ganzoo_augment.pipe import Dice, Group, cut, moved, recolored


@final
class Ada(Augment):
    """Changes some images; each change hits with probability p, which adapts.

    A discriminator that overfits is sure of every real image: the mean r of the sign of its real
    logits comes near 1. Every few of its moves p goes up where r is above the target, else down,
    at a rate that would take it from 0 to 1 in ``kimg``. p is kept as a whole number of images,
    so nothing is rounded; it stays between 0 and 1, where the authors bound it below only.

    Without a target p goes from ``start`` to ``final`` along half a cosine over the run.

    Args:
        env: What is made.
        target: Where r is held; None for a p that follows the run and not the discriminator.
        interval: Moves of the discriminator from one change of p to the next.
        kimg: Thousands of real images in which p could go from 0 to 1; the authors take 100 to
            go on from a trained network.
        start: p at the start.
        final: p at the end of the run, without a target.
        pipe: Changes of place in whole pixels (``blit``) and between them (``geometric``), of
            ``color``; and ``cutout``, a hole.
        flip: Whether images are mirrored; no for letters and digits.
        rotate: Whether they are turned; no where up is not down for the eye at once.
        color_share: Of p, that changes of colour have.

    References: Training Generative Adversarial Networks with Limited Data, sections 2 and 3, and
    appendix B for the changes (Karras et al., 2020), https://arxiv.org/abs/2006.06676; p along a
    cosine: The GAN is dead; long live the GAN! A Modern GAN Baseline (Huang et al., 2024),
    https://arxiv.org/abs/2501.05441
    """

    capturable: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        target: Annotated[
            float | None, Opt("mean sign of real logits; none: p follows the run", ge=-1, le=1)
        ] = 0.6,
        interval: Annotated[int, Opt("discriminator moves between changes of p", ge=1)] = 4,
        kimg: Annotated[float, Opt("in which p could go from 0 to 1", gt=0)] = 500.0,
        start: Annotated[float, Opt("p at the start", ge=0, le=1)] = 0.0,
        final: Annotated[float, Opt("p at the end, without a target", ge=0, le=1)] = 0.55,
        pipe: Annotated[tuple[Group, ...], Opt("groups of changes")] = (
            "blit",
            "geometric",
            "color",
        ),
        flip: Annotated[bool, Opt("mirror images; false for letters and digits")] = True,
        rotate: Annotated[bool, Opt("turn images")] = True,
        color_share: Annotated[float, Opt("of p, that colours have", ge=0, le=1)] = 1.0,
    ) -> None:
        need_pixels(env, "ada")
        self.target, self.interval, self.start, self.final = target, interval, start, final
        self.pipe, self.flip, self.rotate, self.color_share = pipe, flip, rotate, color_share
        self.reads_sign = target is not None
        self._range = max(round(kimg * 1000), 1)
        self._risen = torch.tensor(round(start * self._range))  # images, of _range
        self._signs = torch.zeros(())  # sum of the means of moves since p changed
        self._moves = torch.zeros((), dtype=torch.long)  # of the discriminator since then
        self._images = torch.zeros((), dtype=torch.long)  # that it was shown in them
        self.p = torch.tensor(start)

    def __call__(self, images: Images, rng: torch.Generator) -> Images:
        with torch.autocast(images.device.type, enabled=False):  # places need all their bits
            wide = images if images.dtype == torch.float64 else images.float()
            dice = Dice(rng, wide, self.p)
            wide = moved(wide, dice, self.pipe, flip=self.flip, rotate=self.rotate)
            if "color" in self.pipe:
                wide = recolored(wide, dice, self.color_share)
            if "cutout" in self.pipe:
                wide = cut(wide, dice)
        return wide.to(images.dtype)

    @hookimpl
    def run_start(self, run: RunView) -> None:
        """Go where the run trains.

        Raises:
            RecipeError: p shall follow a run that does not know its end.
        """
        if self.target is None and run.total_nimg is None:
            raise RecipeError(
                "augment.ada.target: none lets p follow the length of the run, which is not known"
                " in images; give it with --kimg, or set a target such as 0.6"
            )
        self._risen, self._signs = self._risen.to(run.device), self._signs.to(run.device)
        self._moves, self._images = self._moves.to(run.device), self._images.to(run.device)
        self.p = self.p.to(run.device)

    @hookimpl
    def step_start(self, run: RunView) -> None:
        """Set p where it follows the run."""
        if self.target is None and run.total_nimg is not None:
            share = min(run.nimg / run.total_nimg, 1.0)
            risen = 0.5 * (1 - math.cos(math.pi * share))
            self.p.fill_(self.start + (self.final - self.start) * risen)

    @hookimpl
    def phase_end(self, run: RunView, phase: Phase, play: Play) -> None:
        """Read what the discriminator thought of real images; every few moves, change p."""
        if D not in phase.trains:
            return
        sign = play.real_logits.detach().sign().mean()
        run.log("ada p", self.p)
        run.log("ada r", sign)
        if self.target is None:
            return
        self._signs += sign
        self._moves += 1
        self._images += run.batch_size
        due = self._moves >= self.interval
        way = (self._signs / self._moves - self.target).sign().long()
        risen = (self._risen + way * self._images).clamp(0, self._range)
        self._risen.copy_(torch.where(due, risen, self._risen))
        self.p.copy_(torch.where(due, risen / self._range, self.p))
        for each in (self._signs, self._moves, self._images):
            each.masked_fill_(due, 0)

    def state_dict(self) -> dict[str, Any]:
        """Return how far p has risen, and what was read since it changed."""
        return {
            "risen": self._risen,
            "range": self._range,
            "signs": self._signs,
            "moves": self._moves,
            "images": self._images,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        device = self.p.device
        # copies, for they change in place
        self._signs = state["signs"].reshape(()).to(device, torch.float32, copy=True)
        # once these were numbers, and the images were counted from the start of the run
        self._moves = torch.as_tensor(state["moves"]).reshape(()).to(device, torch.long, copy=True)
        self._images = (
            torch.as_tensor(state.get("images", 0)).reshape(()).to(device, torch.long, copy=True)
        )
        # the rate may be another one now; then p goes on from where it was
        risen = state["risen"].reshape(()).to(device, torch.long)
        self._risen = risen * self._range // state["range"]
        self.p.copy_(self._risen / self._range)
