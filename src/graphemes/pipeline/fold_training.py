"""One run's folds, trained one by one: from what is there to weights, table, run record."""

import functools
import shutil
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.metrics import Score, score
from graphemes.evaluation.oof import OofTable, write_oof
from graphemes.foundation.heads import Probabilities
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.progress import counted, progress, say
from graphemes.foundation.seeds import INITIAL_WEIGHTS, NO_FOLD
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.versions import versions
from graphemes.inference.predict import probabilities
from graphemes.network.initial_weights import initial_network
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.network.weights import WeightsRecord, load_weights
from graphemes.pipeline.existing_results import begin_fold, clear_fold, fold_lock, fold_status
from graphemes.pipeline.fold_data import EpochLoader, FoldData
from graphemes.pipeline.fold_rows import FoldRows, data_digests, rows_of_fold
from graphemes.pipeline.identity import RunIdentity, run_identity
from graphemes.pipeline.leakage import Leakage, find_leakage
from graphemes.pipeline.run_records import make_record
from graphemes.pipeline.training_data import TrainingData
from graphemes.pipeline.workspace import Workspace
from graphemes.training.fold import Deadline, FoldJob, train_fold


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

    def train(self, fold: str) -> None:
        """One fold, from wherever it is to its run record."""
        paths = self.workspace.layout.fold(fold)
        with fold_lock(paths):
            status = fold_status(paths, self.identity, overwrite=self.settings.overwrite)
            if status == "finished":
                say(f"fold {fold}: finished with these settings and data: kept")
                shutil.rmtree(paths.state, ignore_errors=True)  # of a run killed at its very end
                return
            if status == "empty" or self.settings.resume == "false":
                clear_fold(paths)
            begin_fold(paths, self.identity)
            self._train(fold, paths, self.rows(fold))

    def _train(self, fold: str, paths: FoldPaths, rows: FoldRows) -> None:
        seeds = (self.settings.seed, NO_FOLD if fold == "none" else int(fold))
        pictures = FoldData(self.settings, self.data, rows, seeds, self.workspace.engine.device)
        leakage = find_leakage(self.data, rows, self.settings.init)
        batches = pictures.training()
        for line in (self._described(fold, rows, batches), *leakage.warnings()):
            say(line)
        job = FoldJob(
            paths=paths,
            seeds=seeds,
            settings=self.settings,
            engine=self.workspace.engine,
            batches=batches,
            validate=functools.partial(self._validate, pictures) if len(rows.validated) else None,
            record=self._weights_record(fold),
            trained_on=leakage.trained_on,
            deadline=self.deadline,
        )
        seed, resumed = INITIAL_WEIGHTS.seed(*seeds), paths.checkpoint.exists()
        history = train_fold(job, fold_network(self.settings, seed, resumed=resumed))
        if len(rows.validated):
            self._write_oof(fold, paths, pictures, leakage)
        make_record(
            self.settings,
            identity=self.identity,
            fold=fold,
            engine=self.workspace.engine,
            rows=rows,
            leakage=leakage,
            synthetic_passes=batches.synthetic_passes,
            history=history,
        ).write(paths.run)
        shutil.rmtree(paths.state)

    def _described(self, fold: str, rows: FoldRows, batches: EpochLoader) -> str:
        s = self.settings
        text = f"{len(rows.trained):,} training and {len(rows.validated):,} validation images"
        if s.synthetic_share is not None:
            share = f"share {s.synthetic_share} of {batches.images:,} pictures an epoch"
            text += f", plus {len(rows.synthetic):,} synthetic, {share}"
        what = f"{s.trunk} at {s.image_size}, {counted(s.epochs, 'epoch')}"
        return f"fold {fold}: {text}, {what}, on {self.workspace.engine.describe()}"

    def _validate(self, pictures: FoldData, network: nn.Module) -> Score:
        found = self._probabilities("validation", pictures, network)
        return score(pictures.truth, likeliest(found))

    def _probabilities(self, label: str, pictures: FoldData, network: nn.Module) -> Probabilities:
        with progress(label, len(pictures.rows.validated)) as advance:
            engine = self.workspace.engine
            return probabilities([network], pictures.validation, engine, advance)

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
        network, _ = load_weights(paths.weights)
        network = network.to(self.workspace.engine.device)
        found = self._probabilities(f"fold {fold} out of fold", pictures, network)
        rows = pictures.rows.validated
        table = OofTable(
            image_ids=[self.data.store.ids[row] for row in rows],
            folds=np.full(len(rows), int(fold)),
            truth=pictures.truth,
            probabilities=found,
            digests=self.identity.digests,
            seen=leakage.seen,
        )
        write_oof(paths.oof, table)
