"""folds.csv: which images each fold is validated on.

N images, K folds.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from graphemes.competition.csv_columns import CsvColumns, read_csv_columns, some
from graphemes.competition.labels import grapheme_codes, label_columns
from graphemes.foundation.arrays import Integers
from graphemes.foundation.errors import DataError, MissingPackage
from graphemes.foundation.files import digest, file_digest, replacing
from graphemes.foundation.heads import COLUMNS, HEADS, Head

NEVER = -1  # the fold of an image that is never validated: every fold trains on it
_ADVICE = "a folds file is comma-separated with columns image_id, fold"


def make_folds(labels: pd.DataFrame, folds: int, seed: int) -> Integers:
    """(N,) int64 in 0..folds-1, in the rows' order: stratified over the triples of labels.

    Each fold gets its exact share of every root and of every triple, to less than one image, and
    of vowels and consonants what follows from that; no two folds differ by more than one image.
    The same image gets the same fold whatever order the rows are in. The seed moves images
    within their triple: where most triples have fewer images than there are folds it moves few.

    `labels` is what `read_labels` gives, seed 0..2**32-1. Raises MissingPackage; DataError with
    fewer images than folds.
    """
    assert folds >= 2, "settings allow no fewer"
    if len(labels) < folds:
        raise DataError(f"folds={folds}: expected at least {folds} images, got {len(labels)}")
    order = _order(labels)
    triples = grapheme_codes(label_columns(labels))[order]
    by_triple = np.argsort(triples, kind="stable")
    result = np.empty(len(labels), dtype=np.int64)
    result[order[by_triple]] = _stratified(triples[by_triple], folds, seed)
    return result


def _stratified(triples: Integers, folds: int, seed: int) -> Integers:
    """(N,) the fold of each of N sorted triples, the same by any scikit-learn from 1.4 to 1.9.

    StratifiedKFold gives sorted rows to the folds in turn, then shuffles within each class. So
    whatever stands together is shared evenly: a root, whose triples are neighbours, as well.
    """
    try:
        # Where it is used: it takes a second, and a run whose folds.csv is there needs none.
        from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415
    except ImportError:
        raise MissingPackage(
            "folds.csv can't be made: the package scikit-learn isn't installed;"
            " make folds.csv elsewhere and bring it, or pip install scikit-learn"
        ) from None
    # It refuses sets in which no class has an image for each fold. One more class that has, behind
    # the others so that it changes nothing for them, lets small sets go the same way.
    classes = np.append(triples, np.full(folds, triples[-1] + 1))
    result = np.full(len(classes), NEVER, dtype=np.int64)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # "The least populated class ...": its images are in as many folds as they can be.
        warnings.simplefilter("ignore", UserWarning)
        for fold, (_, validated) in enumerate(splitter.split(classes, classes)):
            result[validated] = fold
    assert result.min() >= 0, "every image is validated once"
    return result[: len(triples)]


def _order(table: pd.DataFrame) -> Integers:
    """(N,) positions that sort the rows by image_id."""
    return np.argsort(table["image_id"].to_numpy(dtype=object), kind="stable").astype(np.int64)


def fold_table(labels: pd.DataFrame, folds: Integers) -> pd.DataFrame:
    """The table of folds.csv: image_id, fold (int64) and three labels, in the rows' order."""
    table = labels[["image_id", *COLUMNS]].reset_index(drop=True)
    table.insert(1, "fold", np.asarray(folds, dtype=np.int64))
    return table


def fold_count(table: pd.DataFrame) -> int:
    """K: folds are 0..K-1; rows at -1 don't count."""
    return int(table["fold"].max()) + 1


def highest_fold(path: Path) -> int:
    """The highest fold in anybody's folds file, whichever images it is for. Raises DataError."""
    return int(read_csv_columns(path, ["fold"], _ADVICE).integers("fold", NEVER).max())


def write_folds(
    path: Path, table: pd.DataFrame, before: Callable[[str], None] | None = None
) -> None:
    """Write folds.csv, whole or not at all.

    `before` is called when the file is complete, with its digest, before it takes its place.
    """
    with replacing(path) as temporary:
        columns = ["image_id", "fold", *COLUMNS]
        table.to_csv(temporary, columns=columns, index=False, lineterminator="\n")
        if before is not None:
            before(file_digest(temporary))


def read_folds(path: Path, labels: pd.DataFrame) -> pd.DataFrame:
    """Anybody's folds for exactly the images of `labels`, as `fold_table` gives them.

    The file needs image_id and fold (-1 or 0..K-1), in any order of rows; label columns, if it
    has some, must agree with `labels`. Raises DataError naming the file and the line or ids.
    """
    columns = read_csv_columns(path, ["image_id", "fold"], _ADVICE, optional=COLUMNS)
    ids, folds = columns.ids("image_id"), columns.integers("fold", NEVER)
    _check_ids(path, ids, labels)
    _check_numbers(path, folds)
    rows = pd.Index(ids).get_indexer(pd.Index(labels["image_id"]))
    for head in HEADS:
        if head.column in columns.values:
            _check_labels(columns, head, rows, labels)
    return fold_table(labels, folds[rows])


def _check_ids(path: Path, ids: list[str], labels: pd.DataFrame) -> None:
    wanted = labels["image_id"].tolist()
    got, known = set(ids), set(wanted)
    missing = [name for name in wanted if name not in got]
    unknown = [name for name in ids if name not in known]
    if missing:
        raise DataError(
            f"{path}: expected a fold for each of {len(wanted)} images of train.csv, missing"
            f" {some(missing)}; add them (fold -1: never validated) or make new folds"
        )
    if unknown:
        raise DataError(
            f"{path}: expected the {len(wanted)} images of train.csv, got others too,"
            f" {some(unknown)}; remove those rows or make new folds"
        )


def _check_numbers(path: Path, folds: Integers) -> None:
    numbers = np.unique(folds[folds != NEVER])
    if not numbers.size:
        raise DataError(
            f"{path}: expected folds 0, 1, ..., got only -1: nothing is validated; give"
            " some images a fold from 0 on"
        )
    present = set(numbers.tolist())
    missing = next(number for number in range(len(present) + 1) if number not in present)
    if missing < len(present):
        raise DataError(
            f"{path}: expected folds 0..{len(present) - 1} without a gap, got no image in fold"
            f" {missing} but some in fold {numbers[-1]}; number the folds from 0"
        )
    if (folds == 0).all():
        raise DataError(
            f"{path}: all {len(folds)} images are in fold 0: nothing is left to train on;"
            " expected a second fold, or -1 for what only trains"
        )


def _check_labels(columns: CsvColumns, head: Head, rows: Integers, labels: pd.DataFrame) -> None:
    """`rows`: (N,) where each image of `labels` stands in the file."""
    got = columns.integers(head.column, 0, head.classes)
    want = np.empty_like(got)
    want[rows] = labels[head.column]
    differing = np.flatnonzero(got != want)
    if differing.size:
        row = int(differing[0])
        columns.fault(
            row,
            f"{head.column} of {columns.values['image_id'][row]!r} is {got[row]}, train.csv has"
            f" {want[row]} ({differing.size} such); the file was made for other labels",
        )


def folds_digest(table: pd.DataFrame) -> str:
    """A digest of ids, folds and labels, whatever order the rows are in."""
    table = table.iloc[_order(table)]
    numbers = table[["fold", *COLUMNS]].to_numpy(dtype="<i8")
    return digest("\n".join(table["image_id"]).encode(), np.ascontiguousarray(numbers).tobytes())
