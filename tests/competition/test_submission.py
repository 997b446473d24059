"""A submission has the sample's rows in the sample's order, whatever order all else is in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphemes.competition.submission import read_rows, write_submission
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import COLUMNS, HEADS, PerHead
from graphemes.foundation.seeds import stream

# The competition's order, which is not that of HEADS.
COMPONENTS = ["consonant_diacritic", "grapheme_root", "vowel_diacritic"]
IDS = ["Test_0", "Test_1", "NA"]


def rows_of(image_ids: list[str]) -> list[tuple[str, str, str]]:
    return [(f"{name}_{part}", name, part) for name in image_ids for part in COMPONENTS]


def write_both(
    directory: Path, sample: list[tuple[str, str, str]], test: list[tuple[str, str, str]]
) -> Path:
    (directory / "sample_submission.csv").write_text(
        "row_id,target\n" + "".join(f"{row_id},0\n" for row_id, _, _ in sample)
    )
    (directory / "test.csv").write_text(
        "row_id,image_id,component\n" + "".join(",".join(row) + "\n" for row in test)
    )
    return directory


def labels_of(image_ids: list[str], seed: int = 0) -> PerHead:
    return HEADS.map(lambda head: stream(seed).integers(head.classes, size=len(image_ids)))


def test_the_rows_of_the_competition_are_read(tmp_path):
    rows = read_rows(write_both(tmp_path, rows_of(IDS), rows_of(IDS)))
    assert rows.row_ids == [row_id for row_id, _, _ in rows_of(IDS)]
    assert rows.image_ids == IDS
    assert rows.images.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [COLUMNS[head] for head in rows.heads] == COMPONENTS * 3


@pytest.mark.parametrize("n", [1, 12, 500])
def test_every_row_gets_its_label_in_the_samples_order(tmp_path, n):
    """Sample, test.csv and predictions in three different orders; predictions for more images."""
    random, ids = stream(n), [f"Test_{number}" for number in range(n)]
    sample, test = ([rows_of(ids)[place] for place in random.permutation(3 * n)] for _ in range(2))
    predicted = [*(ids[place] for place in random.permutation(n)), "nobody asks"]
    labels = labels_of(predicted)
    path = tmp_path / "submissions" / "submission.csv"
    write_submission(path, read_rows(write_both(tmp_path, sample, test)), predicted, labels)

    written = pd.read_csv(path)
    assert written.columns.tolist() == ["row_id", "target"]
    assert written["target"].dtype == np.int64
    assert written["row_id"].tolist() == [row_id for row_id, _, _ in sample]
    by_column = dict(zip(COLUMNS, labels, strict=True))
    wanted = [by_column[part][predicted.index(image_id)] for _, image_id, part in sample]
    assert written["target"].tolist() == wanted
    assert [file.name for file in path.parent.iterdir()] == ["submission.csv"]


def test_row_ids_are_looked_up_not_parsed(tmp_path):
    rows = [("1", "b", "vowel_diacritic"), ("2", "b", "grapheme_root"),
            ("x", "b", "consonant_diacritic")]  # fmt: skip
    path = tmp_path / "submission.csv"
    labels = PerHead(np.array([150]), np.array([9]), np.array([5]))
    write_submission(path, read_rows(write_both(tmp_path, rows, rows)), ["b"], labels)
    assert path.read_text() == "row_id,target\n1,9\n2,150\nx,5\n"


def test_an_image_without_prediction_is_named_and_nothing_is_written(tmp_path):
    rows = read_rows(write_both(tmp_path, rows_of(IDS), rows_of(IDS)))
    path = tmp_path / "submission.csv"
    with pytest.raises(DataError) as caught:
        write_submission(path, rows, ["Test_1"], labels_of(["Test_1"]))
    assert "images that have no prediction, 2: 'Test_0', 'NA'; are all test" in str(caught.value)
    assert not path.exists()


def test_our_own_mistakes_are_not_called_the_users(tmp_path):
    rows = read_rows(write_both(tmp_path, rows_of(IDS), rows_of(IDS)))
    path = tmp_path / "submission.csv"
    with pytest.raises(ValueError, match=r"vowel_diacritic must be 0\.\.10"):
        write_submission(path, rows, IDS, labels_of(IDS)._replace(vowel=np.array([0, 11, 0])))
    with pytest.raises(ValueError, match="predicted twice"):
        write_submission(path, rows, [*IDS, "NA"], labels_of([*IDS, "NA"]))
    assert not path.exists()


GOOD = rows_of(IDS)


@pytest.mark.parametrize(
    ("sample", "test", "name", "sentence"),
    [
        (GOOD, GOOD[2:], "test", "expected the row_ids of sample_submission.csv, lacks 2: "
         "'Test_0_consonant_diacritic', 'Test_0_grapheme_root'; take both"),
        (GOOD[:-1], GOOD, "sample_submission", "expected the row_ids of test.csv, lacks 1: "
         "'NA_vowel_diacritic'; take both"),
        (GOOD + GOOD[:1], GOOD, "sample_submission",
         "line 11: row_id 'Test_0_consonant_diacritic' stands on line 2 already"),
        (GOOD, GOOD + GOOD[3:4], "test",
         "line 11: row_id 'Test_1_consonant_diacritic' stands on line 5 already"),
        (GOOD, [*GOOD[:-1], ("NA_vowel_diacritic", "NA", "vowel")], "test",
         "line 10: component: expected grapheme_root, vowel_diacritic, consonant_diacritic, "
         "got 'vowel'"),
        (GOOD, [*GOOD[:-1], ("NA_vowel_diacritic", "NA", "grapheme_root")], "test",
         "'NA' has 2 rows for grapheme_root, expected one (1 images with such faults)"),
        (GOOD[:-1], GOOD[:-1], "test",
         "'NA' has 0 rows for vowel_diacritic, expected one (1 images with such faults)"),
        (GOOD, [*GOOD[:-1], ("NA_vowel_diacritic", "", "vowel_diacritic")], "test",
         "line 10: image_id is empty"),
        ([], GOOD, "sample_submission", "expected rows below the header, got none; put the comp"),
        (GOOD, [], "test", "expected rows below the header, got none; put the competition's test"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_refused(tmp_path, sample, test, name, sentence):
    write_both(tmp_path, sample, test)
    with pytest.raises(DataError) as caught:
        read_rows(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / name}.csv: {sentence}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["sample_submission.csv", "test.csv"])
def test_a_missing_file_and_a_missing_column_are_named(tmp_path, name):
    path = write_both(tmp_path, GOOD, GOOD) / name
    path.write_text(path.read_text().replace("row_id", "rows", 1))
    with pytest.raises(DataError, match="expected column row_id, got 'rows"):
        read_rows(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=rf"{name}: not found; put the competition's test\.csv and"):
        read_rows(tmp_path)
