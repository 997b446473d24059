"""A fourth head: one linear layer over the competition's 1,295 graphemes.

A grapheme has one class of each of the three heads, so its probability is one of theirs, too.
B images, G = 1,295 graphemes, C classes of one head.
"""

import functools

import numpy as np
import torch
from torch import Tensor, nn

from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.settings.types import GraphemePool


class GraphemeHead(nn.Linear):
    """Features (B, width) to the logits of the graphemes, (B, G), in their order by labels."""

    def __init__(self, width: int) -> None:
        super().__init__(width, len(competition_graphemes()))


@functools.cache
def memberships(device: torch.device) -> PerHead[Tensor]:
    """PerHead[(G, C)] of 0 and 1 on a device: which class of each head a grapheme has."""
    labels = np.array([tuple(one.labels) for one in competition_graphemes()])
    columns = PerHead(*labels.T)
    return PerHead(
        *(
            torch.eye(head.classes)[torch.from_numpy(column)].to(device)
            for head, column in zip(HEADS, columns, strict=True)
        )
    )


def of_classes(graphemes: Tensor, pool: GraphemePool) -> PerHead[Tensor]:
    """Float32 probabilities of graphemes, (B, G), to those of classes, PerHead[(B, C)].

    sum: a class has what its graphemes have together. mean: what they have on average, so that a
    class of few graphemes isn't the less likely for it; normalised.
    """

    def pooled(members: Tensor) -> Tensor:
        if pool == "sum":
            return graphemes @ members
        means = graphemes @ (members / members.sum(0))
        return means / means.sum(1, keepdim=True)

    return memberships(graphemes.device).map(pooled)
