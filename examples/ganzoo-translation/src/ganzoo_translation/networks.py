"""A U-Net that makes an image of an image, and a discriminator that judges both by patches."""

from typing import Annotated, final

import torch
from torch import nn
from torch.nn.functional import interpolate, leaky_relu

from ganzoo.errors import FitError
from ganzoo.interfaces import Env
from ganzoo.options import Opt
from ganzoo.types import Given, Images, Latents, Logits

_MOST = 8  # times the width, in the smallest maps


def _given(network: str, env: Env) -> int:
    """Return the channels of the images that others are made of."""
    if env.condition.kind != "image":
        raise FitError(f"{network} makes images of images; use --dataset outlines or halved")
    return env.condition.shape[0]


def _down(inward: int, outward: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inward, outward, 4, 2, 1), nn.GroupNorm(1, outward))


def _up(inward: int, outward: int) -> nn.Module:
    layers = (nn.Conv2d(inward, outward, 3, 1, 1), nn.GroupNorm(1, outward), nn.ReLU())
    return nn.Sequential(nn.Upsample(scale_factor=2), *layers)


@final
class UNet(nn.Module):
    """Images of images: down to 4 px, where the latent comes in, and up with connections across.

    References: Image-to-Image Translation with Conditional Adversarial Networks, section 3.2.1
    (Isola et al., 2017), https://arxiv.org/abs/1611.07004; a latent in place of its dropout.
    """

    def __init__(
        self,
        env: Env,
        *,
        width: Annotated[int, Opt("channels of the largest maps", ge=4)] = 24,
        z_dim: Annotated[int, Opt("numbers of a latent", ge=1)] = 8,
    ) -> None:
        super().__init__()
        self.z_dim, self.side = z_dim, env.resolution
        count = (env.resolution // 4).bit_length() - 1
        widths = [min(width << i, width * _MOST) for i in range(count)]
        self.first = nn.Conv2d(_given("generator unet", env), width, 3, 1, 1)
        self.downs = nn.ModuleList(map(_down, [width, *widths[:-1]], widths))
        self.noise = nn.Linear(z_dim, widths[-1])
        inward = [widths[-1], *(2 * each for each in reversed(widths[:-1]))]
        self.ups = nn.ModuleList(map(_up, inward, [*reversed(widths[:-1]), width]))
        self.last = nn.Conv2d(2 * width, env.channels, 3, 1, 1)

    def forward(self, z: Latents, labels: Given) -> Images:
        """Make an image of each given one."""
        maps = [self.first(interpolate(labels, size=(self.side, self.side)))]
        for down in self.downs:
            maps.append(down(leaky_relu(maps[-1], 0.2)))
        hidden = leaky_relu(maps.pop() + self.noise(z)[..., None, None], 0.2)
        for up in self.ups:
            hidden = torch.cat([up(hidden), maps.pop()], 1)
        images: Images = self.last(hidden).tanh()
        return images


@final
class Patch(nn.Module):
    """One logit for each patch of an image, which is judged beside what it was made of.

    References: Image-to-Image Translation with Conditional Adversarial Networks, section 3.2.2
    (Isola et al., 2017), https://arxiv.org/abs/1611.07004
    """

    def __init__(
        self, env: Env, *, width: Annotated[int, Opt("channels of the largest maps", ge=4)] = 24
    ) -> None:
        super().__init__()
        self.side = env.resolution
        inward = env.channels + _given("discriminator patch", env)
        self.layers = nn.Sequential(
            nn.Conv2d(inward, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            _down(width, 2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 3, 1, 1),
        )

    def forward(self, images: Images, labels: Given) -> Logits:
        """Judge the patches of images."""
        given = interpolate(labels, size=(self.side, self.side))
        logits: Logits = self.layers(torch.cat([images, given], 1)).squeeze(1)
        return logits
