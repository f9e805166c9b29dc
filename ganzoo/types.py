"""Tensors by the name of what they hold; the shape is the type and is checked in test runs.

Letters: n images in a batch, c colour channels, h and w pixels, z latent dimensions, f features.
"""

from typing import TypeAlias

from jaxtyping import Float, Int64, UInt8
from torch import Tensor

Images: TypeAlias = Float[Tensor, "n c h w"]
"""Values in [-1, 1]."""

Pixels: TypeAlias = UInt8[Tensor, "n c h w"]
"""Values in 0...255; files, caches and feature extractors only."""

Latents: TypeAlias = Float[Tensor, "n z"]
"""Drawn from N(0, I)."""

Labels: TypeAlias = Int64[Tensor, " n"]
"""Class indices in 0...num_classes-1."""

Given: TypeAlias = Float[Tensor, "n given_c given_h given_w"]
"""Images that others are to be made of, in [-1, 1]: outlines, small pictures."""

GivenPixels: TypeAlias = UInt8[Tensor, "n given_c given_h given_w"]
"""The same in 0...255, as a data set keeps them."""

Told: TypeAlias = Labels | Given
"""What both players are told of each image: its class, or the image that it is made of."""

Logits: TypeAlias = Float[Tensor, "n *patch"]
"""The discriminator's answer before any sigmoid; higher means more real."""

Features: TypeAlias = Float[Tensor, "n f"]
"""An embedding of images."""

Values: TypeAlias = Float[Tensor, "*any"]
"""Numbers that the trainer will average: one a sample, one a patch, or one in all."""

POINT = (2, 1, 1)
"""The shape of an image that is a point of the plane: x and y are its channels; y points up."""
