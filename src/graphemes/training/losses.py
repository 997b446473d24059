"""What training makes small, of a batch: by default the heads' cross-entropies in the mean.

B images, C classes of one head, G graphemes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from graphemes.foundation.heads import PerHead, weighted_mean
from graphemes.foundation.settings.groups import Learning
from graphemes.network.grapheme_head import memberships
from graphemes.network.model import Logits
from graphemes.training.class_losses import ClassLoss, Counts, class_losses
from graphemes.training.mixing import Labels, MixedLabels

_PLAIN = ("loss", "smoothing", "hard_examples", "head_weights")  # by default


@dataclass(frozen=True)
class TrainingLoss:
    """The loss that settings ask for: of each image by each head, weighed, then of the batch."""

    settings: Learning
    heads: PerHead[ClassLoss]

    def __call__(self, logits: Logits, labels: Labels | MixedLabels, done: float) -> Tensor:
        """-> (), float32; done: the share of the training's steps before this one."""
        plain = not any(self.settings.differs(key) for key in _PLAIN)
        if plain and not isinstance(labels, MixedLabels):
            return training_loss(logits, labels, self.settings.grapheme_weight)
        losses = self.of_images(logits, labels)
        return hardest(losses, counted_share(self.settings.hard_examples, done)).mean()

    def of_images(self, logits: Logits, labels: Labels | MixedLabels) -> Tensor:
        """-> (B,) float32, whose mean is the batch's loss."""
        losses = of_both(lambda one: self._of_heads(logits.heads, one), labels)
        if logits.graphemes is None:
            return losses
        return losses + self.settings.grapheme_weight * self._of_graphemes(logits.graphemes, labels)

    def _of_heads(self, logits: PerHead[Tensor], labels: Labels) -> Tensor:
        parts = zip(self.heads, logits, labels, strict=True)
        losses = PerHead(*(loss(x.float(), y) for loss, x, y in parts))
        return weighted_mean(losses, self.settings.head_weights)  # type: ignore[no-any-return]

    def _of_graphemes(self, logits: Tensor, labels: Labels | MixedLabels) -> Tensor:
        """Scaled so that the mean over all images is that over those which say something."""

        def found(one: Labels) -> Tensor:
            return torch.stack(grapheme_losses(logits, one, self.settings.smoothing))

        losses, known = of_both(found, labels).unbind()
        scale: Tensor = len(known) / known.sum().clamp(min=1)
        return losses * scale


def make_loss(settings: Learning, counts: Counts | None, device: torch.device) -> TrainingLoss:
    """The loss on a device; counts of the training images' classes: see class_losses."""
    return TrainingLoss(settings, class_losses(settings, counts, device))


def training_loss(logits: Logits, labels: PerHead[Tensor], grapheme_weight: float) -> Tensor:
    """The plain loss: the heads' in the mean, and so much of a grapheme head's.

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
    """The mean over the images that `grapheme_losses` has something of; with none: 0. -> ()."""
    losses, known = grapheme_losses(logits, labels)
    return losses.sum() / known.sum().clamp(min=1)


def grapheme_losses(
    logits: Tensor, labels: PerHead[Tensor], smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Cross-entropy over the competition's graphemes: logits (B, G), labels (B,) -> 2 of (B,).

    Labels are three classes, and three triples are two graphemes each: there the two together are
    right. Images of graphemes that aren't the competition's say nothing: they cost 0, and have 0
    in the second tensor, where others have 1.
    """
    found = torch.ones_like(logits, dtype=torch.bool)
    for members, column in zip(memberships(logits.device), labels, strict=True):
        found &= members.bool().T[column]
    known = found.any(dim=1)
    scores = logits.float()
    # Where nothing is right all are, which costs nothing; to pick rows out would stop a GPU.
    right = scores.masked_fill(~found & known[:, None], -torch.inf).logsumexp(dim=1)
    total = scores.logsumexp(dim=1)
    losses = total - right
    if smoothing:
        of_all = (total - scores.mean(dim=1)) * known
        losses = (1 - smoothing) * losses + smoothing * of_all
    return losses, known.float()


def of_both(losses: Callable[[Labels], Tensor], labels: Labels | MixedLabels) -> Tensor:
    """Losses (.., B) of labels, or of an image's two labels, each by its share of the image."""
    if not isinstance(labels, MixedLabels):
        return losses(labels)
    return labels.share * losses(labels.own) + (1 - labels.share) * losses(labels.partner)


def counted_share(share: float, done: float) -> float:
    """The share of a batch's images that count: all in the first quarter, `share` from half on."""
    return 1 + (share - 1) * min(1.0, max(0.0, 4 * done - 1))


def hardest(losses: Tensor, share: float) -> Tensor:
    """The greatest of losses (B,), so many that they are this share of them, at least one."""
    count = max(1, round(share * len(losses)))
    return losses if count == len(losses) else losses.topk(count, sorted=False).values
