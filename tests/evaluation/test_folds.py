"""Folds spread every class evenly, come out of a seed, and are checked when brought along."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from graphemes.competition.labels import grapheme_codes, label_columns
from graphemes.evaluation.fold_balance import balance_lines, fold_balance
from graphemes.evaluation.folds import (
    NEVER,
    fold_count,
    fold_table,
    folds_digest,
    make_folds,
    read_folds,
    write_folds,
)
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.errors import DataError, MissingPackage
from graphemes.foundation.heads import COLUMNS, HEADS
from graphemes.foundation.seeds import stream

FOLDS = 5


def real_like_labels(each: int = 6) -> pd.DataFrame:
    """The competition's 1,295 graphemes, `each` images of every one, shuffled."""
    triples = np.array([grapheme.labels for grapheme in competition_graphemes()] * each)
    stream(0).shuffle(triples)
    return pd.DataFrame(
        {"image_id": [f"Train_{n}" for n in range(len(triples))]}
        | {column: triples[:, place] for place, column in enumerate(COLUMNS)}
    )


@pytest.fixture(scope="module")
def labels() -> pd.DataFrame:
    return real_like_labels()


@pytest.fixture(scope="module")
def table(labels) -> pd.DataFrame:
    return fold_table(labels, make_folds(labels, FOLDS, seed=0))


def extremes(table: pd.DataFrame) -> tuple[float, float]:
    """The least and the greatest share of any class of any head in any fold."""
    shares = [fold for head in fold_balance(table) for fold in head]
    return min(fold.least.share for fold in shares), max(fold.most.share for fold in shares)


def test_every_image_is_validated_once_in_folds_of_one_size(labels, table):
    sizes = np.bincount(table["fold"], minlength=FOLDS)
    assert sizes.sum() == len(labels)
    assert len(sizes) == FOLDS
    assert np.ptp(sizes) < 0.02 * len(labels) / FOLDS


# The rarest class has 6 images here: 1 or 2 in a fold is as even as can be.
BOUNDS = (0.13, 2 / 6)


def test_every_class_is_spread_evenly(table):
    least, most = extremes(table)
    assert BOUNDS[0] <= least < 1 / FOLDS < most <= BOUNDS[1]


@pytest.mark.parametrize("images", [10, 120, 300, 3000])
@pytest.mark.parametrize("folds", [2, 5])
def test_every_root_and_triple_has_its_share_to_less_than_one_image(labels, images, folds):
    """Sets too small for StratifiedKFold, or of which it warns, and one that it takes, too."""
    some = labels.head(images)
    table = fold_table(some, make_folds(some, folds, seed=0))
    assert np.ptp(np.bincount(table["fold"], minlength=folds)) <= 1
    for columns in (COLUMNS[:1], COLUMNS):
        counts = table.groupby([*columns, "fold"]).size().unstack(fill_value=0).to_numpy()
        exact = counts.sum(axis=1, keepdims=True) / folds
        assert np.abs(counts - exact).max() < 1


def test_sorted_rows_are_stratified_as_scikit_learn_does(labels):
    order = labels.sort_values([*COLUMNS, "image_id"]).index
    triples = grapheme_codes(label_columns(labels))[order]
    judge = StratifiedKFold(FOLDS, shuffle=True, random_state=7)
    ours = make_folds(labels, FOLDS, seed=7)[order]
    for fold, (_, validated) in enumerate(judge.split(triples, triples)):
        assert np.flatnonzero(ours == fold).tolist() == validated.tolist()


def test_folds_stay_what_they_were(labels, table):
    """Seen alike with scikit-learn 1.4.0, 1.6.1 and 1.9.1: folds.csv is the same everywhere."""
    assert folds_digest(table) == "166e00d1501382f95b4f6d980a24d1d0"
    few = labels.head(20)
    assert "".join(map(str, make_folds(few, FOLDS, seed=0))) == "10030302224314124341"


def test_folds_come_out_of_the_seed(labels, table):
    assert (make_folds(labels, FOLDS, seed=0) == table["fold"]).all()
    assert (make_folds(labels, FOLDS, seed=1) != table["fold"]).mean() > 0.5


def test_the_order_of_rows_does_not_matter(labels, table):
    order = stream(1).permutation(len(labels))
    shuffled = labels.iloc[order]  # with its index shuffled too
    folds = make_folds(shuffled, FOLDS, seed=0)
    assert (folds == table["fold"].to_numpy()[order]).all()
    assert folds_digest(fold_table(shuffled, folds)) == folds_digest(table)


def test_the_digest_sees_every_value(table):
    digests = {folds_digest(table)}
    for column in ("fold", *COLUMNS):
        changed = table.copy()
        changed.loc[3, column] = (changed.loc[3, column] + 1) % 5
        digests.add(folds_digest(changed))
    renamed = table.copy()
    renamed.loc[3, "image_id"] = "other"
    assert len({*digests, folds_digest(renamed)}) == 6


def test_too_few_images_and_no_library_are_said(labels, monkeypatch):
    with pytest.raises(DataError, match="folds=5: expected at least 5 images, got 3"):
        make_folds(labels.head(3), FOLDS, seed=0)
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(MissingPackage, match=r"make folds\.csv elsewhere and bring it, or pip"):
        make_folds(labels, FOLDS, seed=0)


def test_a_written_table_is_read_again(tmp_path, labels, table):
    path = tmp_path / "folds" / "folds.csv"
    write_folds(path, table)
    pd.testing.assert_frame_equal(read_folds(path, labels), table)
    assert path.read_text().splitlines()[0] == "image_id,fold," + ",".join(COLUMNS)
    assert [file.name for file in path.parent.iterdir()] == ["folds.csv"]


SMALL = pd.DataFrame(
    {
        "image_id": ["a", "b", "NA", "d"],
        "grapheme_root": [1, 2, 3, 4],
        "vowel_diacritic": 0,
        "consonant_diacritic": 6,
    }
)


def test_anybodys_file_is_taken_in_any_order(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("note,fold,image_id,grapheme_root\n?,-1,NA,3\n,1,b,2\n,0,a,1\n,1,d,4\n")
    table = read_folds(path, SMALL)
    assert table["image_id"].tolist() == ["a", "b", "NA", "d"]
    assert table["fold"].tolist() == [0, 1, NEVER, 1]
    assert table["grapheme_root"].tolist() == [1, 2, 3, 4]
    assert fold_count(table) == 2
    assert balance_lines(table)[-1] == "1 images are never validated"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("image_id\na\n", "expected column fold, got 'image_id'; a folds file is comma-separated"),
        ("image_id,fold\na,-2\n", "line 2: fold: expected a whole number, -1 or more, got '-2'"),
        ("image_id,fold\na,0.0\n", "line 2: fold: expected a whole number, -1 or more, got '0.0'"),
        ("image_id,fold\na,\n", "line 2: fold is empty"),
        ("image_id,fold\na,0\na,1\n", "line 3: image_id 'a' stands on line 2 already"),
        ("image_id,fold\na,0\nNA,1\n", "expected a fold for each of 4 images of train.csv, "
         "missing 2: 'b', 'd';"),
        ("image_id,fold\na,0\nb,1\nNA,0\nd,1\ne,1\nf,0\n", "expected the 4 images of train.csv, "
         "got others too, 2: 'e', 'f';"),
        ("image_id,fold\na,0\nb,2\nNA,0\nd,3\n", "expected folds 0..2 without a gap, got no image "
         "in fold 1 but some in fold 3"),
        ("image_id,fold\na,1\nb,2\nNA,1\nd,2\n", "expected folds 0..1 without a gap, got no image "
         "in fold 0 but some in fold 2"),
        ("image_id,fold\na,-1\nb,-1\nNA,-1\nd,-1\n", "expected folds 0, 1, ..., got only -1"),
        ("image_id,fold\na,0\nb,0\nNA,0\nd,0\n", "all 4 images are in fold 0"),
        ("image_id,fold,grapheme_root\nb,0,2\na,1,9\nNA,0,8\nd,1,4\n",
         "line 3: grapheme_root of 'a' is 9, train.csv has 1 (2 such)"),
        ("image_id,fold,vowel_diacritic\nb,0,\na,1,0\nNA,0,0\nd,1,0\n",
         "line 2: vowel_diacritic is empty"),
    ],
)  # fmt: skip
def test_folds_that_do_not_fit_are_refused(tmp_path, text, sentence):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_folds(path, SMALL)
    assert str(caught.value).startswith(f"{path}: {sentence}")
    assert "\n" not in str(caught.value)


def test_the_balance_is_the_share_of_each_class():
    folds = np.array([0, 1, 1, 1, NEVER])
    labels = pd.DataFrame(
        {
            "image_id": list("abcde"),
            "grapheme_root": [7, 7, 7, 9, 7],
            "vowel_diacritic": 0,
            "consonant_diacritic": [0, 0, 1, 1, 1],
        }
    )
    balance = fold_balance(fold_table(labels, folds))
    assert [(s.fold, s.least.label, s.least.share, s.most.label, s.most.share, s.most.n)
            for s in balance.root] == [(0, 9, 0.0, 7, 0.25, 4), (1, 7, 0.5, 9, 1.0, 1)]  # fmt: skip
    lines = balance_lines(fold_table(labels, folds))
    assert len(lines) == 1 + 2 * len(HEADS) + 1
    assert "  0.00% ..  25.00%  (class 9 এ of 1 images, class 7 ঊ of 4)" in lines[1]
