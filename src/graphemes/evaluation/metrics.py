"""The competition's score: macro recall of each head, then their mean, 2 : 1 : 1.

A head's macro recall is the mean of recall over the classes that occur in the truth:
scikit-learn's recall_score(truth, guess, labels=np.unique(truth), average="macro",
zero_division=0), which the tests compare with.

N images, C classes of one head.
"""

from dataclasses import dataclass

import numpy as np

from graphemes.foundation.arrays import Booleans, Floats, Integers
from graphemes.foundation.heads import HEADS, Head, PerHead, weighted_mean


@dataclass(frozen=True)
class Score:
    """How well a set of images is read; all shares are 0..1."""

    score: float  # the weighted mean of the three
    recall: PerHead[float]  # macro recall
    n: int  # images
    absent: PerHead[tuple[int, ...]]  # classes that the truth doesn't hold, so don't count


@dataclass(frozen=True)
class WorstClass:
    """A class and what it is taken for."""

    label: int
    n: int  # images that are of this class
    recall: float
    taken_for: tuple[tuple[int, int], ...]  # (wrong label, images), commonest first, at most 3


def confusion(
    truth: Integers, guess: Integers, classes: int, weights: Floats | None = None
) -> Floats:
    """(C, C) float64: how many images of class `row` are read as class `column`.

    `truth` and `guess` are (N,) integers in 0..C-1; `weights` (N,), none negative, lets an image
    count for more or less than 1.
    """
    assert truth.shape == guess.shape, "one guess an image"
    if (
        truth.size
        and not 0 <= min(truth.min(), guess.min()) <= max(truth.max(), guess.max()) < classes
    ):
        raise ValueError(f"labels must be 0..{classes - 1}")
    counts = np.bincount(truth * classes + guess, weights, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.float64)


def recalls(
    truth: Integers, guess: Integers, classes: int, weights: Floats | None = None
) -> Floats:
    """(C,) float64: the share of each class that is read right; NaN where the truth has none."""
    counts = confusion(truth, guess, classes, weights)
    totals = counts.sum(axis=1)
    shares = np.full(classes, np.nan)
    np.divide(counts.diagonal(), totals, out=shares, where=totals > 0)
    return shares


def score(
    truth: PerHead[Integers],
    guess: PerHead[Integers],
    chosen: Booleans | None = None,
    weights: Floats | None = None,
) -> Score:
    """The score of N > 0 images, or of those of them that are `chosen` ((N,) bool).

    `weights` ((N,), none negative) weighs the images; a class whose images all weigh 0 is absent.
    """
    rows = np.flatnonzero(np.ones(len(truth.root), bool) if chosen is None else chosen)
    assert rows.size, "no images, no score"
    row_weights = None if weights is None else weights[rows]
    each = PerHead(
        *(
            recalls(true[rows], guessed[rows], head.classes, row_weights)
            for head, true, guessed in zip(HEADS, truth, guess, strict=True)
        )
    )
    macro = each.map(lambda values: float(np.nanmean(values)))
    absent = each.map(lambda values: tuple(np.flatnonzero(np.isnan(values)).tolist()))
    return Score(weighted_mean(macro), macro, int(rows.size), absent)


def worst_classes(
    truth: Integers, guess: Integers, head: Head, count: int = 10
) -> list[WorstClass]:
    """The classes of the truth with the lowest recall, worst first (of equals the larger first)."""
    counts = confusion(truth, guess, head.classes).astype(np.int64)
    totals = counts.sum(axis=1)
    present = np.flatnonzero(totals)
    recall = counts.diagonal()[present] / totals[present]
    order = np.lexsort((-totals[present], recall))[:count]
    return [
        WorstClass(
            int(present[index]),
            int(totals[present[index]]),
            float(recall[index]),
            _taken_for(counts[present[index]], int(present[index])),
        )
        for index in order
    ]


def _taken_for(row: Integers, label: int) -> tuple[tuple[int, int], ...]:
    """`row`: (C,) how often images of class `label` are read as each class."""
    common = np.argsort(-row, kind="stable")
    wrong = [int(other) for other in common if other != label and row[other]]
    return tuple((other, int(row[other])) for other in wrong[:3])
