"""Seen and unseen in training: whether a fold trained on the graphemes that it is judged by.

A grapheme is a root, a vowel and a consonant together. In out-of-fold tables and scores.json an
image is `unseen` when no training row of its fold has its three labels, else `seen`: it is
measured, fold by fold, whatever the folds are. (Of drawn data the two words mean the
competition's 1,295 graphemes instead: `foundation.classes.competition_graphemes`.)
"""

# N images, G graphemes, K folds

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
class Part:
    """The score of a fold's seen images, or of its unseen ones."""

    score: Score
    graphemes: int  # how many different ones


@dataclass(frozen=True)
class Parts:
    """The two parts of a fold, None for one that is empty."""

    seen: Part | None
    unseen: Part | None
    weighted: Score | None  # both, the unseen images weighing UNSEEN_SHARE; None if one is empty


def alone_in_fold(folds: Integers, codes: Integers) -> Booleans:
    """(N,) whether all images of an image's grapheme are in its own fold, so that none trains.

    `folds` and `codes` are (N,); an image that is never validated trains everywhere.
    """
    _, places = np.unique(codes, return_inverse=True)
    least = np.full(len(codes), np.iinfo(np.int64).max)
    most = np.full(len(codes), NEVER)
    np.minimum.at(least, places, folds)
    np.maximum.at(most, places, folds)
    alone: Booleans = (least == most)[places] & (folds != NEVER)
    return alone


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
    return ~alone_in_fold(numbers, codes)[rows] if same.all() else None


def score_parts(
    truth: PerHead[Integers], guess: PerHead[Integers], seen: Booleans, chosen: Booleans
) -> Parts:
    """Score the seen and unseen ones of the `chosen` images apart; all are (N,)."""
    weights = private_weights(seen, chosen)
    return Parts(
        _part(truth, guess, chosen & seen),
        _part(truth, guess, chosen & ~seen),
        None if weights is None else score(truth, guess, chosen, weights),
    )


def _part(truth: PerHead[Integers], guess: PerHead[Integers], chosen: Booleans) -> Part | None:
    if not chosen.any():
        return None
    graphemes = np.unique(grapheme_codes(truth)[chosen]).size
    return Part(score(truth, guess, chosen), int(graphemes))


def private_weights(seen: Booleans, chosen: Booleans) -> Floats | None:
    """(N,) weights with which the chosen unseen images have UNSEEN_SHARE of the whole, 1.

    None if the chosen ones are all seen, or all unseen.
    """
    known, unknown = chosen & seen, chosen & ~seen
    if not known.any() or not unknown.any():
        return None
    weights = np.zeros(len(seen))
    weights[known] = (1 - UNSEEN_SHARE) / known.sum()
    weights[unknown] = UNSEEN_SHARE / unknown.sum()
    return weights
