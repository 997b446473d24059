"""One run's folds, trained one by one: from what is there to weights, table, birth certificate."""

import dataclasses
import functools
import shutil
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from graphemes.commands.preparation import Source, TrainingData
from graphemes.commands.second_time import begin_fold, clear_fold, fold_lock, fold_status
from graphemes.commands.splitting import FoldRows, data_digests, rows_of_fold
from graphemes.foundation.birth import commit, identity, learning_settings, versions
from graphemes.foundation.files import write_json
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import ROOT, FoldPlace
from graphemes.foundation.machine import machine_name
from graphemes.foundation.progress import progress, say
from graphemes.foundation.seeds import seed_at
from graphemes.foundation.settings import TrainSettings
from graphemes.images.dataset import Batches, Pictures, Sample, loader
from graphemes.images.transforms import Augmentation, pictures
from graphemes.infer.decide import likeliest
from graphemes.infer.predict import probabilities
from graphemes.judge.metrics import Score, score
from graphemes.judge.oof import OofTable, write_oof
from graphemes.judge.seen import grapheme_codes
from graphemes.learn.checkpoints import Progress
from graphemes.learn.fold import Deadline, FoldWork, train_fold
from graphemes.network.devices import Engine, loader_workers
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.network.weights import WeightsRecord, load_weights, trained_on

_NO_FOLD = 2**16  # the address of fold=none's random streams


@dataclasses.dataclass(frozen=True)
class FoldTraining:
    """A run's settings and data, with which its folds are trained."""

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

    def rows(self, fold: str) -> FoldRows:
        """The store rows of a fold."""
        return rows_of_fold(self.data, self.table, fold, self.settings, self.settings.seed)

    def train(self, fold: str) -> None:
        """One fold, from wherever it is to its birth certificate."""
        place = self.source.layout.fold(fold)
        asked, overwrite = self.identity, self.settings.overwrite
        with fold_lock(place):
            status = fold_status(place, asked, overwrite=overwrite)
            if status == "finished":
                say(f"fold {fold}: finished with these settings and data: kept")
                shutil.rmtree(place.state, ignore_errors=True)  # of a run killed at its very end
                return
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
        leaked = self._leaked(rows)
        if leaked:
            say(
                f"WARNING: init={self.settings.init} was trained on {leaked:,} of the"
                f" {len(rows.validated):,} validation images: the score will be too high"
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

    def _leaked(self, rows: FoldRows) -> int:
        """How many validation images init's weights were trained on."""
        if not self.settings.init:
            return 0
        marks = self.data.store.marks[rows.validated]
        return int(np.isin(marks, trained_on(self.settings.init)).sum())

    def _seen(self, rows: FoldRows) -> Any:
        """(n,) whether a validation image's grapheme was trained on, in init's training too."""
        codes = grapheme_codes(self.data.by_row)
        trained = codes[rows.trained]
        if self.settings.init:
            inside = np.isin(self.data.store.marks[self.data.rows], trained_on(self.settings.init))
            trained = np.union1d(trained, codes[self.data.rows[inside]])
        return np.isin(codes[rows.validated], trained)

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
            seen=self._seen(rows),
        )
        write_oof(place.oof, table)

    def _certificate(self, work: FoldWork, rows: FoldRows, done: Progress) -> dict[str, Any]:
        last = done.log[-1]
        return {
            "identity": self.identity,
            "digests": self.identity["digests"],
            "fold": work.fold,
            "settings": self.settings.model_dump(mode="json"),
            "seed": self.settings.seed,
            "commit": commit(ROOT),
            "versions": versions(),
            "device": self.engine.describe(),
            "machine": machine_name(),
            "training_images": len(rows.trained),
            "validation_images": len(rows.validated),
            "validation_images_seen_by_init": self._leaked(rows),
            "epoch": done.best_epoch,
            "best_score": done.best_score,
            "last_epoch": last["epoch"],
            "last_score": last.get("score"),
            "image_passes": done.image_passes,
            "train_seconds": round(done.train_seconds, 3),
            "images_per_second": round(done.image_passes / done.train_seconds, 3),
        }
