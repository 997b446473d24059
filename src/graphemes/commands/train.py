"""train: store, folds.csv, training of the asked folds, out-of-fold tables, score, submission."""

import dataclasses
import functools
import shutil
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from graphemes.commands.predict import predict_run
from graphemes.commands.preparation import (
    FoldRows,
    Source,
    TrainingData,
    chosen_folds,
    data_digests,
    find_source,
    open_training_data,
    prepare_folds,
    rows_of_fold,
    unfolded,
)
from graphemes.commands.score import score_run
from graphemes.commands.second_time import (
    begin_fold,
    clear_fold,
    fold_status,
    forget_demo_folds,
    guard_submission,
    submission_origin,
)
from graphemes.foundation.birth import commit, identity, learning_settings, versions
from graphemes.foundation.files import locked, need_space, write_json
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import ROOT, FoldPlace
from graphemes.foundation.progress import duration, progress, say
from graphemes.foundation.recipes import fill
from graphemes.foundation.seeds import seed_at
from graphemes.foundation.settings import TrainSettings
from graphemes.images.dataset import Batches, Pictures, Sample, loader
from graphemes.images.transforms import Augmentation, pictures
from graphemes.infer.decide import likeliest
from graphemes.infer.predict import probabilities
from graphemes.judge.metrics import Score, score
from graphemes.judge.oof import OofTable, write_oof
from graphemes.learn.checkpoints import Progress
from graphemes.learn.fold import Deadline, FoldWork, train_fold
from graphemes.network.devices import Engine, choose_engine, loader_workers, machine_name
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.network.weights import WeightsRecord, load_weights, trained_on

SETTINGS = TrainSettings
# Weights, best weights and a checkpoint of weights, mean and two moments, each 4 bytes a parameter.
FOLD_BYTES = 7 * 4 * 21_400_000
_NO_FOLD = 2**16  # the address of fold=none's random streams


def run(settings: TrainSettings) -> None:
    """The whole story."""
    started = time.monotonic()
    deadline = Deadline(started + settings.time_limit if settings.time_limit else None)
    engine = choose_engine(settings.device, settings.precision)
    source = find_source(settings)
    data = open_training_data(source)
    settings = fill(settings, source.demo, len(data.labels))
    if settings.fold == "none":
        table = unfolded(data.labels)
    else:
        table = prepare_folds(settings, source, data.labels)
    folds = chosen_folds(settings, table)
    run_ = Run(settings, source, data, table, engine, deadline)
    run_.check(folds)
    for fold in folds:
        run_.train(fold)
    if settings.fold != "none":
        score_run(source.layout, run_.identity)
    predict_run(source, engine, settings, [source.layout.fold(fold).weights for fold in folds])
    say(f"done in {duration(time.monotonic() - started)}")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's settings and data, with which its folds are trained one by one."""

    settings: TrainSettings
    source: Source
    data: TrainingData
    table: pd.DataFrame  # of folds
    engine: Engine
    deadline: Deadline

    @functools.cached_property
    def identity(self) -> dict[str, Any]:
        """What each of its folds is asked to be."""
        learning = learning_settings(self.settings)
        digests = data_digests(self.data, self.table)
        return identity(learning, self.settings.seed, digests, self.source.demo)

    def check(self, folds: list[str]) -> None:
        """Everything that would stop the run later, before anything is trained or removed."""
        layout, asked, overwrite = self.source.layout, self.identity, self.settings.overwrite
        statuses = [fold_status(layout.fold(f), asked, overwrite=overwrite) for f in folds]
        submission = self.settings.submission or layout.submission
        guard_submission(submission, submission_origin(asked), overwrite=overwrite)
        for fold in folds:
            self.rows(fold)
        if self.settings.init:
            load_weights(self.settings.init)
        missing = sum(status == "empty" for status in statuses)
        need_space(layout.run_dir, missing and FOLD_BYTES, "training a fold")
        forget_demo_folds(layout.run_dir, asked)

    def rows(self, fold: str) -> FoldRows:
        """The store rows of a fold."""
        return rows_of_fold(self.data, self.table, fold, self.settings, self.settings.seed)

    def train(self, fold: str) -> None:
        """One fold, from wherever it is to its birth certificate."""
        place = self.source.layout.fold(fold)
        asked, overwrite = self.identity, self.settings.overwrite
        if fold_status(place, asked, overwrite=overwrite) == "finished":
            say(f"fold {fold}: finished with these settings and data: kept")
            return
        busy = f"{place.directory}: another run is training this fold; wait for it, or use name="
        with locked(place.directory / ".lock", busy=busy):
            status = fold_status(place, asked, overwrite=overwrite)
            if status == "empty" or self.settings.resume == "false":
                clear_fold(place)
            begin_fold(place, asked)
            self._train(fold, place, self.rows(fold))

    def _train(self, fold: str, place: FoldPlace, rows: FoldRows) -> None:
        say(
            f"fold {fold}: {len(rows.trained):,} training and {len(rows.validated):,} validation"
            f" images, {self.settings.trunk} at {self.settings.image_size},"
            f" {self.settings.epochs} epochs, on {self.engine.describe()}"
        )
        work = self._work(fold, place, rows)
        done = train_fold(work, self._network(work.seeds))
        if len(rows.validated):
            self._write_oof(fold, place, rows)
        write_json(place.run, self._certificate(work, rows, done))
        shutil.rmtree(place.state)

    def _network(self, seeds: tuple[int, int]) -> GraphemeNetwork:
        if self.settings.init:
            return load_weights(self.settings.init)[0]
        return build_network(self.settings.trunk, seed_at(*seeds))

    def _work(self, fold: str, place: FoldPlace, rows: FoldRows) -> FoldWork:
        s = self.settings
        seeds = (s.seed, _NO_FOLD if fold == "none" else int(fold))
        moves = Augmentation(s.shift, s.scale, s.rotate, s.shear)
        scans = Pictures(
            self.data.store.pixels, pictures(s.image_size, s.crop, moves), self.data.by_row, seeds
        )
        batches = Batches(rows.trained, s.batch_size, seeds)
        batched = self._loader(scans, batches)

        def epoch(number: int) -> Iterable[Sample]:
            batches.epoch = number
            return batched

        return FoldWork(
            place=place,
            fold=fold,
            seeds=seeds,
            settings=s,
            engine=self.engine,
            images=min(len(rows.trained), len(batches) * s.batch_size),
            steps=len(batches),
            epoch=epoch,
            validate=self._validation(rows) if len(rows.validated) else None,
            record=self._record(fold),
            trained_on=self._marks(rows),
            deadline=self.deadline,
            say=say,
        )

    def _loader(self, scans: Pictures, batches: Batches) -> Iterable[Sample]:
        device = self.engine.device
        workers = loader_workers(self.settings.workers, device)
        return loader(scans, batches, workers, pin=device.type == "cuda")

    def _plain(self, rows: FoldRows) -> Iterable[Sample]:
        """Batches of the validation pictures, in order."""
        compose = pictures(self.settings.image_size, self.settings.crop)
        scans = Pictures(self.data.store.pixels, compose, self.data.by_row)
        return self._loader(scans, Batches(rows.validated, 2 * self.settings.batch_size))

    def _truth(self, rows: FoldRows) -> PerHead[Any]:
        return self.data.by_row.map(lambda column: column[rows.validated])

    def _validation(self, rows: FoldRows) -> Any:
        batched, truth = self._plain(rows), self._truth(rows)

        def validate(network: nn.Module) -> Score:
            with progress("validation", len(rows.validated)) as advance:
                found = probabilities([network], batched, self.engine, advance)
            return score(truth, likeliest(found))

        return validate

    def _marks(self, rows: FoldRows) -> Any:
        """Marks of every image these weights have seen, those of init's training too."""
        marks = self.data.store.marks[rows.trained]
        if self.settings.init:
            marks = np.union1d(marks, trained_on(self.settings.init))
        return marks

    def _record(self, fold: str) -> WeightsRecord:
        asked = self.identity
        return WeightsRecord(
            settings=asked["settings"],
            fold=fold,
            epoch=0,
            score=None,
            digests=asked["digests"],
            versions=versions(),
            demo=self.source.demo,
            classes=[head.classes for head in HEADS],
        )

    def _write_oof(self, fold: str, place: FoldPlace, rows: FoldRows) -> None:
        """The table from the weights file itself, so that it says what that file does."""
        network, _ = load_weights(place.weights)
        batched = self._plain(rows)
        with progress(f"fold {fold} out of fold", len(rows.validated)) as advance:
            found = probabilities([network.to(self.engine.device)], batched, self.engine, advance)
        table = OofTable(
            image_ids=[self.data.store.ids[row] for row in rows.validated],
            folds=np.full(len(rows.validated), int(fold)),
            truth=self._truth(rows),
            probabilities=found,
            digests=self.identity["digests"],
        )
        write_oof(place.oof, table)

    def _certificate(self, work: FoldWork, rows: FoldRows, done: Progress) -> dict[str, Any]:
        last = done.log[-1]
        return {
            "identity": self.identity,
            "fold": work.fold,
            "settings": self.settings.model_dump(mode="json"),
            "seed": self.settings.seed,
            "commit": commit(ROOT),
            "versions": versions(),
            "device": self.engine.describe(),
            "machine": machine_name(),
            "training_images": len(rows.trained),
            "validation_images": len(rows.validated),
            "epoch": done.best_epoch,
            "best_score": done.best_score,
            "last_epoch": last["epoch"],
            "last_score": last.get("score"),
            "image_passes": done.image_passes,
            "train_seconds": round(done.train_seconds, 3),
            "images_per_second": round(done.image_passes / done.train_seconds, 3),
        }
