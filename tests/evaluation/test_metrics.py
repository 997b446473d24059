"""The score agrees with scikit-learn's, also where classes are absent or only guessed."""

import numpy as np
import pytest
from sklearn.metrics import recall_score

from graphemes.evaluation.metrics import confusion, recalls, score, worst_classes
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.seeds import stream
from worlds import macro_recall


def drawn(seed: int, n: int, *, absent: bool) -> tuple[PerHead, PerHead]:
    """Random truth and guesses, right about half the time; guesses may be of absent classes."""
    random = stream(seed)
    truth, guess = [], []
    for head in HEADS:
        known = random.choice(head.classes, max(1, head.classes // 2), replace=False)
        true = random.choice(known, n) if absent else random.integers(head.classes, size=n)
        other = random.integers(head.classes, size=n)
        truth.append(true)
        guess.append(np.where(random.random(n) < 0.5, true, other))
    return PerHead(*truth), PerHead(*guess)


@pytest.mark.parametrize("n", [1, 2, 50, 3000])
@pytest.mark.parametrize("absent", [False, True])
def test_the_score_agrees_with_scikit_learn(n, absent):
    truth, guess = drawn(n, n, absent=absent)
    result = score(truth, guess)
    wanted = [macro_recall(true, guessed) for true, guessed in zip(truth, guess, strict=True)]
    np.testing.assert_allclose(result.recall, wanted, rtol=0, atol=1e-12)
    assert result.score == pytest.approx(np.average(wanted, weights=[2, 1, 1]), abs=1e-12)
    assert result.n == n


def test_a_class_only_guessed_does_not_count_and_is_named():
    truth = PerHead(np.array([0, 0, 1]), np.array([3, 3, 3]), np.array([0, 1, 2]))
    guess = PerHead(np.array([0, 5, 1]), np.array([3, 4, 3]), np.array([0, 1, 2]))
    result = score(truth, guess)
    assert result.recall == PerHead(0.75, pytest.approx(2 / 3), 1.0)
    assert result.absent.root == tuple(range(2, 168))
    assert result.absent.vowel == (0, 1, 2, 4, 5, 6, 7, 8, 9, 10)
    assert result.absent.consonant == (3, 4, 5, 6)
    # What the competition does not do: scikit-learn's own default counts guessed classes too.
    assert recall_score(truth.root, guess.root, average="macro", zero_division=0) == 0.5


def test_truth_and_guess_are_not_interchangeable():
    truth, guess = drawn(5, 500, absent=True)
    assert score(truth, guess).score != pytest.approx(score(guess, truth).score, abs=1e-3)


def test_a_choice_of_images_scores_as_those_images_alone():
    truth, guess = drawn(1, 400, absent=False)
    chosen = stream(2).random(400) < 0.3
    alone = score(truth.map(lambda x: x[chosen]), guess.map(lambda x: x[chosen]))
    assert score(truth, guess, chosen) == alone
    assert alone != score(truth, guess)


def test_weighted_images_agree_with_scikit_learn():
    truth, guess = drawn(3, 600, absent=True)
    weights = stream(4).uniform(0.1, 5, 600)
    result = score(truth, guess, weights=weights)
    wanted = [
        macro_recall(true, guessed, weights) for true, guessed in zip(truth, guess, strict=True)
    ]
    np.testing.assert_allclose(result.recall, wanted, rtol=0, atol=1e-12)
    twice = score(truth, guess, weights=np.full(600, 2.0))
    assert twice.score == pytest.approx(score(truth, guess).score, abs=1e-12)


def test_weight_zero_is_as_good_as_absent():
    truth, guess = drawn(6, 300, absent=False)
    chosen = truth.consonant != 2
    weighted = score(truth, guess, weights=chosen.astype(float))
    assert weighted.absent.consonant == (2,)
    assert weighted.recall == pytest.approx(score(truth, guess, chosen).recall, abs=1e-12)


def test_recalls_are_those_of_scikit_learn_and_nan_where_the_truth_has_none():
    truth, guess = (labels.vowel for labels in drawn(7, 200, absent=True))
    present = np.unique(truth)
    result = recalls(truth, guess, 11)
    np.testing.assert_allclose(
        result[present], recall_score(truth, guess, labels=present, average=None, zero_division=0)
    )
    assert np.flatnonzero(np.isnan(result)).tolist() == sorted(set(range(11)) - {*present})


@pytest.mark.parametrize("bad", [-1, 7])
def test_a_label_out_of_range_is_refused(bad):
    right = np.array([0, 6])
    with pytest.raises(ValueError, match=r"labels must be 0\.\.6"):
        confusion(right, np.array([0, bad]), 7)
    with pytest.raises(ValueError, match=r"labels must be 0\.\.6"):
        confusion(np.array([bad, 0]), right, 7)


def test_the_worst_classes_come_first_with_what_they_are_taken_for():
    truth = np.array([0] * 4 + [1] * 8 + [2] * 2 + [3] * 4)
    guess = np.array([0, 0, 0, 5, *[2, 2, 2, 6, 6, 4, 0, 0], 2, 2, *[1, 1, 1, 1]])
    worst = worst_classes(truth, guess, HEADS.consonant)
    assert [(row.label, row.n, row.recall) for row in worst] == [
        (1, 8, 0.0),
        (3, 4, 0.0),
        (0, 4, 0.75),
        (2, 2, 1.0),
    ]
    assert worst[0].taken_for == ((2, 3), (0, 2), (6, 2))
    assert worst[1].taken_for == ((1, 4),)
    assert worst[3].taken_for == ()
    assert worst_classes(truth, guess, HEADS.consonant, count=1) == worst[:1]
