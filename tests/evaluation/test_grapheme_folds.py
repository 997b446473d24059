"""Held out graphemes are in one fold whole, and no fold loses a class by it."""

import numpy as np
import pandas as pd
import pytest

from graphemes.evaluation.folds import NEVER, fold_table
from graphemes.evaluation.grapheme_folds import held_out_lines, make_grapheme_folds
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import COLUMNS, HEADS
from graphemes.foundation.seeds import stream

FOLDS = 5
TRIPLES = np.unique(np.array([grapheme.labels for grapheme in competition_graphemes()]), axis=0)


def table_of(triples: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {"image_id": [f"Train_{n}" for n in range(len(triples))]}
        | {column: triples[:, place] for place, column in enumerate(COLUMNS)}
    )


@pytest.fixture(scope="module")
def labels() -> pd.DataFrame:
    """The competition's 1,292 triples, 2 to 9 images each, shuffled."""
    random = stream(0)
    return table_of(random.permutation(np.repeat(TRIPLES, random.integers(2, 10, 1292), axis=0)))


@pytest.fixture(scope="module")
def table(labels) -> pd.DataFrame:
    return fold_table(labels, make_grapheme_folds(labels, FOLDS, seed=0))


def single_folds(table: pd.DataFrame) -> pd.DataFrame:
    """For each grapheme its images, and the only fold they are in (NEVER: several)."""
    grouped = table.groupby(COLUMNS)["fold"]
    found = grouped.agg(["size", "min", "max"]).reset_index()
    found["only"] = found["min"].where(found["min"] == found["max"], NEVER)
    return found


def never(labels: pd.DataFrame) -> pd.DataFrame:
    """The graphemes of roots that stand in no other, and of consonant 3."""
    graphemes = labels[COLUMNS].drop_duplicates()
    alone = ~graphemes["grapheme_root"].duplicated(keep=False)
    return graphemes[alone | (graphemes["consonant_diacritic"] == 3)]


def test_every_image_is_validated_once_in_folds_of_one_size(table):
    sizes = np.bincount(table["fold"], minlength=FOLDS)
    assert sizes.sum() == len(table)
    assert len(sizes) == FOLDS
    assert np.ptp(sizes) < 0.02 * len(table) / FOLDS


def test_a_quarter_of_the_graphemes_is_in_one_fold_whole(table):
    found = single_folds(table)
    held_out = found[found["only"] != NEVER]
    # A grapheme of two or three spread images is in one fold now and then by chance.
    assert 323 <= len(held_out) < 380
    for fold in range(FOLDS):
        training = set(table[table["fold"] != fold][COLUMNS].itertuples(index=False))
        mine = held_out[held_out["only"] == fold][COLUMNS]
        assert not training & set(mine.itertuples(index=False))
        assert len(mine) >= 64


def test_where_graphemes_are_large_exactly_the_quarter_is_held_out_and_assigned_evenly():
    random = stream(3)
    labels = table_of(np.repeat(TRIPLES, random.integers(20, 60, 1292), axis=0))
    found = single_folds(fold_table(labels, make_grapheme_folds(labels, FOLDS, seed=2)))
    held_out = found[found["only"] != NEVER]
    assert len(held_out) == 323 == round(len(TRIPLES) / 4)
    assert sorted(held_out["only"].value_counts()) == [64, 64, 65, 65, 65]
    images = held_out.groupby("only")["size"].sum()
    assert np.ptp(images) <= 1
    refused = never(labels).merge(held_out, on=COLUMNS)
    assert refused.empty


def test_every_fold_trains_on_every_class(labels, table):
    assert len(never(labels)) == 24 + 4
    for fold in range(FOLDS):
        training = table[table["fold"] != fold]
        for head in HEADS:
            assert training[head.column].nunique() == head.classes


def test_what_is_not_held_out_is_stratified(table):
    found = single_folds(table)
    spread = table.merge(found[found["only"] == NEVER][COLUMNS], on=COLUMNS)
    for column in COLUMNS[1:]:
        shares = pd.crosstab(spread[column], spread["fold"], normalize="index").to_numpy()
        assert shares.min() > 0.1
        assert shares.max() < 0.3
    counts = pd.crosstab(spread["grapheme_root"], spread["fold"]).to_numpy()
    assert np.ptp(counts, axis=1).max() <= 2  # a few more graphemes are in one fold by chance


def test_folds_come_out_of_the_seed(labels, table):
    assert (make_grapheme_folds(labels, FOLDS, seed=0) == table["fold"]).all()
    other = fold_table(labels, make_grapheme_folds(labels, FOLDS, seed=1))
    ours, theirs = (set(map(tuple, t[t["only"] != NEVER][COLUMNS].to_numpy()))
                    for t in (single_folds(table), single_folds(other)))  # fmt: skip
    assert len(ours & theirs) < 0.6 * len(ours)


def test_the_order_of_rows_does_not_matter(labels, table):
    order = stream(1).permutation(len(labels))
    folds = make_grapheme_folds(labels.iloc[order], FOLDS, seed=0)
    assert (folds == table["fold"].to_numpy()[order]).all()


def test_a_class_keeps_a_grapheme_that_is_held_out_nowhere():
    """Three roots of two graphemes each: of each root one stays, whatever the seed."""
    triples = np.array([(root, vowel, 0) for root in range(3) for vowel in range(2)])
    triples = np.concatenate([triples, [(9, vowel, 0) for vowel in range(2, 8)]])
    several = [(root, vowel, 0) for root in (9, 10, 11, 12) for vowel in (0, 1)]
    labels = table_of(np.repeat(np.concatenate([triples, several]), 20, axis=0))
    for seed in range(20):
        found = single_folds(fold_table(labels, make_grapheme_folds(labels, 2, seed)))
        spread = found[found["only"] == NEVER]
        assert len(spread) == 15
        assert set(spread["grapheme_root"]) == {0, 1, 2, 9, 10, 11, 12}
        # Vowels 2 to 7 stand in one grapheme each.
        assert set(spread["vowel_diacritic"]) == set(range(8))


@pytest.mark.parametrize(
    ("triples", "folds", "sentence"),
    [
        # Of four graphemes with signs of their own none can go.
        ([(1, 0, 0), (1, 1, 1), (2, 2, 2), (2, 3, 4)], 2, "a quarter of 4 graphemes is held out, "
         "of which every class must keep some: 0, expected 2 or more, one a fold; give fewer"),
        ([(root, vowel, 0) for root in range(5) for vowel in range(4)], 6, "a quarter of 20 "
         "graphemes is held out, of which every class must keep some: 5, expected 6 or more"),
    ],
)  # fmt: skip
def test_too_few_graphemes_are_said(triples, folds, sentence):
    labels = table_of(np.repeat(np.array(triples), 10, axis=0))
    with pytest.raises(DataError) as caught:
        make_grapheme_folds(labels, folds, seed=0)
    assert str(caught.value).startswith(f"by=grapheme: {sentence}")
    assert "\n" not in str(caught.value)


def test_what_is_held_out_is_counted():
    rows = [(1, 0, 0, 0)] * 3 + [(1, 1, 0, 0), (1, 1, 0, 1)] + [(2, 1, 0, 1)] * 2
    rows += [(3, 2, 0, NEVER), (3, 2, 0, 1), (4, 2, 0, NEVER)]
    columns = np.array(rows)
    table = fold_table(table_of(columns), columns[:, 3])
    lines = held_out_lines(table)
    assert [line.split() for line in lines[1:4]] == [
        ["0", "1", "3", "1"],
        ["1", "1", "2", "2"],
        ["all", "2", "5", "3"],
    ]
    assert lines[4] == "2 of 5 graphemes are held out whole (40.0%)"
    assert lines[5].startswith("2 of these only because they have so few images")
    assert [line for line in lines if line.startswith("fold 0")] == [
        "fold 0 trains without vowel 0 (none)"
    ]
    assert [line for line in lines if line.startswith("fold 1")] == [
        "fold 1 trains without root 2 অ"
    ]
    assert "every fold trains on every class" not in lines


def test_what_cannot_be_held_out_is_named(table):
    lines = held_out_lines(table)
    (count,) = [line for line in lines if "aren't chosen" in line]
    assert count.startswith("28 of 1,292 graphemes aren't chosen to be held out: ")
    (roots,) = [line for line in lines if line.startswith("never chosen of root (24): ")]
    assert "0 ং, 1 ঃ, 5 ঈ, " in roots
    assert "never chosen of consonant (1): 3 ◌র্য" in lines
    assert not [line for line in lines if line.startswith("never chosen of vowel")]
    assert lines[-1] == "every fold trains on every class"


def test_folds_that_hold_nothing_out_say_so():
    table = fold_table(table_of(np.repeat(TRIPLES[:9], 2, axis=0)), np.arange(18) % 2)
    assert held_out_lines(table) == [
        "no grapheme is held out whole: every fold trains on all it is validated on"
    ]
