"""A submission that isn't what is asked for is refused, whatever is amiss with it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphemes.competition.submission import read_rows, write_submission
from graphemes.evaluation.probability_files import write_probabilities
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.release import submission_check
from graphemes.release.submission_check import check_submission


@pytest.fixture
def submitted(kaggle_like, tmp_path) -> Path:
    """A submission of the tiny test set, with its probabilities beside it."""
    rows = read_rows(kaggle_like)
    path = tmp_path / "submission.csv"
    labels = HEADS.map(lambda _: np.zeros(len(rows.image_ids), np.int64))
    write_submission(path, rows, rows.image_ids, labels)
    write_probabilities(tmp_path / "probabilities.parquet", rows.image_ids, even(rows), {})
    return path


def even(rows, value: float | None = None) -> PerHead:
    count = len(rows.image_ids)
    return HEADS.map(
        lambda head: np.full((count, head.classes), value or 1 / head.classes, np.float32)
    )


def test_a_whole_submission_passes(submitted, kaggle_like, capsys):
    check_submission(submitted, kaggle_like)
    assert "18 rows for 6 images, as sample_submission.csv asks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: table[:-1], "17 rows, expected 18 as in .*sample_submission.csv"),
        (lambda table: table[::-1], "line 2: row_id 'Test_5_.*', expected 'Test_0_.*'"),
        (lambda table: table.assign(target=np.nan), "line 2: target is empty"),
        (lambda table: table.assign(target=0.5), "expected a whole number, 0 or more, got '0.5'"),
        (lambda table: table.assign(target=-1), "expected a whole number, 0 or more, got '-1'"),
        (lambda table: table.assign(target=11), "vowel_diacritic 11, expected 0..10"),
        (lambda table: table.drop(columns="target"), "expected column target, got 'row_id'"),
        (lambda table: table.assign(row_id="Test_0"), "'Test_0' stands on line 2 already"),
    ],
)
def test_a_submission_that_is_amiss_is_refused(change, sentence, submitted, kaggle_like):
    change(pd.read_csv(submitted)).to_csv(submitted, index=False)
    with pytest.raises(DataError, match=sentence):
        check_submission(submitted, kaggle_like)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.9])
def test_probabilities_that_are_none_are_refused(value, submitted, kaggle_like):
    rows = read_rows(kaggle_like)
    beside = submitted.with_name("probabilities.parquet")
    write_probabilities(beside, rows.image_ids, even(rows, value), {})
    with pytest.raises(DataError, match=r"probabilities\.parquet: probability_grapheme_root of"):
        check_submission(submitted, kaggle_like)


def test_one_class_for_all_of_many_images_is_refused(submitted, kaggle_like, monkeypatch):
    monkeypatch.setattr(submission_check, "ENOUGH", 6)
    with pytest.raises(DataError, match="all 6 images have grapheme_root 0"):
        check_submission(submitted, kaggle_like)
