"""Fitted rules are the best there are of their kind, and no better than chance where nothing is."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from graphemes.evaluation.class_weights import REACH, STEP, log_offsets
from graphemes.evaluation.decide import SHAPE, Prior, Tuned, decided
from graphemes.evaluation.decision_files import read_decisions, write_decisions
from graphemes.evaluation.gains import gain_and_error
from graphemes.evaluation.metrics import score
from graphemes.evaluation.nested import (
    PARTS,
    fit_and_judge,
    make_evidence,
    nested_guess,
    nested_parts,
)
from graphemes.evaluation.trials import Evidence, Tally, chance_counts
from graphemes.evaluation.tuning import (
    FITS,
    POWERS,
    UNJUDGED,
    UNSEEN,
    fit_prior,
    fit_tuned,
    try_all,
)
from graphemes.evaluation.winners import LEAST, auto_guess, winner, winner_on
from graphemes.foundation.heads import HEADS, PerHead
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
    def of(images: int = LEAST, **gains: tuple[float, float]) -> str:
        return winner({"argmax": (0.0, 0.0), **gains}, images)

    assert of(prior=(0.01, 0.002), tuned=(0.012, 0.002), joint=(0.03, 0.04)) == "tuned"
    assert of(prior=(0.001, 0.002), joint=(-0.01, 0.001)) == "argmax"
    assert of(LEAST - 1, prior=(0.01, 0.002)) == "argmax"


def test_auto_is_judged_by_what_won_on_the_other_parts():
    table, counts = make_table(2000)
    evidence = make_evidence(table, {0: counts}, seed=0)
    # Two rules: each right on one part alone, where argmax, which is right elsewhere, is wrong.
    right = evidence.truth
    wrong = PerHead(*((own + 1) % head.classes for head, own in zip(HEADS, right, strict=True)))

    def right_in(*parts: int) -> PerHead:
        inside = np.isin(evidence.parts, parts)
        return PerHead(*(np.where(inside, a, b) for a, b in zip(right, wrong, strict=True)))

    guesses = {"argmax": right_in(2), "prior": right_in(0, 1), "tuned": right_in(0, 3, 4)}
    assert winner_on(evidence, guesses, np.ones(2000, bool)) == "tuned"
    found = auto_guess(evidence, guesses)
    for part in range(PARTS):
        name = winner_on(evidence, guesses, evidence.parts != part)
        rows = evidence.parts == part
        for got, wanted in zip(found, guesses[name], strict=True):
            assert got[rows].tolist() == wanted[rows].tolist()
    truth = evidence.truth.root
    assert (found.root == truth).mean() < (guesses["tuned"].root == truth).mean()
    fitted = fit_and_judge(table, {0: counts}, seed=0)
    assert "auto" not in fitted.rules
    assert fitted.outcomes["auto"] == fitted.outcomes[fitted.winner]  # it wins without any part


def test_folds_are_read_with_their_own_counts():
    table, counts = make_table(400)
    table = replace(table, folds=np.arange(400) % 2)
    evidence = make_evidence(table, {0: counts, 1: counts[::-1].copy()}, seed=0)
    for name in ("prior", "joint"):

        def fit(evidence: Evidence, tried: Tally, parts: np.ndarray, name: str = name) -> Prior:
            rule = FITS[name](evidence, tried, parts)
            return replace(rule, powers=PerHead(1.0, 1.0, 1.0))

        tried = try_all(evidence)
        guess = nested_guess(evidence, tried, fit)
        for part in range(PARTS):
            rule = fit(evidence, tried, np.arange(PARTS) != part)
            for fold, other in ((0, 1), (1, 0)):
                rows = np.flatnonzero((evidence.parts == part) & (table.folds == fold))
                own, others = (
                    decided(replace(rule, counts=evidence.counts[one]), evidence.chosen(rows))
                    for one in (fold, other)
                )
                for got, wanted in zip(guess, own, strict=True):
                    assert got[rows].tolist() == wanted.tolist()
                assert own.root.tolist() != others.root.tolist()


def test_one_image_is_no_fault():
    single, counts = make_table(1)
    for known in ({0: counts}, None):
        assert fit_and_judge(single, known, seed=0).winner == "argmax"


def test_an_error_is_not_less_for_more_images_of_the_same_unseen_graphemes():
    random = stream(7)
    truth = HEADS.map(lambda head: random.integers(0, head.classes, 300))
    guess, plain = (
        PerHead(*(np.where(random.random(300) < share, own, 0) for own in truth))
        for share in (0.7, 0.6)
    )
    seen = np.arange(300) >= 60

    def of(times: int) -> tuple[float, float]:
        rows = np.repeat(np.arange(300), np.where(seen, 1, times))
        weights = np.where(seen, 1, 1 / times)[rows]
        chosen = [heads.map(lambda own: own[rows]) for heads in (truth, guess, plain)]
        return gain_and_error(*chosen, weights, seen[rows])

    assert of(5) == pytest.approx(of(1))
    alone = gain_and_error(truth, guess, plain, np.ones(300), np.ones(300, bool))
    assert alone[0] == pytest.approx(of(1)[0])


def test_without_an_unseen_image_unseen_graphemes_are_doubted_within_bounds():
    table, counts = make_table(4000)
    fitted = fit_and_judge(table, {0: counts}, seed=0)
    assert min(fitted.rules["joint"].unseen) >= UNJUDGED > min(UNSEEN)
    tried = try_all(make_evidence(table, {0: counts}, seed=0))
    assert {one.unseen for one in tried.trials} == {1.0, 0.5, 0.2}
    some = replace(table, seen=np.arange(4000) > 0)
    tried = try_all(make_evidence(some, {0: counts}, seed=0))
    assert {one.unseen for one in tried.trials} == {1.0, *UNSEEN}


def test_where_nobody_knows_the_graphemes_their_shares_are_of_other_parts_and_joint_cannot_win():
    table, _ = make_table(4000)
    fitted = fit_and_judge(table, None, seed=0)
    assert fitted.winner in ("prior", "tuned")
    evidence = make_evidence(table, None, seed=0)
    for part in range(PARTS):
        others = np.arange(PARTS) != part
        rows = evidence.parts != part
        wanted = chance_counts(table.truth.map(lambda own, rows=rows: own[rows]))
        assert (evidence.counts_of(others) == wanted).all()
        assert (evidence.counts[part] == wanted).all()


@pytest.mark.parametrize("name", FITS)
def test_by_chance_too_other_labels_in_one_part_change_no_guess_there(name):
    table, _ = make_table(2000)
    evidence = make_evidence(table, None, seed=0)
    part = evidence.parts == 2
    changed = replace(evidence, truth=table.truth.map(lambda own: np.where(part, own[::-1], own)))
    counts = {one: changed.counts_of(np.arange(PARTS) != one) for one in range(PARTS)}
    changed = replace(changed, counts=counts)
    guess, again = (nested_guess(one, try_all(one), FITS[name]) for one in (evidence, changed))
    for one, two in zip(guess, again, strict=True):
        assert one[part].tolist() == two[part].tolist()


def test_weights_of_absent_classes_can_be_written_and_read(tmp_path):
    random = stream(9)
    counts = np.zeros(SHAPE, np.int64)
    counts[:100, :9, :6] = 40  # 216,000 images, none of the other classes
    truth = HEADS.map(lambda head: random.integers(0, {168: 100, 11: 9, 7: 6}[head.classes], 300))
    found = HEADS.map(lambda head: random.dirichlet(np.ones(head.classes), 300).astype(np.float32))
    table = replace(make_table(300)[0], truth=truth, probabilities=found)
    evidence = make_evidence(table, {0: counts}, seed=0)
    tried = try_all(evidence)
    extreme = Tally([replace(one, power=2.0) for one in tried.trials], tried.right, tried.total)
    rule = fit_tuned(evidence, extreme, np.ones(PARTS, bool))
    fitted = fit_and_judge(table, {0: counts}, seed=0)
    fitted = replace(fitted, rules={**fitted.rules, "tuned": rule})
    path = tmp_path / "decisions.json"
    write_decisions(path, fitted, identity={}, tables={}, seed=0)
    kept = read_decisions(path).rules["tuned"]
    for got, wanted in zip(kept.weights, rule.weights, strict=True):
        assert np.array_equal(got, wanted)
    larger = Tuned(rule.weights.map(lambda own: own * 4))
    assert decided(larger, found).root.tolist() == decided(rule, found).root.tolist()
