"""Class weights that raise macro recall: coordinate ascent, held back where images are few.

A class's weight is moved while the others stand still. Where it lies decides, image by image,
whether the class is the answer; so the recall as a function of it is a sum of steps, known exactly.
The steps are smoothed, and a move is made only if its gain is beyond what chance moves.

n images, C classes of one head, S places of a weight.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from graphemes.foundation.arrays import Floats, Integers

REACH = 1.0  # how far a weight's logarithm may move either way
STEP = 0.05
SMOOTH = 0.2  # standard deviation of the Gaussian that smooths the steps
DOUBT = 3.0  # a gain must exceed so many of its standard errors
SWEEPS = 2  # over all classes
_PAD = 20  # places beyond the reach whose steps the smoothing brings in


def log_offsets(
    logs: npt.NDArray[np.floating[Any]],
    truth: Integers,
    values: Floats,
    *,
    smooth: float = SMOOTH,
    doubt: float = DOUBT,
) -> Floats:
    """(C,) what to add to the logarithms (n, C) of what is already weighed.

    `truth` is (n,), `values` (n,) what each image adds to the macro recall when it is read right.
    """
    classes = logs.shape[1]
    offsets = np.zeros(classes)
    if not len(logs):
        return offsets
    unsure = _unsure(logs)
    # These are copies: of few rows, so that only they are held in float64.
    offered, truth, values = logs[unsure].astype(np.float64), truth[unsure], values[unsure]
    rows = np.arange(len(truth))
    places = np.linspace(-REACH, REACH, 2 * round(REACH / STEP) + 1)
    kernel = _kernel(smooth)
    for _ in range(SWEEPS):
        before = offsets.copy()
        for label in np.unique(truth).tolist():
            own = offered[:, label] - offsets[label]
            offered[:, label] = -np.inf
            best = offered.argmax(axis=1)
            steps = offered[rows, best] - own  # beyond it the class is the answer
            change = np.where(truth == label, values, -values * (best == truth))
            gains = _gains(steps, change, len(places), kernel, doubt)
            # Of equals the nearest to no move.
            offsets[label] = places[np.argmax(gains - 1e-12 * np.abs(places))]
            offered[:, label] = own + offsets[label]
        if (offsets == before).all():
            break
    return offsets


def _unsure(logs: npt.NDArray[np.floating[Any]]) -> Integers:
    """The rows in which another class can come first when all weights move as far as they may."""
    two = np.partition(logs, -2, axis=1)[:, -2:]
    return np.flatnonzero(two[:, 1] - two[:, 0] <= 2 * REACH)


def _kernel(smooth: float) -> Floats:
    """(2 _PAD + 1,) a normalised Gaussian over places; without smoothing a single 1."""
    if not smooth:
        alone = np.zeros(2 * _PAD + 1)
        alone[_PAD] = 1
        return alone
    kernel = np.exp(-0.5 * (np.arange(-_PAD, _PAD + 1) * STEP / smooth) ** 2)
    normalised: Floats = kernel / kernel.sum()
    return normalised


def _gains(steps: Floats, change: Floats, places: int, kernel: Floats, doubt: float) -> Floats:
    """(S,) the gain of each place over no move, less the doubt in it.

    `steps` (n,): where an image is won or lost; `change` (n,): what that adds to the recall.
    """
    used = (np.abs(steps) <= REACH + _PAD * STEP) & (change != 0)
    size = places + 2 * _PAD + 1
    # The first place that lies beyond the step: at a step itself two classes are equal.
    bins = np.floor((steps[used] + REACH) / STEP + 1e-9).astype(np.int64) + 1 + _PAD
    bins = np.clip(bins, 0, size - 1)
    change = change[used]
    here = slice(_PAD, _PAD + places)
    sums = [
        np.convolve(np.bincount(bins, powers, minlength=size), kernel, "same").cumsum()[here]
        for powers in (change, change**2)
    ]
    gain, variance = (sum_ - sum_[places // 2] for sum_ in sums)
    penalised: Floats = gain - doubt * np.sqrt(np.abs(variance))
    return penalised
