"""What the notebooks show as tables: recalls, the worst classes, what was read.

Bengali stands in tables alone: a browser spells it, matplotlib doesn't join its letters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from graphemes.competition.csv_columns import read_csv_columns
from graphemes.competition.submission import read_rows
from graphemes.evaluation.ensemble import aligned, mixed
from graphemes.evaluation.metrics import Score, WorstClass
from graphemes.evaluation.oof import OofTable, concatenate, read_oof
from graphemes.evaluation.score_report import make_report
from graphemes.foundation.classes import class_name, spelled
from graphemes.foundation.heads import HEADS, Head, PerHead
from graphemes.foundation.layout import FoldPaths

CLASSES_SHOWN = 3  # of a head's worst


def out_of_fold(folds: Sequence[Path]) -> OofTable | None:
    """The out-of-fold tables of folds' folders as one; None where there is none."""
    files = [FoldPaths(fold).oof for fold in folds if FoldPaths(fold).oof.is_file()]
    return concatenate([read_oof(path) for path in files]) if files else None


def mixed_out_of_fold(
    runs: Mapping[str, Sequence[Path]], shares: Sequence[float]
) -> OofTable | None:
    """The tables of several runs as one, mixed by their shares; of one run as they are.

    None where there is none. Raises DataError for runs that don't agree in images and folds.
    """
    found = [out_of_fold(folds) for folds in runs.values()]
    tables = [table for table in found if table is not None]
    if len(tables) < len(found):
        return None
    if len(tables) == 1:
        return tables[0]
    ordered = aligned(list(runs), tables)
    return replace(
        ordered[0], probabilities=mixed([table.probabilities for table in ordered], shares)
    )


def recalls(table: OofTable | None) -> pd.DataFrame:
    """Images, score and recall of each head: a row a fold, and one for all."""
    if table is None:
        return _nothing()
    report = make_report(table)
    rows = {f"fold {fold}": _row(result) for fold, result in report.folds.items()}
    return pd.DataFrame({**rows, "all": _row(report.overall)}).T


def worst_classes(table: OofTable | None) -> pd.DataFrame:
    """The classes read worst, some of each head, and what they are taken for."""
    if table is None:
        return _nothing()
    worst = make_report(table).worst
    rows = [
        {
            "head": head.name,
            "class": class_name(head.name, one.label),
            "images": one.n,
            "recall": f"{one.recall:.4f}",
            "taken for": _taken_for(head, one),
        }
        for head, found in zip(HEADS, worst, strict=True)
        for one in found[:CLASSES_SHOWN]
    ]
    return pd.DataFrame(rows)


def read_graphemes(submission: Path, competition: Path, count: int = 12) -> pd.DataFrame:
    """The first images asked for: the three labels that a submission gives them, and the string."""
    asked = read_rows(competition)
    table = read_csv_columns(submission, ["row_id", "target"], "run the notebook again")
    labels = np.zeros((len(asked.image_ids), len(HEADS)), np.int64)
    labels[asked.images, asked.heads] = table.integers("target", 0)
    read = [PerHead(*map(int, row)) for row in labels[:count]]
    shown = pd.DataFrame(read, asked.image_ids[: len(read)])
    return shown.assign(grapheme=[spelled(one) for one in read])


def _row(result: Score) -> dict[str, str]:
    named = {"images": f"{result.n:,}", "score": f"{result.score:.4f}"}
    return named | {key: f"{value:.4f}" for key, value in result.recall._asdict().items()}


def _taken_for(head: Head, one: WorstClass) -> str:
    named = [f"{class_name(head.name, label)} ({n})" for label, n in one.taken_for]
    return ", ".join(named) or "nothing else"


def _nothing() -> pd.DataFrame:
    return pd.DataFrame({"out-of-fold tables": ["none here, so nothing to show"]})
