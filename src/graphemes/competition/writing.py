"""A directory in the competition's exact layout, from labels and scans.

N scans of 137 x 236 pixels, uint8, 255 paper .. 0 ink.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from graphemes.foundation.classes import SPELLINGS, Grapheme
from graphemes.foundation.files import replacing
from graphemes.foundation.heads import COLUMNS, HEADS, PIXELS

INDEX = "__index_level_0__"  # pandas' row number, kept by the pandas that wrote the genuine shards


def shard_name(split: str, shard: int) -> str:
    """The name of one file of images; split is 'train' or 'test'."""
    return f"{split}_image_data_{shard}.parquet"


def image_id(split: str, index: int) -> str:
    """The id of one image, as 'Train_0'."""
    return f"{split.capitalize()}_{index}"


def write_shard(path: Path, ids: Sequence[str], scans: npt.NDArray[np.uint8]) -> None:
    """One Parquet shard in the genuine layout: one row group, snappy, a column a pixel.

    scans: (n, 137, 236). The row numbers restart at 0 in every shard, as in the genuine ones.
    """
    # (32332, n): one row a column of the shard; cv2 turns it over faster than numpy copies.
    columns = cv2.transpose(scans.reshape(len(ids), PIXELS))
    names = ["image_id", *map(str, range(PIXELS)), INDEX]
    rows = pa.array(np.arange(len(ids), dtype=np.int64))
    table = pa.table([pa.array(ids, pa.string()), *map(pa.array, columns), rows], names=names)
    with pq.ParquetWriter(
        path, table.schema, version="1.0", compression="snappy", store_schema=False
    ) as writer:
        writer.write_table(table, row_group_size=max(1, len(ids)))
        writer.add_key_value_metadata({"pandas": json.dumps(_pandas_schema(names))})


def _pandas_schema(names: list[str]) -> dict[str, Any]:
    """What pandas 0.23 wrote beside the columns, from which it makes the index again."""
    about = [_pandas_column(name, "uint8", "uint8") for name in names]
    about[0] = _pandas_column("image_id", "unicode", "object")
    about[-1] = _pandas_column(INDEX, "int64", "int64") | {"name": None}
    return {
        "index_columns": [INDEX],
        "column_indexes": [_pandas_column(None, "mixed-integer", "object") | {"field_name": None}],
        "columns": about,
        "pandas_version": "0.23.4",
    }


def _pandas_column(name: str | None, pandas_type: str, numpy_type: str) -> dict[str, str | None]:
    return {
        "name": name,
        "field_name": name,
        "pandas_type": pandas_type,
        "numpy_type": numpy_type,
        "metadata": None,
    }


def write_train_csv(path: Path, graphemes: Sequence[Grapheme]) -> None:
    """train.csv: image_id, the three labels and the grapheme."""
    rows = ([image_id("train", k), *one.labels, one.text] for k, one in enumerate(graphemes))
    _write_csv(path, ["image_id", *COLUMNS, "grapheme"], rows)


def write_test_csv(path: Path, images: int) -> None:
    """test.csv: row_id, image_id, component; three rows an image, in the genuine order."""
    rows = ([row, image, component] for row, image, component in _test_rows(images))
    _write_csv(path, ["row_id", "image_id", "component"], rows)


def write_sample_submission(path: Path, images: int) -> None:
    """sample_submission.csv: row_id and target 0, in the order of test.csv."""
    _write_csv(path, ["row_id", "target"], ([row, 0] for row, _, _ in _test_rows(images)))


def write_class_map(path: Path) -> None:
    """class_map.csv: component_type, label, component; '0' stands for no sign."""
    rows = (
        [head.column, label, sign or "0"]
        for head, signs in zip(HEADS, SPELLINGS, strict=True)
        for label, sign in enumerate(signs)
    )
    _write_csv(path, ["component_type", "label", "component"], rows)


def _test_rows(images: int) -> Iterable[tuple[str, str, str]]:
    for index in range(images):
        image = image_id("test", index)
        for column in sorted(COLUMNS):  # consonant, root, vowel: the alphabet's order
            yield f"{image}_{column}", image, column


def _write_csv(path: Path, header: list[str], rows: Iterable[Sequence[object]]) -> None:
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
