"""The report on out-of-fold tables: as a value for scores.json, and as lines for people."""

# N images, C classes of one head

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.metrics import Score, WorstClass, score, worst_classes
from graphemes.evaluation.oof import OofTable
from graphemes.evaluation.unseen import UNSEEN_SHARE, Part, Parts, score_parts
from graphemes.foundation.arrays import Integers
from graphemes.foundation.classes import class_name
from graphemes.foundation.heads import HEADS, PerHead


@dataclass(frozen=True)
class Report:
    """What the tables say, by fold and over all images at once."""

    folds: dict[int, Score]
    overall: Score
    worst: PerHead[list[WorstClass]]  # over all images
    parts: dict[int, Parts]  # seen and unseen in training, by fold; {} where the table can't say
    overall_parts: Parts | None


def report_on(table: OofTable, guess: PerHead[Integers] | None = None) -> Report:
    """Score a table (one, or several concatenated); `guess` defaults to the likeliest class.

    `overall` is the recall over all images, not the mean of the folds' recalls.
    """
    if guess is None:
        guess = likeliest(table.probabilities)
    rows = {int(fold): table.folds == fold for fold in np.unique(table.folds)}
    folds = {fold: score(table.truth, guess, inside) for fold, inside in rows.items()}
    parts, overall_parts = {}, None
    if table.seen is not None:
        whole = np.ones(len(table.folds), bool)
        overall_parts = score_parts(table.truth, guess, table.seen, whole)
        parts = {
            fold: score_parts(table.truth, guess, table.seen, inside)
            for fold, inside in rows.items()
        }
    worst = PerHead(
        *(
            worst_classes(truth, guessed, head)
            for head, truth, guessed in zip(HEADS, table.truth, guess, strict=True)
        )
    )
    return Report(folds, score(table.truth, guess), worst, parts, overall_parts)


def scores_json(report: Report) -> dict[str, Any]:
    """The value of scores.json: {"overall": {...}, "folds": {"0": {...}}}.

    Each has n, score, recall and absent; and, where the table says which images are seen in
    training (`evaluation.unseen`), the same of `seen`, of `unseen` (with their number of graphemes)
    and of `weighted` (both, with `unseen_share` of the weight on the unseen); null if empty.
    """
    return {
        "overall": {**_entry(report.overall), **_parts_entry(report.overall_parts)},
        "folds": {
            str(fold): {**_entry(part), **_parts_entry(report.parts.get(fold))}
            for fold, part in report.folds.items()
        },
    }


def _parts_entry(parts: Parts | None) -> dict[str, Any]:
    if parts is None:
        return {}
    weighted = None
    if parts.weighted is not None:
        weighted = {"unseen_share": UNSEEN_SHARE, **_entry(parts.weighted)}
    return {"seen": _part(parts.seen), "unseen": _part(parts.unseen), "weighted": weighted}


def _part(part: Part | None) -> dict[str, Any] | None:
    return None if part is None else {"graphemes": part.graphemes, **_entry(part.score)}


def _entry(judged: Score) -> dict[str, Any]:
    return {
        "n": judged.n,
        "score": judged.score,
        "recall": judged.recall._asdict(),
        "absent": {name: list(labels) for name, labels in judged.absent._asdict().items()},
    }


def report_lines(report: Report, *, by_fold: bool = True) -> list[str]:
    """A table of scores, the classes the truth lacks, seen and unseen, each head's worst classes.

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
    lines += _parts_lines(report, by_fold=by_fold)
    for head, worst in zip(HEADS, report.worst, strict=True):
        lines += ["", f"{head.name}: the {len(worst)} worst classes"]
        lines += [f"  recall{'images':>9}  class: taken for"]
        lines += [_worst_line(head.name, row) for row in worst]
    return lines


def _row(name: str, judged: Score) -> str:
    recalls = "".join(f"{recall:>11.4f}" for recall in judged.recall)
    return f"{name:>4}{judged.n:>9}{judged.score:>9.4f}{recalls}"


def _parts_lines(report: Report, *, by_fold: bool) -> list[str]:
    """Seen, unseen and weighted scores; nothing where no image is unseen, or nobody knows."""
    named = [(str(fold), parts) for fold, parts in report.parts.items()] if by_fold else []
    if report.overall_parts is not None:
        named.append(("all", report.overall_parts))
    rows = [line for name, parts in named if parts.unseen for line in _part_rows(name, parts)]
    if not rows:
        return []
    heads = "".join(f"{head.name:>11}" for head in HEADS)
    return [
        "",
        "unseen in training: no training row of the fold has the image's root, vowel and consonant",
        f"fold{'images':>9}{'score':>9}{heads}  part",
        *rows,
        f"weighted: unseen images weigh {UNSEEN_SHARE:.1%} in all, their share of the competition's"
        " private test images: the offline measure of what decided the private ranking",
    ]


def _part_rows(name: str, parts: Parts) -> list[str]:
    scored = [
        (part.score, f"{word}, {part.graphemes:,} graphemes")
        for word, part in (("seen", parts.seen), ("unseen", parts.unseen))
        if part is not None
    ]
    if parts.weighted is not None:
        scored.append((parts.weighted, "weighted"))
    return [f"{_row(name, judged)}  {word}" for judged, word in scored]


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
