"""A run's decision rules, fitted on its out-of-fold tables and kept in decisions.json."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphemes.evaluation.decide import Argmax
from graphemes.evaluation.decision_files import DecisionFile, read_decisions, write_decisions
from graphemes.evaluation.decision_report import caution, decision_lines, nested_rows, why_won
from graphemes.evaluation.nested import PARTS, fit_and_judge
from graphemes.evaluation.oof import OofTable
from graphemes.evaluation.winners import AUTO, LEAST
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import file_digest
from graphemes.foundation.layout import FoldPaths, Layout
from graphemes.foundation.progress import say
from graphemes.foundation.settings.types import Decide
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.run_records import leakage_told, read_identity
from graphemes.pipeline.training_counts import FoldsSource, folds_source, training_counts

UNKNOWN = (
    "its folds file isn't here, so nobody knows which graphemes there are: joint can't win, and"
    " classes are as frequent as in the table"
)


def decide_run(
    layout: Layout, places: Sequence[FoldPaths], table: OofTable, decide: Decide
) -> dict[str, Any]:
    """Fit the rules on a run's table unless they are there; the entry `decision` of scores.json.

    Writes decisions.json and says how the rules do, and which is taken. With decide=argmax nothing
    is fitted; nor where the folds are of several runs, nor, with auto, where images are few.
    """
    found = fit_run(layout, places, table, decide)
    return {"rule": Argmax.name} if found is None else _entry(found, decide)


def fit_run(
    layout: Layout, places: Sequence[FoldPaths], table: OofTable, decide: Decide
) -> DecisionFile | None:
    """The rules of a run's table, as `decide_run` says; None where none are fitted."""
    identity = one_identity(places)
    if identity is None:
        say("the folds are of several runs, so no decision rule is fitted: argmax")
    elif fits(decide, len(table.folds)):
        for told in filter(None, map(leakage_told, places)):
            say(f"WARNING: {told}: rules that are fitted on them gain less elsewhere")
        source = folds_source(layout, places)
        return fitted_file(layout.decisions, identity, table_digests(places), table, source)
    return None


def table_digests(places: Sequence[FoldPaths]) -> dict[str, str]:
    """The digest of each fold's out-of-fold table, by its number."""
    return {str(place.number): file_digest(place.oof) for place in places}


def fits(decide: Decide, images: int) -> bool:
    """Whether rules are to be fitted on so many images; says why auto doesn't."""
    if decide == "auto" and images < LEAST:
        say(f"decide=auto: argmax: {why_won(Argmax.name, images)}")
        return False
    return decide != "argmax"


def fitted_file(
    path: Path,
    identity: RunIdentity,
    tables: dict[str, str],
    table: OofTable,
    source: FoldsSource,
) -> DecisionFile:
    """The rules fitted on a table: those at `path`, if they are of these `tables` and identity.

    `tables`: digests by fold.
    """
    if kept := _kept(path, tables, identity):
        return kept
    say(f"fitting decision rules on {len(table.folds):,} images")
    seed = int(identity.settings.get("seed") or 0)
    known = training_counts(table, source)
    if known is None:
        say(UNKNOWN)
        fitted = fit_and_judge(table, None, seed)
    else:
        fitted = fit_and_judge(table, known.by_fold, seed)
        if identity.settings.get("limit") is None and identity.settings.get("exclude") is None:
            fitted = replace(fitted, whole=known.whole)
    write_decisions(path, fitted, identity=identity.as_json(), tables=tables, seed=seed)
    say(f"{path}: written")
    return read_decisions(path)


def say_decision(found: DecisionFile, decide: Decide) -> None:
    """Say how the rules do, and which is taken."""
    for line in ("", *decision_lines(found.nested), *_taken_lines(found, decide)):
        say(line)


def _entry(found: DecisionFile, decide: Decide) -> dict[str, Any]:
    """Say how the rules do; the entry of the one that is taken."""
    say_decision(found, decide)
    row = found.row(decide)
    return {
        "rule": found.taken(decide).name,
        "judged_by": found.judged_by,
        "nested_score": row.judged,
        "gain": row.gain,
        "error": row.error,
    }


def one_identity(places: Sequence[FoldPaths]) -> RunIdentity | None:
    """The identity that folds with a record share, weights or none; None where they don't."""
    kept = [read_identity(place.run) for place in places]
    same = all(not one.differences(kept[0]) for one in kept)
    return kept[0] if kept and same else None


def _taken_lines(found: DecisionFile, decide: Decide) -> list[str]:
    by = "the score in which unseen images weigh as on the private leaderboard"
    judged = f"; judged by {by}" if found.judged_by == "weighted" else ""
    if decide != "auto":
        return [f"decide={decide}: as asked{judged}"]
    why = (
        f"{why_won(found.winner, found.images)}, nested on {PARTS} parts of {found.images:,} images"
    )
    warning = caution(found.winner, found.nested)
    return [f"decide=auto: {found.winner}: {why}{judged}", *([warning] if warning else [])]


def _kept(path: Path, tables: dict[str, str], identity: RunIdentity) -> DecisionFile | None:
    """The rules that were fitted on these very tables; None where they are to be fitted."""
    with contextlib.suppress(DataError, ValueError):
        found = read_decisions(path)
        same = not RunIdentity.from_json(found.identity).differences(identity)
        if same and found.tables == tables and AUTO in found.nested:  # earlier files lack that
            say(f"{path}: fitted on these tables: kept")
            return found
    return None


def table_lines(table: OofTable, files: Sequence[Path]) -> list[str]:
    """How rules do that are fitted on somebody's table, for people."""
    known = training_counts(table, FoldsSource(files))
    fitted = fit_and_judge(table, None if known is None else known.by_fold, seed=0)
    rows = nested_rows(fitted)
    lines = ["", *decision_lines(rows), *([UNKNOWN] if known is None else [])]
    best = f"the best beyond its error: {fitted.winner}; nested on {PARTS} parts"
    warning = caution(fitted.winner, rows)
    return [*lines, f"{best} of {len(table.folds):,} images", *([warning] if warning else [])]
