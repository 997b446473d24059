"""train.csv: the true labels of every training image; three labels as one code.

N images.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from graphemes.competition.csv_columns import read_csv_columns
from graphemes.foundation.arrays import Integers
from graphemes.foundation.heads import COLUMNS, HEADS, PerHead

_ADVICE = (
    "put the competition's train.csv there"
    f" (comma-separated; columns image_id, {', '.join(COLUMNS)})"
)


def read_labels(path: Path) -> pd.DataFrame:
    """N rows in the file's order: image_id (str, unique), three label columns (int64).

    `grapheme` (str) is kept where the file has it; other columns are passed over. Raises
    DataError naming the file, the column and the line.
    """
    columns = read_csv_columns(path, ["image_id", *COLUMNS], _ADVICE, optional=["grapheme"])
    table: dict[str, object] = {"image_id": columns.ids("image_id")}
    for head in HEADS:
        table[head.column] = columns.integers(head.column, 0, head.classes)
    if "grapheme" in columns.values:
        table["grapheme"] = columns.values["grapheme"]
    return pd.DataFrame(table)


def label_columns(table: pd.DataFrame) -> PerHead[Integers]:
    """PerHead[(N,)] from a table with the three label columns."""
    return HEADS.map(lambda head: table[head.column].to_numpy(np.int64))


def grapheme_codes(labels: PerHead[Integers]) -> Integers:
    """(N,) one integer for each image's three labels, in their order."""
    codes = np.zeros_like(labels.root)
    for head, values in zip(HEADS, labels, strict=True):
        codes = codes * head.classes + values
    return codes
