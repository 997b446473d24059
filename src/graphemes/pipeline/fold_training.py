"""One run's folds, trained one by one: from what is there to weights, table, birth certificate."""

import dataclasses
import functools
import shutil
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.metrics import Score, score
from graphemes.evaluation.oof import OofTable, write_oof
from graphemes.foundation.files import write_json
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import ROOT, FoldPaths
from graphemes.foundation.machine import machine_name
from graphemes.foundation.progress import progress, say
from graphemes.foundation.seeds import seed_at
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.versions import commit, versions
from graphemes.images.dataset import Sample
from graphemes.images.sampling import Batches, MixedBatches
from graphemes.inference.predict import probabilities
from graphemes.network.devices import Engine
from graphemes.network.initial_weights import initial_network
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.network.weights import WeightsRecord, load_weights
from graphemes.pipeline.existing_results import begin_fold, clear_fold, fold_lock, fold_status
from graphemes.pipeline.fold_data import FoldPictures
from graphemes.pipeline.fold_rows import FoldRows, data_digests, rows_of_fold
from graphemes.pipeline.identity import identity, learning_settings
from graphemes.pipeline.training_data import TrainingData
from graphemes.pipeline.workspace import Source
from graphemes.training.checkpoints import Progress
from graphemes.training.fold import Deadline, FoldWork, train_fold

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

    def begins(self, fold: str) -> bool:
        """Whether a fold will be trained from its first step."""
        place = self.source.layout.fold(fold)
        status = fold_status(place, self.identity, overwrite=self.settings.overwrite)
        if status == "unfinished" and place.checkpoint.is_file():
            return self.settings.resume == "false"
        return status != "finished"

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

    def _train(self, fold: str, place: FoldPaths, rows: FoldRows) -> None:
        seeds = (self.settings.seed, _NO_FOLD if fold == "none" else int(fold))
        shown = FoldPictures(self.settings, self.data, rows, seeds, self.engine.device)
        batches = shown.batches()
        say(
            f"fold {fold}: {shown.described(batches)},"
            f" {self.settings.trunk} at {self.settings.image_size},"
            f" {self.settings.epochs} epochs, on {self.engine.describe()}"
        )
        for line in shown.warnings():
            say(line)
        work = self._work(fold, place, shown, batches)
        done = train_fold(work, self._network(place, seeds))
        if len(rows.validated):
            self._write_oof(fold, place, shown)
        write_json(place.run, self._certificate(work, shown, done))
        shutil.rmtree(place.state)

    def _network(self, place: FoldPaths, seeds: tuple[int, int]) -> GraphemeNetwork:
        settings = self.settings
        if place.checkpoint.exists():  # it holds all weights: none have to be fetched again
            network = build_network(settings, settings.image_size)
        else:
            network = initial_network(settings, seed_at(*seeds))
        network.trunk.checkpointing = settings.checkpointing
        return network

    def _work(
        self, fold: str, place: FoldPaths, shown: FoldPictures, batches: Batches | MixedBatches
    ) -> FoldWork:
        batched = shown.training(batches)

        def epoch(number: int) -> Iterable[Sample]:
            batches.epoch = number
            return batched

        return FoldWork(
            place=place,
            fold=fold,
            seeds=shown.seeds,
            settings=self.settings,
            engine=self.engine,
            images=batches.images,
            steps=len(batches),
            epoch=epoch,
            validate=self._validation(shown) if len(shown.rows.validated) else None,
            record=self._record(fold),
            trained_on=shown.fingerprints(),
            deadline=self.deadline,
            say=say,
        )

    def _validation(self, shown: FoldPictures) -> Any:
        batched, truth = shown.validation(), shown.truth

        def validate(network: GraphemeNetwork) -> Score:
            with progress("validation", len(shown.rows.validated)) as advance:
                found = probabilities([network], batched, self.engine, advance)
            return score(truth, likeliest(found))

        return validate

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

    def _write_oof(self, fold: str, place: FoldPaths, shown: FoldPictures) -> None:
        """The table from the weights file itself, so that it says what that file does."""
        network, _ = load_weights(place.weights)
        batched, rows = shown.validation(), shown.rows
        with progress(f"fold {fold} out of fold", len(rows.validated)) as advance:
            found = probabilities([network.to(self.engine.device)], batched, self.engine, advance)
        table = OofTable(
            image_ids=[self.data.store.ids[row] for row in rows.validated],
            folds=np.full(len(rows.validated), int(fold)),
            truth=shown.truth,
            probabilities=found,
            digests=self.identity["digests"],
            seen=shown.seen(),
        )
        write_oof(place.oof, table)

    def _certificate(self, work: FoldWork, shown: FoldPictures, done: Progress) -> dict[str, Any]:
        last, rows = done.log[-1], shown.rows
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
            "synthetic_images": len(rows.synthetic),
            "validation_images": len(rows.validated),
            "validation_images_seen_by_init": shown.seen_by_init(),
            "validation_images_among_synthetic": shown.among_synthetic(),
            "epoch": done.best_epoch,
            "best_score": done.best_score,
            "last_epoch": last["epoch"],
            "last_score": last.get("score"),
            "image_passes": done.image_passes,
            "synthetic_passes": shown.synthetic_passes(),
            "train_seconds": round(done.train_seconds, 3),
            "images_per_second": round(done.image_passes / done.train_seconds, 3),
        }
