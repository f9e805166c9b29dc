"""The game of two: a discriminator judges, a generator tries to fool it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, final

from ganzoo.algorithm import Algorithm, D, G, Phase, Play, RunView, Term
from ganzoo.errors import FitError
from ganzoo.interfaces import Env, Loss, Regularizer
from ganzoo.options import Opt
from ganzoo.types import Values


@final
class Adversarial(Algorithm):
    """``d_steps`` moves of the discriminator, then one of the generator.

    References: Generative Adversarial Nets, Algorithm 1 (Goodfellow et al., 2014),
    https://arxiv.org/abs/1406.2661
    """

    def __init__(
        self,
        env: Env,
        *,
        d_steps: Annotated[int, Opt("discriminator moves per generator move", ge=1)] = 1,
    ) -> None:
        self.env, self.batches = env, d_steps
        self._phases: tuple[Phase, ...] = ()

    def bind(self, loss: Loss | None, regularizers: Mapping[str, Regularizer]) -> None:
        """Turn the loss and the penalties into terms.

        Raises:
            FitError: There is no loss.
        """
        if loss is None:
            raise FitError("the adversarial algorithm needs a loss; add one with --loss ns")
        terms = terms_of(loss, regularizers)
        judge = Phase(D, (D,), terms[D], new_batch=True)
        last = Phase(D, (D,), terms[D], new_batch=True, shares_fakes=True)
        fool = Phase(G, (G,), terms[G], frozen=(D,))
        self._phases = (*[judge] * (self.batches - 1), last, fool)

    def phases(self, run: RunView) -> Sequence[Phase]:
        """Return the phases of a step; they never change."""
        return self._phases


def terms_of(
    loss: Loss, regularizers: Mapping[str, Regularizer]
) -> Mapping[str, tuple[Term, ...]]:
    """Return what each of two players minimizes: its side of a loss, and penalties.

    Args:
        loss: Of logits.
        regularizers: By name; one whose weight is 0 is left out.
    """
    terms = {D: [Term("loss", _judging(loss))], G: [Term("loss", _fooling(loss))]}
    for name, part in regularizers.items():
        if part.weight == 0:
            continue
        term = Term(
            name,
            part.penalty,
            weight=part.weight,
            interval=part.interval,
            input_grads=part.input_grads,
            second_order=part.second_order,
        )
        for player in part.on:
            terms[player].append(term)
    return {player: tuple(each) for player, each in terms.items()}


def _judging(loss: Loss) -> Callable[[Play], Values]:
    def value(play: Play) -> Values:
        play.log(loss.readings(play.real_logits.detach(), play.fake_logits.detach()))
        return loss.discriminator(play.real_logits, play.fake_logits)

    return value


def _fooling(loss: Loss) -> Callable[[Play], Values]:
    def value(play: Play) -> Values:
        real = play.real_logits.detach() if loss.paired else None
        return loss.generator(play.fake_logits, real)

    return value
