"""What a report is made of: a run's finished folds, read back from their files."""

import contextlib
import functools
import json
from dataclasses import dataclass
from typing import Any

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.decision_files import DecisionFile, read_decisions
from graphemes.evaluation.mistakes import confident_mistakes
from graphemes.evaluation.oof import OofTable, concatenate, read_oof
from graphemes.evaluation.score_report import ScoreReport, make_report
from graphemes.foundation.arrays import Integers
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import CALL, FoldPaths, Layout
from graphemes.pipeline.decision_fitting import table_digests
from graphemes.pipeline.run_records import RunRecord
from graphemes.pipeline.scoring import scored_folds
from graphemes.pipeline.training_counts import TrainingCounts, folds_source, training_counts


@dataclass(frozen=True)
class Material:
    """A run: its finished folds that have a table, and what they wrote down."""

    layout: Layout
    places: list[FoldPaths]
    records: list[RunRecord]  # as places
    logs: list[list[dict[str, Any]]]  # as places, an entry an epoch
    table: OofTable
    guess: PerHead[Integers]  # (N,) the likeliest class of each head
    scores: ScoreReport  # of that
    decisions: DecisionFile | None  # fitted on these very tables
    counts: TrainingCounts | None  # None where nobody knows what was trained on

    @property
    def title(self) -> str:
        """What the run is called on the page."""
        return self.layout.name or "the run without a name"

    @functools.cached_property
    def mistakes(self) -> Integers:
        """Rows of the images that are read wrong, the most confident first."""
        return confident_mistakes(self.table.truth, self.guess, self.table.probabilities)

    @property
    def demo(self) -> bool:
        """Whether it is of drawings that stand for the competition's images."""
        return self.records[0].identity.demo


def gather(layout: Layout) -> Material:
    """A run's finished folds. Raises DataError where there is none, or a file isn't whole."""
    places = scored_folds(layout)
    if not places:
        raise DataError(_nothing_to_report(layout))
    table = concatenate([read_oof(place.oof) for place in places])
    guess = likeliest(table.probabilities)
    return Material(
        layout,
        places,
        [RunRecord.read(place.run) for place in places],
        [_log(place) for place in places],
        table,
        guess,
        make_report(table, guess),
        _decisions(layout, places),
        training_counts(table, folds_source(layout, places)),
    )


def _nothing_to_report(layout: Layout) -> str:
    train = f"{CALL} fold=0" + (f" name={layout.name}" if layout.name else "")
    if layout.fold("none").finished:
        return (
            f"{layout.run_dir}: trained on every row (fold=none), so no image is left to judge it"
            f" and nothing to report; to see how such a network reads, train a fold too: {train}"
        )
    return (
        f"{layout.run_dir}: no finished fold with an out-of-fold table, so nothing to report;"
        f" train one first: {train}"
    )


def _log(place: FoldPaths) -> list[dict[str, Any]]:
    """The entries of a log; none where it is gone or isn't one: curves are all that is lost."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        entries = [json.loads(line) for line in place.log.read_text("utf-8").splitlines()]
        if all(map(_is_entry, entries)):
            return entries
    return []


def _is_entry(entry: Any) -> bool:
    """Whether a line is one of an epoch, as curves need it."""
    if not isinstance(entry, dict):
        return False
    numbers = [entry.get("epoch"), entry.get("loss")]
    if entry.get("score") is not None:
        recall = entry.get("recall")
        numbers.append(entry["score"])
        numbers += [recall.get(head.name) for head in HEADS] if isinstance(recall, dict) else [None]
    return all(isinstance(one, int | float) for one in numbers)


def _decisions(layout: Layout, places: list[FoldPaths]) -> DecisionFile | None:
    with contextlib.suppress(DataError):
        if layout.decisions.is_file():
            found = read_decisions(layout.decisions)
            return found if found.tables == table_digests(places) else None
    return None
