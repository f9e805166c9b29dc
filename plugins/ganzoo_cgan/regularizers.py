"""What an auxiliary classifier adds to the game: both players gain when the class is named."""

from typing import Annotated, ClassVar, final

from torch.nn.functional import cross_entropy

from ganzoo.algorithm import D, G, Play, widened
from ganzoo.errors import FitError
from ganzoo.interfaces import Env, Regularizer
from ganzoo.nn.conditioning import need_labels
from ganzoo.options import Opt
from ganzoo.types import Values


@final
class AuxiliaryClassifier(Regularizer):
    """Cross entropy of the classes that the discriminator names, [n].

    The discriminator learns from real images (with ``fakes`` from generated ones too); the
    generator is paid for images whose class is recognized. It adds images that are easy to name,
    so watch that each class still varies.

    Args:
        env: Which classes there are.
        weight: Of the discriminator's side.
        generator_share: The generator's weight as a share of it; 0.1 is that of WGAN-GP's code.
        fakes: Whether the discriminator also learns to name generated images.

    Raises:
        FitError: There are no classes.

    References: Conditional Image Synthesis with Auxiliary Classifier GANs, eq. 2 and 3 (Odena et
    al., 2017), https://arxiv.org/abs/1610.09585
    """

    on: ClassVar[tuple[str, ...]] = (D, G)

    def __init__(
        self,
        env: Env,
        *,
        weight: Annotated[float, Opt("of the discriminator's side", ge=0)] = 1.0,
        generator_share: Annotated[float, Opt("the generator's weight, as a share", ge=0)] = 0.1,
        fakes: Annotated[bool, Opt("the discriminator names generated images too")] = False,
    ) -> None:
        if env.num_classes == 0:
            raise FitError(
                "regularizer auxiliary names classes, and this run has none; train with"
                " --conditional on a data set with classes"
            )
        self.weight, self.generator_share, self.fakes = weight, generator_share, fakes

    def penalty(self, play: Play) -> Values:
        if play.trains(G):
            return self.generator_share * _unnamed(play, fake=True)
        named = _unnamed(play, fake=False)
        return named + _unnamed(play, fake=True) if self.fakes else named


def _unnamed(play: Play, *, fake: bool) -> Values:
    """Return how surprising the right class is, [n]."""
    logits = (play.fake_out if fake else play.real_out)["class_logits"]  # [n, k]
    labels = need_labels(play.labels, logits.shape[1])
    return cross_entropy(widened(logits), labels, reduction="none")
