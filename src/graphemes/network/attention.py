"""Attention of a residual block: its branch's feature maps, weighed by what they hold.

B images, C channels, h x w positions of a map.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from graphemes.foundation.settings.types import Attention

# Channels to a hidden unit, as Hu et al. and Woo et al. have it. Roy et al. have 2, in networks of
# 64 channels; with the 2,048 here that would double the network.
REDUCTION = 16


def _mlp(channels: int, *, bias: bool) -> nn.Sequential:
    hidden = max(1, channels // REDUCTION)
    return nn.Sequential(
        nn.Conv2d(channels, hidden, 1, bias=bias),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, channels, 1, bias=bias),
    )


class SqueezeExcitation(nn.Module):
    """Hu et al. 2018 (arXiv:1709.01507): each channel weighed by all channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = _mlp(channels, bias=True)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        return maps * self.mlp(maps.mean((2, 3), keepdim=True)).sigmoid()  # type: ignore[no-any-return]


class SpatialChannelExcitation(nn.Module):
    """Roy et al. 2018 (arXiv:1803.02579): channels weighed, and positions weighed; their sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = SqueezeExcitation(channels)
        self.positions = nn.Conv2d(channels, 1, 1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        return self.channels(maps) + maps * self.positions(maps).sigmoid()  # type: ignore[no-any-return]


class ConvolutionalAttention(nn.Module):
    """Woo et al. 2018 (arXiv:1807.06521), CBAM: channels weighed, then positions.

    Channels by their mean and maximum, positions by a 7x7 convolution over the mean and maximum
    of all channels there.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = _mlp(channels, bias=False)
        self.positions = nn.Sequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        mean, most = maps.mean((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
        maps = maps * (self.mlp(mean) + self.mlp(most)).sigmoid()
        pooled = torch.cat([maps.mean(1, keepdim=True), maps.amax(1, keepdim=True)], dim=1)
        return maps * self.positions(pooled).sigmoid()  # type: ignore[no-any-return]


ATTENTIONS: dict[Attention, Callable[[int], nn.Module]] = {
    "none": lambda _channels: nn.Identity(),
    "se": SqueezeExcitation,
    "scse": SpatialChannelExcitation,
    "cbam": ConvolutionalAttention,
}
