"""Decision rules of runs that are averaged: fitted on their mixed tables, taken where these mix.

They lie in folds/ensembles/NAME,NAME/decisions.json and fit the same runs with the same shares. A
run that has the whole share is read by its own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphemes.evaluation.oof import OofTable
from graphemes.foundation.arrays import Booleans
from graphemes.foundation.files import digest, file_digest
from graphemes.foundation.heads import Probabilities
from graphemes.foundation.layout import CALL, Layout
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.foundation.settings.types import Decide
from graphemes.foundation.settings.words import shown
from graphemes.pipeline.decision_fitting import (
    fits,
    fitted_file,
    one_identity,
    say_decision,
)
from graphemes.pipeline.decisions import ChosenRule, choose_among
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.trained_networks import finished_tables
from graphemes.pipeline.training_counts import folds_source


@dataclass(frozen=True)
class Mixture:
    """Runs' tables in one, each image's probabilities mixed by shares that it has no part in."""

    layouts: Mapping[str, Layout]  # by name, in order
    shares: Sequence[float]
    table: OofTable


def mixture(
    layouts: Mapping[str, Layout],
    shares: Sequence[float],
    tables: Sequence[OofTable],
    mixed: Probabilities,
) -> Mixture:
    """Of aligned tables."""
    whole = replace(tables[0], probabilities=mixed, seen=seen_by_all(tables))
    return Mixture(layouts, shares, whole)


def seen_by_all(tables: Sequence[OofTable]) -> Booleans | None:
    """(N,) which images of aligned tables are seen in each; None where one can't say."""
    seen = [table.seen for table in tables if table.seen is not None]
    return np.logical_and.reduce(seen) if len(seen) == len(tables) else None


def decide_mixture(layout: Layout, found: Mixture, decide: Decide) -> None:
    """Fit the rules on a mixture unless they are there; write decisions.json, say how they do."""
    names = list(found.layouts)
    if 1 in found.shares:
        alone = names[list(found.shares).index(1)]
        say(f"run {alone} has the whole share: predict takes its own decision rule")
        return
    if not fits(decide, len(found.table.folds)):
        return
    places = {name: finished_tables(own) for name, own in found.layouts.items()}
    each = [one_identity(own) for own in places.values()]
    identities = [one for one in each if one is not None]
    if len(identities) < len(each):
        say("a run's folds are of several runs, so no decision rule is fitted: argmax")
        return
    by_name = dict(zip(names, ([one] for one in identities), strict=True))
    asked = mixed_identity(by_name, dict(zip(names, found.shares, strict=True)))
    tables = {
        f"{name}/{place.directory.name}": file_digest(place.oof)
        for name, own in places.items()
        for place in own
    }
    # Of one run, if they trained on different rows: of each it has the same folds.
    source = folds_source(found.layouts[names[0]], places[names[0]])
    path = layout.ensemble_decisions(names)
    say_decision(fitted_file(path, asked, tables, found.table, source), decide)


def mixed_identity(
    identities: Mapping[str, Sequence[RunIdentity]], shares: Mapping[str, float]
) -> RunIdentity:
    """What makes a mixture the one that rules are fitted on: each run's identity, and the shares.

    Runs without a share are no part of it.
    """
    names = sorted(name for name in identities if shares[name])
    settings = {f"run {name}": _digest_of(identities[name]) for name in names}
    settings["shares"] = ",".join(f"{shares[name]:.6g}" for name in names)
    first = identities[names[0]][0]
    return RunIdentity(
        settings, first.digests, first.classes, any(identities[name][0].demo for name in names)
    )


def _digest_of(identities: Sequence[RunIdentity]) -> str:
    """Of one run's folds; of several runs', which no rule is fitted on, another."""
    texts = {json.dumps(one.as_json(), sort_keys=True) for one in identities}
    return digest(*(text.encode() for text in sorted(texts)))[:12]


def choose_for_runs(
    settings: PredictSettings,
    layout: Layout,
    shares: Mapping[str, float],
    identities: Mapping[str, Sequence[RunIdentity]],
) -> ChosenRule:
    """The rule for the mean of several runs; argmax where auto finds no other.

    The settings name all runs, the others have those with a share. Raises DataError where a rule is
    asked for by name, if no decisions.json of these runs and shares is there.
    """
    asked, given = settings.runs or (), settings.shares
    path, words = layout.ensemble_decisions(asked), f"runs={shown(asked)}"
    files = [path] if path.is_file() else []
    if given != "auto":
        words += f" shares={shown(given)}"
    written = f"these runs' tables mixed by these shares ({CALL} score {words} writes it)"
    identity = mixed_identity(identities, shares)
    return choose_among(files, settings.decide, [identity], f"no {path}", written)
