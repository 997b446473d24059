"""read_labels takes train.csv as it is, and says of any other file what is wrong and where."""

from pathlib import Path

import pytest

from graphemes.competition.labels import read_labels
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import COLUMNS

HEADER = "image_id,grapheme_root,vowel_diacritic,consonant_diacritic,grapheme\n"


def written(directory: Path, text: str) -> Path:
    path = directory / "train.csv"
    path.write_bytes(text.encode())
    return path


def test_the_labels_come_back_with_their_types_and_order(tmp_path):
    labels = read_labels(written(tmp_path, HEADER + "b,15,9,5,ক্ট্রো\na,167,10,6,x\n"))
    assert labels.columns.tolist() == ["image_id", *COLUMNS, "grapheme"]
    assert labels["image_id"].tolist() == ["b", "a"]
    assert labels[COLUMNS].to_numpy().tolist() == [[15, 9, 5], [167, 10, 6]]
    assert [str(labels[column].dtype) for column in COLUMNS] == ["int64"] * 3
    assert labels["grapheme"].tolist() == ["ক্ট্রো", "x"]


def test_other_columns_are_passed_over_and_their_order_is_free(tmp_path):
    text = "writer,consonant_diacritic,vowel_diacritic,image_id,grapheme_root\n,1,2,a,3\n"
    labels = read_labels(written(tmp_path, text))
    assert labels.to_dict("records") == [
        {"image_id": "a", "grapheme_root": 3, "vowel_diacritic": 2, "consonant_diacritic": 1}
    ]


@pytest.mark.parametrize("image_id", ["NA", "null", "007", "1e5", "nan", 'a,"b"'])
def test_an_id_that_looks_like_something_else_survives(tmp_path, image_id):
    quoted = '"' + image_id.replace('"', '""') + '"'
    assert read_labels(written(tmp_path, f"{HEADER}{quoted},1,2,3,x\n"))["image_id"].tolist() == [
        image_id
    ]


@pytest.mark.parametrize("text", ["\ufeff{}", "{}\n\n"], ids=["mark", "blank lines"])
def test_what_spreadsheets_and_editors_add_does_no_harm(tmp_path, text):
    path = written(tmp_path, text.format(HEADER + "a,1,2,3,x\n").replace("\n", "\r\n"))
    assert read_labels(path)[COLUMNS].to_numpy().tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("a,1,2,3,x\nb,,2,3,x\n", "line 3: grapheme_root is empty"),
        ("a,1,2,3,x\n,1,2,3,x\n", "line 3: image_id is empty"),
        ("a,1,2,abc,x\n", "line 2: consonant_diacritic: expected a whole number, 0..6, got 'abc'"),
        ("a,3.5,2,3,x\n", "line 2: grapheme_root: expected a whole number, 0..167, got '3.5'"),
        ("a,3.0,2,3,x\n", "line 2: grapheme_root: expected a whole number, 0..167, got '3.0'"),
        ("a,1_0,2,3,x\n", "line 2: grapheme_root: expected a whole number, 0..167, got '1_0'"),
        ("a,168,2,3,x\n", "line 2: grapheme_root: expected a whole number, 0..167, got '168'"),
        ("a,1,11,3,x\n", "line 2: vowel_diacritic: expected a whole number, 0..10, got '11'"),
        ("a,1,-1,3,x\n", "line 2: vowel_diacritic: expected a whole number, 0..10, got '-1'"),
        (f"a,{'9' * 9000},2,3,x\n", "line 2: grapheme_root: expected a whole number, 0..167"),
        ("a,1,2,3,x\nb,1,2,3,x\na,1,2,3,x\n", "line 4: image_id 'a' stands on line 2 already"),
        ("a,1,2,3,x\n\n\nb,1,2,9,x\n", "line 5: consonant_diacritic"),
        ("a,1,2,3,x\nb,1,2\n", "line 3: expected 5 cells as in the header, got 3"),
        ("a,1,2,3,x,\nb,1,2,3,x,\n", "line 2: expected 5 cells as in the header, got 6"),
        ('a,1,2,3,"x\n', "can't be read as CSV: unexpected end of data"),
        ("", "expected rows below the header, got none"),
    ],
)
def test_a_fault_names_file_line_and_column(tmp_path, rows, sentence):
    path = written(tmp_path, HEADER + rows)
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert str(caught.value).startswith(f"{path}: {sentence}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"PAR1\x00\xff\xfe", "expected CSV text in UTF-8, got other bytes"),
        (b"image_id,grapheme_root\na,1\n", "expected column vowel_diacritic, consonant_diacritic"),
        (HEADER.replace(",", ";").encode(), "expected column image_id, grapheme_root"),
        (HEADER.replace("grapheme\n", "image_id\n").encode(), "column image_id stands in the h"),
        (b"x" * 200_000, "can't be read as CSV: field larger than field limit"),
    ],
)
def test_a_file_that_is_no_table_of_labels_is_named(tmp_path, content, sentence):
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert str(caught.value).startswith(f"{path}: {sentence}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_no_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"train\.csv: not found; put the competition's train\.csv"):
        read_labels(tmp_path / "train.csv")
    with pytest.raises(DataError, match="can't be read: Is a directory"):
        read_labels(tmp_path)
