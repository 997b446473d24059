"""What a table's folds had to train on: counts of graphemes, with what was left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphemes.competition.labels import read_labels
from graphemes.evaluation.folds import folds_digest, read_folds, write_folds
from graphemes.evaluation.oof import OofTable
from graphemes.foundation.files import write_json
from graphemes.foundation.heads import COLUMNS, HEADS, PerHead
from graphemes.foundation.layout import Layout
from graphemes.pipeline.training_counts import FoldsSource, folds_source, training_counts

LABELS = [(5, 1, 1), (5, 1, 1), (5, 1, 1), (6, 2, 2), (6, 2, 2), (7, 0, 0)]


@pytest.fixture
def known(tmp_path):
    """A folds file of six images, and the table of its two folds."""
    path = tmp_path / "folds.csv"
    rows = pd.DataFrame(LABELS, columns=list(COLUMNS))
    rows.insert(0, "image_id", [f"Train_{row}" for row in range(6)])
    rows.insert(1, "fold", [0, 1, 1, 0, 1, 0])
    write_folds(path, rows)
    digest = folds_digest(read_folds(path, read_labels(path)))
    chosen = np.array([0, 3, 5, 1, 2, 4])
    truth = PerHead(*np.array(LABELS)[chosen].T)
    found = HEADS.map(lambda head: np.full((6, head.classes), 1 / head.classes, np.float32))
    ids = [f"Train_{row}" for row in chosen]
    table = OofTable(ids, np.array([0, 0, 0, 1, 1, 1]), truth, found, {"folds": digest})
    return path, table


def of(counts: np.ndarray) -> dict[tuple[int, ...], int]:
    return {tuple(labels): int(counts[tuple(labels)]) for labels in np.argwhere(counts).tolist()}


def test_a_fold_is_trained_on_the_others_and_a_whole_on_all(known):
    path, table = known
    found = training_counts(table, FoldsSource([path]))
    assert of(found.by_fold[0]) == {(5, 1, 1): 2, (6, 2, 2): 1}
    assert of(found.by_fold[1]) == {(5, 1, 1): 1, (6, 2, 2): 1, (7, 0, 0): 1}
    assert of(found.whole) == {(5, 1, 1): 3, (6, 2, 2): 2, (7, 0, 0): 1}
    assert training_counts(replace(table, digests={"folds": "other"}), FoldsSource([path])) is None
    assert training_counts(table, FoldsSource([path.with_name("gone.csv")])) is None


def test_what_limit_or_exclude_left_out_is_in_no_training_row(known):
    path, table = known
    seen = np.array([True, False, False, True, True, True])  # fold 0 has trained on no (6, 2, 2)
    found = training_counts(replace(table, seen=seen), FoldsSource([path]))
    assert of(found.by_fold[0]) == {(5, 1, 1): 2}
    assert of(found.by_fold[1]) == {(5, 1, 1): 1, (6, 2, 2): 1, (7, 0, 0): 1}


def test_of_the_rows_that_limit_and_exclude_left_out_none_is_counted(known, tmp_path):
    path, table = known
    out = tmp_path / "out.txt"
    out.write_text("Train_1\n")
    found = training_counts(table, FoldsSource([path], exclude=out))
    whole = training_counts(table, FoldsSource([path]))
    gone = np.zeros_like(whole.whole)
    gone[LABELS[1]] = 1
    assert (whole.by_fold[0] - found.by_fold[0] == gone).all()
    assert (found.by_fold[1] == whole.by_fold[1]).all()  # it is validated there
    assert (found.whole == whole.whole).all()
    out.unlink()  # then as if there had been none
    assert (
        training_counts(table, FoldsSource([path], exclude=out)).by_fold[0] == whole.by_fold[0]
    ).all()
    found = training_counts(table, FoldsSource([path], limit=2, seed=5))
    assert [counts.sum() for counts in found.by_fold.values()] == [2, 2]
    assert all((found.by_fold[fold] <= whole.by_fold[fold]).all() for fold in (0, 1))


def test_a_run_record_says_where_the_folds_are_and_what_was_taken(tmp_path):
    layout = Layout(tmp_path, "n")
    place = layout.fold("0")
    given = {"folds": "/f.csv", "exclude": "/out.txt", "limit": 5, "seed": 3}
    write_json(place.run, {"identity": {}, "settings": given})
    shared = [layout.folds_csv, layout.folds_by_grapheme_csv]
    asked = FoldsSource([*shared, Path("/f.csv")], 5, Path("/out.txt"), 3)
    assert folds_source(layout, [place]) == asked
    write_json(place.run, {"identity": {}})  # of before there were settings
    assert folds_source(layout, [place]) == FoldsSource(shared)
