"""A convolution whose second derivative is as quick as its first, for penalties on slopes.

Differentiating a gradient, PyTorch's own takes groups one after the other, also those of a kernel
that nobody trains, and convolves with maps as kernels. But the product of what a convolution gives
with a slope is linear in slope, maps and weight: every derivative of any order is the derivative
of that product by one of the three, and for each of them there is one operation.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d


def convolved(
    maps: Float[Tensor, "n c h w"],
    weight: Float[Tensor, "d of_group rows columns"],
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> Float[Tensor, "n d height width"]:
    """Return what ``conv2d`` returns.

    Args:
        maps: What is convolved.
        weight: The kernels.
        stride: Pixels from one place of the kernel to the next.
        padding: Zeros on each side.
        groups: Into which channels are divided.
    """
    kind = maps.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)  # slope, maps and weight must be of one
        maps, weight = maps.to(dtype), weight.to(dtype)
    made: Tensor = _Derivative.apply(0, (stride, padding, groups), None, maps, weight)
    return made


class _Derivative(torch.autograd.Function):
    """The derivative of ``(slope * conv2d(maps, weight)).sum()`` by one of the three, ``which``.

    That one itself tells no more than its shape; the convolution is the derivative by the slope.
    """

    @staticmethod
    def forward(ctx: Any, which: int, how: tuple[int, int, int], *three: Any) -> Tensor:
        ctx.which, ctx.how = which, how
        ctx.save_for_backward(*three)
        (slope, maps, weight), (stride, padding, groups) = three, how
        if which == 0:
            return conv2d(maps, weight, None, stride, padding, 1, groups)
        sides = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups)
        asked = [which == 1, which == 2, False]
        both = torch.ops.aten.convolution_backward(slope, maps, weight, None, *sides, asked)
        made: Tensor = both[which - 1]
        return made

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> Any:
        three = list(ctx.saved_tensors)
        (three[ctx.which],) = slopes
        wanted = [x for x in (0, 1, 2) if x != ctx.which and ctx.needs_input_grad[2 + x]]
        found = {x: _Derivative.apply(x, ctx.how, *three) for x in wanted}
        return None, None, *map(found.get, (0, 1, 2))
