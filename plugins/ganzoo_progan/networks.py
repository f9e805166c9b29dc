"""The two networks that grow, 32 to 256 px: every layer is there from the start, few are used.

At stage s they make and judge images of ``4 * 2 ** s`` pixels per side. While a stage is faded in,
what the stage before it would say is mixed in, less and less. Outside, images always have full
size: the generator enlarges its own, the discriminator averages what it is given, so a penalty on
a slope means the same at every stage.

References: Progressive Growing of GANs for Improved Quality, Stability, and Variation, sections 2
to 4 and table 2 (Karras et al., 2018), https://arxiv.org/abs/1710.10196
"""

from itertools import pairwise
from typing import Annotated, ClassVar, TypeAlias, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from ganzoo.interfaces import Env
from ganzoo.nn.conditioning import LabelEmbedding, need_labels
from ganzoo.nn.equalized import ROOT_OF_TWO, EqualizedConv2d, EqualizedLinear, pixel_norm
from ganzoo.nn.minibatch import Kernels, MinibatchDiscrimination
from ganzoo.nn.resolution import check_resolution, doubling_widths
from ganzoo.nn.stddev import MinibatchStddev
from ganzoo.options import Opt
from ganzoo.types import Features, Images, Labels, Latents, Logits

SIZES = (32, 64, 128, 256)
"""Pixels per side of the last stage."""

SMALLEST = 4
"""Pixels per side of stage 0."""

Maps: TypeAlias = Float[Tensor, "n c h w"]
"""What the layers hand on."""

Coloured: TypeAlias = Float[Tensor, "n channels h w"]
"""Maps of an image, or an image of maps: other channels at the same places."""

Doubled: TypeAlias = Float[Tensor, "n c 2*h 2*w"]
"""Maps of twice the side."""

Width: TypeAlias = Annotated[int, Opt("channels of the largest map", ge=1)]
MaxWidth: TypeAlias = Annotated[int, Opt("channels that no map exceeds", ge=1)]


@final
class Progress(nn.Module):
    """The stage that a network is in, and the share of it that is faded in; full size at first.

    Both are buffers, so that checkpoints and the averaged copy of a network have them. In training
    mode they are known without asking the device.

    Args:
        last: The last stage.
    """

    stage: Tensor
    fade: Tensor

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last
        self.register_buffer("stage", torch.tensor(last))
        self.register_buffer("fade", torch.ones(()))
        self._said = (last, False)
        self.register_load_state_dict_post_hook(_reread)  # type: ignore[no-untyped-call]

    def set(self, stage: int, fade: float) -> None:
        """Go to a stage of which a share ``fade`` counts, 0 to 1."""
        self._said = (stage, fade < 1)
        self.stage.fill_(stage)
        self.fade.fill_(fade)

    def read(self) -> tuple[int, bool]:
        """Return the stage, and whether it is still faded in."""
        if not self.training:  # an averaged copy was told by its buffers only
            self.reread()
        return self._said

    def reread(self) -> None:
        """Take stage and fade from the buffers."""
        self._said = (int(self.stage), bool(self.fade < 1))

    def mix(self, before: Maps, now: Maps) -> Maps:
        """Return what counts: of the stage before at first, of the stage itself at last."""
        return before + (now - before) * self.fade


def _reread(progress: nn.Module, keys: object) -> None:
    assert isinstance(progress, Progress)
    progress.reread()


@final
class ProgressiveGenerator(nn.Module):
    """Doubles a map from stage to stage; pixel norm after every rectifier; linear colours.

    An image of an earlier stage is enlarged to full size, every pixel to a square.

    Args:
        env: What is made, and given what.
        z_dim: Latent dimensions.
        width: Channels of the largest map; each map before it has twice as many as the next.
        max_width: Channels that no map exceeds.
    """

    def __init__(
        self,
        env: Env,
        *,
        z_dim: Annotated[int, Opt("latent dimensions", ge=1)] = 128,
        width: Width = 64,
        max_width: MaxWidth = 128,
    ) -> None:
        super().__init__()
        check_resolution("progan", env.resolution, SIZES)
        widths = doubling_widths(env.resolution, width, max_width)
        self.z_dim = z_dim
        self.embedding = LabelEmbedding(env.num_classes, z_dim)
        self.first = EqualizedLinear(
            self.embedding.out_dim, widths[0] * SMALLEST**2, gain=ROOT_OF_TWO / 4, bias=None
        )
        self.first_bias = nn.Parameter(torch.zeros(widths[0]))
        self.smallest = _convolution(widths[0], widths[0])
        self.first_of_stage = nn.ModuleList(_convolution(*pair) for pair in pairwise(widths))
        self.second_of_stage = nn.ModuleList(_convolution(each, each) for each in widths[1:])
        self.colours = nn.ModuleList(EqualizedConv2d(each, env.channels, 1) for each in widths)
        self.progress = Progress(len(widths) - 1)

    def set_stage(self, stage: int, fade: float) -> None:
        """Make images of ``4 * 2 ** stage`` pixels; ``fade`` is the share of that stage."""
        self.progress.set(stage, fade)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Return images of full size, in as much detail as the stage has.

        Raises:
            FitError: It is conditional and got no labels.
        """
        stage, fading = self.progress.read()
        maps = self._smallest(self.embedding(pixel_norm(z), labels))
        before = maps
        for level in range(stage):
            before, maps = maps, _doubled(maps)
            for convolution in (self.first_of_stage[level], self.second_of_stage[level]):
                maps = pixel_norm(leaky_relu(convolution(maps), 0.2))
        images: Tensor = self.colours[stage](maps)
        if fading:
            images = self.progress.mix(_doubled(self.colours[stage - 1](before)), images)
        left = self.progress.last - stage
        return interpolate(images, scale_factor=2**left) if left else images

    def _smallest(self, latents: Features) -> Maps:
        maps = self.first(latents).unflatten(1, (-1, SMALLEST, SMALLEST))  # [n, c, 4, 4]
        maps = pixel_norm(leaky_relu(maps + self.first_bias.view(-1, 1, 1), 0.2))
        return pixel_norm(leaky_relu(self.smallest(maps), 0.2))


@final
class ProgressiveDiscriminator(nn.Module):
    """Halves a map from stage to stage; minibatch stddev before the last convolution; no norm.

    The last layer has a row for what every image is judged by, and one more for each class.

    Args:
        env: What is judged, and given what.
        width: Channels of the largest map; each smaller map has twice as many.
        max_width: Channels that no map exceeds.
        group: Images among which minibatch stddev measures how much they differ.
        minibatch: Kernels of minibatch discrimination, which the paper made simpler by minibatch
            stddev; 0: none.

    Attributes:
        mixes_samples: Minibatch stddev looks at the batch.
    """

    mixes_samples: ClassVar[bool] = True

    def __init__(
        self,
        env: Env,
        *,
        width: Width = 64,
        max_width: MaxWidth = 128,
        group: Annotated[int, Opt("images compared by minibatch stddev", ge=1)] = 4,
        minibatch: Kernels = 0,
    ) -> None:
        super().__init__()
        check_resolution("progan", env.resolution, SIZES)
        widths = doubling_widths(env.resolution, width, max_width)
        self.num_classes = env.num_classes
        self.colours = nn.ModuleList(
            EqualizedConv2d(env.channels, each, 1, gain=ROOT_OF_TWO) for each in widths
        )
        self.first_of_stage = nn.ModuleList(_convolution(each, each) for each in widths[1:])
        self.second_of_stage = nn.ModuleList(
            _convolution(larger, smaller) for smaller, larger in pairwise(widths)
        )
        self.stddev = MinibatchStddev(group)
        self.smallest = _convolution(widths[0] + 1, widths[0])
        hidden = min(2 * widths[0], max_width)
        self.hidden = EqualizedLinear(widths[0] * SMALLEST**2, hidden, gain=ROOT_OF_TWO)
        self.minibatch = MinibatchDiscrimination(hidden, minibatch)
        self.last = EqualizedLinear(hidden + minibatch, 1 + env.num_classes)
        self.progress = Progress(len(widths) - 1)

    def set_stage(self, stage: int, fade: float) -> None:
        """Judge images of ``4 * 2 ** stage`` pixels; ``fade`` is the share of that stage."""
        self.progress.set(stage, fade)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Return one logit an image, in as much detail as the stage has.

        Raises:
            FitError: It is conditional and got no labels, or the batch is no whole number of
                groups.
        """
        stage, fading = self.progress.read()
        for _ in range(self.progress.last - stage):  # exact where four pixels are equal
            images = avg_pool2d(images, 2)
        maps = self._coloured(images, stage)
        for level in reversed(range(stage)):
            for convolution in (self.first_of_stage[level], self.second_of_stage[level]):
                maps = leaky_relu(convolution(maps), 0.2)
            maps = avg_pool2d(maps, 2)
            if fading and level == stage - 1:
                maps = self.progress.mix(self._coloured(avg_pool2d(images, 2), stage - 1), maps)
        maps = leaky_relu(self.smallest(self.stddev(maps)), 0.2)
        features = leaky_relu(self.hidden(maps.flatten(1)), 0.2)
        rows: Tensor = self.last(self.minibatch(features))  # [n, 1 + k]
        if not self.num_classes:
            return rows[:, 0]
        told = need_labels(labels, self.num_classes)
        return rows[:, 0] + rows[:, 1:].gather(1, told[:, None])[:, 0]

    def _coloured(self, images: Images, stage: int) -> Coloured:
        return leaky_relu(self.colours[stage](images), 0.2)


def _convolution(inward: int, outward: int) -> EqualizedConv2d:
    return EqualizedConv2d(inward, outward, 3, gain=ROOT_OF_TWO)


def _doubled(maps: Maps) -> Doubled:
    return interpolate(maps, scale_factor=2)
