"""The networks of fastgan and its penalty; imported when they are used."""

from itertools import pairwise
from typing import Annotated

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo.algorithm import Play
from ganzoo.errors import FitError
from ganzoo.interfaces import Env, Regularizer
from ganzoo.nn.spectral import spectrally_normalize
from ganzoo.options import Opt
from ganzoo.types import Images, Labels, Latents, Logits, Values

Width = Annotated[int, Opt("channels of the largest map", ge=1)]


class Excitation(nn.Module):
    """Scales each channel of a fine map by what a coarse one says (section 3.1 of the paper)."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(coarse, fine, 4), nn.LeakyReLU(0.1), nn.Conv2d(fine, fine, 1), nn.Sigmoid()
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        scaled: Tensor = fine * self.layers(adaptive_avg_pool2d(coarse, 4))
        return scaled


class FastGANGenerator(nn.Module):
    """Doubles a map of 4x4 until it is an image; each map is scaled by one a quarter its side.

    References: Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image
    Synthesis, section 3.1 (Liu et al., 2021), https://arxiv.org/abs/2101.04775. There the coarse
    map has a sixteenth of the side, for images of 256 px and more.
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 64,
        width: Width = 8,
    ) -> None:
        super().__init__()
        self.z_dim = z_dim
        widths = _widths(width, env.resolution)[::-1]
        self.first = nn.Sequential(
            nn.Linear(z_dim, widths[0] * 32),
            nn.Unflatten(1, (2 * widths[0], 4, 4)),
            nn.BatchNorm2d(2 * widths[0]),
            nn.GLU(dim=1),
        )
        self.doublings = nn.ModuleList(
            _doubling(i, o, nn.BatchNorm2d(2 * o)) for i, o in pairwise(widths)
        )
        self.excitations = nn.ModuleList(map(Excitation, widths, widths[2:]))
        self.image = nn.Sequential(nn.Conv2d(widths[-1], env.channels, 3, padding=1), nn.Tanh())

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images in [-1, 1]."""
        maps = [self.first(z)]
        for doubling in self.doublings:
            maps.append(doubling(maps[-1]))
            if len(maps) > 2:
                maps[-1] = self.excitations[len(maps) - 3](maps[-3], maps[-1])
        images: Images = self.image(maps[-1])
        return images


class FastGANDiscriminator(nn.Module):
    """Halves an image to a map of 8x8, judges it in patches, and draws the image from it again.

    It gives ``logits`` [n, 5, 5] and ``reconstruction_error`` [n].

    References: as :class:`FastGANGenerator`, section 3.2. There two maps and a cut-out are drawn
    again, and compared by a trained network; here one map, and pixels.
    """

    def __init__(self, env: Env, *, width: Width = 8) -> None:
        super().__init__()
        widths = _widths(width, env.resolution)[:-1]
        self.encoder = nn.Sequential(nn.Conv2d(env.channels, widths[0], 3, padding=1))
        for inward, outward in pairwise(widths):
            self.encoder.append(nn.LeakyReLU(0.2))
            self.encoder.append(nn.Conv2d(inward, outward, 4, stride=2, padding=1))
        self.logits = nn.Sequential(nn.LeakyReLU(0.2), nn.Conv2d(widths[-1], 1, 4))
        self.decoder = nn.Sequential(
            *(_doubling(i, o, nn.Identity()) for i, o in pairwise(widths[::-1]))
        )
        self.decoder.append(nn.Conv2d(widths[0], env.channels, 3, padding=1))
        spectrally_normalize(self.encoder)
        spectrally_normalize(self.logits)

    def forward(self, images: Images, labels: Labels | None = None) -> dict[str, Tensor]:
        """Return raw logits, higher is more real, and how badly each image was drawn again."""
        maps = self.encoder(images)
        logits: Logits = self.logits(maps).squeeze(1)
        error = (self.decoder(maps) - images).square().mean((1, 2, 3))
        return {"logits": logits, "reconstruction_error": error}


class Reconstruction(Regularizer):
    """The mean squared error of real images drawn again, [n]: what the judge sees, it must keep.

    References: as :class:`FastGANGenerator`, eq. 4.
    """

    def __init__(self, env: Env, *, weight: Annotated[float, Opt("factor", ge=0)] = 1.0) -> None:
        self.weight = weight

    def penalty(self, play: Play) -> Values:
        """Return the error of each image."""
        return play.real_out["reconstruction_error"]


def _doubling(inward: int, outward: int, norm: nn.Module) -> nn.Module:
    conv = nn.Conv2d(inward, 2 * outward, 3, padding=1)
    return nn.Sequential(nn.Upsample(scale_factor=2), conv, norm, nn.GLU(dim=1))


def _widths(width: int, resolution: int) -> list[int]:
    """Channels of each map, the largest map first, that of 4x4 last."""
    if resolution < 16 or resolution & (resolution - 1):
        raise FitError(f"fastgan makes 16, 32, 64 ... pixels a side, not {resolution}")
    return [width * 2 ** min(halving, 3) for halving in range(resolution.bit_length() - 2)]
