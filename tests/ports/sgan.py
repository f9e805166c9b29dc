"""SGAN: a classifier of K classes and one more, "generated".

Improved Techniques for Training GANs (Salimans et al., 2016), https://arxiv.org/abs/1606.03498,
section 5, and Semi-Supervised Learning with GANs (Odena, 2016), https://arxiv.org/abs/1606.01583:
of K + 1 class logits l, p(real) = 1 - softmax(l)_{K+1}, so the logit of "real" is
logsumexp(l_1 ... l_K) - l_{K+1}. A labelled real image also pays -log p(y | x, y <= K).
"""

import math
from collections.abc import Mapping
from typing import Annotated

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo import component, hookimpl, recipe
from ganzoo.errors import FitError
from ganzoo.interfaces import Env, Regularizer
from ganzoo.options import Opt
from ganzoo.play import Play
from ganzoo.types import Images, Labels, Values


class Classifier(nn.Module):
    def __init__(self, env: Env, *, width: Annotated[int, Opt("units", ge=1)] = 64) -> None:
        super().__init__()
        first = nn.Linear(math.prod(env.image_shape), width)
        last = nn.Linear(width, env.num_classes + 1)
        self.layers = nn.Sequential(nn.Flatten(), first, nn.LeakyReLU(0.2), last)

    def forward(self, images: Images, labels: Labels | None = None) -> Mapping[str, Tensor]:
        logits = self.layers(images)  # [n, k + 1]
        classes, generated = logits[:, :-1], logits[:, -1]
        return {"logits": classes.logsumexp(1) - generated, "class_logits": classes}


class Supervised(Regularizer):
    def __init__(
        self, env: Env, *, share: Annotated[float, Opt("labelled images", gt=0, le=1)] = 0.25
    ) -> None:
        if not env.num_classes:
            raise FitError("regularizer supervised needs classes; train with --conditional")
        self.share = share

    def penalty(self, play: Play) -> Values:
        few = math.ceil(self.share * len(play.real))
        named, labels = play.real_out["class_logits"][:few].float(), play.labels
        assert labels is not None
        play.log({"D right": (named.argmax(1) == labels[:few]).float().mean()})
        return cross_entropy(named, labels[:few], reduction="none")


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {"generator": "mlp", "discriminator": "k-plus-1", "loss": "ns"}
    parts["regularizer"] = ["supervised"]
    gives, needs = {"provides": ("class_logits",)}, {"needs": ("class_logits",)}
    return [
        component("discriminator", "k-plus-1", "sgan:Classifier", "K classes and one", **gives),
        component("regularizer", "supervised", "sgan:Supervised", "names real images", **needs),
        recipe(
            "sgan",
            "K + 1 classes",
            parts,
            conditional=True,
            sizes=(28, 32),
            year=2016,
            paper="https://arxiv.org/abs/1606.03498",
        ),
    ]
