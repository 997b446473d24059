"""Training of one fold: epochs, validation, checkpoints, the best weights.

N images of a fold.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from graphemes.evaluation.metrics import Score
from graphemes.foundation.errors import DataError, Stopped
from graphemes.foundation.files import replacing, write_text
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.progress import Say, duration, progress
from graphemes.foundation.settings.groups import Learning
from graphemes.network.devices import Engine
from graphemes.network.weights import WeightsRecord, save_weights
from graphemes.training.checkpoints import Progress, load_checkpoint, save_checkpoint
from graphemes.training.curves import draw_curves
from graphemes.training.epoch import EpochResult, Learner, NotFinite, make_learner, train_epoch

Batch = tuple[Tensor, PerHead[Tensor]]


@dataclass
class Deadline:
    """When a run has to end, on time.monotonic's clock, and what an epoch of it takes."""

    at: float | None = None
    slowest: float = 0.0  # seconds of the longest epoch so far, in any of the run's folds

    def leaves_an_epoch(self) -> bool:
        """Whether one more epoch would end in time, with a tenth to spare."""
        return self.at is None or time.monotonic() + 1.1 * self.slowest < self.at

    def take_in(self, seconds: float) -> None:
        """An epoch and its validation took so long."""
        self.slowest = max(self.slowest, seconds)


@dataclass(frozen=True)
class FoldWork:
    """What one fold's training needs from outside."""

    place: FoldPaths
    fold: str  # "0" .. or "none"
    seeds: tuple[int, int]  # (seed, fold) of every random stream
    settings: Learning
    engine: Engine
    images: int  # of an epoch
    steps: int  # of an epoch
    epoch: Callable[[int], Iterable[Batch]]  # the batches of epoch 0, 1, ...
    validate: Callable[[Any], Score] | None  # of a network as the one trained
    record: WeightsRecord  # of the weights, epoch and score left open
    trained_on: npt.NDArray[np.int64]  # fingerprints of the training images
    deadline: Deadline
    say: Say


def train_fold(work: FoldWork, network: nn.Module) -> Progress:
    """Train to the last epoch, from the checkpoint if there is one; weights and curves are written.

    Raises Stopped when the deadline comes first, NotFinite when the loss breaks.
    """
    epochs = work.settings.epochs
    learner = make_learner(network, work.settings, work.engine, epochs * work.steps)
    done = _begin(work, learner)
    while done.epochs < epochs:
        if not work.deadline.leaves_an_epoch():
            raise _out_of_time(work, done)
        started = time.monotonic()
        result = _train(work, learner, done.epochs, done.best_score)
        _take_in(work, learner, done, result)
        work.deadline.take_in(time.monotonic() - started)
    best = _best(work.place, done)
    if not best.is_file():
        raise DataError(f"{best}: is gone; resume=false starts the fold afresh")
    with replacing(work.place.weights) as temporary:
        shutil.copyfile(best, temporary)
    draw_curves(work.place.curves, done.log, _title(work))
    return done


def _begin(work: FoldWork, learner: Learner) -> Progress:
    checkpoint = work.place.checkpoint
    if not checkpoint.exists():
        return Progress()
    done = load_checkpoint(checkpoint, learner)
    _write_log(work.place, done)  # what was killed between checkpoint and log left that one short
    for spent in _spent(done):
        work.deadline.take_in(spent)
    work.say(f"fold {work.fold}: goes on after epoch {done.epochs} of {work.settings.epochs}")
    return done


def _out_of_time(work: FoldWork, done: Progress) -> Stopped:
    if not done.epochs:
        return Stopped(
            f"time_limit: no time for an epoch of fold {work.fold}, so it was not begun;"
            " the same command goes on from there"
        )
    draw_curves(work.place.curves, done.log, _title(work))
    return Stopped(
        f"time_limit: fold {work.fold} stopped after epoch {done.epochs} of"
        f" {work.settings.epochs}; the same command goes on from there"
    )


def _best(place: FoldPaths, done: Progress) -> Path:
    """The best epoch's weights; its number is in the name, so that a checkpoint finds its own."""
    return place.state / f"best-{done.best_epoch}.safetensors"


def _train(work: FoldWork, learner: Learner, epoch: int, best_score: float | None) -> EpochResult:
    label = f"fold {work.fold} epoch {epoch + 1}/{work.settings.epochs}"
    if best_score is not None:
        label += f" (best score {best_score:.3f})"
    try:
        with progress(label, work.images) as advance:
            return train_epoch(learner, work.epoch(epoch), (*work.seeds, epoch), advance)
    except NotFinite as error:
        raise NotFinite(f"fold {work.fold}, {error}") from None


def _take_in(work: FoldWork, learner: Learner, done: Progress, result: EpochResult) -> None:
    """Validate, keep the best weights, write checkpoint and log, say how it went."""
    started = time.monotonic()
    candidate = learner.average.network if work.settings.ema else learner.network
    judged = work.validate(candidate) if work.validate else None
    done.epochs += 1
    done.image_passes += result.images
    done.train_seconds += result.seconds
    best = judged is None or done.best_score is None or judged.score > done.best_score
    if best:
        done.best_epoch = done.epochs
        done.best_score = None if judged is None else judged.score
    done.log.append(_entry(done, result, judged, time.monotonic() - started))
    if best:
        _save_best(work, candidate, done)
    save_checkpoint(work.place.checkpoint, learner, done)
    for path in work.place.state.glob("best-*.safetensors"):
        if path != _best(work.place, done):
            path.unlink()  # only now: a run killed before goes on from the checkpoint before
    _write_log(work.place, done)
    work.say(_line(work, done, judged, best))


def _save_best(work: FoldWork, network: nn.Module, done: Progress) -> None:
    record = WeightsRecord(
        **{**vars(work.record), "epoch": done.best_epoch, "score": done.best_score}
    )
    save_weights(_best(work.place, done), network.state_dict(), record, work.trained_on)


def _write_log(place: FoldPaths, done: Progress) -> None:
    write_text(place.log, "".join(json.dumps(entry) + "\n" for entry in done.log))


def _spent(done: Progress) -> list[float]:
    """Seconds of each epoch with its validation."""
    return [entry["train_seconds"] + entry["validation_seconds"] for entry in done.log]


def _entry(
    done: Progress, result: EpochResult, judged: Score | None, seconds: float
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "epoch": done.epochs,
        "loss": result.loss,
        "lr": result.lr,
        "image_passes": done.image_passes,
        "train_seconds": round(result.seconds, 3),
        "images_per_second": round(result.images / result.seconds, 2),
        "validation_seconds": round(seconds, 3),
    }
    if judged is not None:
        entry |= {"score": judged.score, "recall": judged.recall._asdict()}
    return entry


def _line(work: FoldWork, done: Progress, judged: Score | None, best: bool) -> str:
    entry = done.log[-1]
    spent = _spent(done)
    left = (work.settings.epochs - done.epochs) * sum(spent) / len(spent)
    text = f"fold {work.fold} epoch {done.epochs}/{work.settings.epochs}: loss {entry['loss']:.3f}"
    if judged is not None:
        pairs = zip(HEADS, judged.recall, strict=True)
        recalls = ", ".join(f"{head.name} {value:.3f}" for head, value in pairs)
        text += f", score {judged.score:.4f} ({recalls}){' *' if best else ''}"
    text += f", {entry['images_per_second']:.0f} images/s"
    return f"{text}, {duration(left)} left" if left else text


def _title(work: FoldWork) -> str:
    return f"fold {work.fold}: {work.settings.trunk}, {work.settings.image_size}"
