"""What notebooks show: genuine PNGs and tables, and a sentence where there is nothing to show."""

import cv2
import numpy as np
import pytest

from graphemes.competition.labels import read_labels
from graphemes.competition.shards import Pixels, decode, open_shard
from graphemes.competition.submission import read_rows, write_submission
from graphemes.evaluation.oof import OofTable
from graphemes.foundation.classes import spelled
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, HEIGHT, WIDTH, PerHead
from graphemes.foundation.settings.groups import Learning
from graphemes.release import pictures, tables
from graphemes.release.scans import first_shard, scans_by_id


@pytest.fixture(scope="module")
def shard_path(kaggle_like):
    return first_shard(kaggle_like, "train")


@pytest.fixture(scope="module")
def first(shard_path) -> dict[str, Pixels]:
    """The first scans of the shard: reading them takes a second, however few they are."""
    return scans_by_id(shard_path, 4)


@pytest.fixture(scope="module")
def table(kaggle_like) -> OofTable:
    """Every image of the tiny data read as class 0 of each head."""
    labels = read_labels(kaggle_like / "train.csv")
    count = len(labels)
    guess = HEADS.map(lambda head: np.eye(head.classes, dtype=np.float32)[np.zeros(count, int)])
    truth = HEADS.map(lambda head: labels[head.column].to_numpy())
    return OofTable(labels["image_id"].tolist(), np.zeros(count, np.int64), truth, guess)


def shape(picture: pictures.Picture) -> tuple[int, ...]:
    png = np.frombuffer(picture._repr_png_() or b"", np.uint8)
    return cv2.imdecode(png, cv2.IMREAD_COLOR).shape


def test_scans_are_those_of_the_shard(shard_path, first):
    with open_shard(shard_path) as shard:
        whole = np.empty((shard.rows, HEIGHT * WIDTH), np.uint8)
        decode(shard, whole)
        ids = shard.ids
    assert list(first) == ids[:4]
    chosen = scans_by_id(shard_path, [ids[5], "Train_nowhere", ids[2]])
    assert set(chosen) == {ids[5], ids[2]}
    for name, scan in {**first, **chosen}.items():
        assert scan.shape == (HEIGHT, WIDTH)
        assert np.array_equal(scan.ravel(), whole[ids.index(name)])


def test_where_there_is_no_shard_that_is_said(tmp_path):
    with pytest.raises(DataError, match="no train_image_data_"):
        first_shard(tmp_path, "train")


@pytest.mark.parametrize("crop", ["ink", "none"])
def test_scans_and_crops_are_a_picture(first, crop):
    learning = Learning(image_size="32", crop=crop)
    shown = pictures.scans_and_crops(first, learning)
    assert shape(shown)[1] > shape(shown)[0] > 100
    assert repr(shown).startswith("4 scans")


def test_curves_stand_one_below_the_other(tmp_path):
    folds = [tmp_path / "fold0", tmp_path / "fold1", tmp_path / "weights2"]
    for fold in folds:
        fold.mkdir()
    for fold, width in zip(folds, (90, 100), strict=False):
        cv2.imwrite(str(fold / "curves.png"), np.zeros((40, width, 3), np.uint8))
    assert shape(pictures.curves(folds)) == (80, 90, 3)
    nothing = pictures.curves(folds[2:])
    assert nothing.png is None
    assert "no curves" in repr(nothing)


def test_misread_scans_are_shown_with_what_they_were_read_as(table, kaggle_like):
    assert shape(pictures.misread_scans(table, kaggle_like))[0] > 100
    assert "nothing to show" in repr(pictures.misread_scans(None, kaggle_like))
    right = OofTable(
        table.image_ids,
        table.folds,
        table.truth,
        PerHead(
            *(
                np.eye(head.classes, dtype=np.float32)[truth]
                for head, truth in zip(HEADS, table.truth, strict=True)
            )
        ),
    )
    assert "no image of the worst" in repr(pictures.misread_scans(right, kaggle_like))


def test_recalls_and_worst_classes_are_tables(table, tmp_path):
    recalls = tables.recalls(table)
    assert list(recalls.index) == ["fold 0", "all"]
    assert list(recalls.columns) == ["images", "score", "root", "vowel", "consonant"]
    assert recalls.loc["all", "vowel"] == f"{1 / len(np.unique(table.truth.vowel)):.4f}"
    worst = tables.worst_classes(table)
    assert worst["head"].tolist() == ["root"] * 3 + ["vowel"] * 3 + ["consonant"] * 3
    assert worst["recall"].tolist() == ["0.0000"] * 9
    for shown in (tables.recalls, tables.worst_classes):
        assert "nothing to show" in shown(tables.out_of_fold([tmp_path])).to_string()


def test_what_was_read_is_spelled_image_by_image(kaggle_like, tmp_path):
    rows = read_rows(kaggle_like)
    count = len(rows.image_ids)
    labels = PerHead(np.arange(count) + 13, np.full(count, 1), np.full(count, 5))
    write_submission(tmp_path / "s.csv", rows, rows.image_ids, labels)
    shown = tables.read_graphemes(tmp_path / "s.csv", kaggle_like, 4)
    assert shown.index.tolist() == rows.image_ids[:4]
    assert shown.loc[rows.image_ids[2]].tolist() == [15, 1, 5, spelled(PerHead(15, 1, 5))]
