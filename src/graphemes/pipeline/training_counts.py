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
from graphemes.pipeline.run_records import RunRecord


def folds_files(layout: Layout, places: Sequence[FoldPaths]) -> list[Path]:
    """Where a run's folds may stand: the shared files, or the one that was named."""
    named = RunRecord.read(places[0].run).settings or {}
    mine = [Path(named["folds"])] if isinstance(named.get("folds"), str) else []
    return [layout.folds_csv, layout.folds_by_grapheme_csv, *mine]


@dataclass(frozen=True)
class TrainingCounts:
    """The images of each grapheme, (168, 11, 7)."""

    by_fold: dict[int, Integers]  # in the fold's training rows
    whole: Integers  # in all rows


def training_counts(table: OofTable, files: Sequence[Path]) -> TrainingCounts | None:
    """What the folds of a table had to train on.

    Of the folds file that the table was made with, if it is among `files`; else None. Graphemes
    that the table says are unseen are in no training row, whatever the file has: limit or exclude
    left them out.
    """
    folds = np.unique(table.folds).tolist()
    for path in files:
        with contextlib.suppress(DataError):
            rows = read_folds(path, read_labels(path))
            if folds_digest(rows) == table.digests.get("folds"):
                counts = {fold: _counts(rows[rows["fold"] != fold]) for fold in folds}
                _remove_unseen(counts, table)
                return TrainingCounts(counts, _counts(rows))
    return None


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
