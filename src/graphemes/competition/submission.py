"""The submission: sample_submission.csv's rows in its order.

R rows asked for, three an image; N images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from graphemes.competition.csv_columns import CsvColumns, read_csv_columns, some
from graphemes.foundation.arrays import Integers
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import file_digest, replacing
from graphemes.foundation.heads import COLUMNS, HEADS, PerHead

_ADVICE = "put the competition's test.csv and sample_submission.csv there"


@dataclass(frozen=True)
class SubmissionRows:
    """What is asked for: R rows, in sample_submission.csv's order."""

    row_ids: list[str]
    image_ids: list[str]  # the images, each once, by first row
    images: Integers  # (R,) which of image_ids
    heads: Integers  # (R,) which of HEADS


def read_rows(data_dir: Path) -> SubmissionRows:
    """The rows of sample_submission.csv with their image and head, from test.csv.

    Raises DataError: a file missing or unfit, row_ids that only one of the two has, another
    component, an image without exactly one row for each head.
    """
    sample = read_csv_columns(data_dir / "sample_submission.csv", ["row_id", "target"], _ADVICE)
    test = read_csv_columns(data_dir / "test.csv", ["row_id", "image_id", "component"], _ADVICE)
    row_ids, test_ids = sample.ids("row_id"), test.ids("row_id")
    _check_same(sample.path, test.path, row_ids, test_ids)
    order = pd.Index(test_ids).get_indexer(pd.Index(row_ids))
    images, image_ids = pd.factorize(np.array(test.texts("image_id"), dtype=object)[order])
    heads = _heads(test)[order]
    _check_one_row_a_head(test.path, image_ids.tolist(), images, heads)
    return SubmissionRows(row_ids, image_ids.tolist(), images.astype(np.int64), heads)


def _check_same(sample: Path, test: Path, row_ids: list[str], test_ids: list[str]) -> None:
    asked, known = set(row_ids), set(test_ids)
    unknown = [name for name in row_ids if name not in known]
    missing = [name for name in test_ids if name not in asked]
    if unknown:
        raise DataError(
            f"{test}: expected the row_ids of {sample.name}, lacks {some(unknown)};"
            " take both files from one download"
        )
    if missing:
        raise DataError(
            f"{sample}: expected the row_ids of {test.name}, lacks {some(missing)};"
            " take both files from one download"
        )


def _heads(test: CsvColumns) -> Integers:
    """(R,) which of HEADS, in test.csv's order."""
    number = {column: index for index, column in enumerate(COLUMNS)}
    components = test.texts("component")
    if not number.keys() >= set(components):
        row = next(row for row, name in enumerate(components) if name not in number)
        test.fault(
            row, f"component: expected {', '.join(COLUMNS)}, got {components[row]!r}; {_ADVICE}"
        )
    return np.array([number[name] for name in components], dtype=np.int64)


def _check_one_row_a_head(
    path: Path, image_ids: list[str], images: Integers, heads: Integers
) -> None:
    counts = np.bincount(images * len(HEADS) + heads, minlength=len(image_ids) * len(HEADS))
    wrong = np.flatnonzero(counts != 1)
    if wrong.size:
        image, head = divmod(int(wrong[0]), len(HEADS))
        raise DataError(
            f"{path}: {image_ids[image]!r} has {counts[wrong[0]]} rows for {COLUMNS[head]},"
            f" expected one ({np.unique(wrong // len(HEADS)).size} images with such faults);"
            f" {_ADVICE}"
        )


def write_submission(
    path: Path,
    rows: SubmissionRows,
    image_ids: Sequence[str],
    labels: PerHead[Integers],
    before: Callable[[str], None] | None = None,
) -> None:
    """Write row_id,target for every row asked for, whole or not at all.

    `before` is called when the file is complete, with its digest, before it takes its place.
    `labels` are (N,) for `image_ids`, each id once, in any order; images nobody asks for are
    passed over. Raises DataError when an image asked for has no labels.
    """
    for head, values in zip(HEADS, labels, strict=True):
        assert values.shape == (len(image_ids),), "a label an image"
        if values.size and not 0 <= values.min() <= values.max() < head.classes:
            raise ValueError(f"{head.column} must be 0..{head.classes - 1}")
    positions = _positions(path, rows.image_ids, image_ids)
    targets = np.stack(labels)[rows.heads, positions[rows.images]]
    table = pd.DataFrame({"row_id": rows.row_ids, "target": targets.astype(np.int64)})
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
        if before is not None:
            before(file_digest(temporary))


def _positions(path: Path, asked: Sequence[str], image_ids: Sequence[str]) -> Integers:
    """Where each image asked for is in `image_ids`."""
    index = pd.Index(image_ids)
    if not index.is_unique:
        raise ValueError("an image is predicted twice")
    positions = index.get_indexer(pd.Index(asked))
    missing = [name for name, position in zip(asked, positions, strict=True) if position < 0]
    if missing:
        raise DataError(
            f"{path}: not written: test.csv asks for images that have no prediction,"
            f" {some(missing)}; are all test shards in data_dir?"
        )
    return positions.astype(np.int64)
