"""Fitted rules are the best there are of their kind, and no better than chance where nothing is."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from graphemes.evaluation.class_weights import REACH, STEP, log_offsets
from graphemes.evaluation.decide import SHAPE, decided
from graphemes.evaluation.metrics import score
from graphemes.evaluation.nested import (
    LEAST,
    PARTS,
    fit_and_judge,
    make_evidence,
    nested_guess,
    nested_parts,
    winner,
)
from graphemes.evaluation.tuning import FITS, POWERS, fit_prior, fit_tuned, try_all
from graphemes.foundation.heads import HEADS
from graphemes.foundation.seeds import stream
from worlds import macro_recall, make_table


def test_a_tally_counts_what_scikit_learn_does():
    table, counts = make_table(600)
    evidence = make_evidence(table, {0: counts}, seed=3)
    rule = fit_prior(evidence, try_all(evidence), np.ones(PARTS, bool))
    for head, true, own, axis in zip(
        HEADS, table.truth, table.probabilities, range(3), strict=True
    ):
        frequency = np.maximum(counts.sum(tuple({0, 1, 2} - {axis})), 1) / counts.sum()
        scores = [macro_recall(true, (own / frequency**power).argmax(1)) for power in POWERS]
        assert scores[POWERS.index(rule.powers[HEADS.index(head)])] == pytest.approx(max(scores))


@pytest.mark.parametrize("seed", range(4))
def test_unrestrained_weights_are_the_best_of_all(seed):
    random = stream(seed)
    truth = random.choice(3, 60, p=(0.6, 0.3, 0.1))
    logs = random.standard_normal((60, 3))
    logs[np.arange(60), truth] += 1.0
    values = 1 / (3 * np.bincount(truth)[truth])

    def recalls(offsets: np.ndarray) -> np.ndarray:
        """(M,) of M offsets (M, 3)."""
        return ((logs + offsets[:, None]).argmax(2) == truth) @ values

    offsets = log_offsets(logs, truth, values, smooth=0, doubt=0)
    reached, before = recalls(np.stack([offsets, np.zeros(3)]))
    assert reached == pytest.approx(macro_recall(truth, (logs + offsets).argmax(1)))
    places = np.linspace(-REACH, REACH, 2 * round(REACH / STEP) + 1)
    alone = np.tile(offsets, (3, len(places), 1))
    for label in range(3):
        alone[label, :, label] = places
    assert recalls(alone.reshape(-1, 3)).max() <= reached + 1e-9  # no class alone gains anything
    every = np.array([(0, *two) for two in itertools.product(places, repeat=2)])
    assert before < reached <= recalls(every).max() + 1e-9
    assert reached >= recalls(every).max() - 0.02


def test_weights_stay_where_images_are_too_few_to_say():
    random = stream(1)
    truth = random.integers(0, 5, 50)
    logs = random.standard_normal((50, 5))
    values = 1 / (5 * np.bincount(truth)[truth])
    assert log_offsets(logs, truth, values, smooth=0, doubt=0).any()
    assert not log_offsets(logs, truth, values).any()


def test_a_class_that_is_read_too_rarely_is_raised():
    random = stream(2)
    truth = random.integers(0, 4, 4000)
    logs = random.standard_normal((4000, 4))
    logs[np.arange(4000), truth] += 2.0
    logs[:, 2] -= 0.8
    values = np.full(4000, 1 / 4000)
    offsets = log_offsets(logs, truth, values)
    assert offsets.argmax() == 2
    assert 0.4 <= offsets[2] - np.median(offsets) <= 1.0


def test_every_rule_gains_where_classes_are_of_unlike_frequency():
    table, counts = make_table(4000)
    fitted = fit_and_judge(table, {0: counts}, seed=0)
    for name in ("prior", "tuned", "joint"):
        assert fitted.outcomes[name].gain > 3 * fitted.outcomes[name].error
    assert fitted.outcomes["joint"].judged > fitted.outcomes["prior"].judged
    assert fitted.winner == "joint"
    assert fitted.outcomes["tuned"].judged > fitted.outcomes["prior"].judged - 0.002
    argmax = fitted.outcomes["argmax"]
    assert (argmax.gain, argmax.error) == (0, 0)
    plain = score(table.truth, table.probabilities.map(lambda head: head.argmax(1)))
    assert argmax.overall == plain


def test_where_nothing_is_to_be_gained_argmax_stays():
    table, _ = make_table(3000, skewed=False)
    alike = np.ones(SHAPE, np.int64)
    assert fit_and_judge(table, {0: alike}, seed=0).winner == "argmax"


def test_on_noise_a_fit_gains_on_its_own_images_alone():
    """What unrestrained weights seem to gain is gone on images that they weren't fitted on."""
    gains, within = [], []
    for seed in range(3):
        table, counts = make_table(1500, seed, noise=True)
        evidence = make_evidence(table, {0: counts}, seed)
        tried = try_all(evidence)
        plain = score(table.truth, table.probabilities.map(lambda head: head.argmax(1))).score
        for fit in FITS.values():
            rule = fit(evidence, tried, np.ones(PARTS, bool))
            own = score(table.truth, decided(rule, table.probabilities)).score
            nested = score(table.truth, nested_guess(evidence, tried, fit)).score
            within.append(own - plain)
            gains.append(nested - plain)
    assert np.mean(within) > 0.002
    assert np.mean(gains) < 0.001


def test_a_nested_guess_is_of_rules_that_knew_nothing_of_the_part():
    table, counts = make_table(500)
    evidence = make_evidence(table, {0: counts}, seed=0)
    tried = try_all(evidence)
    guess = nested_guess(evidence, tried, fit_tuned)
    # Other labels in one part change no guess there.
    part = evidence.parts == 2
    other = table.truth.map(lambda own: np.where(part, own[::-1], own))
    changed = replace(evidence, truth=other)
    again = nested_guess(changed, try_all(changed), fit_tuned)
    for one, two in zip(guess, again, strict=True):
        assert one[part].tolist() == two[part].tolist()


def test_parts_share_graphemes_evenly_and_keep_unseen_ones_whole():
    random = stream(4)
    codes = random.integers(0, 40, 2000)
    seen = codes >= 10
    parts = nested_parts(codes, seen, seed=1)
    assert nested_parts(codes, seen, seed=1).tolist() == parts.tolist()
    assert nested_parts(codes, seen, seed=2).tolist() != parts.tolist()
    for code in range(40):
        each = np.bincount(parts[codes == code], minlength=PARTS)
        assert (each.max() - each.min() <= 1) if code >= 10 else (np.count_nonzero(each) == 1)


def test_unseen_graphemes_are_unknown_to_their_own_fold_and_weigh_little():
    table, counts = make_table(4000)
    lacking = counts.copy()
    held_out = np.zeros(SHAPE, bool)
    held_out[tuple(np.argwhere(counts)[::4].T)] = True
    lacking[held_out] = 0
    seen = ~held_out[tuple(table.truth)]
    table = replace(table, seen=seen)
    fitted = fit_and_judge(table, {0: lacking}, seed=0)
    assert fitted.weighted
    assert not fitted.rules["joint"].counts[held_out].any()
    for one in fitted.outcomes.values():
        assert one.judged == pytest.approx(one.subsets.weighted.score)
    honest = fitted.outcomes["joint"].subsets.unseen.score.score
    knowing = fit_and_judge(table, {0: counts}, seed=0).outcomes["joint"].subsets.unseen.score.score
    assert honest < knowing


def test_the_winner_is_beyond_its_error():
    table, counts = make_table(LEAST)
    outcome = fit_and_judge(table, {0: counts}, seed=0).outcomes["argmax"]

    def of(**gains: tuple[float, float]) -> str:
        made = {k: replace(outcome, gain=gain, error=error) for k, (gain, error) in gains.items()}
        return winner({"argmax": outcome, **made})

    assert of(prior=(0.01, 0.002), tuned=(0.012, 0.002), joint=(0.03, 0.04)) == "tuned"
    assert of(prior=(0.001, 0.002), joint=(-0.01, 0.001)) == "argmax"
    outcome = fit_and_judge(make_table(LEAST - 1)[0], {0: counts}, seed=0).outcomes["argmax"]
    assert of(prior=(0.01, 0.002)) == "argmax"


def test_folds_are_read_with_their_own_counts_and_one_image_is_no_fault():
    table, counts = make_table(400)
    folds = np.arange(400) % 2
    split = fit_and_judge(replace(table, folds=folds), {0: counts, 1: counts * 3}, seed=0)
    whole = fit_and_judge(table, {0: counts}, seed=0)
    assert split.outcomes["prior"] == whole.outcomes["prior"]  # shares are the same
    assert (split.rules["prior"].counts == counts * 3).all()
    single, counts = make_table(1)
    assert fit_and_judge(single, {0: counts}, seed=0).winner == "argmax"
