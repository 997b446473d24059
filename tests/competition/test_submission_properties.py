"""Any ids in any order: every row that is asked for once, in the order asked."""

import csv

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphemes.competition.submission import read_rows, write_submission
from graphemes.foundation.heads import COLUMNS, HEADS, PerHead
from properties import FEW

# As csv.reader gives a text back: a \r alone ends a line in it.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0\ufeff"), min_size=1, max_size=6
)


def write(path, rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


@FEW
@given(st.lists(TEXT, min_size=1, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_each_row_once_in_the_order_asked(tmp_path, images, dice):
    asked = [(f"{image}_{column}", image, column) for image in images for column in COLUMNS]
    sample, test, predicted = (dice.sample(some, len(some)) for some in (asked, asked, images))
    if len({row for row, _, _ in asked}) < len(asked):  # ids that end as the columns do
        return
    write(tmp_path / "sample_submission.csv", [["row_id", "target"], *([r[0], 0] for r in sample)])
    write(tmp_path / "test.csv", [["row_id", "image_id", "component"], *test])
    labels = PerHead(*(np.array([dice.randrange(h.classes) for _ in predicted]) for h in HEADS))
    path = tmp_path / "submission.csv"
    write_submission(path, read_rows(tmp_path), predicted, labels)
    with path.open(encoding="utf-8", newline="") as file:
        written = [*csv.reader(file)]
    wanted = [
        [row, str(labels[COLUMNS.index(column)][predicted.index(image)])]
        for row, image, column in sample
    ]
    assert written == [["row_id", "target"], *wanted]
