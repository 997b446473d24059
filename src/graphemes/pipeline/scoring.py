"""Out-of-fold tables, or weights and labelled images, to a printed table and scores.json."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphemes.competition.labels import read_labels
from graphemes.evaluation.decide import Argmax, decided
from graphemes.evaluation.folds import read_folds
from graphemes.evaluation.oof import OofTable, concatenate, read_oof
from graphemes.evaluation.score_report import ScoreReport, make_report, report_lines, scores_json
from graphemes.evaluation.unseen import seen_by_folds
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.files import write_json
from graphemes.foundation.layout import CALL, FoldPaths, Layout
from graphemes.foundation.progress import progress, say
from graphemes.foundation.settings.commands import ScoreSettings
from graphemes.foundation.settings.types import Decide
from graphemes.images.dataset import StoreDataset, loader
from graphemes.images.sampling import Batches
from graphemes.images.transforms import make_transform
from graphemes.inference.predict import probabilities
from graphemes.network.devices import Engine
from graphemes.pipeline.belonging import check_table
from graphemes.pipeline.decision_fitting import decide_run, table_lines
from graphemes.pipeline.decisions import ChosenRule, choose_rule, identities_of
from graphemes.pipeline.existing_results import kept_identity
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.leakage import seen_by_weights
from graphemes.pipeline.trained_networks import ReadyNetworks, find_weights, load_networks
from graphemes.pipeline.training_data import TrainingData, open_training_data
from graphemes.pipeline.workspace import find_layout, find_workspace


def score_run(layout: Layout, decide: Decide, asked: RunIdentity | None = None) -> None:
    """Score a run's finished folds (those of the identity `asked`), print it, write scores.json.

    The scores are argmax's. Decision rules are fitted on the tables too, and decisions.json
    written.
    """
    places = scored_folds(layout, asked)
    if not places:
        raise DataError(
            f"{layout.run_dir}: no finished fold with an out-of-fold table;"
            f" train one first: {CALL} fold=0"
        )
    table = concatenate(_read_all([place.oof for place in places], layout))
    report = make_report(table)
    if table.tta != "none":
        say(f"the score is of tables made with tta={table.tta}; an epoch's was of single pictures")
    _print(report)
    decision = decide_run(layout, places, table, decide)
    write_json(layout.scores, {**scores_json(report), "decision": decision})
    say(f"{layout.scores}: written")


def scored_folds(layout: Layout, asked: RunIdentity | None = None) -> list[FoldPaths]:
    """A run's finished folds, those of the identity `asked`, that have a table.

    Raises DataError for a table of another run.
    """
    found = [place for place in layout.folds() if _counts(place, asked)]
    for place in found:
        check_table(place)
    return found


def _counts(paths: FoldPaths, asked: RunIdentity | None) -> bool:
    kept, status = kept_identity(paths)
    if kept is None or status != "finished" or not paths.oof.is_file():
        return False
    return asked is None or not kept.differences(asked)


def score_tables(named: Sequence[Path], settings: ScoreSettings) -> None:
    """Score tables that are named, anybody's, and print it; nothing is written."""
    layout = _layout(settings)
    table = concatenate(_read_all(named, layout))
    _print(make_report(table))
    if settings.decide != "argmax":
        known = [layout.folds_csv, layout.folds_by_grapheme_csv] if layout else []
        for line in table_lines(table, known):
            say(line)


def _layout(settings: ScoreSettings) -> Layout | None:
    """None where there can be no work_dir: somebody's table is scored without it."""
    with contextlib.suppress(UserError):
        return find_layout(settings)
    return None


def _read_all(paths: Sequence[Path], layout: Layout | None) -> list[OofTable]:
    """The tables. One that doesn't say what was seen takes it from the folds files, if one fits."""
    tables = [read_oof(path) for path in paths]
    for table in tables:
        for line in table.warnings():
            say(f"warning: {line}")
    if layout is None or all(table.seen is not None for table in tables):
        return tables
    known = _folds_tables(layout)
    return [table if table.seen is not None else _with_seen(table, known) for table in tables]


def _folds_tables(layout: Layout) -> list[pd.DataFrame]:
    """The folds files that are there and whole; what is wrong with others is no matter here."""
    tables = []
    for path in (layout.folds_csv, layout.folds_by_grapheme_csv):
        with contextlib.suppress(DataError):
            tables.append(read_folds(path, read_labels(path)))
    return tables


def _with_seen(table: OofTable, known: list[pd.DataFrame]) -> OofTable:
    found = (seen_by_folds(table, folds) for folds in known)
    return dataclasses.replace(table, seen=next((seen for seen in found if seen is not None), None))


def _print(report: ScoreReport, *, by_fold: bool = True) -> None:
    for line in report_lines(report, by_fold=by_fold):
        say(line)


def score_weights(named: Sequence[Path], settings: ScoreSettings) -> None:
    """Score weights on the labelled images that none of them was trained on."""
    workspace = find_workspace(settings)
    paths = find_weights(named, say)
    ready = load_networks(paths, workspace.engine, settings.grapheme_pool, settings.tta)
    chosen = choose_rule(settings.decide, paths, identities_of(ready.records, ready.otherwise))
    workspace.draw_demo()
    data = open_training_data(workspace)
    rows = _untrained_rows(data, paths)
    say(f"{len(rows):,} of {len(data.rows):,} labelled images are outside the training rows")
    if ready.tta != "none":
        say(f"each is read in several views (tta={ready.tta}), whose probabilities are averaged")
    table = _table(data, rows, ready, workspace.engine, settings)
    _print(make_report(table), by_fold=False)
    if not isinstance(chosen.rule, Argmax):
        say(f"\n{chosen.why}: {_reached(chosen, table, data.store.digest)}")


def _reached(chosen: ChosenRule, table: OofTable, data: str) -> str:
    """What a rule scores on a table; what it did when judged, if it was fitted on these images."""
    if chosen.fitted_on(data):
        return f"fitted on these images; nested {chosen.nested:.4f}"
    report = make_report(table, decided(chosen.rule, table.probabilities))
    heads = ", ".join(f"{name} {x:.4f}" for name, x in report.overall.recall._asdict().items())
    return f"score {report.overall.score:.4f} ({heads})"


def _untrained_rows(data: TrainingData, paths: list[Path]) -> Any:
    rows = data.rows[~seen_by_weights(data, paths)]
    if not len(rows):
        raise DataError(
            f"{paths[0]}: these weights were trained on every labelled image here;"
            " expected some they have not seen; use another data_dir"
        )
    return rows


def _table(
    data: TrainingData, rows: Any, ready: ReadyNetworks, engine: Engine, settings: ScoreSettings
) -> OofTable:
    compose = make_transform(ready.image_size, ready.crop)
    store = data.store
    scans = StoreDataset(store.pixels, store.frames, compose, fingerprints=store.fingerprints)
    batches = Batches(rows, settings.batch_size)
    batched = loader(scans, batches, settings.workers, engine.device)
    with progress("scoring", len(rows)) as advance:
        found = probabilities(ready.networks, batched, engine, advance, ready.tta)
    return OofTable(
        image_ids=[data.store.ids[row] for row in rows],
        folds=np.zeros(len(rows), np.int64),
        truth=data.by_row.map(lambda column: column[rows]),
        probabilities=found,
    )
