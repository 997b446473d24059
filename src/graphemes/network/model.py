"""The whole network: ink in, logits of three heads out.

B images, H x W pixels, C classes of one head.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from graphemes.foundation.heads import HEADS, PerHead
from graphemes.network.resnet import DEPTHS, ResNet

# A new trunk is one name here: a function that makes a module with `width` channels of features.
TRUNKS: dict[str, Callable[[], ResNet]] = {
    "resnet34": lambda: ResNet(DEPTHS["resnet34"]),
}
# Mean and spread of ink over the competition's crops (4,000 images, 64x64): rounded, as any
# constants near them serve; they sit here so that weights and pictures can't disagree.
INK_MEAN, INK_SPREAD = 0.12, 0.24


class GraphemeNetwork(nn.Module):
    """A trunk on one channel and a linear layer for each head."""

    def __init__(self, trunk: str) -> None:
        super().__init__()
        self.trunk = TRUNKS[trunk]()
        self.heads = nn.ModuleDict(
            {head.name: nn.Linear(self.trunk.width, head.classes) for head in HEADS}
        )

    def forward(self, ink: Tensor) -> PerHead[Tensor]:
        """(B, 1, H, W), 0 paper .. 1 ink -> logits, (B, C) for each head."""
        features = self.trunk((ink - INK_MEAN) / INK_SPREAD)
        return HEADS.map(lambda head: self.heads[head.name](features))


def build_network(trunk: str, seed: int | None = None) -> GraphemeNetwork:
    """A network with fresh weights, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        return GraphemeNetwork(trunk)
