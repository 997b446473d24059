"""Seen and unseen in training: whether a fold trained on the graphemes that it is judged by.

A grapheme is a root, a vowel and a consonant together. In out-of-fold tables and scores.json an
image is `unseen` when no training row of its fold has its three labels, else `seen`: it is
measured, fold by fold, whatever the folds are.
(The words seen and unseen of `synthesise` mean the competition's graphemes instead.)

N images.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphemes.competition.labels import grapheme_codes, label_columns
from graphemes.evaluation.folds import NEVER
from graphemes.evaluation.metrics import Score, score
from graphemes.evaluation.oof import OofTable
from graphemes.foundation.arrays import Booleans, Floats, Integers
from graphemes.foundation.heads import PerHead

# Of the competition's private test images 5.8 % are of graphemes that train.csv lacks (of the
# public ones 0.9 %): 500 of 718 middling entries lost 0.06 or more there.
UNSEEN_SHARE = 0.058


@dataclass(frozen=True)
class SubsetScore:
    """The score of the seen images of a fold, or of its unseen ones."""

    score: Score
    graphemes: int  # how many different ones


@dataclass(frozen=True)
class SubsetScores:
    """The scores of both subsets of some images, None for one that is empty."""

    seen: SubsetScore | None
    unseen: SubsetScore | None
    weighted: Score | None  # both, the unseen images weighing UNSEEN_SHARE; None if one is empty


def unseen_in_training(folds: Integers, codes: Integers) -> Booleans:
    """(N,) whether no training row of an image's fold has the image's code.

    `folds` and `codes` (of graphemes, or of classes) are (N,); an image that is never validated
    trains everywhere, and is never unseen itself.
    """
    _, groups = np.unique(codes, return_inverse=True)
    lowest = np.full(len(codes), np.iinfo(np.int64).max)
    highest = np.full(len(codes), NEVER)
    np.minimum.at(lowest, groups, folds)
    np.maximum.at(highest, groups, folds)
    unseen: Booleans = (lowest == highest)[groups] & (folds != NEVER)
    return unseen


def seen_by_folds(table: OofTable, folds: pd.DataFrame) -> Booleans | None:
    """(N,) which images of a table are seen, if it was trained on all rows of its other folds.

    None where `folds`, a table of folds.csv, lacks an image or has it in another fold or with
    other labels: then it isn't what the table was made with.
    """
    rows = pd.Index(folds["image_id"]).get_indexer(pd.Index(table.image_ids))
    if (rows < 0).any():
        return None
    numbers, codes = folds["fold"].to_numpy(), grapheme_codes(label_columns(folds))
    same = (numbers[rows] == table.folds) & (codes[rows] == grapheme_codes(table.truth))
    return ~unseen_in_training(numbers, codes)[rows] if same.all() else None


def score_subsets(
    truth: PerHead[Integers], guess: PerHead[Integers], seen: Booleans, chosen: Booleans
) -> SubsetScores:
    """Score the seen and the unseen ones of the `chosen` images; all are (N,)."""
    weights = private_weights(seen, chosen)
    return SubsetScores(
        _subset(truth, guess, chosen & seen),
        _subset(truth, guess, chosen & ~seen),
        None if weights is None else score(truth, guess, chosen, weights),
    )


def _subset(
    truth: PerHead[Integers], guess: PerHead[Integers], chosen: Booleans
) -> SubsetScore | None:
    if not chosen.any():
        return None
    graphemes = np.unique(grapheme_codes(truth)[chosen]).size
    return SubsetScore(score(truth, guess, chosen), int(graphemes))


def private_weights(seen: Booleans, chosen: Booleans) -> Floats | None:
    """(N,) weights, normalised, with which the chosen unseen images have UNSEEN_SHARE of all.

    None if the chosen ones are all seen, or all unseen.
    """
    some_seen, some_unseen = chosen & seen, chosen & ~seen
    if not some_seen.any() or not some_unseen.any():
        return None
    weights = np.zeros(len(seen))
    weights[some_seen] = (1 - UNSEEN_SHARE) / some_seen.sum()
    weights[some_unseen] = UNSEEN_SHARE / some_unseen.sum()
    return weights
