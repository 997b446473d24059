"""One run's folds, trained one by one: from what is there to weights, table, run record."""

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.metrics import Score, score
from graphemes.evaluation.oof import MADE_BY, OofTable, write_oof
from graphemes.foundation.heads import PerHead, Probabilities
from graphemes.foundation.layout import ROOT, FoldPaths
from graphemes.foundation.progress import counted, progress, say
from graphemes.foundation.seeds import INITIAL_WEIGHTS, NO_FOLD
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.types import Tta
from graphemes.foundation.versions import commit, versions
from graphemes.inference.predict import probabilities
from graphemes.network.devices import same_bits
from graphemes.network.initial_weights import initial_network
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.network.weights import WeightsRecord, load_weights, write_settings
from graphemes.pipeline.belonging import made_by
from graphemes.pipeline.existing_results import (
    Status,
    begin_fold,
    clear_fold,
    fold_lock,
    fold_status,
    whole_status,
)
from graphemes.pipeline.fold_data import EpochLoader, FoldData
from graphemes.pipeline.fold_rows import FoldRows, data_digests, rows_of_fold
from graphemes.pipeline.identity import RunIdentity, run_identity
from graphemes.pipeline.leakage import Leakage, find_leakage
from graphemes.pipeline.run_records import RunRecord, make_record
from graphemes.pipeline.training_data import TrainingData
from graphemes.pipeline.workspace import Workspace
from graphemes.training.fold import train_fold
from graphemes.training.fold_job import FoldJob
from graphemes.training.forecast import Deadline


def fold_network(
    settings: TrainSettings, seed: int | None = None, *, resumed: bool
) -> GraphemeNetwork:
    """The network that a fold's training begins with; if it is resumed, to be filled from there."""
    if resumed:  # a checkpoint holds all weights: none have to be read or fetched again
        network = build_network(settings, settings.image_size)
    else:
        network = initial_network(settings, seed)
    network.trunk.checkpointing = settings.checkpointing
    return network


@dataclass(frozen=True)
class FoldTraining:
    """A run's settings and data, with which its folds are trained."""

    settings: TrainSettings
    workspace: Workspace
    data: TrainingData
    table: pd.DataFrame  # of folds
    deadline: Deadline

    @functools.cached_property
    def identity(self) -> RunIdentity:
        """What each of its folds is asked to be."""
        digests = data_digests(self.data, self.table)
        return run_identity(self.settings, self.settings.seed, digests, demo=self.workspace.demo)

    def rows(self, fold: str) -> FoldRows:
        """The store rows of a fold."""
        return rows_of_fold(self.data, self.table, fold, self.settings, self.settings.seed)

    def train_all(self, folds: Sequence[str]) -> None:
        """These folds, one after the other."""
        for number, fold in enumerate(folds, 1):
            self.train(fold, self._to_train(folds[number:]))

    def _to_train(self, folds: Sequence[str]) -> int:
        """How many of these folds aren't trained yet; in the first process, which tells of it."""
        if not self.workspace.ranks.is_first:
            return 0
        places = map(self.workspace.layout.fold, folds)
        overwrite = self.settings.overwrite
        statuses = [fold_status(paths, self.identity, overwrite=overwrite) for paths in places]
        return sum(status not in ("finished", "other views") for status in statuses)

    def train(self, fold: str, to_come: int = 0) -> None:
        """One fold, from wherever it is to its run record, in all processes together.

        to_come: how many folds this run trains after it, for its forecast.
        """
        paths, ranks = self.workspace.layout.fold(fold), self.workspace.ranks
        with fold_lock(paths) if ranks.is_first else contextlib.nullcontext():
            status = ranks.of_first(lambda: self._begin(fold, paths))
            if status in ("other views", "no table"):
                self._tabulate_again(fold, paths, self.rows(fold))
            elif status != "finished":
                self._train(fold, paths, self.rows(fold), to_come)

    def _begin(self, fold: str, paths: FoldPaths) -> Status:
        """How far the fold is; unless it is finished its folder is ready to go on with."""
        status = fold_status(paths, self.identity, overwrite=self.settings.overwrite)
        if status == "finished":
            status = whole_status(paths, overwrite=self.settings.overwrite)
        if status == "finished":
            say(f"fold {fold}: finished with these settings and data: kept")
            shutil.rmtree(paths.state, ignore_errors=True)  # of a run killed at its very end
            return status
        if status == "other views":
            say(
                f"fold {fold}: its weights are kept; its table is made with tta={self.settings.tta}"
            )
            return status
        if status == "no table":
            say(f"fold {fold}: its weights are kept; its table is gone or damaged, and made again")
            return status
        if status == "empty" or self.settings.resume == "false":
            clear_fold(paths)
        begin_fold(paths, self.identity)
        return status

    def _train(self, fold: str, paths: FoldPaths, rows: FoldRows, to_come: int) -> None:
        seeds = (self.settings.seed, NO_FOLD if fold == "none" else int(fold))
        engine, ranks = self.workspace.engine, self.workspace.ranks
        pictures = FoldData(self.settings, self.data, rows, seeds, engine.device, ranks)
        leakage = find_leakage(self.data, rows, self.settings.init)
        batches = pictures.training()
        for line in (self._described(fold, rows, batches), *leakage.warnings()):
            say(line)
        job = FoldJob(
            paths=paths,
            seeds=seeds,
            settings=self.settings,
            engine=engine,
            batches=batches,
            validate=functools.partial(self._validate, pictures) if len(rows.validated) else None,
            record=self._weights_record(fold),
            trained_on=leakage.trained_on,
            deadline=self.deadline,
            ranks=ranks,
            counts=pictures.class_counts(synthetic=batches.synthetic_share),
            validation_images=len(rows.validated),
            to_come=to_come,
            state_every=60 * self.settings.checkpoint_minutes,
            keep_any=self.settings.predict_anyway,
        )
        code = commit(ROOT)  # that is running: hours later the checkout may be another
        seed, resumed = INITIAL_WEIGHTS.seed(*seeds), ranks.of_first(paths.checkpoint.exists)
        with same_bits(asked=self.settings.deterministic):
            history = train_fold(job, fold_network(self.settings, seed, resumed=resumed))
        if len(rows.validated):
            self._write_oof(fold, paths, pictures, leakage)
        if not ranks.is_first:
            return
        # An epoch before this resumption may have had another tta.
        write_settings(paths.weights, self.identity.settings)
        make_record(
            self.settings,
            identity=self.identity,
            code=code,
            fold=fold,
            engine=engine,
            rows=rows,
            leakage=leakage,
            synthetic_passes=batches.synthetic_passes(history.epochs),
            history=history,
        ).write(paths.run)
        shutil.rmtree(paths.state)

    def _tabulate_again(self, fold: str, paths: FoldPaths, rows: FoldRows) -> None:
        """The table of a finished fold with another tta, said in its weights and run record."""
        seeds = (self.settings.seed, NO_FOLD if fold == "none" else int(fold))
        engine, ranks = self.workspace.engine, self.workspace.ranks
        pictures = FoldData(self.settings, self.data, rows, seeds, engine.device, ranks)
        if len(rows.validated):
            leakage = find_leakage(self.data, rows, self.settings.init)
            self._write_oof(fold, paths, pictures, leakage)
        if not ranks.is_first:
            return
        write_settings(paths.weights, self.identity.settings)
        record = RunRecord.read(paths.run)
        settings = {**record.settings, "tta": self.settings.tta}
        dataclasses.replace(record, identity=self.identity, settings=settings).write(paths.run)

    def _described(self, fold: str, rows: FoldRows, batches: EpochLoader) -> str:
        s = self.settings
        text = f"{len(rows.trained):,} training and {len(rows.validated):,} validation images"
        if len(rows.pseudo):
            text += f", plus {len(rows.pseudo):,} pseudo-labelled"
        if s.synthetic_share is not None:
            share = f"share {s.synthetic_share} of {batches.images:,} pictures an epoch"
            text += f", plus {len(rows.synthetic):,} synthetic, {share}"
        grown = f"{', '.join(map(str, s.image_sizes))}, judged at " if s.image_sizes else ""
        what = f"{s.trunk} at {grown}{s.image_size}, {counted(s.epochs, 'epoch')}"
        together = f", {s.processes} processes" if s.processes > 1 else ""
        if s.processes * s.accumulate > 1:
            together += f", {batches.images // batches.steps:,} images a step"
        return f"fold {fold}: {text}, {what}, on {self.workspace.engine.describe()}{together}"

    def _validate(self, pictures: FoldData, network: nn.Module) -> Score:
        found = self._probabilities("validation", pictures, network)

        def judged() -> Score:
            assert found is not None
            return score(pictures.truth, likeliest(found))

        return self.workspace.ranks.of_first(judged)

    def _probabilities(
        self, label: str, pictures: FoldData, network: nn.Module, tta: Tta = "none"
    ) -> Probabilities | None:
        """Of the validation images in order, each process having read its part; in the first."""
        ranks = self.workspace.ranks
        with progress(label, len(pictures.validated_here)) as advance:
            engine = self.workspace.engine
            part = probabilities([network], pictures.validation, engine, advance, tta)
        parts = ranks.gathered(part)
        if not ranks.is_first:
            return None
        return PerHead(*(np.concatenate(head) for head in zip(*parts, strict=True)))

    def _weights_record(self, fold: str) -> WeightsRecord:
        return WeightsRecord(
            settings=self.identity.settings,
            fold=fold,
            epoch=0,
            score=None,
            digests=self.identity.digests,
            versions=versions(),
            demo=self.identity.demo,
            classes=self.identity.classes,
        )

    def _write_oof(self, fold: str, paths: FoldPaths, pictures: FoldData, leakage: Leakage) -> None:
        """The table from the weights file itself, so that it says what that file does."""
        network = self._trained_network(paths)
        tta = self.settings.tta
        found = self._probabilities(f"fold {fold} out of fold", pictures, network, tta)
        if found is None:
            return
        rows = pictures.rows.validated
        table = OofTable(
            image_ids=[self.data.store.ids[row] for row in rows],
            folds=np.full(len(rows), int(fold)),
            truth=pictures.truth,
            probabilities=found,
            digests={**self.identity.digests, "tta": tta, MADE_BY: made_by(self.identity)},
            seen=leakage.seen,
        )
        write_oof(paths.oof, table)

    def _trained_network(self, paths: FoldPaths) -> GraphemeNetwork:
        """The network of the weights file, which the first process reads for all."""
        ranks, engine = self.workspace.ranks, self.workspace.engine
        if ranks.size == 1:
            return load_weights(paths.weights)[0].to(engine.device)
        state = ranks.of_first(lambda: dict(load_weights(paths.weights)[0].state_dict()))
        network = fold_network(self.settings, resumed=True)
        network.load_state_dict(state)
        return network.to(engine.device)
