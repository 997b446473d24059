"""Shortcuts of residual blocks, where a block changes the shape of its maps and where it doesn't.

He et al. 2015 (arXiv:1512.03385), section 3.3. B images, H x W positions, before and after:
channels.
"""

from torch import Tensor, nn
from torch.nn import functional

from graphemes.foundation.settings.types import Shortcut


class ZeroPadding(nn.Module):
    """Option A: every stride-th position, and zeros for the channels that are new; no weights."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.new, self.stride = after - before, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, after, ceil(H / stride), ceil(W / stride))."""
        thinned = x[:, :, :: self.stride, :: self.stride]
        return functional.pad(thinned, (0, 0, 0, 0, 0, self.new))


def make_shortcut(kind: Shortcut, before: int, after: int, stride: int) -> nn.Module | None:
    """What stands beside a block's branch; None in a plain network, which has nothing there.

    project is option B: a 1x1 convolution only where the shape changes.
    """
    if kind == "none":
        return None
    if stride == 1 and before == after:
        return nn.Identity()
    if kind == "pad":
        return ZeroPadding(before, after, stride)
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
