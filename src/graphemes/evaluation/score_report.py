"""The report on out-of-fold tables: as a value for scores.json, and as lines for people."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.metrics import Score, WorstClass, score, worst_classes
from graphemes.evaluation.oof import OofTable
from graphemes.evaluation.unseen import UNSEEN_SHARE, SubsetScore, SubsetScores, score_subsets
from graphemes.foundation.arrays import Integers
from graphemes.foundation.classes import class_name
from graphemes.foundation.heads import HEADS, PerHead

CELL_TITLES = f"{'images':>9}{'score':>9}" + "".join(f"{head.name:>11}" for head in HEADS)


@dataclass(frozen=True)
class ScoreReport:
    """What the tables say, by fold and over all images at once."""

    folds: dict[int, Score]
    overall: Score
    worst: PerHead[list[WorstClass]]  # over all images
    subsets: dict[int, SubsetScores]  # seen and unseen, by fold; {} where the table can't say
    overall_subsets: SubsetScores | None


def make_report(table: OofTable, guess: PerHead[Integers] | None = None) -> ScoreReport:
    """Score a table (one, or several concatenated); `guess` defaults to the likeliest class.

    `overall` is the recall over all images, not the mean of the folds' recalls.
    """
    if guess is None:
        guess = likeliest(table.probabilities)
    rows = {int(fold): table.folds == fold for fold in np.unique(table.folds)}
    folds = {fold: score(table.truth, guess, inside) for fold, inside in rows.items()}
    subsets, overall_subsets = {}, None
    if table.seen is not None:
        whole = np.ones(len(table.folds), bool)
        overall_subsets = score_subsets(table.truth, guess, table.seen, whole)
        subsets = {
            fold: score_subsets(table.truth, guess, table.seen, inside)
            for fold, inside in rows.items()
        }
    worst = PerHead(
        *(
            worst_classes(truth, guessed, head)
            for head, truth, guessed in zip(HEADS, table.truth, guess, strict=True)
        )
    )
    return ScoreReport(folds, score(table.truth, guess), worst, subsets, overall_subsets)


def scores_json(report: ScoreReport) -> dict[str, Any]:
    """The value of scores.json: {"overall": {...}, "folds": {"0": {...}}}.

    Each has n, score, recall and absent; and, where the table says which images are seen in
    training (`evaluation.unseen`), the same of `seen`, of `unseen` (with their number of graphemes)
    and of `weighted` (both, with `unseen_share` of the weight on the unseen); null if empty.
    """
    return {
        "overall": {**_entry(report.overall), **_subset_entries(report.overall_subsets)},
        "folds": {
            str(fold): {**_entry(result), **_subset_entries(report.subsets.get(fold))}
            for fold, result in report.folds.items()
        },
    }


def _subset_entries(subsets: SubsetScores | None) -> dict[str, Any]:
    if subsets is None:
        return {}
    weighted = None
    if subsets.weighted is not None:
        weighted = {"unseen_share": UNSEEN_SHARE, **_entry(subsets.weighted)}
    return {
        "seen": _subset_entry(subsets.seen),
        "unseen": _subset_entry(subsets.unseen),
        "weighted": weighted,
    }


def _subset_entry(subset: SubsetScore | None) -> dict[str, Any] | None:
    return None if subset is None else {"graphemes": subset.graphemes, **_entry(subset.score)}


def _entry(result: Score) -> dict[str, Any]:
    return {
        "n": result.n,
        "score": result.score,
        "recall": result.recall._asdict(),
        "absent": {name: list(labels) for name, labels in result.absent._asdict().items()},
    }


def report_lines(report: ScoreReport, *, by_fold: bool = True) -> list[str]:
    """A table of scores, the classes the truth lacks, seen and unseen, each head's worst classes.

    by_fold: a line for each fold too, where the table's folds mean something.
    """
    folds = report.folds if by_fold else {}
    lines = [f"fold{CELL_TITLES}"]
    lines += [_row(str(fold), result) for fold, result in folds.items()]
    lines.append(_row("all", report.overall))
    for fold, result in folds.items():
        lines += _absent_lines(f"fold {fold}", result)
    lines += _absent_lines("all", report.overall)
    lines += _subset_lines(report, by_fold=by_fold)
    for head, worst in zip(HEADS, report.worst, strict=True):
        lines += ["", f"{head.name}: the {len(worst)} worst classes"]
        lines += [f"  recall{'images':>9}  class: taken for"]
        lines += [_worst_line(head.name, row) for row in worst]
    return lines


def _row(name: str, result: Score) -> str:
    return f"{name:>4}{score_cells(result)}"


def score_cells(result: Score) -> str:
    """Images, score and recalls of a row, in the columns that CELL_TITLES names."""
    recalls = "".join(f"{recall:>11.4f}" for recall in result.recall)
    return f"{result.n:>9}{result.score:>9.4f}{recalls}"


def _subset_lines(report: ScoreReport, *, by_fold: bool) -> list[str]:
    """Seen, unseen and weighted scores; nothing where no image is unseen, or nobody knows."""
    named = [(str(fold), subsets) for fold, subsets in report.subsets.items()] if by_fold else []
    if report.overall_subsets is not None:
        named.append(("all", report.overall_subsets))
    rows = [line for name, two in named if two.unseen for line in _subset_rows(name, two)]
    if not rows:
        return []
    return [
        "",
        "unseen in training: no training row of the fold has the image's root, vowel and consonant",
        f"fold{CELL_TITLES}  subset",
        *rows,
        f"weighted: unseen images weigh {UNSEEN_SHARE:.1%} in all, their share of the competition's"
        " private test images: the offline measure of what decided the private ranking",
    ]


def _subset_rows(name: str, subsets: SubsetScores) -> list[str]:
    scored = [
        (subset.score, f"{word}, {subset.graphemes:,} graphemes")
        for word, subset in (("seen", subsets.seen), ("unseen", subsets.unseen))
        if subset is not None
    ]
    if subsets.weighted is not None:
        scored.append((subsets.weighted, "weighted"))
    return [f"{_row(name, result)}  {word}" for result, word in scored]


def _absent_lines(name: str, result: Score) -> list[str]:
    return [
        f"{name}: {len(absent)} of {head.classes} {head.name} classes have no image, so don't count"
        for head, absent in zip(HEADS, result.absent, strict=True)
        if absent
    ]


def _worst_line(head: str, row: WorstClass) -> str:
    # Bengali last: its letters are not of one width in a terminal.
    wrong = ", ".join(f"{class_name(head, label)} ({n})" for label, n in row.taken_for)
    return (
        f"  {row.recall:>6.4f}{row.n:>9}  {class_name(head, row.label)}: {wrong or 'nothing else'}"
    )
