"""Sure mistakes come first; labels that were changed by hand are doubted."""

import numpy as np

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.mistakes import confident_mistakes, doubtful_labels
from graphemes.foundation.heads import HEADS, PerHead
from worlds import make_table


def test_the_surest_mistake_is_first_and_what_is_right_is_none():
    table, _ = make_table(400)
    guess = likeliest(table.probabilities)
    rows = confident_mistakes(table.truth, guess, table.probabilities)
    wrong = np.any([t != g for t, g in zip(table.truth, guess, strict=True)], axis=0)
    assert sorted(rows) == np.flatnonzero(wrong).tolist()
    best = []
    for row in rows:
        given = [
            float(values[row, g[row]])
            for t, g, values in zip(table.truth, guess, table.probabilities, strict=True)
            if t[row] != g[row]
        ]
        best.append(max(given))
    assert best == sorted(best, reverse=True)


def test_nothing_is_wrong_where_nothing_is():
    table, _ = make_table(50)
    truth = likeliest(table.probabilities)
    assert confident_mistakes(truth, truth, table.probabilities).size == 0


def test_labels_that_were_changed_are_found_with_what_they_were():
    table, _ = make_table(2000, strength=4.0)
    random = np.random.default_rng(1)
    for head, true, values in zip(HEADS, table.truth, table.probabilities, strict=True):
        sure = np.flatnonzero(values[np.arange(len(true)), true] > 0.9)
        changed = random.choice(sure, 20, replace=False)
        spoilt = true.copy()
        # To classes that there are: of others nobody knows how sure the network is of them.
        spoilt[changed] = (true[changed] + 1) % head.classes
        rows, rather = doubtful_labels(spoilt, values)
        first = set(rows[: len(changed)].tolist())
        assert len(first & set(changed.tolist())) >= 15
        was = dict(zip(rows.tolist(), rather.tolist(), strict=True))
        assert np.mean([was.get(row) == true[row] for row in changed.tolist()]) >= 0.75


def test_a_class_without_images_is_nobodys_rather():
    truth = np.array([0, 0, 1])
    values = np.array([[0.2, 0.1, 0.7], [0.9, 0.1, 0], [0.1, 0.9, 0]], np.float32)
    rows, _ = doubtful_labels(truth, values)
    assert rows.tolist() == []


def test_an_image_may_be_as_sure_of_its_own():
    one = PerHead(*(np.zeros(3, np.int64) for _ in HEADS))
    values = np.zeros((3, 168), np.float32)
    values[:, 0] = 1
    assert doubtful_labels(one.root, values)[0].size == 0
