"""Trials of decision rules on out-of-fold probabilities: how many images each reads right.

N images in K parts, C classes of one head, T trials.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from graphemes.evaluation.decide import (
    SHAPE,
    class_counts,
    class_weights,
    grapheme_prior,
    summed_over_graphemes,
)
from graphemes.foundation.arrays import Booleans, Floats, Integers
from graphemes.foundation.heads import HEADS, PerHead, Probabilities

ALIKE = (0.0, 1.0)  # the prior of graphemes that says nothing: what is left is the rule `prior`
_ROWS = 4096  # at a time: their products stay in a core's cache


@dataclass(frozen=True)
class Evidence:
    """N images with which rules are fitted and judged."""

    probabilities: Probabilities
    truth: PerHead[Integers]  # (N,)
    weights: Floats  # (N,) what each image weighs in the score
    folds: Integers  # (N,)
    parts: Integers  # (N,) 0..K-1, in turn left out of the fitting
    counts: Mapping[int, Integers]  # by fold: the images of each grapheme in its training rows
    all_counts: Integers  # those in the training rows of any of these folds
    seen: Booleans  # (N,) whether the image's grapheme is in the training rows of its fold
    by_chance: bool = False  # nobody knows the graphemes: counts are `chance_counts`, folds parts

    @property
    def part_count(self) -> int:
        """K."""
        return int(self.parts.max()) + 1

    def counts_of(self, parts: Booleans) -> Integers:
        """The counts that a rule has which is fitted on the chosen of K parts."""
        if not self.by_chance:
            return self.all_counts
        rows = np.flatnonzero(parts[self.parts])
        return chance_counts(self.truth.map(lambda own: own[rows]))

    def counted(self, counts: Integers) -> "Evidence":
        """The same with these counts in every fold."""
        return replace(self, counts=dict.fromkeys(self.counts, counts))

    def chosen(self, rows: Booleans | Integers) -> Probabilities:
        """The probabilities of some rows."""
        return self.probabilities.map(lambda head: head[rows])


def chance_counts(truth: PerHead[Integers]) -> Integers:
    """(168, 11, 7) as if classes met by chance, each as often as in the truth, or a little."""
    shares = [
        np.maximum(np.bincount(own, minlength=head.classes), 1) / max(1, len(own))
        for head, own in zip(HEADS, truth, strict=True)
    ]
    product = np.einsum("r,v,c->rvc", *shares)
    counts: Integers = np.maximum(np.rint(product * 1e9), 1).astype(np.int64)
    assert counts.shape == SHAPE
    return counts


@dataclass(frozen=True)
class Trial:
    """Parameters of one head, of the rules `prior` and `joint`."""

    power: float
    grapheme_power: float = 0.0
    unseen: float = 1.0  # with a grapheme_power of 0: all graphemes are alike


@dataclass(frozen=True)
class Tally:
    """What trials read right, by part and class, each image with its weight."""

    trials: Sequence[Trial]
    right: PerHead[Floats]  # (T, K, C)
    total: PerHead[Floats]  # (K, C)
    # By part: by counts that know nothing of it. None where these are of no part's images.
    without: Mapping[int, "Tally"] = field(default_factory=dict)

    def best(self, parts: Booleans) -> PerHead[Trial]:
        """Each head's trial with the greatest macro recall on the chosen of K parts."""
        return PerHead(
            *(
                self.trials[int(_macro(right[:, parts].sum(1), total[parts].sum(0)).argmax())]
                for right, total in zip(self.right, self.total, strict=True)
            )
        )

    def only(self, chosen: Sequence[bool]) -> "Tally":
        """The tally of some of the trials."""
        kept = np.flatnonzero(chosen)
        trials = [self.trials[place] for place in kept.tolist()]
        return Tally(trials, self.right.map(lambda right: right[kept]), self.total)


def _macro(right: Floats, total: Floats) -> Floats:
    """(T,) mean over the classes that occur of (T, C) / (C,); 0 where none does."""
    present = total > 0
    if not present.any():
        return np.zeros(len(right))
    mean: Floats = (right[:, present] / total[present]).mean(axis=1)
    return mean


def tally(evidence: Evidence, trials: Sequence[Trial]) -> Tally:
    """Try all of them on all images, each with the counts of its own fold."""
    right = HEADS.map(lambda head: np.zeros((len(trials), evidence.part_count, head.classes)))
    for fold in np.unique(evidence.folds).tolist():
        mine = np.flatnonzero(evidence.folds == fold)
        for start in range(0, len(mine), _ROWS):
            _try(evidence, mine[start : start + _ROWS], evidence.counts[fold], trials, right)
    total = PerHead(
        *(
            _by_part_and_class(evidence, true, head.classes, np.arange(len(true)))
            for head, true in zip(HEADS, evidence.truth, strict=True)
        )
    )
    return Tally(trials, right, total)


def _try(
    evidence: Evidence,
    rows: Integers,
    counts: Integers,
    trials: Sequence[Trial],
    right: PerHead[Floats],
) -> None:
    """Add what the trials read right of some rows."""
    given, by_class = evidence.chosen(rows), class_counts(counts)
    priors = dict.fromkeys((trial.grapheme_power, trial.unseen) for trial in trials)
    for prior in priors:
        mine = [
            place for place, one in enumerate(trials) if (one.grapheme_power, one.unseen) == prior
        ]
        found = (
            given
            if prior == ALIKE
            else summed_over_graphemes(given, grapheme_prior(counts, *prior))
        )
        for head, values, own, true, into in zip(
            HEADS, found, by_class, evidence.truth, right, strict=True
        ):
            weighed = np.empty_like(values)
            for place in mine:
                np.multiply(values, class_weights(own, trials[place].power), out=weighed)
                guess = weighed.argmax(axis=1)
                read = rows[guess == true[rows]]
                into[place] += _by_part_and_class(evidence, true, head.classes, read)


def _by_part_and_class(evidence: Evidence, true: Integers, classes: int, rows: Integers) -> Floats:
    """(K, C): the weights of some rows, summed."""
    parts = evidence.part_count
    places = evidence.parts[rows] * classes + true[rows]
    sums = np.bincount(places, evidence.weights[rows], minlength=parts * classes)
    return sums.astype(np.float64).reshape(parts, classes)
