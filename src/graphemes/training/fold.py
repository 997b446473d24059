"""Training of one fold: epochs, validation, checkpoints, the best weights.

N images of a fold.
"""

import functools
import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import nn

from graphemes.evaluation.metrics import Score
from graphemes.foundation.errors import DataError, Stopped
from graphemes.foundation.files import replacing, write_text
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.progress import counted, duration, progress, say
from graphemes.foundation.settings.groups import Learning
from graphemes.network.devices import Engine
from graphemes.network.ranks import ALONE, Ranks
from graphemes.network.weights import WeightsRecord, save_weights
from graphemes.training.checkpoints import History, load_checkpoint, save_checkpoint
from graphemes.training.class_losses import Counts
from graphemes.training.curves import draw_curves
from graphemes.training.epoch import (
    Batch,
    EpochResult,
    Learner,
    NotFinite,
    make_learner,
    train_epoch,
)
from graphemes.training.forecast import Deadline, Forecast, Work
from graphemes.training.phases import snapshot_epochs


class TrainingBatches(Protocol):
    """The batches of a fold's epochs."""

    @property
    def images(self) -> int:
        """Of an epoch."""
        ...

    @property
    def steps(self) -> int:
        """Of an epoch."""
        ...

    def epoch(self, number: int) -> Iterable[Batch]:
        """The batches of epoch 0, 1, ..."""
        ...


Validate = Callable[[nn.Module], Score]  # a network as the one that is trained


@dataclass(frozen=True)
class FoldJob:
    """What one fold's training needs from outside."""

    paths: FoldPaths
    seeds: tuple[int, int]  # (seed, fold) of every random stream
    settings: Learning
    engine: Engine
    batches: TrainingBatches
    validate: Validate | None
    record: WeightsRecord  # of the weights, epoch and score left open
    trained_on: npt.NDArray[np.int64]  # fingerprints of the training images
    deadline: Deadline
    ranks: Ranks = ALONE
    counts: Counts | None = None  # training images of each class
    validation_images: int = 0
    to_come: int = 0  # folds that this run trains after this one

    @functools.cached_property
    def work(self) -> Work:
        """What its epochs cost."""
        return Work.of(self.settings, self.batches.images, self.validation_images)

    @property
    def fold(self) -> str:
        """ "0" .. or "none"."""
        return self.record.fold


def train_fold(job: FoldJob, network: nn.Module) -> History:
    """Train to the last epoch, from the checkpoint if there is one; weights and curves are written.

    With patience the last epoch may come before all are done.

    Of several processes the first one writes, and decides what hangs on files and clocks.

    Raises Stopped when the deadline comes first, NotFinite when the loss breaks.
    """
    epochs = job.settings.epochs
    steps, ranks = epochs * job.batches.steps, job.ranks
    learner = make_learner(network, job.settings, job.engine, steps, ranks, counts=job.counts)
    history = _begin(job, learner)
    forecast = _forecast(job, history)
    while not _ended(job, history):
        pixels = job.work.epochs[history.epochs]
        if not ranks.of_first(functools.partial(job.deadline.leaves_an_epoch, pixels)):
            raise _out_of_time(job, history)
        started = time.monotonic()
        result = _train(job, learner, history, forecast)
        _finish_epoch(job, learner, history, result)
        job.deadline.note(time.monotonic() - started, pixels)
    if history.epochs < epochs:
        say(
            f"fold {job.fold}: no better score in {counted(job.settings.patience, 'epoch')}, so it"
            f" ends after epoch {history.epochs} of {epochs}"
        )
    if ranks.is_first:
        _write_results(job, history)
    return history


def _ended(job: FoldJob, history: History) -> bool:
    patience = job.settings.patience
    tired = bool(patience) and history.epochs - history.best_epoch >= patience
    return tired or history.epochs >= job.settings.epochs


def _write_results(job: FoldJob, history: History) -> None:
    best = _best(job.paths, history)
    if not best.is_file():
        raise DataError(f"{best}: is gone; resume=false starts the fold afresh")
    with replacing(job.paths.weights) as temporary:
        shutil.copyfile(best, temporary)
    draw_curves(job.paths.curves, history.log, _title(job))


def _begin(job: FoldJob, learner: Learner) -> History:
    checkpoint = job.paths.checkpoint
    if not job.ranks.of_first(checkpoint.exists):
        return History()
    history = load_checkpoint(checkpoint, learner)
    if job.ranks.is_first:  # what was killed between checkpoint and log left that one short
        _write_log(job.paths, history)
    for spent, pixels in zip(_spent(history), job.work.epochs, strict=False):  # those done
        job.deadline.note(spent, pixels)
    say(f"fold {job.fold}: resumed after epoch {history.epochs} of {job.settings.epochs}")
    return history


def _out_of_time(job: FoldJob, history: History) -> Stopped:
    if not history.epochs:
        return Stopped(
            f"{job.deadline.setting}: no time for an epoch of fold {job.fold}, so it was not begun;"
            " the same command goes on from there"
        )
    if job.ranks.is_first:
        draw_curves(job.paths.curves, history.log, _title(job))
    return Stopped(
        f"{job.deadline.setting}: fold {job.fold} stopped after epoch {history.epochs} of"
        f" {job.settings.epochs}; the same command goes on from there"
    )


def _best(paths: FoldPaths, history: History) -> Path:
    """The best epoch's weights; its number is in the name, so that a checkpoint finds its own."""
    return paths.state / f"best-{history.best_epoch}.safetensors"


def _forecast(job: FoldJob, history: History) -> Forecast:
    return Forecast(job.fold, job.work, history.epochs, job.deadline, job.to_come)


def _train(job: FoldJob, learner: Learner, history: History, forecast: Forecast) -> EpochResult:
    epoch = history.epochs
    label = f"fold {job.fold} epoch {epoch + 1}/{job.settings.epochs}"
    if history.best_score is not None:
        label += f" (best score {history.best_score:.3f})"
    try:
        with progress(label, job.batches.images) as advance:
            watched = forecast.watching(advance)
            return train_epoch(learner, job.batches.epoch(epoch), (*job.seeds, epoch), watched)
    except NotFinite as error:
        raise NotFinite(f"fold {job.fold}, {error}") from None


def _finish_epoch(job: FoldJob, learner: Learner, history: History, result: EpochResult) -> None:
    """Validate, keep the best weights, write checkpoint and log, say how it went.

    The validation has the same score for all processes, so they agree on what is best.
    """
    started = time.monotonic()
    candidate = learner.average.network if job.settings.ema else learner.network
    if learner.snapshots and history.epochs + 1 in snapshot_epochs(job.settings):
        learner.snapshots.update(candidate)
    validated = job.validate(candidate) if job.validate else None
    history.epochs += 1
    history.image_passes += result.images
    history.train_seconds += result.seconds
    best = validated is None or history.best_score is None or validated.score > history.best_score
    if best:
        history.best_epoch = history.epochs
        history.best_score = None if validated is None else validated.score
    kept = candidate if best else None
    if learner.snapshots and history.epochs == job.settings.epochs:
        kept = _try_mean(job, learner.snapshots.network, history) or kept
    history.log.append(_entry(history, result, validated, time.monotonic() - started))
    if job.ranks.is_first:
        _keep(job, learner, history, kept)
    say(_line(job, history, validated, best))
    if history.swa is not None:
        say(_mean_line(job, history))


def _try_mean(job: FoldJob, mean: nn.Module, history: History) -> nn.Module | None:
    """Validate the mean of the last epochs' weights, once; itself if it is the best there was.

    Without validation it is what is kept.
    """
    judged = job.validate(mean) if job.validate else None
    better = judged is None or history.best_score is None or judged.score > history.best_score
    history.swa = {"kept": better}
    if judged is not None:
        history.swa |= {"score": judged.score, "recall": judged.recall._asdict()}
    if not better:
        return None
    history.best_epoch = history.epochs
    history.best_score = None if judged is None else judged.score
    return mean


def _mean_line(job: FoldJob, history: History) -> str:
    assert history.swa is not None
    of = counted(job.settings.swa, "cycle" if job.settings.cycles > 1 else "epoch")
    text = f"fold {job.fold} mean of the last {of}"
    if "score" in history.swa:
        text += f": score {history.swa['score']:.4f}"
    return f"{text}{', kept' if history.swa['kept'] else ', not kept'}"


def _keep(job: FoldJob, learner: Learner, history: History, best: nn.Module | None) -> None:
    """Write what an epoch leaves; best: its network if it is better than those before."""
    if best is not None:
        _save_best(job, best, history)
    save_checkpoint(job.paths.checkpoint, learner, history)
    for path in job.paths.state.glob("best-*.safetensors"):
        if path != _best(job.paths, history):
            path.unlink()  # only now: a run killed before goes on from the checkpoint before
    _write_log(job.paths, history)


def _save_best(job: FoldJob, network: nn.Module, history: History) -> None:
    record = WeightsRecord(
        **{**vars(job.record), "epoch": history.best_epoch, "score": history.best_score}
    )
    save_weights(_best(job.paths, history), network.state_dict(), record, job.trained_on)


def _write_log(paths: FoldPaths, history: History) -> None:
    write_text(paths.log, "".join(json.dumps(entry) + "\n" for entry in history.log))


def _spent(history: History) -> list[float]:
    """Seconds of each epoch with its validation."""
    return [entry["train_seconds"] + entry["validation_seconds"] for entry in history.log]


def _entry(
    history: History, result: EpochResult, validated: Score | None, seconds: float
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "epoch": history.epochs,
        "loss": result.loss,
        "lr": result.lr,
        "image_passes": history.image_passes,
        "train_seconds": round(result.seconds, 3),
        "images_per_second": round(result.images / result.seconds, 2),
        "validation_seconds": round(seconds, 3),
    }
    if validated is not None:
        entry |= {"score": validated.score, "recall": validated.recall._asdict()}
    return entry if history.swa is None else {**entry, "swa": history.swa}


def _line(job: FoldJob, history: History, validated: Score | None, best: bool) -> str:
    entry = history.log[-1]
    pixels, done = job.work.epochs, history.epochs
    ahead = sum(pixels[done:]) / sum(pixels[:done])
    left = ahead * sum(_spent(history))
    text = f"fold {job.fold} epoch {history.epochs}/{job.settings.epochs}: loss {entry['loss']:.3f}"
    if validated is not None:
        pairs = zip(HEADS, validated.recall, strict=True)
        recalls = ", ".join(f"{head.name} {value:.3f}" for head, value in pairs)
        text += f", score {validated.score:.4f} ({recalls}){' *' if best else ''}"
    text += f", {entry['images_per_second']:.0f} images/s"
    return f"{text}, {duration(left)} left" if left else text


def _title(job: FoldJob) -> str:
    return f"fold {job.fold}: {job.settings.trunk}, {job.settings.image_size}"
