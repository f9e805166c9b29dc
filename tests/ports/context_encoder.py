"""Context encoder: what was in the hole in the middle of a picture?

Context Encoders: Feature Learning by Inpainting (Pathak et al., 2016),
https://arxiv.org/abs/1604.07379, eq. 1 to 3: the generator is given the picture without its middle
and minimizes lambda_rec || M (x - G(x)) ||^2 + lambda_adv L_adv, with 0.999 and 0.001; the
discriminator sees the middle alone. The pictures here are discs.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import DataInfo, Dataset, Env, Regularizer
from ganzoo.play import D, G, Play
from ganzoo.types import Images, Latents, Logits, Pixels, Values

STILL, DEAF = {"latents": "nothing is drawn"}, {"classes": "only the middle is judged"}


def middle(images: Tensor) -> Tensor:
    edge = images.shape[-1] // 4
    return images[..., edge:-edge, edge:-edge]  # a view


class Discs(Dataset):
    def __init__(self, *, count: int = 2000) -> None:
        self.count = count

    def describe(self, resolution: int | None = None) -> DataInfo:
        shape = (1, resolution or 28, resolution or 28)
        return DataInfo(shape, self.count, given_shape=shape)

    def load(self, resolution: int | None = None) -> tuple[Pixels, Pixels]:
        side, rng = resolution or 28, torch.Generator().manual_seed(0)
        x, y, radius = torch.rand(3, self.count, 1, 1, generator=rng) * 0.6 + 0.2
        at = torch.linspace(0, 1, side)
        inside = (at - x).square() + (at[:, None] - y).square() < radius.square()
        images = 255 * inside[:, None].to(torch.uint8)
        given = images.clone()
        middle(given).fill_(127)
        return images, given


class Inpainter(nn.Module):
    z_dim = 0  # nothing is drawn

    def __init__(self, env: Env) -> None:
        super().__init__()
        size = env.channels * env.resolution**2
        layers = nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, size), nn.Tanh()
        self.layers = nn.Sequential(nn.Flatten(), *layers, nn.Unflatten(1, env.image_shape))

    def forward(self, z: Latents, labels: Images) -> Images:
        made = labels.clone()
        middle(made).copy_(middle(self.layers(labels)))
        return made


class MiddleJudge(nn.Module):
    def __init__(self, env: Env) -> None:
        super().__init__()
        size = middle(torch.zeros(env.image_shape)).numel()
        self.layers = nn.Sequential(nn.Linear(size, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def forward(self, images: Images, labels: Images | None = None) -> Logits:
        return self.layers(middle(images).flatten(1)).squeeze(1)


class Rebuilt(Regularizer):
    on: ClassVar[tuple[str, ...]] = (G,)
    weight = 999.0  # 0.999 : 0.001

    def penalty(self, play: Play) -> Values:
        return (middle(play.fake) - middle(play.real)).square().mean((1, 2, 3))


@hookimpl
def ganzoo_register() -> list[object]:
    parts = {G: "inpainter", D: "middle", "dataset": "discs", "loss": "ns"}
    parts["regularizer"] = ["rebuilt"]
    return [
        component("dataset", "discs", "context_encoder:Discs", "a disc, and it with a hole"),
        component(G, "inpainter", "context_encoder:Inpainter", "fills", expected_failures=STILL),
        component(D, "middle", "context_encoder:MiddleJudge", "judges it", expected_failures=DEAF),
        component("regularizer", "rebuilt", "context_encoder:Rebuilt", "the middle as it was"),
        recipe("context-encoder", "fills a hole", parts, conditional=True),
    ]
