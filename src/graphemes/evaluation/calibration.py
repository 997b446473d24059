"""Calibration: whether of what is read with a probability of 0.9 nine in ten are right.

Guo et al. 2017 (arXiv:1706.04599). N images, C classes of one head.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphemes.evaluation.decide import of_labels
from graphemes.foundation.arrays import Floats, Integers

BINS = 10  # of equal width: 0 .. 0.1, 0.1 .. 0.2, ..


@dataclass(frozen=True)
class Calibration:
    """Bins that hold images, by the probability of the likeliest class; (B,) each."""

    images: Integers
    confidence: Floats  # mean probability of the likeliest class
    accuracy: Floats  # share of them that this class is right for
    error: float  # expected calibration error: the bins' mean gap, weighed by images


def calibration(truth: Integers, probabilities: npt.NDArray[np.float32]) -> Calibration:
    """The calibration of a head: truth (N,), probabilities (N, C); N > 0."""
    guess = probabilities.argmax(axis=1)
    sure = of_labels(probabilities, guess).astype(np.float64)
    place = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    held = np.flatnonzero(counts)
    means = [
        np.bincount(place, values, minlength=BINS)[held] / counts[held]
        for values in (sure, (guess == truth).astype(np.float64))
    ]
    error = float((np.abs(means[0] - means[1]) * counts[held]).sum() / len(truth))
    return Calibration(counts[held], means[0], means[1], error)
