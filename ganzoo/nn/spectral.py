"""Spectral norm: weights divided by their largest singular value, which bounds a slope."""

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ganzoo.nn.conditioning import ConditionalBatchNorm2d

_BOUNDED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)


def spectrally_normalize(network: nn.Module) -> None:
    """Give every linear layer, convolution and embedding of a network spectral norm, in place.

    One power iteration runs at each pass in training mode and none in evaluation; its vectors are
    buffers, so a checkpoint holds them. Call it after the weights were initialized: the vectors
    start from fifteen iterations on those.

    The singular value is that of the kernel as a matrix [out, in * height * width], not of the
    convolution itself, which may stretch an image by up to the root of the kernel's places more.

    The gains and biases of conditional norms stay as they are: they start from 0, which nothing
    can scale to 1, and a norm before them makes their length matter.

    References: Spectral Normalization for Generative Adversarial Networks, Algorithm 1 (Miyato et
    al., 2018), https://arxiv.org/abs/1802.05957
    """
    layers = list(network.modules())
    norms = [layer for layer in layers if isinstance(layer, ConditionalBatchNorm2d)]
    free = {table for norm in norms for table in norm.children()}
    for layer in layers:
        if isinstance(layer, _BOUNDED) and layer not in free:
            spectral_norm(layer)
