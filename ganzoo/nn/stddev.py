"""How much images of a batch differ, as one more map: it lets a discriminator see collapse."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganzoo.errors import FitError


@final
class MinibatchStddev(nn.Module):
    """Appends a map of the standard deviation among the images of a group.

    The deviation is that of a population (divided by the size of the group), with 1e-8 under the
    root, averaged over channels and places. Group k holds images k, k + m, k + 2 m ... where m is
    the number of groups.

    Args:
        group: Images of a group; a smaller batch is one group.

    References: Progressive Growing of GANs, section 3 (Karras et al., 2018),
    https://arxiv.org/abs/1710.10196
    """

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c+1 h w"]:
        """Return maps with one more channel, the same at every place of an image.

        Raises:
            FitError: The batch is no whole number of groups.
        """
        count = len(maps)
        group = min(self.group, count)
        if count % group:
            raise FitError(
                f"a batch of {count} images is no whole number of groups of {group}, among which"
                f" the discriminator compares them; take a multiple, --batch-size"
                f" {count - count % group}, also for training.micro_batch_size where it is set"
            )
        wide = maps if maps.dtype == torch.float64 else maps.float()  # squares want the range
        groups = wide.unflatten(0, (group, -1))  # [group, m, c, h, w]
        # on a CPU torch's var over so few images takes five times as long
        variance = (groups - groups.mean(dim=0)).square().mean(dim=0)
        spread = (variance + 1e-8).sqrt().mean(dim=(1, 2, 3))  # [m]
        seen = spread.repeat(group).view(count, 1, 1, 1).expand(-1, -1, *maps.shape[2:])
        return torch.cat([maps, seen.to(maps)], dim=1)
