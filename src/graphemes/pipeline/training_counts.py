"""Training counts: how many images of each grapheme the folds of a table had to train on."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from graphemes.competition.labels import label_columns, read_labels
from graphemes.evaluation.decide import SHAPE
from graphemes.evaluation.folds import folds_digest, read_folds
from graphemes.evaluation.oof import OofTable
from graphemes.foundation.arrays import Integers
from graphemes.foundation.errors import DataError
from graphemes.foundation.layout import FoldPaths, Layout
from graphemes.pipeline.fold_rows import excluded, parts_of_fold
from graphemes.pipeline.run_records import RunRecord


@dataclass(frozen=True)
class FoldsSource:
    """Where the folds of a table may stand, and which of their rows its run took."""

    files: Sequence[Path]
    limit: int | None = None
    exclude: Path | None = None
    seed: int = 0


def folds_source(layout: Layout, places: Sequence[FoldPaths]) -> FoldsSource:
    """A run's folds are in the shared files, or in the one that was named."""
    named = RunRecord.read(places[0].run).settings or {}
    mine = [Path(named["folds"])] if isinstance(named.get("folds"), str) else []
    files = [layout.folds_csv, layout.folds_by_grapheme_csv, *mine]
    exclude = Path(named["exclude"]) if isinstance(named.get("exclude"), str) else None
    limit, seed = (named.get(key) for key in ("limit", "seed"))
    limit = limit if isinstance(limit, int) else None
    return FoldsSource(files, limit, exclude, seed if isinstance(seed, int) else 0)


@dataclass(frozen=True)
class TrainingCounts:
    """The images of each grapheme, (168, 11, 7)."""

    by_fold: dict[int, Integers]  # in the fold's training rows
    whole: Integers  # in all rows


def training_counts(table: OofTable, source: FoldsSource) -> TrainingCounts | None:
    """What the folds of a table had to train on.

    Of the folds file that the table was made with, if it is among the source's; else None.
    Graphemes that the table says are unseen are in no training row, whatever the file has: so it
    is right of them even where the file of excluded ids is gone.
    """
    folds = np.unique(table.folds).tolist()
    for path in source.files:
        with contextlib.suppress(DataError):
            rows = read_folds(path, read_labels(path))
            if folds_digest(rows) == table.digests.get("folds"):
                counts = _counts_by_fold(rows, folds, source)
                _remove_unseen(counts, table)
                return TrainingCounts(counts, _counts(rows))
    return None


def _counts_by_fold(
    rows: pd.DataFrame, folds: Sequence[int], source: FoldsSource
) -> dict[int, Integers]:
    with contextlib.suppress(DataError):
        rows = rows[~excluded(source.exclude, rows)]
    of_rows, limit, seed = rows["fold"].to_numpy(), source.limit, source.seed
    positions = np.arange(len(rows))
    counts = {}
    for fold in folds:
        trained, _ = parts_of_fold(positions, of_rows, str(fold), limit, seed)
        counts[fold] = _counts(rows.iloc[trained])
    return counts


def _remove_unseen(counts: dict[int, Integers], table: OofTable) -> None:
    if table.seen is None:
        return
    for fold, own in counts.items():
        rows = np.flatnonzero((table.folds == fold) & ~table.seen)
        own[tuple(labels[rows] for labels in table.truth)] = 0


def _counts(rows: pd.DataFrame) -> Integers:
    counts = np.zeros(SHAPE, np.int64)
    np.add.at(counts, tuple(label_columns(rows)), 1)
    return counts
