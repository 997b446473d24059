"""The whole network: ink in, logits of three heads out, and of a fourth where it is asked for.

B images, H x W pixels, C classes of one head.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.types import GraphemePool, ImageSize
from graphemes.network.grapheme_head import GraphemeHead, of_classes
from graphemes.network.trunks import build_trunk

# Mean and standard deviation of ink over the competition's crops (4,000 images, 64x64): rounded,
# as any constants near them serve; they sit here so that weights and pictures can't disagree.
INK_MEAN, INK_STD = 0.12, 0.24


class Logits(NamedTuple):
    """What a network gives for B images."""

    heads: PerHead[Tensor]  # (B, C) each
    graphemes: Tensor | None = None  # (B, 1295), with a grapheme head
    pool: GraphemePool | None = None  # how these become classes'; None: they don't

    def probabilities(self) -> PerHead[Tensor]:
        """Of each class, (B, C) float32: softmax; with pooled graphemes the mean of both ways."""
        heads = self.heads.map(lambda head: head.float().softmax(dim=1))
        if self.graphemes is None or self.pool is None:
            return heads
        others = of_classes(self.graphemes.float().softmax(dim=1), self.pool)
        return PerHead(*((a + b) / 2 for a, b in zip(heads, others, strict=True)))


class GraphemeNetwork(nn.Module):
    """A trunk on one channel, a neck if asked for, and a linear layer for each head."""

    def __init__(
        self, architecture: Architecture, size: ImageSize, weights: Path | str | None = None
    ) -> None:
        super().__init__()
        self.trunk = build_trunk(architecture, size, weights)
        width = self.trunk.width
        layers: list[nn.Module] = []
        if neck := architecture.neck:
            layers = [nn.Linear(width, neck), nn.BatchNorm1d(neck), nn.ReLU()]
            width = neck
        self.neck = nn.Sequential(*layers, nn.Dropout(architecture.dropout))
        self.heads = nn.ModuleDict({head.name: nn.Linear(width, head.classes) for head in HEADS})
        self.graphemes = GraphemeHead(width) if architecture.grapheme_head else None
        pool = architecture.grapheme_pool if self.graphemes else None
        self.grapheme_pool: GraphemePool | None = pool  # None: the heads alone

    @property
    def checkpointing(self) -> bool:
        """Whether its blocks are recomputed in the backward pass, not kept."""
        return self.trunk.checkpointing

    def forward(self, ink: Tensor) -> Logits:
        """(B, 1, H, W), 0 paper .. 1 ink -> logits."""
        features = self.neck(self.trunk((ink - INK_MEAN) / INK_STD))
        heads = HEADS.map(lambda head: self.heads[head.name](features))
        if self.graphemes is None:
            return Logits(heads)
        return Logits(heads, self.graphemes(features), self.grapheme_pool)


def build_network(
    architecture: Architecture,
    size: ImageSize,
    seed: int | None = None,
    weights: Path | str | None = None,
) -> GraphemeNetwork:
    """A network with fresh weights, the same for the same seed; a trunk of timm's may bring its.

    Raises NetworkError for what it can't be, DataError for weights that aren't its (TimmTrunk).
    """
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        return GraphemeNetwork(architecture, size, weights)
