"""Runs that are averaged: their tables side by side, and the shares fitted on them, on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.ensemble import aligned, fitted_shares, mixed, nested_mixture
from graphemes.evaluation.gains import gain_and_error
from graphemes.evaluation.metrics import Score, score
from graphemes.evaluation.oof import MUST_AGREE, OofTable, concatenate, read_oof
from graphemes.evaluation.score_report import CELL_TITLES, score_cells
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import file_digest
from graphemes.foundation.heads import Probabilities
from graphemes.foundation.layout import CALL, Layout, numbered
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.foundation.settings.types import NAMELESS, Shares
from graphemes.network.weights import WeightsRecord, read_record
from graphemes.pipeline.ensemble_decisions import Mixture, mixture, seen_by_all
from graphemes.pipeline.run_records import leakage_told
from graphemes.pipeline.share_file import ShareEntry, keep_shares, read_shares
from graphemes.pipeline.trained_networks import finished_tables, finished_weights


@dataclass(frozen=True)
class RunShare:
    """One run of an ensemble."""

    name: str  # as runs= has it
    weights: list[Path]
    share: float


def layout_of(layout: Layout, name: str) -> Layout:
    """The layout of a run by its word in runs=. Raises DataError where there is no such run."""
    found = Layout(layout.work_dir, None if name == NAMELESS else name)
    if not found.run_dir.is_dir() or not (found.folds() or found.fold("none").finished):
        root = layout.folds_csv.parent
        runs = [path for path in layout.runs() if numbered(path)]
        known = ", ".join(NAMELESS if path == root else path.name for path in runs)
        raise DataError(f"runs={name}: {found.run_dir} has no fold; there are {known or 'no runs'}")
    return found


def fit_run_shares(layout: Layout, runs: Sequence[str], given: Shares) -> Mixture:
    """Fit the runs' shares on their out-of-fold tables, print what that gains, keep them.

    Comes back: the tables mixed as predict mixes with the same `given`, for decision rules to be
    fitted on. Shares that are given are scored beside. Raises DataError for tables that don't fit
    together.
    """
    names = sorted(runs)
    read_shares(layout)  # one that can't be read is refused before the work
    layouts = {name: layout_of(layout, name) for name in names}
    places = [_tables_of(own) for own in layouts.values()]
    for name, own in layouts.items():
        _need_unseen(name, own)
    tables = aligned(names, [concatenate([read_oof(path) for path in paths]) for paths in places])
    parts, truth = [table.probabilities for table in tables], tables[0].truth
    shares = fitted_shares(parts, truth)
    alike, apart = mixed(parts, [1 / len(parts)] * len(parts)), nested_mixture(parts, truth)
    equal, nested = _score(tables[0], alike), _score(tables[0], apart)
    weights, seen = np.ones(nested.n), seen_by_all(tables)
    seen = np.ones(nested.n, bool) if seen is None else seen
    gain, error = gain_and_error(truth, likeliest(apart), likeliest(alike), weights, seen)
    wins = gain > error
    each = [_score(table, table.probabilities) for table in tables]
    rows = [*zip(names, each, strict=True), ("equal shares", equal)]
    rows.append(("fitted shares, nested", nested))
    taken, whole = [1 / len(names)] * len(names), alike
    if isinstance(given, tuple):
        asked = dict(zip(runs, given, strict=True))
        taken = [asked[name] for name in names]
        whole = mixed(parts, taken)
        rows.append(("given shares", _score(tables[0], whole)))
    elif given == "auto" and wins:
        taken, whole = shares.tolist(), apart
    _print(rows)
    say("nested: the shares that an image is judged with were fitted on other images")
    entry = ShareEntry(
        shares=shares.tolist(),
        wins=wins,
        nested_score=nested.score,
        equal_score=equal.score,
        gain=gain,
        error=error,
        images=nested.n,
        tables=[[file_digest(path) for path in paths] for paths in places],
    )
    keep_shares(layout, ",".join(names), entry)
    say(f"over equal shares fitted ones gain {gain:+.4f} +- {error:.4f}")
    pairs = ", ".join(f"{name} {share:g}" for name, share in zip(names, shares, strict=True))
    say(f"{layout.shares}: fitted {pairs}; predict takes {'these' if wins else 'equal shares'}")
    return mixture(layouts, taken, tables, whole)


def run_shares(layout: Layout, settings: PredictSettings) -> list[RunShare]:
    """The runs that predict averages, by name; those of share 0 are left out. Raises DataError."""
    assert settings.runs is not None
    layouts = {name: layout_of(layout, name) for name in settings.runs}
    weights = {name: finished_weights(layouts[name]) for name in settings.runs}
    if isinstance(settings.shares, tuple):
        shares = dict(zip(settings.runs, settings.shares, strict=True))
    else:
        shares = dict.fromkeys(settings.runs, 1 / len(settings.runs))
        if settings.shares == "auto":
            shares = _fitted(layout, layouts) or shares
    runs = [RunShare(name, weights[name], shares[name]) for name in sorted(shares) if shares[name]]
    records = [(run.name, read_record(run.weights[0])) for run in runs]
    for other in records[1:]:
        _need_alike(records[0], other, settings.shares)
    return runs


def _need_alike(
    one: tuple[str, WeightsRecord], other: tuple[str, WeightsRecord], shares: Shares
) -> None:
    """Raise DataError for two runs that can't be averaged, or only where shares are given.

    Each is a run's name and what its weights say of themselves.

    Networks of other data or folds may well be better together. But what one has validated another
    has trained on, so no shares are fitted, and `auto` would promise what there can't be.
    """
    (name, first), (another, second) = one, other
    pair = f"runs={name},{another}"
    if first.demo != second.demo:
        whose = name if first.demo else another
        raise DataError(
            f"{pair}: {whose} has learned the demo's drawings, the other real images; expected runs"
            " of the same; leave one out"
        )
    for key in MUST_AGREE if shares == "auto" else ():
        ours, theirs = first.digests.get(key), second.digests.get(key)
        if None not in (ours, theirs) and ours != theirs:
            raise DataError(
                f"{pair}: trained with another {'folds.csv' if key == 'folds' else key}, so no"
                " shares can be fitted; give shares=equal or a share each to average them as they"
                " are"
            )


def _need_unseen(name: str, layout: Layout) -> None:
    """Raise DataError for a run some of whose tables are of images that it has trained on."""
    for place in finished_tables(layout):
        if told := leakage_told(place):
            raise DataError(
                f"runs={name}: {told}; expected none, or its share would be too large; train it"
                " without them, or leave it out"
            )


def _fitted(layout: Layout, layouts: dict[str, Layout]) -> dict[str, float] | None:
    """The shares that score has fitted on these very tables and that won; says which are taken."""
    names = sorted(layouts)
    entry = read_shares(layout).get(",".join(names))
    try:
        tables = [[file_digest(path) for path in _tables_of(layouts[name])] for name in names]
    except DataError:
        tables = None
    if entry is None:
        say(f"equal shares: none are fitted for these runs ({CALL} score runs={','.join(names)})")
    elif entry.tables != tables or len(entry.shares) != len(names):
        say(f"equal shares: those in {layout.shares} were fitted on other tables; score fits anew")
    elif not entry.wins:
        say(f"equal shares: by {layout.shares} fitted ones gain nothing beyond the gain's error")
    else:
        found = dict(zip(names, entry.shares, strict=True))
        said = ", ".join(f"{name} {share:g}" for name, share in found.items())
        say(f"shares fitted on the tables: {said} ({layout.shares})")
        return found
    return None


def _tables_of(layout: Layout) -> list[Path]:
    """The out-of-fold tables of a run's finished folds. Raises DataError where there are none."""
    return [place.oof for place in finished_tables(layout)]


def _score(table: OofTable, probabilities: Probabilities) -> Score:
    return score(table.truth, likeliest(probabilities))


def _print(rows: Sequence[tuple[str, Score]]) -> None:
    wide = max(len(name) for name, _ in rows)
    say(f"{'run':<{wide}}{CELL_TITLES}")
    for name, found in rows:
        say(f"{name:<{wide}}{score_cells(found)}")
