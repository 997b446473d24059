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
from graphemes.evaluation.decide import Argmax, Decision, Joint, decided, likeliest
from graphemes.evaluation.metrics import Score, score
from graphemes.evaluation.oof import OofTable
from graphemes.evaluation.trials import Evidence, Tally
from graphemes.evaluation.tuning import FITS, Fit, try_all
from graphemes.evaluation.unseen import SubsetScores, private_weights, score_subsets
from graphemes.foundation.arrays import Booleans, Floats, Integers
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.seeds import NESTED_PARTS

PARTS = 5
LEAST = 500  # images: of fewer a gain's error isn't known well enough to choose by


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
    outcomes: dict[str, Outcome]  # argmax's too
    winner: str

    @property
    def weighted(self) -> bool:
        """Whether the score by which rules are chosen is the one that weighs unseen images."""
        subsets = self.outcomes[Argmax.name].subsets
        return subsets is not None and subsets.weighted is not None


def fit_and_judge(table: OofTable, counts: Mapping[int, Integers], seed: int) -> Fitted:
    """Fit all rules on a table, judge them nested.

    `counts`: by fold, how many images of each grapheme, (168, 11, 7), its training rows have.
    """
    evidence = make_evidence(table, counts, seed)
    tried = try_all(evidence)
    everything = np.ones(evidence.part_count, bool)
    rules: dict[str, Decision] = {Argmax.name: Argmax()}
    guesses = {Argmax.name: likeliest(table.probabilities)}
    for name, fit in FITS.items():
        rules[name] = fit(evidence, tried, everything)
        guesses[name] = nested_guess(evidence, tried, fit)
    outcomes = {
        name: _outcome(table, evidence, guess, guesses[Argmax.name])
        for name, guess in guesses.items()
    }
    return Fitted(rules, outcomes, winner(outcomes))


def winner(outcomes: Mapping[str, Outcome]) -> str:
    """The best of the rules that gain more than the gain's standard error; else argmax.

    Of fewer than LEAST images argmax.
    """
    if outcomes[Argmax.name].overall.n < LEAST:
        return Argmax.name
    beyond = {name: one for name, one in outcomes.items() if one.gain > one.error}
    return max(beyond, key=lambda name: beyond[name].gain) if beyond else Argmax.name


def make_evidence(table: OofTable, counts: Mapping[int, Integers], seed: int) -> Evidence:
    """A table with parts, and weights as the private leaderboard has them where it can say."""
    count = len(table.folds)
    seen = np.ones(count, bool) if table.seen is None else table.seen
    weights = private_weights(seen, np.ones(count, bool))
    folds = np.unique(table.folds).tolist()
    # What some fold is trained on; a grapheme is left out by one fold at most.
    everything = np.maximum.reduce([counts[fold] for fold in folds])
    return Evidence(
        table.probabilities,
        table.truth,
        np.ones(count) if weights is None else weights * count,
        table.folds,
        nested_parts(grapheme_codes(table.truth), seen, seed),
        counts,
        everything,
    )


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
        rule = fit(evidence, tried, np.arange(evidence.part_count) != part)
        for fold, counts in evidence.counts.items():
            rows = np.flatnonzero((evidence.parts == part) & (evidence.folds == fold))
            found = decided(_with_counts(rule, counts), evidence.chosen(rows))
            for into, labels in zip(guess, found, strict=True):
                into[rows] = labels
    return guess


def _with_counts(rule: Decision, counts: Integers) -> Decision:
    """The rule as a fold has it, whose training rows lack what it holds out."""
    return replace(rule, counts=counts) if isinstance(rule, Joint) else rule


def _outcome(
    table: OofTable, evidence: Evidence, guess: PerHead[Integers], plain: PerHead[Integers]
) -> Outcome:
    whole = np.ones(len(evidence.parts), bool)
    subsets = None
    if table.seen is not None:
        subsets = score_subsets(table.truth, guess, table.seen, whole)
    judged = score(table.truth, guess, weights=evidence.weights).score
    differences = _differences(evidence, guess, plain)
    error = float(np.sqrt(len(differences)) * differences.std())
    overall = score(table.truth, guess)
    return Outcome(overall, subsets, judged, float(differences.sum()), error)


def _differences(evidence: Evidence, guess: PerHead[Integers], plain: PerHead[Integers]) -> Floats:
    """(N,) what each image adds to the score by one guess more than by the other."""
    found = np.zeros(len(evidence.parts))
    share = 1 / sum(head.weight for head in HEADS)
    for head, true, new, old in zip(HEADS, evidence.truth, guess, plain, strict=True):
        totals = np.bincount(true, evidence.weights, minlength=head.classes)
        worth = evidence.weights / (totals[true] * np.count_nonzero(totals))
        found += head.weight * share * worth * ((new == true) - (old == true).astype(np.int64))
    return found
