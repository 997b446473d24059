"""Probabilities to labels, by one of four rules.

The score is macro recall: an image of a class with n images counts 1/n. So of a class the
probability is worth the more, the rarer the class is, and the likeliest class of a head isn't the
best answer. A rule weighs the probabilities; then each head takes its greatest.

N images, C classes of one head; counts of graphemes are (168, 11, 7).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from graphemes.foundation.arrays import Integers
from graphemes.foundation.heads import HEADS, PerHead, Probabilities

Weights = PerHead[npt.NDArray[np.float32]]  # (C,) for each head, above 0
SHAPE = tuple(head.classes for head in HEADS)  # of counts


def likeliest(probabilities: Probabilities) -> PerHead[Integers]:
    """The likeliest class of each head: PerHead[(N, C)] -> PerHead[(N,)]."""
    return probabilities.map(lambda head: head.argmax(axis=1).astype(np.int64))


def of_labels(probabilities: npt.NDArray[np.float32], labels: Integers) -> npt.NDArray[np.float32]:
    """(N,) the probability of each image's label: (N, C) of one head and (N,)."""
    found: npt.NDArray[np.float32] = np.take_along_axis(probabilities, labels[:, None], 1)[:, 0]
    return found


class Decision(Protocol):
    """A rule: what the probabilities are worth to the score."""

    name: ClassVar[str]

    def weighed(self, probabilities: Probabilities) -> Probabilities:
        """PerHead[(N, C) float32], not normalised: the greatest of a row is its label."""


def decided(rule: Decision, probabilities: Probabilities) -> PerHead[Integers]:
    """The labels that a rule gives: PerHead[(N, C)] -> PerHead[(N,)]."""
    return likeliest(rule.weighed(probabilities))


@dataclass(frozen=True)
class Argmax:
    """The likeliest class of each head."""

    name: ClassVar[str] = "argmax"

    def weighed(self, probabilities: Probabilities) -> Probabilities:
        """As they are."""
        return probabilities


@dataclass(frozen=True, eq=False)
class Prior:
    """Probability divided by the class's frequency in training, to a power of each head's."""

    name: ClassVar[str] = "prior"
    powers: PerHead[float]
    counts: Integers  # images of each grapheme in training

    def weighed(self, probabilities: Probabilities) -> Probabilities:
        """Times the class weights."""
        return multiplied(probabilities, prior_weights(self.counts, self.powers))


@dataclass(frozen=True, eq=False)
class Tuned:
    """Probability times a weight of each class's own."""

    name: ClassVar[str] = "tuned"
    weights: Weights

    def weighed(self, probabilities: Probabilities) -> Probabilities:
        """Times the class weights."""
        return multiplied(probabilities, self.weights)


@dataclass(frozen=True, eq=False)
class Joint:
    """The heads together: which graphemes there are says which classes go with each other.

    A grapheme's probability is the product of its classes' and its prior (`grapheme_prior`); a
    class's the sum over its graphemes; that is divided by the class's frequency to a power. As the
    score is a sum over the heads, each head's best class is the grapheme with the best expected
    score, and one that training lacks can be it. (The grapheme of the greatest product itself is
    worse: it answers for all heads at once. On 22,041 crops of a run at 0.8782, each with the best
    parameters for them: 0.9027 so, 0.9053 by the sums, 0.9013 by `Prior`.)
    """

    name: ClassVar[str] = "joint"
    powers: PerHead[float]  # of the classes' frequencies
    grapheme_powers: PerHead[float]
    unseen: PerHead[float]  # the prior of a grapheme that training lacks; the others' is about 1
    counts: Integers

    def weighed(self, probabilities: Probabilities) -> Probabilities:
        """Of the classes, the sums over their graphemes, times the class weights."""
        priors = list(zip(self.grapheme_powers, self.unseen, strict=True))
        found: Mapping[tuple[float, float], Probabilities] = {
            prior: summed_over_graphemes(probabilities, grapheme_prior(self.counts, *prior))
            for prior in dict.fromkeys(priors)
        }
        each = PerHead(*(found[prior][head] for head, prior in enumerate(priors)))
        return multiplied(each, prior_weights(self.counts, self.powers))


def multiplied(probabilities: Probabilities, weights: Weights) -> Probabilities:
    """PerHead[(N, C)] times PerHead[(C,)]."""
    return PerHead(*(head * own for head, own in zip(probabilities, weights, strict=True)))


def class_counts(counts: Integers) -> PerHead[Integers]:
    """(C,) for each head: the images of each class, of those of each grapheme."""
    return PerHead(counts.sum((1, 2)), counts.sum((0, 2)), counts.sum((0, 1)))


def prior_weights(counts: Integers, powers: PerHead[float]) -> Weights:
    """1 / frequency^power of each class; a class without images counts as one with one."""
    return PerHead(
        *(
            class_weights(own, power)
            for own, power in zip(class_counts(counts), powers, strict=True)
        )
    )


def class_weights(counts: Integers, power: float) -> npt.NDArray[np.float32]:
    """(C,) 1 / frequency^power of one head's classes, of the images of each."""
    present = np.maximum(counts, 1)
    weights: npt.NDArray[np.float32] = ((present / present.sum()) ** -power).astype(np.float32)
    return weights


def grapheme_prior(counts: Integers, power: float, unseen: float) -> npt.NDArray[np.float32]:
    """(168, 11, 7): (images / their mean)^power of a grapheme that has images, else `unseen`."""
    known = counts > 0
    mean = counts[known].mean() if known.any() else 1.0
    return np.where(known, (np.maximum(counts, 1) / mean) ** power, unseen).astype(np.float32)


def summed_over_graphemes(
    probabilities: Probabilities, prior: npt.NDArray[np.float32]
) -> Probabilities:
    """PerHead[(N, C)]: of each class the sum over its graphemes of product times prior.

    Not normalised. By two matrix products, not over 12,936 graphemes an image.
    """
    root, vowel, consonant = probabilities
    by_root = prior.reshape(len(prior), -1)
    signs = (vowel[:, :, None] * consonant[:, None, :]).reshape(len(root), -1)
    pairs = (root @ by_root) * signs
    vowels, consonants = np.indices(prior.shape[1:]).reshape(2, -1)
    of_vowel = np.equal.outer(vowels, np.arange(vowel.shape[1])).astype(np.float32)
    of_consonant = np.equal.outer(consonants, np.arange(consonant.shape[1])).astype(np.float32)
    of_root = (root * (signs @ by_root.T)).astype(np.float32, copy=False)
    return PerHead(of_root, pairs @ of_vowel, pairs @ of_consonant)
