"""Images on a moved grid of pixels, differentiable any number of times.

PyTorch's own ``grid_sample`` has a second derivative only in its newest versions, and penalties on
a slope need one. Sampling is linear in the image: so its gradient is the transposed map, and the
gradient of that is sampling again.
"""

from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from ganzoo.types import Images

_CUBIC, _MIRRORED = 2, 2
_ALIGNED = True  # the mirror is the centre of the outermost pixel


def resampled(images: Images, inverse: Float[Tensor, "n 3 3"]) -> Images:
    """Return images whose every pixel is taken from where a matrix sends it.

    Between pixels the value is that of a cubic convolution, which is exact on them; beyond the
    border the image is mirrored.

    Args:
        images: Square.
        inverse: From (x, y, 1) in the result to that in the image, in pixels from the middle, x
            to the right and y down.
    """
    middle = (images.shape[-1] - 1) / 2
    line = torch.arange(images.shape[-1], device=images.device, dtype=images.dtype) - middle
    x, y = line.view(1, 1, 1, -1), line.view(1, 1, -1, 1)
    # sums and not matrix products, which a GPU may round to ten bits
    along, across, offset = inverse[:, :2, :, None, None].unbind(2)
    places = along * x + across * y + offset  # [n, 2, h, w]
    made: Images = _Sampled.apply(images, places.permute(0, 2, 3, 1) / middle)
    return made


@final
class _Sampled(torch.autograd.Function):
    """Images at the places of a grid; the grid has no gradient."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = images.shape
        return torch.grid_sampler_2d(images, grid, _CUBIC, _MIRRORED, _ALIGNED)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grid,) = ctx.saved_tensors
        return _Spread.apply(grads[0], grid, ctx.shape), None


@final
class _Spread(torch.autograd.Function):
    """The transposed map: what each pixel of an image gave, by what became of it."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        kept = (True, False)
        images = grad.new_empty(shape)  # of which only the shape is read
        given: Tensor = torch.ops.aten.grid_sampler_2d_backward(
            grad, images, grid, _CUBIC, _MIRRORED, _ALIGNED, kept
        )[0]
        return given

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grid,) = ctx.saved_tensors
        return _Sampled.apply(grads[0], grid), None, None
