"""What is unseen in training is measured by labels; its score is scikit-learn's."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from graphemes.competition.labels import grapheme_codes
from graphemes.evaluation.folds import NEVER
from graphemes.evaluation.oof import OofTable
from graphemes.evaluation.score_report import make_report, report_lines, scores_json
from graphemes.evaluation.unseen import private_weights, seen_by_folds, unseen_in_training
from graphemes.foundation.heads import COLUMNS, HEADS, PerHead
from graphemes.foundation.seeds import stream
from worlds import macro_recall

N = 900


@pytest.fixture(scope="module")
def folds() -> pd.DataFrame:
    """900 images of few graphemes, in folds 0 and 1 or never validated."""
    random = stream(0)
    labels = [random.integers(count, size=N) for count in (30, 5, 3)]
    table = pd.DataFrame(dict(zip(COLUMNS, labels, strict=True)))
    table.insert(0, "image_id", [f"Train_{row}" for row in range(N)])
    table.insert(1, "fold", random.choice([NEVER, 0, 1], size=N, p=[0.1, 0.4, 0.5]))
    return table


@pytest.fixture(scope="module")
def oof(folds) -> OofTable:
    """Its validated images but some that limit= left out, in another order, half read right."""
    random = stream(1)
    rows = folds[folds["fold"] != NEVER].sample(700, random_state=0)
    truth = HEADS.map(lambda head: rows[head.column].to_numpy())
    noisy = []
    for head, labels in zip(HEADS, truth, strict=True):
        values = random.random((len(rows), head.classes))
        values[np.arange(len(rows)), labels] += 0.5
        noisy.append((values / values.sum(axis=1, keepdims=True)).astype(np.float32))
    return OofTable(rows["image_id"].tolist(), rows["fold"].to_numpy(), truth, PerHead(*noisy))


@pytest.fixture(scope="module")
def known(oof, folds) -> OofTable:
    return dataclasses.replace(oof, seen=seen_by_folds(oof, folds))


def test_an_image_is_unseen_if_no_row_outside_its_fold_has_its_labels(oof, known, folds):
    truth = np.stack(oof.truth, axis=1)
    for row, (fold, labels) in enumerate(zip(oof.folds, truth, strict=True)):
        training = folds[folds["fold"] != fold]
        assert known.seen[row] == (training[COLUMNS] == labels).all(axis=1).any()
    assert 30 < (~known.seen).sum() < 600


def test_what_is_never_validated_trains_everywhere():
    codes = np.array([7, 7, 8, 8, 9, 9, 9])
    folds = np.array([0, 0, 0, NEVER, 0, 1, 0])
    assert unseen_in_training(folds, codes).tolist() == [True, True] + [False] * 5


def test_every_triple_has_a_code_of_its_own():
    grids = np.meshgrid(*(np.arange(head.classes) for head in HEADS), indexing="ij")
    codes = grapheme_codes(PerHead(*(grid.ravel() for grid in grids)))
    assert np.unique(codes).size == 168 * 11 * 7


@pytest.mark.parametrize(("column", "value"), [("fold", 5), ("image_id", "?"), (COLUMNS[0], 99)])
def test_another_tables_folds_say_nothing(oof, folds, column, value):
    row = folds.index[folds["image_id"] == oof.image_ids[3]][0]
    other = folds.copy()
    other.loc[row, column] = value
    assert seen_by_folds(oof, other) is None


def subsets_of(table):
    """(what the report says, the rows it says it of) by fold and over all."""
    report = make_report(table)
    for fold, subsets in report.subsets.items():
        yield subsets, table.folds == fold
    yield report.overall_subsets, table.folds >= 0


def test_each_subset_agrees_with_scikit_learn(known):
    for subsets, rows in subsets_of(known):
        pairs = ((subsets.seen, rows & known.seen), (subsets.unseen, rows & ~known.seen))
        for subset, chosen in pairs:
            wanted = [
                macro_recall(truth[chosen], values[chosen].argmax(axis=1))
                for truth, values in zip(known.truth, known.probabilities, strict=True)
            ]
            assert subset.score.recall == pytest.approx(wanted, abs=1e-12)
            assert subset.score.n == chosen.sum()
            triples = np.stack(known.truth, axis=1)[chosen]
            assert subset.graphemes == len(np.unique(triples, axis=0))


def test_the_weighted_recall_is_scikit_learns(known):
    for subsets, rows in subsets_of(known):
        unseen = ~known.seen[rows]
        weights = np.where(unseen, 0.058 / unseen.sum(), 0.942 / (~unseen).sum())
        wanted = [
            macro_recall(truth[rows], values[rows].argmax(axis=1), weights)
            for truth, values in zip(known.truth, known.probabilities, strict=True)
        ]
        assert subsets.weighted.recall == pytest.approx(wanted, abs=1e-12)
        assert subsets.weighted.score == pytest.approx(np.dot(wanted, [0.5, 0.25, 0.25]), abs=1e-12)
        assert subsets.weighted.n == rows.sum()


def test_the_weighted_recall_by_hand():
    """One class, 4 seen images read right, 2 unseen ones read wrong: 94.2 % of it is right."""
    truth = HEADS.map(lambda head: np.zeros(6, np.int64))
    guess = HEADS.map(lambda head: np.array([0, 0, 0, 0, 1, 1]))
    values = HEADS.map(lambda head: np.eye(head.classes, dtype=np.float32)[guess.root])
    seen = np.array([True] * 4 + [False] * 2)
    table = OofTable(list("abcdef"), np.zeros(6, np.int64), truth, values, seen=seen)
    report = make_report(table)
    assert report.overall.score == pytest.approx(4 / 6)
    assert report.overall_subsets.weighted.score == pytest.approx(0.942)
    assert report.overall_subsets.seen.score.score == 1
    assert report.overall_subsets.unseen.score.score == 0


def test_unseen_images_weigh_their_share_of_the_private_part():
    seen, chosen = np.array([1, 1, 1, 0, 0, 0], bool), np.array([1, 1, 0, 1, 0, 0], bool)
    weights = private_weights(seen, chosen)
    assert weights.sum() == pytest.approx(1)
    assert weights[~seen].sum() == pytest.approx(0.058)
    assert (weights[~chosen] == 0).all()
    assert weights[0] == weights[1]
    assert private_weights(seen, seen) is None
    assert private_weights(seen, ~seen) is None


def test_scores_json_has_the_subsets_where_they_are_known(known, oof):
    value = scores_json(make_report(known))
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    for entry in (value["overall"], *value["folds"].values()):
        assert entry["seen"]["n"] + entry["unseen"]["n"] == entry["n"] == entry["weighted"]["n"]
        assert entry["weighted"]["unseen_share"] == 0.058
        for subset in (entry["seen"], entry["unseen"], entry["weighted"]):
            recall = subset["recall"]
            weighted = (2 * recall["root"] + recall["vowel"] + recall["consonant"]) / 4
            assert math.isclose(subset["score"], weighted)
    unknown = scores_json(make_report(oof))
    assert not {"seen", "unseen", "weighted"} & unknown["overall"].keys()


def test_an_empty_subset_is_null_and_not_spoken_of(known):
    everything = dataclasses.replace(known, seen=np.ones(len(known.seen), bool))
    entry = scores_json(make_report(everything))["overall"]
    assert (entry["unseen"], entry["weighted"]) == (None, None)
    assert entry["seen"]["score"] == entry["score"]
    assert not [line for line in report_lines(make_report(everything)) if "seen" in line]
    nothing = dataclasses.replace(known, seen=np.zeros(len(known.seen), bool))
    assert scores_json(make_report(nothing))["overall"]["seen"] is None
    words = [line.split()[-3] for line in report_lines(make_report(nothing)) if "graphemes" in line]
    assert words == ["unseen,"] * 3
    # A fold without unseen images is left out, others are not.
    mixed = dataclasses.replace(known, seen=known.seen | (known.folds == 0))
    rows = [line.split()[0] for line in report_lines(make_report(mixed)) if "graphemes" in line]
    assert rows == ["1", "1", "all", "all"]


def test_the_subsets_are_printed_by_fold_and_over_all(known):
    report = make_report(known)
    lines = report_lines(report)
    at = next(n for n, line in enumerate(lines) if line.startswith("unseen in training: "))
    assert lines[at + 1].split()[-4:] == ["root", "vowel", "consonant", "subset"]
    rows = lines[at + 2 : at + 11]
    assert [row.split()[0] for row in rows] == ["0"] * 3 + ["1"] * 3 + ["all"] * 3
    assert [row.split()[6].rstrip(",") for row in rows] == ["seen", "unseen", "weighted"] * 3
    subsets = report.overall_subsets
    assert rows[7].split()[1:3] == [
        str(subsets.unseen.score.n),
        f"{subsets.unseen.score.score:.4f}",
    ]
    assert rows[7].endswith(f"unseen, {subsets.unseen.graphemes} graphemes")
    assert rows[8].split()[2] == f"{subsets.weighted.score:.4f}"
    assert lines[at + 11].startswith("weighted: unseen images weigh 5.8% in all")
    alone = report_lines(report, by_fold=False)
    assert [line.split()[0] for line in alone if "graphemes" in line] == ["all", "all"]
