"""A run's decision rules, fitted on its out-of-fold tables and kept in decisions.json."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphemes.competition.labels import label_columns, read_labels
from graphemes.evaluation.decide import SHAPE, Argmax
from graphemes.evaluation.decision_files import DecisionFile, read_decisions, write_decisions
from graphemes.evaluation.decision_report import decision_lines, nested_rows
from graphemes.evaluation.folds import folds_digest, read_folds
from graphemes.evaluation.nested import LEAST, PARTS, Fitted, fit_and_judge
from graphemes.evaluation.oof import OofTable
from graphemes.foundation.arrays import Integers
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import file_digest
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import FoldPaths, Layout
from graphemes.foundation.progress import say
from graphemes.foundation.settings.types import Decide
from graphemes.pipeline.existing_results import kept_identity
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.run_records import RunRecord


def decide_run(
    layout: Layout, places: Sequence[FoldPaths], table: OofTable, decide: Decide
) -> dict[str, Any]:
    """Fit the rules on a run's table unless they are there; the entry `decision` of scores.json.

    Writes decisions.json and says how the rules do, and which is taken. With decide=argmax nothing
    is fitted; nor where the folds are of several runs, nor, with auto, where images are few.
    """
    identity, images = _one_identity(places), len(table.folds)
    if identity is None:
        say("the folds are of several runs, so no decision rule is fitted: argmax")
    if decide == "auto" and images < LEAST:
        say(f"decide=auto: argmax: {images:,} images are too few to choose a rule by ({LEAST})")
    elif decide != "argmax" and identity is not None:
        return _entry(
            _kept(layout.decisions, places, identity) or _fit(layout, places, table, identity),
            decide,
        )
    return {"rule": Argmax.name}


def _entry(found: DecisionFile, decide: Decide) -> dict[str, Any]:
    """Say how the rules do; the entry of the one that is taken."""
    name = found.winner if decide == "auto" else decide
    row = found.nested[name]
    for line in ("", *decision_lines(found.nested), _taken_line(found, decide, name)):
        say(line)
    return {
        "rule": name,
        "judged_by": found.judged_by,
        "nested_score": row.judged,
        "gain": row.gain,
        "error": row.error,
    }


def _one_identity(places: Sequence[FoldPaths]) -> RunIdentity | None:
    """The identity that folds share; None where they don't."""
    kept = [identity for place in places if (identity := kept_identity(place)[0]) is not None]
    same = all(not one.differences(kept[0]) for one in kept)
    return kept[0] if kept and same else None


def _taken_line(found: DecisionFile, decide: Decide, name: str) -> str:
    by = "the score in which unseen images weigh as on the private leaderboard"
    judged = f"; judged by {by}" if found.judged_by == "weighted" else ""
    if decide != "auto":
        return f"decide={decide}: as asked{judged}"
    why = "it gains most beyond its error"
    if name == Argmax.name:
        why = "no gain is beyond its error" if found.images >= LEAST else "images are too few"
    return f"decide=auto: {name}: {why}, nested on {PARTS} parts of {found.images:,} images{judged}"


def _kept(path: Path, places: Sequence[FoldPaths], identity: RunIdentity) -> DecisionFile | None:
    """The rules that were fitted on these very tables; None where they are to be fitted."""
    with contextlib.suppress(DataError, ValueError):
        found = read_decisions(path)
        same = not RunIdentity.from_json(found.identity).differences(identity)
        if same and found.tables == _tables(places):
            say(f"{path}: fitted on these tables: kept")
            return found
    return None


def _tables(places: Sequence[FoldPaths]) -> dict[str, str]:
    return {str(place.number): file_digest(place.oof) for place in places}


def _fit(
    layout: Layout, places: Sequence[FoldPaths], table: OofTable, identity: RunIdentity
) -> DecisionFile:
    say(f"fitting decision rules on {len(table.folds):,} images")
    seed = int(identity.settings.get("seed") or 0)
    fitted = fit_and_judge(table, training_counts(table, _folds_files(layout, places)), seed)
    write_decisions(
        layout.decisions, fitted, identity=identity.as_json(), tables=_tables(places), seed=seed
    )
    say(f"{layout.decisions}: written")
    return read_decisions(layout.decisions)


def table_lines(table: OofTable, files: Sequence[Path]) -> list[str]:
    """How rules do that are fitted on somebody's table, for people."""
    counts = training_counts(table, files)
    fitted: Fitted = fit_and_judge(table, counts, seed=0)
    lines = ["", *decision_lines(nested_rows(fitted))]
    if all(own.all() for own in counts.values()):
        lines.append("its folds file isn't here, so joint doesn't know which graphemes there are")
    best = f"the best beyond its error: {fitted.winner}; nested on {PARTS} parts"
    return [*lines, f"{best} of {len(table.folds):,} images"]


def _folds_files(layout: Layout, places: Sequence[FoldPaths]) -> list[Path]:
    """Where a run's folds may stand: the shared files, or the one that was named."""
    named = RunRecord.read(places[0].run).settings or {}
    mine = [Path(named["folds"])] if isinstance(named.get("folds"), str) else []
    return [layout.folds_csv, layout.folds_by_grapheme_csv, *mine]


def training_counts(table: OofTable, files: Sequence[Path]) -> dict[int, Integers]:
    """By fold of a table, the images of each grapheme, (168, 11, 7), in its training rows.

    Of the folds file that the table was made with, if it is among `files`. Else nothing is known
    of graphemes: the table's classes, as if they met by chance.
    """
    folds = np.unique(table.folds).tolist()
    for path in files:
        with contextlib.suppress(DataError):
            rows = read_folds(path, read_labels(path))
            if folds_digest(rows) == table.digests.get("folds"):
                return {fold: _counts(rows[rows["fold"] != fold]) for fold in folds}
    return dict.fromkeys(folds, _chance_counts(table.truth))


def _counts(rows: pd.DataFrame) -> Integers:
    counts = np.zeros(SHAPE, np.int64)
    np.add.at(counts, tuple(label_columns(rows)), 1)
    return counts


def _chance_counts(truth: PerHead[Integers]) -> Integers:
    """Counts in which every grapheme occurs, and the classes' shares are the table's."""
    shares = [
        np.maximum(np.bincount(own, minlength=head.classes), 1) / len(own)
        for head, own in zip(HEADS, truth, strict=True)
    ]
    product = np.einsum("r,v,c->rvc", *shares)
    counts: Integers = np.maximum(np.rint(product * 1e9), 1).astype(np.int64)
    return counts
