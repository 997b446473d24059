"""Decision rules judged by nested cross-validation: none by images that it was fitted on.

The images are in K parts. A rule is fitted on all parts but one and reads that one; the parts so
read are scored together. A gain is what that score has over argmax's, and its standard error says
by how much it would vary with other images.

N images, K parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from graphemes.competition.labels import grapheme_codes
from graphemes.evaluation.decide import Argmax, Decision, Joint, Prior, decided, likeliest
from graphemes.evaluation.gains import gain_and_error
from graphemes.evaluation.metrics import Score, score
from graphemes.evaluation.oof import OofTable
from graphemes.evaluation.trials import Evidence, Tally, chance_counts
from graphemes.evaluation.tuning import FITS, Fit, try_all
from graphemes.evaluation.unseen import SubsetScores, private_weights, score_subsets
from graphemes.evaluation.winners import AUTO, auto_guess, winner_on
from graphemes.foundation.arrays import Booleans, Integers
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.seeds import NESTED_PARTS

PARTS = 5


@dataclass(frozen=True)
class Outcome:
    """What a rule reaches on images that it wasn't fitted on."""

    overall: Score
    subsets: SubsetScores | None  # None where the table can't say what is seen
    judged: float  # the score that rules are chosen by: weighted where images are unseen
    gain: float  # over argmax's
    error: float  # the gain's standard error


@dataclass(frozen=True)
class Fitted:
    """The rules, fitted on all images; what each reached when judged; and the one to take."""

    rules: dict[str, Decision]
    outcomes: dict[str, Outcome]  # argmax's too, and AUTO's
    winner: str
    whole: Integers | None = None  # images of each grapheme in all rows, where that is known

    @property
    def weighted(self) -> bool:
        """Whether the score by which rules are chosen is the one that weighs unseen images."""
        subsets = self.outcomes[Argmax.name].subsets
        return subsets is not None and subsets.weighted is not None


def fit_and_judge(table: OofTable, counts: Mapping[int, Integers] | None, seed: int) -> Fitted:
    """Fit all rules on a table, judge them nested.

    `counts`: by fold, how many images of each grapheme, (168, 11, 7), its training rows have. None
    where nobody knows: then the classes' shares are those of the images that rules are fitted on,
    and `joint`, which knows no grapheme, can't win.
    """
    evidence = make_evidence(table, counts, seed)
    tried = try_all(evidence)
    everything = np.ones(evidence.part_count, bool)
    rules: dict[str, Decision] = {Argmax.name: Argmax()}
    guesses = {Argmax.name: likeliest(table.probabilities)}
    for name, fit in FITS.items():
        rules[name] = fit(evidence, tried, everything)
        guesses[name] = nested_guess(evidence, tried, fit)
    whole = np.ones(len(evidence.parts), bool)
    outcomes = {
        name: _outcome(table, evidence, guess, guesses[Argmax.name])
        for name, guess in [*guesses.items(), (AUTO, auto_guess(evidence, guesses))]
    }
    return Fitted(rules, outcomes, winner_on(evidence, guesses, whole))


def make_evidence(table: OofTable, counts: Mapping[int, Integers] | None, seed: int) -> Evidence:
    """A table with parts, and weights as the private leaderboard has them where it can say."""
    count = len(table.folds)
    seen = np.ones(count, bool) if table.seen is None else table.seen
    weights = private_weights(seen, np.ones(count, bool))
    parts, folds = nested_parts(grapheme_codes(table.truth), seen, seed), table.folds
    if by_chance := counts is None:
        counts, folds = _counts_beside(table.truth, parts), parts
    # What some fold is trained on; a grapheme is left out by one fold at most.
    everything = np.maximum.reduce([counts[fold] for fold in np.unique(folds).tolist()])
    return Evidence(
        table.probabilities,
        table.truth,
        np.ones(count) if weights is None else weights * count,
        folds,
        parts,
        counts,
        everything,
        seen,
        by_chance,
    )


def _counts_beside(truth: PerHead[Integers], parts: Integers) -> dict[int, Integers]:
    """By part, counts by chance of the images that aren't in it."""
    found = {}
    for part in np.unique(parts).tolist():
        others = PerHead(*(own[parts != part] for own in truth))
        found[part] = chance_counts(others)
    return found


def nested_parts(codes: Integers, seen: Booleans, seed: int) -> Integers:
    """(N,) 0..K-1: seen images shared evenly, grapheme by grapheme; unseen graphemes each whole.

    A rule fitted on one image of an unseen grapheme would have seen it.
    """
    random = NESTED_PARTS.stream(seed)
    parts = np.empty(len(codes), np.int64)
    shuffled = random.permutation(len(codes))
    ordered = shuffled[np.argsort(codes[shuffled], kind="stable")]
    ordered = ordered[seen[ordered]]
    parts[ordered] = np.arange(len(ordered)) % PARTS
    unseen = random.permutation(np.unique(codes[~seen]))
    turn = dict(zip(unseen.tolist(), (np.arange(len(unseen)) % PARTS).tolist(), strict=True))
    parts[~seen] = [turn[code] for code in codes[~seen].tolist()]
    return parts


def nested_guess(evidence: Evidence, tried: Tally, fit: Fit) -> PerHead[Integers]:
    """(N,) for each head: what a rule reads that was fitted without the image's part."""
    guess = HEADS.map(lambda _: np.empty(len(evidence.parts), np.int64))
    for part in range(evidence.part_count):
        known = tried.without.get(part, tried)
        rule = fit(evidence, known, np.arange(evidence.part_count) != part)
        for fold, counts in evidence.counts.items():
            rows = np.flatnonzero((evidence.parts == part) & (evidence.folds == fold))
            if not len(rows):
                continue
            found = decided(_with_counts(rule, counts), evidence.chosen(rows))
            for into, labels in zip(guess, found, strict=True):
                into[rows] = labels
    return guess


def _with_counts(rule: Decision, counts: Integers) -> Decision:
    """The rule as a fold has it, whose training rows lack what it holds out."""
    return replace(rule, counts=counts) if isinstance(rule, Prior | Joint) else rule


def _outcome(
    table: OofTable, evidence: Evidence, guess: PerHead[Integers], plain: PerHead[Integers]
) -> Outcome:
    whole = np.ones(len(evidence.parts), bool)
    subsets = None
    if table.seen is not None:
        subsets = score_subsets(table.truth, guess, table.seen, whole)
    judged = score(table.truth, guess, weights=evidence.weights).score
    gain, error = gain_and_error(table.truth, guess, plain, evidence.weights, evidence.seen)
    return Outcome(score(table.truth, guess), subsets, judged, gain, error)
