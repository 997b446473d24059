"""Decision rules fitted on out-of-fold probabilities.

N images in K parts, C classes of one head.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from graphemes.evaluation.class_weights import log_offsets
from graphemes.evaluation.decide import Decision, Joint, Prior, Tuned, Weights, prior_weights
from graphemes.evaluation.gains import image_worths
from graphemes.evaluation.trials import ALIKE, Evidence, Tally, Trial, tally
from graphemes.foundation.arrays import Booleans, Floats, Integers
from graphemes.foundation.heads import PerHead

POWERS = tuple(round(0.1 * tenths, 1) for tenths in range(21))  # 0 .. 2
GRAPHEME_POWERS = (0.0, 0.5)  # train.csv's graphemes have 79 to 240 images: little to tell apart
UNSEEN = (0.5, 0.2, 0.05)
UNJUDGED = 0.2  # the least where no image of an unseen grapheme is there; see try_all
TRIALS = tuple(
    Trial(power, *prior)
    for prior in (ALIKE, *itertools.product(GRAPHEME_POWERS, UNSEEN))
    for power in POWERS
)
Singles = npt.NDArray[np.float32]
Fit = Callable[[Evidence, Tally, Booleans], Decision]


def try_all(evidence: Evidence) -> Tally:
    """All trials of `prior` and `joint` on all images: what the fits below choose among.

    Where all images are of graphemes that training has, to doubt the others costs nothing, so the
    least prior of those nearly always wins, and says nothing of what it costs elsewhere. There it
    is UNJUDGED or more: a network that is surer than 5 to 1 can still read an unseen grapheme.

    Counts by chance are of the images that a rule is fitted on, so all are tried again for each
    part that is left out: its labels would help to choose. They lack no grapheme to be doubted.
    """
    if not evidence.by_chance:
        judged = not evidence.seen.all()
        return tally(evidence, [one for one in TRIALS if judged or one.unseen >= UNJUDGED])
    trials = [one for one in TRIALS if one.unseen == (UNSEEN[0] if one.grapheme_power else 1)]
    everything = np.ones(evidence.part_count, bool)
    return replace(
        tally(evidence.counted(evidence.counts_of(everything)), trials),
        without={
            part: tally(evidence.counted(counts), trials)
            for part, counts in evidence.counts.items()
        },
    )


def fit_prior(evidence: Evidence, tried: Tally, parts: Booleans) -> Prior:
    """The best power of each head on the chosen of K parts."""
    return Prior(_best_powers(tried, parts), evidence.counts_of(parts))


def fit_tuned(evidence: Evidence, tried: Tally, parts: Booleans) -> Tuned:
    """The best power's weights, each then moved where its class has images enough to say so."""
    start = prior_weights(evidence.counts_of(parts), _best_powers(tried, parts))
    rows = np.flatnonzero(parts[evidence.parts])
    offsets = PerHead(
        *(
            _offsets(head[rows], weights, truth[rows], evidence.weights[rows])
            for head, weights, truth in zip(
                evidence.probabilities, start, evidence.truth, strict=True
            )
        )
    )
    moved: Weights = PerHead(
        *(
            _centred(weights * np.exp(offset)).astype(np.float32)
            for weights, offset in zip(start, offsets, strict=True)
        )
    )
    return Tuned(moved)


def fit_joint(evidence: Evidence, tried: Tally, parts: Booleans) -> Joint:
    """The best powers, and the best prior of graphemes that training lacks, of each head."""
    best = tried.best(parts)
    return Joint(
        best.map(lambda trial: trial.power),
        best.map(lambda trial: trial.grapheme_power),
        best.map(lambda trial: trial.unseen),
        evidence.counts_of(parts),
    )


# The rules that have something to fit, the simplest first.
FITS: Mapping[str, Fit] = {
    Prior.name: fit_prior,
    Tuned.name: fit_tuned,
    Joint.name: fit_joint,
}


def _best_powers(tried: Tally, parts: Booleans) -> PerHead[float]:
    alike = [(one.grapheme_power, one.unseen) == ALIKE for one in tried.trials]
    return tried.only(alike).best(parts).map(lambda trial: trial.power)


def _centred(weights: Floats) -> Floats:
    """The weights with as much above 1 as below: a class without images has 1e10 and more.

    By a power of two, so that what is greatest stays so, to the last bit.
    """
    logs = np.log2(weights)
    centred: Floats = np.ldexp(weights, -round((logs.max() + logs.min()) / 2))
    return centred


def _offsets(
    probabilities: Singles, weights: Singles, truth: Integers, row_weights: Floats
) -> Floats:
    """(C,) of one head's rows."""
    tiny = np.finfo(np.float32).tiny  # what is smaller is no answer, whatever it weighs
    logs = np.log(np.maximum(probabilities, tiny)) + np.log(weights)
    return log_offsets(logs, truth, image_worths(truth, row_weights))
