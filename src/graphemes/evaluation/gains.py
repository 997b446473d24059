"""Gains: what one guess scores more than another, and by how much other images would vary it.

N images.
"""

import numpy as np

from graphemes.competition.labels import grapheme_codes
from graphemes.foundation.arrays import Booleans, Floats, Integers
from graphemes.foundation.heads import HEADS, PerHead


def gain_and_error(
    truth: PerHead[Integers],
    guess: PerHead[Integers],
    plain: PerHead[Integers],
    weights: Floats,
    seen: Booleans,
) -> tuple[float, float]:
    """What `guess` scores more than `plain`, and that gain's standard error; all are (N,).

    Images of one unseen grapheme are read alike, so together they are one thing that happened to
    be drawn; of seen graphemes each image is.
    """
    found = _differences(truth, guess, plain, weights)
    drawn = np.arange(len(seen))
    drawn[~seen] = len(seen) + grapheme_codes(truth)[~seen]
    _, clusters = np.unique(drawn, return_inverse=True)
    sums = np.bincount(clusters, found)
    return float(found.sum()), float(np.sqrt(len(sums)) * sums.std()) if len(sums) else 0.0


def _differences(
    truth: PerHead[Integers],
    guess: PerHead[Integers],
    plain: PerHead[Integers],
    weights: Floats,
) -> Floats:
    """(N,) what each image adds to the score by one guess more than by the other."""
    found = np.zeros(len(weights))
    share = 1 / sum(head.weight for head in HEADS)
    for head, true, new, old in zip(HEADS, truth, guess, plain, strict=True):
        worth = head.weight * share * image_worths(true, weights)
        found += worth * ((new == true) - (old == true).astype(np.int64))
    return found


def image_worths(truth: Integers, weights: Floats) -> Floats:
    """(N,) what each image adds to one head's macro recall if it is read right; (N,) both."""
    totals = np.bincount(truth, weights)
    worths: Floats = weights / (totals[truth] * np.count_nonzero(totals))
    return worths
