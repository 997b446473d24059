"""What training makes small."""

from torch import Tensor
from torch.nn import functional

from graphemes.foundation.heads import PerHead, weighted_mean


def grapheme_loss(logits: PerHead[Tensor], labels: PerHead[Tensor]) -> Tensor:
    """Cross-entropy of each head, weighted as in the score: logits (B, C), labels (B,) -> ()."""
    pairs = zip(logits, labels, strict=True)
    # In float32: a log-sum-exp over 168 classes loses digits in half precision.
    return weighted_mean(PerHead(*(functional.cross_entropy(x.float(), y) for x, y in pairs)))  # type: ignore[no-any-return]
