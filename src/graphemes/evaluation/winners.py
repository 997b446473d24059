"""Winners: which decision rule is taken, by what each gained on images that it wasn't fitted on.

N images in K parts.
"""

from collections.abc import Mapping

import numpy as np

from graphemes.evaluation.decide import Argmax, Joint
from graphemes.evaluation.gains import gain_and_error
from graphemes.evaluation.trials import Evidence
from graphemes.foundation.arrays import Booleans, Integers
from graphemes.foundation.heads import PerHead

AUTO = "auto"  # beside the rules: to take, for each part, the one that won on the others
LEAST = 500  # images: of fewer a gain's error isn't known well enough to choose by


def winner(gains: Mapping[str, tuple[float, float]], images: int) -> str:
    """The best of the rules whose gain is more than its standard error; else argmax.

    Of fewer than LEAST images argmax.
    """
    if images < LEAST:
        return Argmax.name
    beyond = {name: gain for name, (gain, error) in gains.items() if gain > error}
    return max(beyond, key=lambda name: beyond[name]) if beyond else Argmax.name


def winner_on(
    evidence: Evidence, guesses: Mapping[str, PerHead[Integers]], inside: Booleans
) -> str:
    """The winner by the nested guesses of some of N images."""
    rows = np.flatnonzero(inside)
    truth, weights = evidence.truth.map(lambda own: own[rows]), evidence.weights[rows]
    chosen = {
        name: guess.map(lambda own: own[rows])
        for name, guess in guesses.items()
        if not (evidence.by_chance and name == Joint.name)
    }
    gains = {
        name: gain_and_error(truth, guess, chosen[Argmax.name], weights, evidence.seen[rows])
        for name, guess in chosen.items()
    }
    return winner(gains, len(inside))


def auto_guess(evidence: Evidence, guesses: Mapping[str, PerHead[Integers]]) -> PerHead[Integers]:
    """(N,) for each head: each part as the rule reads it that won on the other parts.

    The winner's own gain is the greatest of several, so it is likely to be too good. This is
    not quite nested: what chooses for a part, the guesses on the others, comes of rules that were
    fitted on that part too.
    """
    found = guesses[Argmax.name].map(np.copy)
    for part in range(evidence.part_count):
        rows = np.flatnonzero(evidence.parts == part)
        won = guesses[winner_on(evidence, guesses, evidence.parts != part)]
        for into, labels in zip(found, won, strict=True):
            into[rows] = labels[rows]
    return found
