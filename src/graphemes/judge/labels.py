"""train.csv: the true labels of every training image."""

from pathlib import Path

import pandas as pd

from graphemes.foundation.heads import COLUMNS, HEADS
from graphemes.judge.cells import read_cells

_ADVICE = (
    "put the competition's train.csv there"
    f" (comma-separated; columns image_id, {', '.join(COLUMNS)})"
)


def read_labels(path: Path) -> pd.DataFrame:
    """N rows in the file's order: image_id (str, unique), three label columns (int64).

    `grapheme` (str) is kept where the file has it; other columns are passed over. Raises
    DataError naming the file, the column and the line.
    """
    cells = read_cells(path, ["image_id", *COLUMNS], _ADVICE, optional=["grapheme"])
    columns: dict[str, object] = {"image_id": cells.ids("image_id")}
    for head in HEADS:
        columns[head.column] = cells.integers(head.column, 0, head.classes)
    if "grapheme" in cells.columns:
        columns["grapheme"] = cells.columns["grapheme"]
    return pd.DataFrame(columns)
