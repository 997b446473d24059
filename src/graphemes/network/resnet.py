"""The residual networks of He et al. 2015 (arXiv:1512.03385), table 1, on any number of channels.

A bottleneck's stride sits on its 3x3 convolution, as in torchvision and timm; the paper has it on
the first 1x1. B images, H x W pixels, C channels, before and after: channels of a block.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from graphemes.foundation.settings.types import Attention, Pool, Shortcut, Stem
from graphemes.network.attention import ATTENTIONS
from graphemes.network.gradient_checkpointing import run_blocks
from graphemes.network.pooling import GlobalPool
from graphemes.network.shortcuts import make_shortcut


class BlockOptions(NamedTuple):
    """What a block has beside its convolutions."""

    shortcut: Shortcut = "project"
    attention: Attention = "none"
    drop_path: float = 0.0


USUAL = BlockOptions()


def convolution(before: int, after: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the picture's size at stride 1; no bias, a norm follows."""
    return nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)


class ResidualBlock(nn.Module):
    """What the two kinds of block share: the sum of their branch and a shortcut."""

    expansion: ClassVar[int]  # channels that come out, to one of the 3x3 convolution
    last_norm: ClassVar[str]  # the name of the norm at the branch's end

    def _make_join(self, before: int, after: int, stride: int, options: BlockOptions) -> None:
        """Called last, so that weights are drawn and listed in the order of the forward pass."""
        self.relu = nn.ReLU(inplace=True)
        self.attention = ATTENTIONS[options.attention](after)
        self.drop_path = DropPath(options.drop_path)
        self.shortcut = make_shortcut(options.shortcut, before, after, stride)

    def _join(self, branch: Tensor, x: Tensor) -> Tensor:
        branch = self.drop_path(self.attention(branch))
        return self.relu(branch if self.shortcut is None else branch + self.shortcut(x))  # type: ignore[no-any-return]


class DropPath(nn.Module):
    """Stochastic depth, Huang et al. 2016 (arXiv:1603.09382): in training a branch left out, by
    chance and picture for picture; those that stay are larger by as much.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        if not self.rate or not self.training:
            return branch
        kept = branch.new_empty(len(branch), 1, 1, 1).bernoulli_(1 - self.rate)
        return branch * (kept / (1 - self.rate))


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions."""

    expansion = 1
    last_norm = "norm2"

    def __init__(self, before: int, width: int, stride: int, options: BlockOptions = USUAL) -> None:
        super().__init__()
        self.conv1 = convolution(before, width, 3, stride)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3)
        self.norm2 = nn.BatchNorm2d(width)
        self._make_join(before, width, stride, options)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, width, H / stride, W / stride), rounded up."""
        branch = self.relu(self.norm1(self.conv1(x)))
        return self._join(self.norm2(self.conv2(branch)), x)


class Bottleneck(ResidualBlock):
    """1x1 to fewer channels, 3x3, 1x1 to four times as many."""

    expansion = 4
    last_norm = "norm3"

    def __init__(self, before: int, width: int, stride: int, options: BlockOptions = USUAL) -> None:
        super().__init__()
        self.conv1 = convolution(before, width, 1)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3, stride)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = convolution(width, 4 * width, 1)
        self.norm3 = nn.BatchNorm2d(4 * width)
        self._make_join(before, 4 * width, stride, options)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, 4 * width, H / stride, W / stride), rounded up."""
        branch = self.relu(self.norm1(self.conv1(x)))
        branch = self.relu(self.norm2(self.conv2(branch)))
        return self._join(self.norm3(self.conv3(branch)), x)


class ResNet(nn.Module):
    """Stem, four stages, global pooling: pictures to features of `width` channels.

    widths: of the 3x3 convolutions, a stage each; the stem's is the first. With num_classes a
    linear layer follows. shortcut="none" is the paper's plain network. drop_path: the last block's
    rate; it grows from 0 in a straight line.
    """

    def __init__(
        self,
        block: type[ResidualBlock],
        depths: Sequence[int],
        image_channels: int = 1,
        num_classes: int | None = None,
        *,
        shortcut: Shortcut = "project",
        attention: Attention = "none",
        stem: Stem = "7x7",
        stem_pool: bool = True,
        pool: Pool = "avg",
        widths: Sequence[int] = (64, 128, 256, 512),
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        if num_classes is not None and num_classes < 1:
            raise ValueError(
                f"num_classes: got {num_classes}, expected 1 or more, or None for bare features"
            )
        self.stem = _stem(image_channels, stem, widths[0], pooled=stem_pool)
        stages: list[nn.Module] = []
        before, made = widths[0], 0
        for depth, width in zip(depths, widths, strict=False):  # fewer stages, a smaller network
            blocks = []
            for number in range(depth):
                rate = drop_path * made / max(1, sum(depths) - 1)
                options = BlockOptions(shortcut, attention, rate)
                stride = 2 if stages and not number else 1
                blocks.append(block(before, width, stride, options))
                before, made = width * block.expansion, made + 1
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.pool = GlobalPool(pool)
        self.width = before
        self.classify = nn.Identity() if num_classes is None else nn.Linear(before, num_classes)
        self.checkpointing = False
        self.apply(partial(_initialise, plain=shortcut == "none"))

    def forward(self, x: Tensor) -> Tensor:
        """(B, image_channels, H, W) -> features (B, width), or (B, num_classes)."""
        blocks = [block for stage in self.stages for block in stage.children()]
        recompute = self.checkpointing and self.training
        maps = run_blocks(blocks, self.stem(x), checkpointing=recompute)
        return self.classify(self.pool(maps))  # type: ignore[no-any-return]


def _stem(image_channels: int, stem: Stem, width: int, *, pooled: bool) -> nn.Sequential:
    """Half the picture's sides (3x3s1: all of them), and half of these if pooled.

    deep: He et al. 2018 (arXiv:1812.01187), C.
    """
    half = width // 2
    shapes = {
        "7x7": [(image_channels, width, 7, 2)],
        "3x3": [(image_channels, width, 3, 2)],
        "3x3s1": [(image_channels, width, 3, 1)],
        "deep": [(image_channels, half, 3, 2), (half, half, 3, 1), (half, width, 3, 1)],
    }
    layers: list[nn.Module] = []
    for shape in shapes[stem]:
        layers += [convolution(*shape), nn.BatchNorm2d(shape[1]), nn.ReLU(inplace=True)]
    if pooled:
        layers.append(nn.MaxPool2d(3, stride=2, padding=1))
    return nn.Sequential(*layers)


def _initialise(module: nn.Module, *, plain: bool) -> None:
    if isinstance(module, nn.Conv2d):
        # He et al. 2015 (arXiv:1502.01852), equation 10, over the outputs.
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, ResidualBlock) and not plain:
        # Each block begins as its shortcut: Goyal et al. 2017 (arXiv:1706.02677), section 5.1.
        nn.init.zeros_(module.get_parameter(f"{module.last_norm}.weight"))


# Table 1 of the paper: blocks in each of the four stages.
TABLE: dict[str, tuple[type[ResidualBlock], tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
    "resnet152": (Bottleneck, (3, 8, 36, 3)),
}


def _from_table(name: str) -> Callable[..., ResNet]:
    def make(image_channels: int = 1, num_classes: int | None = None, **options: Any) -> ResNet:
        return ResNet(*TABLE[name], image_channels, num_classes, **options)

    make.__doc__ = f"{name} of the table; the options are those of ResNet."
    make.__name__ = name
    return make


resnet18 = _from_table("resnet18")
resnet34 = _from_table("resnet34")
resnet50 = _from_table("resnet50")
resnet101 = _from_table("resnet101")
resnet152 = _from_table("resnet152")
