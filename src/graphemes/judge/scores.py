"""The report on out-of-fold tables: as a value for scores.json, and as lines for people."""

# N images, C classes of one head

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphemes.foundation.classes import class_name
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.judge.metrics import Labels, Score, WorstClass, score, worst_classes
from graphemes.judge.oof import OofTable


@dataclass(frozen=True)
class Report:
    """What the tables say, by fold and over all images at once."""

    folds: dict[int, Score]
    overall: Score
    worst: PerHead[list[WorstClass]]  # over all images


def report_on(table: OofTable, guess: PerHead[Labels] | None = None) -> Report:
    """Score a table (one, or several concatenated); `guess` defaults to the likeliest class.

    `overall` is the recall over all images, not the mean of the folds' recalls.
    """
    if guess is None:
        guess = table.probabilities.map(lambda values: values.argmax(axis=1).astype(np.int64))
    folds = {
        int(fold): score(table.truth, guess, table.folds == fold) for fold in np.unique(table.folds)
    }
    worst = PerHead(
        *(
            worst_classes(truth, guessed, head)
            for head, truth, guessed in zip(HEADS, table.truth, guess, strict=True)
        )
    )
    return Report(folds, score(table.truth, guess), worst)


def scores_json(report: Report) -> dict[str, Any]:
    """The value of scores.json: {"overall": {...}, "folds": {"0": {...}}}."""
    return {
        "overall": _entry(report.overall),
        "folds": {str(fold): _entry(part) for fold, part in report.folds.items()},
    }


def _entry(judged: Score) -> dict[str, Any]:
    return {
        "n": judged.n,
        "score": judged.score,
        "recall": judged.recall._asdict(),
        "absent": {name: list(labels) for name, labels in judged.absent._asdict().items()},
    }


def report_lines(report: Report, *, by_fold: bool = True) -> list[str]:
    """A table of scores, the classes the truth lacks, and each head's worst classes.

    by_fold: a line for each fold too, where the table's folds mean something.
    """
    folds = report.folds if by_fold else {}
    heads = "".join(f"{head.name:>11}" for head in HEADS)
    lines = [f"fold{'images':>9}{'score':>9}{heads}"]
    lines += [_row(str(fold), part) for fold, part in folds.items()]
    lines.append(_row("all", report.overall))
    for fold, part in folds.items():
        lines += _absent_lines(f"fold {fold}", part)
    lines += _absent_lines("all", report.overall)
    for head, worst in zip(HEADS, report.worst, strict=True):
        lines += ["", f"{head.name}: the {len(worst)} worst classes"]
        lines += [f"  recall{'images':>9}  class: taken for"]
        lines += [_worst_line(head.name, row) for row in worst]
    return lines


def _row(name: str, judged: Score) -> str:
    recalls = "".join(f"{recall:>11.4f}" for recall in judged.recall)
    return f"{name:>4}{judged.n:>9}{judged.score:>9.4f}{recalls}"


def _absent_lines(name: str, judged: Score) -> list[str]:
    return [
        f"{name}: {len(absent)} of {head.classes} {head.name} classes have no image, so don't count"
        for head, absent in zip(HEADS, judged.absent, strict=True)
        if absent
    ]


def _worst_line(head: str, row: WorstClass) -> str:
    # Bengali last: its letters are not of one width in a terminal.
    wrong = ", ".join(f"{class_name(head, label)} ({n})" for label, n in row.taken_for)
    return (
        f"  {row.recall:>6.4f}{row.n:>9}  {class_name(head, row.label)}: {wrong or 'nothing else'}"
    )
