"""A whole GAN in one file: ``ganzoo -p examples/my_gan.py train tiny``.

A file holds its code beside what it says of itself, so asking it imports torch; docs/tutorial.md
makes a package of it, whose description is light.
"""

import torch
from torch import Tensor, nn

from ganzoo import component, hookimpl, recipe
from ganzoo.interfaces import Env
from ganzoo.nn.conditioning import append_labels


class TinyGenerator(nn.Module):
    """Latents and the class to images; what follows the star are settings."""

    def __init__(self, env: Env, *, z_dim: int = 32, width: int = 128) -> None:
        super().__init__()
        self.z_dim, self.env = z_dim, env
        self.hidden = nn.Linear(z_dim + env.num_classes, width)
        self.pixels = nn.Linear(width, env.channels * env.resolution**2)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        hidden = self.hidden(append_labels(z, labels, self.env.num_classes)).relu()
        return torch.tanh(self.pixels(hidden)).unflatten(1, self.env.image_shape)


class TinyDiscriminator(nn.Module):
    """Images and the class to one logit each, higher for more real."""

    def __init__(self, env: Env, *, width: int = 128) -> None:
        super().__init__()
        self.classes = env.num_classes
        self.hidden = nn.Linear(env.channels * env.resolution**2 + self.classes, width)
        self.logit = nn.Linear(width, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        hidden = self.hidden(append_labels(images.flatten(1), labels, self.classes)).relu()
        return self.logit(hidden).squeeze(1)


@hookimpl
def ganzoo_register():
    """Return two networks and the model that joins them."""
    parts = {"generator": "tiny", "discriminator": "tiny", "loss": "ns", "regularizer": ["r1"]}
    return [
        component("generator", "tiny", "my_gan:TinyGenerator", "two linear layers"),
        component("discriminator", "tiny", "my_gan:TinyDiscriminator", "two linear layers"),
        recipe("tiny", "the smallest GAN that is told the class", parts, conditional=True),
    ]
