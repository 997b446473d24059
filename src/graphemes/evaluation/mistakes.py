"""Images that are read wrong with confidence, and images whose own label is to be doubted.

N images, C classes of one head.
"""

import numpy as np
import numpy.typing as npt

from graphemes.evaluation.decide import of_labels
from graphemes.foundation.arrays import Integers
from graphemes.foundation.heads import PerHead, Probabilities


def confident_mistakes(
    truth: PerHead[Integers], guess: PerHead[Integers], probabilities: Probabilities
) -> Integers:
    """Rows of the images with a head read wrong, the most confident first.

    Confidence is the greatest probability of a wrong label that was given.
    """
    sure = np.zeros(len(truth.root))
    for true, guessed, values in zip(truth, guess, probabilities, strict=True):
        sure = np.maximum(sure, np.where(guessed != true, of_labels(values, guessed), 0))
    wrong = np.any([t != g for t, g in zip(truth, guess, strict=True)], axis=0)
    rows = np.flatnonzero(wrong)
    found: Integers = rows[np.argsort(-sure[rows], kind="stable")]
    return found


def doubtful_labels(
    truth: Integers, probabilities: npt.NDArray[np.float32]
) -> tuple[Integers, Integers]:
    """Rows whose label is likely wrong, the likeliest first, and the label that each may have.

    Confident learning (Northcutt et al. 2021, arXiv:1911.00068): an image counts as of another
    class where the network is as sure of it as it is, on the mean, of that class's own images; of
    several such classes the likeliest. The first are those whose own label is least likely beside
    it (the normalised margin). truth (N,), probabilities (N, C) of images not trained on.
    """
    rows = np.arange(len(truth))
    own = of_labels(probabilities, truth).astype(np.float64)
    classes = probabilities.shape[1]
    counts = np.bincount(truth, minlength=classes)
    sums = np.bincount(truth, own, minlength=classes)
    # Of a class without images nobody knows how sure the network is of it.
    usual = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    sure = np.where(probabilities >= usual, probabilities, 0)
    likeliest = sure.argmax(axis=1)
    doubted = np.flatnonzero((sure[rows, likeliest] > 0) & (likeliest != truth))
    margin = own[doubted] - sure[doubted, likeliest[doubted]]
    order = doubted[np.argsort(margin, kind="stable")]
    return order, likeliest[order]
