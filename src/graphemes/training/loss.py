"""What training makes small."""

import torch
from torch import Tensor
from torch.nn import functional

from graphemes.foundation.heads import PerHead, weighted_mean
from graphemes.network.grapheme_head import memberships
from graphemes.network.model import Logits


def training_loss(logits: Logits, labels: PerHead[Tensor], grapheme_weight: float) -> Tensor:
    """What training makes small: the heads' loss, and so much of a grapheme head's.

    labels PerHead[(B,)] -> ().
    """
    loss = heads_loss(logits.heads, labels)
    if logits.graphemes is None:
        return loss
    return loss + grapheme_weight * graphemes_loss(logits.graphemes, labels)


def heads_loss(logits: PerHead[Tensor], labels: PerHead[Tensor]) -> Tensor:
    """Cross-entropy of each head, weighted as in the score: logits (B, C), labels (B,) -> ()."""
    pairs = zip(logits, labels, strict=True)
    # In float32: a log-sum-exp over 168 classes loses digits in half precision.
    return weighted_mean(PerHead(*(functional.cross_entropy(x.float(), y) for x, y in pairs)))  # type: ignore[no-any-return]


def graphemes_loss(logits: Tensor, labels: PerHead[Tensor]) -> Tensor:
    """Cross-entropy over the competition's graphemes: logits (B, 1295), labels (B,) -> ().

    Labels are three classes, and three triples are two graphemes each: there the two together are
    right. Images of graphemes that aren't the competition's say nothing; with none that are: 0.
    """
    found = torch.ones_like(logits, dtype=torch.bool)
    for members, column in zip(memberships(logits.device), labels, strict=True):
        found &= members.bool().T[column]
    known = found.any(dim=1)
    scores = logits.float()
    # Where nothing is right all are, which costs nothing; to pick rows out would stop a GPU.
    right = scores.masked_fill(~found & known[:, None], -torch.inf).logsumexp(dim=1)
    return (scores.logsumexp(dim=1) - right).sum() / known.sum().clamp(min=1)
