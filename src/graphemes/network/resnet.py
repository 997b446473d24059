"""The residual networks of He et al. 2015 (arXiv:1512.03385), table 1, on any number of channels.

B images, H x W pixels, C channels.
"""

from collections.abc import Sequence

from torch import Tensor, nn

# Basic blocks in each of the four stages.
DEPTHS = {"resnet34": (3, 4, 6, 3)}
WIDTHS = (64, 128, 256, 512)


def convolution(before: int, after: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the picture's size at stride 1; no bias, a norm follows."""
    return nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: a projection (option B) only where shape changes."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(before, after, 3, stride)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = convolution(after, after, 3)
        self.norm2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and before == after
            else nn.Sequential(convolution(before, after, 1, stride), nn.BatchNorm2d(after))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, after, H / stride, W / stride)."""
        branch = self.relu(self.norm1(self.conv1(x)))
        return self.relu(self.norm2(self.conv2(branch)) + self.shortcut(x))  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """Stem, four stages, global average pooling: pictures to features of `width` channels."""

    def __init__(self, depths: Sequence[int], image_channels: int = 1) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            convolution(image_channels, WIDTHS[0], 7, stride=2),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.stages = nn.Sequential(
            *(
                _stage(depth, before, after, stride=1 if before == after else 2)
                for depth, before, after in zip(depths, (WIDTHS[0], *WIDTHS), WIDTHS, strict=False)
            )
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.width = WIDTHS[-1]
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """(B, image_channels, H, W) -> features (B, width)."""
        return self.pool(self.stages(self.stem(x))).flatten(1)  # type: ignore[no-any-return]


def _stage(depth: int, before: int, after: int, stride: int) -> nn.Sequential:
    first = BasicBlock(before, after, stride)
    return nn.Sequential(first, *(BasicBlock(after, after, 1) for _ in range(depth - 1)))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        # He et al. 2015 (arXiv:1502.01852), equation 10, over the outputs.
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, BasicBlock):
        # Each block begins as its shortcut: Goyal et al. 2017 (arXiv:1706.02677), section 5.1.
        nn.init.zeros_(module.norm2.weight)
