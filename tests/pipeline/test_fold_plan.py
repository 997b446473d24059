"""Which folds a run takes: those that are there, if they fit, whoever made them."""

import numpy as np
import pandas as pd
import pytest

from graphemes.evaluation.folds import fold_table, read_folds, write_folds
from graphemes.foundation.errors import PlaceTaken
from graphemes.foundation.layout import Layout
from graphemes.foundation.settings.commands import FoldsSettings, TrainSettings
from graphemes.pipeline.fold_plan import plan_asked_folds, plan_folds
from graphemes.pipeline.workspace import Source


@pytest.fixture
def source(tmp_path) -> Source:
    return Source(Layout(tmp_path), tmp_path, demo=False)


@pytest.fixture
def labels() -> pd.DataFrame:
    columns = {"grapheme_root": [1, 2] * 6, "vowel_diacritic": 0, "consonant_diacritic": 0}
    return pd.DataFrame({"image_id": [f"Train_{row}" for row in range(12)]} | columns)


def test_a_run_keeps_folds_that_were_made_by_another_method(source, labels):
    table = fold_table(labels, np.arange(12) // 6)  # no method of ours gives it
    write_folds(source.layout.folds_csv, table)
    before = source.layout.folds_csv.read_bytes()
    plan = plan_folds(TrainSettings(folds=2), source, labels)
    pd.testing.assert_frame_equal(plan.table, table)
    plan.write()
    assert source.layout.folds_csv.read_bytes() == before


def test_a_run_refuses_folds_of_another_number(source, labels):
    write_folds(source.layout.folds_csv, fold_table(labels, np.arange(12) // 6))
    with pytest.raises(PlaceTaken, match="has 2 folds, asked for 3; overwrite=true replaces it"):
        plan_folds(TrainSettings(folds=3), source, labels)


def test_the_folds_command_alone_insists_on_its_seed(source, labels):
    write_folds(source.layout.folds_csv, fold_table(labels, np.arange(12) // 6))
    labels.to_csv(source.directory / "train.csv", index=False)
    with pytest.raises(PlaceTaken, match=r"isn't what seed=0 gives .*an earlier version's"):
        plan_asked_folds(FoldsSettings(folds=2), source)
    plan = plan_asked_folds(FoldsSettings(folds=2, overwrite=True), source)
    plan.write()
    pd.testing.assert_frame_equal(read_folds(source.layout.folds_csv, labels), plan.table)
    again = plan_asked_folds(FoldsSettings(folds=2), source)
    assert again.birth is None
    pd.testing.assert_frame_equal(again.table, plan.table)
    assert again.report_lines(held_out=False) == again.report_lines(held_out=True)[:-2]
