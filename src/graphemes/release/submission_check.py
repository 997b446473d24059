"""A submission held against what is asked for: a bad one that nobody notices costs a day."""

from pathlib import Path

import numpy as np

from graphemes.competition.csv_columns import read_csv_columns
from graphemes.competition.submission import read_rows
from graphemes.evaluation.probability_files import read_columns, read_probabilities
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import probabilities_beside
from graphemes.foundation.progress import say

# Fewer images than this may well be all of one class; the visible test images are 12.
ENOUGH = 1000


def check_submission(path: Path, competition: Path) -> None:
    """Hold a submission against what is asked for; its number of rows is said.

    Raises DataError: a row missing, over or out of order, a gap, no whole number or no class of
    its head, probabilities that aren't finite, one class for all of many images.
    """
    asked = read_rows(competition)
    sample = competition / "sample_submission.csv"
    table = read_csv_columns(path, ["row_id", "target"], "run the notebook again")
    got = table.ids("row_id")
    if len(got) != len(asked.row_ids):
        raise DataError(
            f"{path}: {len(got):,} rows, expected {len(asked.row_ids):,} as in {sample};"
            " it was made from other test images"
        )
    pairs = zip(got, asked.row_ids, strict=True)
    odd = next((row for row, (one, other) in enumerate(pairs) if one != other), None)
    if odd is not None:
        table.fault(odd, f"row_id {got[odd]!r}, expected {asked.row_ids[odd]!r} as in {sample}")
    targets = table.integers("target", 0)
    _check_probabilities(probabilities_beside(path))
    for number, head in enumerate(HEADS):
        labels = targets[asked.heads == number]
        if labels.max() >= head.classes:
            raise DataError(f"{path}: {head.column} {labels.max()}, expected 0..{head.classes - 1}")
        if len(labels) >= ENOUGH and len(np.unique(labels)) == 1:
            raise DataError(
                f"{path}: all {len(labels):,} images have {head.column} {labels[0]}; expected"
                " several classes: are these weights trained?"
            )
    say(f"{path}: {len(got):,} rows for {len(asked.image_ids):,} images, as {sample.name} asks")


def _check_probabilities(path: Path) -> None:
    """What the labels were taken from is finite and sums to 1, a head at a time."""
    for head in HEADS:
        table, _ = read_columns(path, ["image_id", head.probability_column])
        read_probabilities(path, table, head)
