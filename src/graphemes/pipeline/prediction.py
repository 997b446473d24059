"""Weights and test shards to a submission in sample_submission.csv's rows and order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphemes.competition.absent_shards import absence_advice, no_shards
from graphemes.competition.csv_columns import NoSuchTable
from graphemes.competition.pointers import shard_stamp
from graphemes.competition.shards import find_shards, open_shard
from graphemes.competition.submission import SubmissionRows, read_rows, write_submission
from graphemes.evaluation.decide import Decision, decided
from graphemes.evaluation.ensemble import mixed
from graphemes.evaluation.probability_files import write_probabilities
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import digest, file_digest, locked, remove_leftovers
from graphemes.foundation.heads import PerHead, Probabilities
from graphemes.foundation.layout import Layout, probabilities_beside
from graphemes.foundation.progress import progress, say
from graphemes.foundation.settings.commands import PredictSettings, TrainSettings
from graphemes.foundation.settings.types import Decide
from graphemes.images.dataset import StoreDataset, loader
from graphemes.images.decoding_ahead import stores_ahead
from graphemes.images.sampling import Batches
from graphemes.images.store import Store
from graphemes.images.transforms import make_transform
from graphemes.inference.predict import probabilities
from graphemes.inference.views import VIEWS
from graphemes.network.weights import read_record
from graphemes.pipeline.decisions import ChosenRule, choose_rule, identities_of
from graphemes.pipeline.ensemble_decisions import choose_for_runs
from graphemes.pipeline.ensembles import Member, member_lines, origin_of_members
from graphemes.pipeline.existing_results import REPLACES, guard_submission
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.run_shares import RunShare
from graphemes.pipeline.trained_networks import (
    ReadyNetworks,
    load_networks,
)
from graphemes.pipeline.workspace import Workspace
from graphemes.training.forecast import VALIDATION_COST

Members = Mapping[str, Sequence[RunIdentity]]  # by a run's name, "" of one alone
Choose = Callable[[Members], ChosenRule]


@dataclass(frozen=True)
class PredictionPlan:
    """What is asked for, and where it is."""

    rows: SubmissionRows
    shards: dict[Path, list[str]]  # the ids to predict from each, in its order
    ignored: int  # images that no row asks for


def predict_run(
    workspace: Workspace,
    settings: PredictSettings | TrainSettings,
    weights: Sequence[Path],
    plan: PredictionPlan | None,
) -> None:
    """Write the submission of these weights, unless it is there already.

    A training leaves one alone that this run's other finished folds have joined in.
    """
    if plan is None:
        say(f"{workspace.directory}: no test images, or not all and their tables, so no submission")
        return
    pool = settings.grapheme_pool if isinstance(settings, PredictSettings) else None
    tta = settings.tta if isinstance(settings, PredictSettings) else None

    def choose(members: Members) -> ChosenRule:
        (own,) = members.values()
        return choose_rule(settings.decide, weights, own)

    _refuse_early(settings.decide, choose, {"": weights})
    members = [Member(load_networks(weights, workspace.engine, pool, tta))]
    _predict(workspace, settings, members, weights, plan=plan, choose=choose)


def predict_runs(
    workspace: Workspace, settings: PredictSettings, runs: Sequence[RunShare], plan: PredictionPlan
) -> None:
    """Write the submission of several runs' averaged probabilities, unless it is there already."""
    shares = {run.name: run.share for run in runs}

    def choose(members: Members) -> ChosenRule:
        if len(runs) == 1:
            return choose_rule(settings.decide, runs[0].weights, members[runs[0].name])
        return choose_for_runs(settings, workspace.layout, shares, members)

    _refuse_early(settings.decide, choose, {run.name: run.weights for run in runs})
    members = [
        Member(
            load_networks(run.weights, workspace.engine, settings.grapheme_pool, settings.tta),
            run.share,
            run.name,
        )
        for run in runs
    ]
    weights = [path for run in runs for path in run.weights]
    _predict(workspace, settings, members, weights, plan=plan, choose=choose)


def _refuse_early(decide: Decide, choose: Choose, weights: Mapping[str, Sequence[Path]]) -> None:
    """Raise DataError where a rule is asked for by name and there is none, before much is read."""
    if decide not in ("auto", "argmax"):
        choose({k: identities_of([read_record(p) for p in own]) for k, own in weights.items()})


def _predict(
    workspace: Workspace,
    settings: PredictSettings | TrainSettings,
    members: Sequence[Member],
    weights: Sequence[Path],
    *,
    plan: PredictionPlan,
    choose: Choose,
) -> None:
    path = settings.submission or workspace.layout.submission
    if any(member.ready.records[0].demo for member in members) and not workspace.demo:
        say("WARNING: these weights have learned the demo's drawings, not handwriting")
    chosen = choose(
        {one.name: identities_of(one.ready.records, one.ready.otherwise) for one in members}
    )
    say(chosen.why)
    origin = {**origin_of_members(members), **origin_of_tests(workspace, list(plan.shards))}
    origin["decision"] = chosen.summary
    asked = {**origin, "decide": settings.decide}
    if "share_values" in origin:
        word = settings.shares if isinstance(settings, PredictSettings) else "auto"
        asked["shares"] = word if isinstance(word, str) else origin["share_values"]
    summaries = [file_digest(file) for file in weights]
    made_from = {"weights": ",".join(summaries)}
    if len(members) > 1:
        made_from["runs"] = ",".join(member.name for member in members)
    with locked(path.with_name(f".{path.name}.lock")):
        remove_leftovers(path.parent, {path.name, probabilities_beside(path).name})
        kept = guard_submission(path, asked, overwrite=settings.overwrite)
        if {**origin, **made_from}.items() <= kept.items():
            say(f"{path}: made from these weights and test images: kept")
            return
        if isinstance(settings, TrainSettings) and origin.items() <= kept.items():
            joined = kept.get("weights", "").split(",")
            if set(summaries) < set(joined) <= _finished(workspace.layout):
                say(f"{path}: made from these and other finished folds of this run: kept")
                return
        if kept.get("share_values", "") != origin.get("share_values", "") and kept:
            say(f"{path}: was made with shares fitted before; replaced")
        elif made_from.items() <= kept.items():
            say(f"{path}: was made by another decision or from the demo's; replaced")
        elif kept:
            say(f"{path}: was made from other folds of this run or the demo's; replaced")
        if plan.ignored:
            say(f"{plan.ignored:,} images of the test shards are asked for by no row: ignored")
        say(f"predicting {len(plan.rows.image_ids):,} test images with {len(weights)} network(s)")
        for line in member_lines(members):
            say(line)
        work = _Work(members, workspace, settings)
        _write(path, plan, work.probabilities(plan.shards), chosen.rule, {**asked, **made_from})
    say(f"{path}: {len(plan.rows.row_ids):,} rows written")


def _finished(layout: Layout) -> set[str]:
    """The digests of the weights of a run's finished folds."""
    return {file_digest(place.weights) for place in layout.folds() if place.finished}


class NoTestImages(DataError):
    """Test images are in no shard, or their tables aren't there; a training does without them."""


def plan_prediction(directory: Path) -> PredictionPlan:
    """Which images to predict from which shard.

    Raises NoTestImages where some are in no shard or a table is missing, DataError if the files
    don't fit.
    """
    shards = find_shards(directory, "test")
    if not shards:
        raise NoTestImages(no_shards(directory, "test"))
    try:
        rows = read_rows(directory)
    except NoSuchTable as error:
        raise NoTestImages(str(error)) from None
    asked = set(rows.image_ids)
    home: dict[str, Path] = {}
    plan: dict[Path, list[str]] = {}
    for path in shards:
        with open_shard(path) as shard:
            ids = shard.ids
        twice = next((name for name in ids if name in home), None)
        if twice is not None:
            raise DataError(f"{path}: image_id {twice!r} is in {home[twice].name} too; keep one")
        home.update(dict.fromkeys(ids, path))
        plan[path] = [name for name in ids if name in asked]
    missing = [name for name in rows.image_ids if name not in home]
    if missing:
        raise NoTestImages(
            f"{directory / 'test.csv'}: asks for {len(missing):,} images that are in no test shard,"
            f" first '{missing[0]}'; {absence_advice(directory, 'test')}"
        )
    return PredictionPlan(rows, plan, len(home) - len(asked))


def prediction_pixels(plan: PredictionPlan, settings: TrainSettings, networks: int) -> float:
    """What predicting with so many networks costs, in pixels of training pictures."""
    images = sum(len(wanted) for wanted in plan.shards.values())
    size, views = settings.image_size, VIEWS[settings.tta]
    return VALIDATION_COST * images * views * networks * size.height * size.width


def _together(parts: Sequence[Probabilities]) -> Probabilities:
    """The probabilities of several sets of images, one after another."""
    return PerHead(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _write(
    path: Path,
    plan: PredictionPlan,
    found: Probabilities,
    rule: Decision,
    made_from: dict[str, str],
) -> None:
    ids = [name for wanted in plan.shards.values() for name in wanted]

    # An end between the two moves leaves the former submission beside the new probabilities: they
    # know it, so that it is none that somebody has changed.
    former = file_digest(path) if path.exists() else None

    def before(summary: str) -> None:
        digests = {**made_from, "submission": summary}
        if former not in (None, summary):
            digests[REPLACES] = str(former)
        write_probabilities(probabilities_beside(path), ids, found, digests)

    write_submission(path, plan.rows, ids, decided(rule, found), before)


def origin_of_tests(workspace: Workspace, shards: Iterable[Path]) -> dict[str, str]:
    """What tells test images from others, as far as is cheap to know."""
    tables = [workspace.directory / name for name in ("sample_submission.csv", "test.csv")]
    about = [file_digest(path) for path in tables]
    about += [f"{path.name} {shard_stamp(path)[0]}" for path in shards]
    return {"test": digest("\n".join(about).encode()), "invert": workspace.invert}


@dataclass(frozen=True)
class _Work:
    members: Sequence[Member]
    workspace: Workspace
    settings: PredictSettings | TrainSettings

    def probabilities(self, shards: dict[Path, list[str]]) -> Probabilities:
        """Of the wanted images of each shard, in its order; decoded into files that go away again.

        Where the disk has no room for that, they are decoded part by part in memory.
        """
        cache, invert = self.workspace.layout.cache, self.workspace.invert
        paths = [path for path, wanted in shards.items() if wanted]
        asked = {path: set(shards[path]) for path in paths}
        found = []
        for path, store in stores_ahead(paths, cache, say, progress, invert=invert):
            chosen = [row for row, name in enumerate(store.ids) if name in asked[path]]
            if chosen:
                found.append(self._predicted(path, store, np.array(chosen, np.int64)))
        return _together(found)

    def _predicted(self, path: Path, store: Store, rows: npt.NDArray[np.int64]) -> Probabilities:
        """Of decoded images: each run reads pictures of its own size."""
        engine, parts = self.workspace.engine, []
        for member in self.members:
            of = f" with {member.name}" if len(self.members) > 1 else ""
            with progress(f"predicting {path.name}{of}", len(rows)) as advance:
                ready, batched = member.ready, self._batches(member.ready, store, rows)
                parts.append(probabilities(ready.networks, batched, engine, advance, ready.tta))
        if len(parts) == 1:
            return parts[0]
        return mixed(parts, [member.share for member in self.members])

    def _batches(self, ready: ReadyNetworks, store: Store, rows: npt.NDArray[np.int64]) -> Any:
        compose = make_transform(ready.image_size, ready.crop)
        scans = StoreDataset(store.pixels, store.frames, compose)
        # A handful of images isn't worth starting processes for.
        workers = self.settings.workers if len(rows) > 256 else 0
        batches = Batches(rows, self.settings.batch_size)
        return loader(scans, batches, workers, self.workspace.engine.device)
