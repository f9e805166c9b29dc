"""What the players of a translation pay, and an algorithm that lets the generator begin alone."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, final

from ganzoo.adversarial import terms_of
from ganzoo.algorithm import Algorithm, D, G, Phase, Play, RunView
from ganzoo.errors import FitError
from ganzoo.interfaces import Env, Loss, Regularizer
from ganzoo.options import Opt
from ganzoo.types import Values


@final
class L1(Regularizer):
    """The mean distance of each made image from the one that it should be, [n].

    References: Image-to-Image Translation with Conditional Adversarial Networks, eq. 3 (Isola et
    al., 2017), https://arxiv.org/abs/1611.07004
    """

    on: ClassVar[tuple[str, ...]] = (G,)

    def __init__(self, env: Env, *, weight: Annotated[float, Opt("lambda", ge=0)] = 100.0) -> None:
        self.weight = weight

    def penalty(self, play: Play) -> Values:
        """Return how far made images are from real ones, which were given the same."""
        return (play.fake - play.draw.real).abs().flatten(1).mean(1)


@final
class WarmUp(Algorithm):
    """The generator pays its penalties alone for a while, and then the game of two begins.

    References: Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
    Network, section 3.2 (Ledig et al., 2017), https://arxiv.org/abs/1609.04802
    """

    def __init__(
        self, env: Env, *, kimg: Annotated[float, Opt("thousands of images alone", ge=0)] = 10.0
    ) -> None:
        self.kimg = kimg
        self._alone: tuple[Phase, ...] = ()
        self._game: tuple[Phase, ...] = ()

    def bind(self, loss: Loss | None, regularizers: Mapping[str, Regularizer]) -> None:
        """Turn loss and penalties into the phases of both parts of a run.

        Raises:
            FitError: There is no loss, or no penalty of the generator.
        """
        if loss is None:
            raise FitError("the warm-up algorithm needs a loss; add one with --loss ns")
        terms = terms_of(loss, regularizers)
        if len(terms[G]) < 2:
            raise FitError("alone a generator learns by penalties; add --regularizer l1")
        judge = Phase(D, (D,), terms[D], new_batch=True, shares_fakes=True)
        self._game = (judge, Phase(G, (G,), terms[G], frozen=(D,)))
        self._alone = (Phase(G, (G,), terms[G][1:], frozen=(D,), new_batch=True),)

    def phases(self, run: RunView) -> Sequence[Phase]:
        """Return the phases of a step: first of the generator alone, later of both."""
        return self._alone if run.step * run.batch_size < 1000 * self.kimg else self._game
