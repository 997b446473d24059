"""The network of the first article: "ResNet-34" for this competition, as it was printed in 2021.

B images, H x W pixels.
"""

from torch import Tensor, nn

from graphemes.foundation.settings.types import Pool
from graphemes.network.gradient_checkpointing import run_blocks
from graphemes.network.pooling import GlobalPool
from graphemes.network.resnet import BasicBlock


class ArticleNet(nn.Module):
    """What the article prints, mended only where it can't run.

    Mended: `stroke=2` of the first convolution is its stride; the residual block, which isn't
    shown, is He et al.'s basic one, its shortcut projected where stride or channels change;
    `AvgPool2d(2)`, which leaves Linear(512) its 512 features for square sides of 28 to 91 only, is
    the mean over all positions: the same at 32x32, where the last maps are 2x2.

    Left as printed: a 2x2 first kernel with a padding of 3 (the text says 7x7), `MaxPool2d(1, 1)`,
    which changes nothing, and two blocks a stage, the second of which halves the maps: 18 layers,
    not 34, the shortcuts' projections not counted. The heads are the project's own; the article's
    return vowel, root, consonant in that order, ours are named.
    """

    def __init__(self, image_channels: int = 1, pool: Pool = "avg") -> None:
        super().__init__()
        self.block1 = nn.Sequential(
            nn.Conv2d(image_channels, 64, kernel_size=2, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
        )
        self.block2 = nn.Sequential(
            nn.MaxPool2d(1, 1), BasicBlock(64, 64, 1), BasicBlock(64, 64, 2)
        )
        self.block3 = nn.Sequential(BasicBlock(64, 128, 1), BasicBlock(128, 128, 2))
        self.block4 = nn.Sequential(BasicBlock(128, 256, 1), BasicBlock(256, 256, 2))
        self.block5 = nn.Sequential(BasicBlock(256, 512, 1), BasicBlock(512, 512, 2))
        self.pool = GlobalPool(pool)
        self.width = 512
        self.checkpointing = False

    def maps(self, x: Tensor) -> Tensor:
        """(B, image_channels, H, W) -> the last feature maps, (B, 512, h, w)."""
        blocks = (self.block2, self.block3, self.block4, self.block5)
        recompute = self.checkpointing and self.training
        return run_blocks(blocks, self.block1(x), checkpointing=recompute)

    def forward(self, x: Tensor) -> Tensor:
        """(B, image_channels, H, W) -> features (B, 512)."""
        return self.pool(self.maps(x))  # type: ignore[no-any-return]
