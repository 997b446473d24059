"""Pooling: from feature maps of any size to one vector of features.

B images, C channels, h x w positions of a map.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from graphemes.foundation.settings.types import Pool


class GlobalPool(nn.Module):
    """The mean over all positions, the greatest value, half of both, or a power mean.

    gem: Radenovic et al. 2017 (arXiv:1711.02512), equation 3, one learned power for all channels;
    made for maps behind a ReLU, of others it takes what is above 0.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        if pool == "gem":
            self.power = nn.Parameter(torch.tensor(3.0))  # where the paper's trainings begin

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C)."""
        if self.pool == "avg":
            return functional.adaptive_avg_pool2d(maps, 1).flatten(1)
        if self.pool == "max":
            return maps.amax((2, 3))
        if self.pool == "avgmax":
            return (maps.mean((2, 3)) + maps.amax((2, 3))) / 2
        # In float32: cubes of half-precision numbers overflow and vanish.
        with torch.autocast(maps.device.type, enabled=False):
            powers = maps.float().clamp(min=1e-6) ** self.power
            return powers.mean((2, 3)) ** (1 / self.power)
