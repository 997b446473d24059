"""The report says of out-of-fold tables what scikit-learn says."""

import json
import math

import numpy as np
import pytest
from sklearn.metrics import recall_score

from graphemes.evaluation.oof import OofTable
from graphemes.evaluation.score_report import make_report, report_lines, scores_json
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.seeds import stream


def macro(truth, guess):
    return recall_score(truth, guess, labels=np.unique(truth), average="macro", zero_division=0)


@pytest.fixture(scope="module")
def table() -> OofTable:
    """900 images in folds 0 and 2 of sizes 300 and 600, read right about half the time."""
    random, n = stream(0), 900
    truth = HEADS.map(lambda head: random.integers(head.classes, size=n))
    noisy = []
    for head, labels in zip(HEADS, truth, strict=True):
        values = random.random((n, head.classes))
        values[np.arange(n), labels] += 0.5
        noisy.append((values / values.sum(axis=1, keepdims=True)).astype(np.float32))
    folds = np.where(np.arange(n) % 3 == 0, 0, 2)
    return OofTable([f"Train_{row}" for row in range(n)], folds, truth, PerHead(*noisy))


def test_folds_and_whole_agree_with_scikit_learn(table):
    result = make_report(table)
    assert list(result.folds) == [0, 2]
    chosen = {0: table.folds == 0, 2: table.folds == 2, None: table.folds >= 0}
    for fold, rows in chosen.items():
        scored = result.overall if fold is None else result.folds[fold]
        wanted = [
            macro(truth[rows], values[rows].argmax(axis=1))
            for truth, values in zip(table.truth, table.probabilities, strict=True)
        ]
        assert scored.recall == pytest.approx(wanted, abs=1e-12)
        assert scored.score == pytest.approx(np.dot(wanted, [0.5, 0.25, 0.25]), abs=1e-12)
        assert scored.n == rows.sum()


def test_the_whole_is_not_the_mean_of_the_folds(table):
    """Recall over all images: a class that one fold lacks is not lost from the mean."""
    result = make_report(table)
    mean = np.mean([scored.score for scored in result.folds.values()])
    assert abs(result.overall.score - mean) > 1e-4


def test_other_decisions_can_be_scored(table):
    assert make_report(table, table.truth).overall.score == 1.0
    assert make_report(table, table.truth.map(np.zeros_like)).overall.recall.vowel == 1 / 11


def test_the_value_survives_json(table):
    value = scores_json(make_report(table))
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert set(value) == {"overall", "folds"}
    assert set(value["folds"]) == {"0", "2"}
    for entry in (value["overall"], *value["folds"].values()):
        assert set(entry) == {"n", "score", "recall", "absent"}
        recall = entry["recall"]
        weighted = (2 * recall["root"] + recall["vowel"] + recall["consonant"]) / 4
        assert math.isclose(entry["score"], weighted)
    rows = table.folds == 0
    lacking = sorted(set(range(168)) - set(table.truth.root[rows].tolist()))
    assert lacking
    assert value["folds"]["0"]["absent"] == {"root": lacking, "vowel": [], "consonant": []}


def test_the_printed_table_is_aligned_and_says_what_is_absent(table):
    result = make_report(table)
    lines = report_lines(result)
    head, *rows = lines[:4]
    assert head.split() == ["fold", "images", "score", "root", "vowel", "consonant"]
    assert len({len(line) for line in lines[:4]}) == 1
    assert [row.split()[:2] for row in rows] == [["0", "300"], ["2", "600"], ["all", "900"]]
    assert rows[2].split()[2] == f"{result.overall.score:.4f}"
    absent = len(result.folds[0].absent.root)
    assert f"fold 0: {absent} of 168 root classes have no image, so don't count" in lines


def test_the_worst_classes_are_spelled_in_bengali():
    truth = PerHead(np.array([23, 23, 0]), np.array([0, 1, 1]), np.array([4, 4, 4]))
    guess = PerHead(np.array([15, 15, 0]), np.array([0, 1, 0]), np.array([4, 4, 4]))
    sure = PerHead(
        *(np.eye(head.classes, dtype=np.float32)[x] for head, x in zip(HEADS, guess, strict=True))
    )
    lines = report_lines(make_report(OofTable(list("abc"), np.zeros(3, int), truth, sure)))
    assert "  0.0000        2  23 গ: 15 ক্ট (2)" in lines
    assert "  0.5000        2  1 ◌া: 0 (none) (1)" in lines
    assert "  1.0000        3  4 ◌্য: nothing else" in lines


def test_ten_worst_classes_a_head_are_shown(table):
    lines = report_lines(make_report(table))
    for head in HEADS:
        at = lines.index(f"{head.name}: the {min(10, head.classes)} worst classes")
        shown = [float(line.split()[0]) for line in lines[at + 2 : at + 2 + min(10, head.classes)]]
        assert shown == sorted(shown)
