"""What an image costs by one head: cross-entropy, and kinds in which rare or hard ones count more.

All take float32 logits (B, C) and labels (B,) to losses (B,).
B images, C classes of one head, n images of one class.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from graphemes.foundation.arrays import Floats, Integers
from graphemes.foundation.heads import HEADS, Head, PerHead
from graphemes.foundation.settings.groups import Learning

ClassLoss = Callable[[Tensor, Tensor], Tensor]
Counts = PerHead[Floats]  # (C,) training images of each class
BETA = 0.999  # Cui et al.'s for data in which most classes have hundreds of images


def class_counts(parts: Sequence[tuple[float, PerHead[Integers]]]) -> Counts:
    """Of all images of some parts: the share of an epoch that is each's, and its labels (n,)."""
    shown = [(share, labels) for share, labels in parts if share]
    images = sum(len(labels.root) for _, labels in shown)

    def counted(of_head: tuple[Head, tuple[Integers, ...]]) -> Floats:
        head, columns = of_head
        total = np.zeros(head.classes)
        for (share, _), column in zip(shown, columns, strict=True):
            total += share * np.bincount(column, minlength=head.classes) / len(column)
        return total * images

    columns = zip(*(labels for _, labels in shown), strict=True)
    return PerHead(*map(counted, zip(HEADS, columns, strict=True)))


def class_losses(
    settings: Learning, counts: Counts | None, device: torch.device
) -> PerHead[ClassLoss]:
    """The loss of each head; counts: needed where classes are weighed by them."""
    plain = partial(cross_entropy, smoothing=settings.smoothing)
    if settings.loss == "focal":
        plain = partial(focal, smoothing=settings.smoothing, gamma=settings.focal_gamma)
    if settings.loss not in ("balanced", "adjusted"):
        return PerHead(plain, plain, plain)
    assert counts is not None, f"loss={settings.loss} without the counts of classes"
    kind, facts = (
        (balanced, balanced_weights) if settings.loss == "balanced" else (adjusted, log_shares)
    )

    def of_head(column: Floats) -> ClassLoss:
        values = torch.from_numpy(facts(column).astype(np.float32)).to(device)
        return partial(kind, values=values, smoothing=settings.smoothing)

    return counts.map(of_head)


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Against labels of which a share, `smoothing`, goes to all classes alike."""
    return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)


def focal(logits: Tensor, labels: Tensor, gamma: float, smoothing: float = 0.0) -> Tensor:
    """Times (1 - the true class's probability) ^ gamma: Lin et al. 2017 (arXiv:1708.02002)."""
    missing = -torch.expm1(-cross_entropy(logits, labels))  # 1 - p would be 0 long before
    # At 0 the slope of a root has no end.
    return missing.clamp(min=1e-9) ** gamma * cross_entropy(logits, labels, smoothing)


def balanced(logits: Tensor, labels: Tensor, values: Tensor, smoothing: float = 0.0) -> Tensor:
    """Times the true class's weight, of `values` (C,)."""
    return values[labels] * cross_entropy(logits, labels, smoothing)


def adjusted(logits: Tensor, labels: Tensor, values: Tensor, smoothing: float = 0.0) -> Tensor:
    """Of logits raised by the classes' log shares `values` (C,): Menon et al. 2020.

    The logits themselves then aim at the mean of the classes' recalls (arXiv:2007.07314, tau 1).
    """
    return cross_entropy(logits + values, labels, smoothing)


def balanced_weights(counts: Floats) -> Floats:
    """(C,) one over the classes' effective numbers, 1 in the mean over images.

    (1 - BETA^n) / (1 - BETA): Cui et al. 2019 (arXiv:1901.05555). A class without images has the
    weight of one with a single image.
    """
    weights = (1 - BETA) / (1 - BETA ** np.maximum(counts, 1))
    return np.asarray(weights * counts.sum() / (weights * counts).sum())


def log_shares(counts: Floats) -> Floats:
    """(C,) logarithms of the classes' shares of the images; of none as of one image."""
    floored = np.maximum(counts, 1)
    return np.asarray(np.log(floored / floored.sum()))
