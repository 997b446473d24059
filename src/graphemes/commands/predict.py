"""predict: weights and test shards to a submission in sample_submission.csv's rows and order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphemes.commands.preparation import Source, find_source
from graphemes.commands.second_time import guard_submission, submission_origin
from graphemes.commands.weights_files import (
    ReadyNetworks,
    find_weights,
    finished_weights,
    load_networks,
)
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import digest, file_digest
from graphemes.foundation.heads import PerHead
from graphemes.foundation.layout import probabilities_beside
from graphemes.foundation.progress import progress, say
from graphemes.foundation.settings import PredictSettings, TrainSettings
from graphemes.images.dataset import Batches, Pictures, loader
from graphemes.images.shards import find_shards, open_shard
from graphemes.images.store import Store, temporary_store
from graphemes.images.transforms import pictures
from graphemes.infer.decide import likeliest
from graphemes.infer.predict import Probabilities, probabilities
from graphemes.judge.submission import (
    SubmissionRows,
    read_rows,
    write_probabilities,
    write_submission,
)
from graphemes.network.devices import Engine, choose_engine, loader_workers

SETTINGS = PredictSettings


def run(settings: PredictSettings) -> None:
    """Predict with the weights named, or with the run's finished folds."""
    engine = choose_engine(settings.device, settings.precision)
    named = find_weights(settings.weights) if settings.weights else None
    source = find_source(settings)
    predict_run(source, engine, settings, named or finished_weights(source.layout))


def predict_run(
    source: Source,
    engine: Engine,
    settings: PredictSettings | TrainSettings,
    weights: Sequence[Path],
) -> None:
    """Write the submission of these weights, unless it is there already."""
    shards = find_shards(source.directory, "test")
    if not shards:
        say(f"{source.directory}: no test images, so no submission")
        return
    path = settings.submission or source.layout.submission
    rows = read_rows(source.directory)
    ready = load_networks(weights, engine)
    origin = _origin(ready, source, shards)
    made_from = {**origin, "weights": ",".join(file_digest(file) for file in weights)}
    kept = guard_submission(path, origin, overwrite=settings.overwrite)
    if kept == made_from:
        say(f"{path}: made from these weights and test images: kept")
        return
    if kept:
        say(f"{path}: was made from other folds of this run or the demo's; replaced")
    plan = _plan(source.directory, shards, rows)
    say(f"predicting {len(rows.image_ids):,} test images with {len(weights)} network(s)")
    work = _Work(ready, engine, settings, source.layout.cache)
    found = [work.shard(shard, wanted) for shard, wanted in plan.items() if wanted]
    together = PerHead(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    ids = [name for wanted in plan.values() for name in wanted]
    write_submission(path, rows, ids, likeliest(together))
    write_probabilities(probabilities_beside(path), ids, together, made_from)
    say(f"{path}: {len(rows.row_ids):,} rows written")


def _origin(ready: ReadyNetworks, source: Source, shards: list[Path]) -> dict[str, str]:
    """What the submission is made from: the run, and the test images as far as is cheap to know."""
    record = ready.records[0]
    run_ = submission_origin(
        {"settings": record.settings, "digests": record.digests, "demo": record.demo}
    )
    tables = [source.directory / name for name in ("sample_submission.csv", "test.csv")]
    about = [file_digest(path) for path in tables]
    about += [f"{path.name} {path.stat().st_size}" for path in shards]
    return {**run_, "test": digest("\n".join(about).encode())}


def _plan(directory: Path, shards: list[Path], rows: SubmissionRows) -> dict[Path, list[str]]:
    """The ids to predict from each shard, in its order; checked before any network runs."""
    asked, ignored = set(rows.image_ids), 0
    home: dict[str, Path] = {}
    plan: dict[Path, list[str]] = {}
    for path in shards:
        with open_shard(path) as shard:
            ids = list(shard.ids)
        for name in ids:
            if name in home:
                raise DataError(f"{path}: image '{name}' is also in {home[name].name}")
            home[name] = path
        plan[path] = [name for name in ids if name in asked]
        ignored += len(ids) - len(plan[path])
    missing = [name for name in rows.image_ids if name not in home]
    if missing:
        raise DataError(
            f"{directory / 'test.csv'}: asks for {len(missing):,} images that are in no test shard,"
            f" first '{missing[0]}'; are all test shards there?"
        )
    if ignored:
        say(f"{ignored:,} images of the test shards are asked for by no row: ignored")
    return plan


@dataclass(frozen=True)
class _Work:
    ready: ReadyNetworks
    engine: Engine
    settings: PredictSettings | TrainSettings
    cache: Path

    def shard(self, path: Path, wanted: list[str]) -> Probabilities:
        """Decode one shard into a file that goes away again, and predict the images wanted."""
        with temporary_store(path, self.cache, progress) as store:
            chosen = np.array([store.row_of[name] for name in wanted], np.int64)
            with progress(f"predicting {path.name}", len(chosen)) as advance:
                batched = self._batches(store, chosen)
                return probabilities(self.ready.networks, batched, self.engine, advance)

    def _batches(self, store: Store, rows: npt.NDArray[np.int64]) -> Any:
        scans = Pictures(store.pixels, pictures(self.ready.image_size, self.ready.crop))
        workers = loader_workers(self.settings.workers, self.engine.device)
        # A handful of images isn't worth starting processes for.
        workers = workers if len(rows) > 256 else 0
        pin = self.engine.device.type == "cuda"
        return loader(scans, Batches(rows, self.settings.batch_size), workers, pin)
