"""Training of one fold: epochs, validation, checkpoints, the best weights.

N images of a fold.
"""

import contextlib
import functools
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import nn

from graphemes.evaluation.metrics import Score
from graphemes.foundation.errors import KEPT, DataError, Stopped, UserError, one_line
from graphemes.foundation.files import replacing, write_text
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.progress import counted, duration, progress, say
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.shortages import is_memory_shortage
from graphemes.foundation.stopping import holding_back_stop
from graphemes.network.devices import Engine
from graphemes.network.ranks import ALONE, Ranks
from graphemes.network.weights import WeightsRecord, save_weights
from graphemes.training.checkpoints import History, load_checkpoint, save_checkpoint
from graphemes.training.class_losses import Counts
from graphemes.training.curves import draw_curves
from graphemes.training.epoch import (
    Batch,
    Begun,
    EpochResult,
    Learner,
    NotFinite,
    make_learner,
    train_epoch,
)
from graphemes.training.forecast import Deadline, Forecast, Work
from graphemes.training.pauses import Pauses
from graphemes.training.phases import snapshot_epochs

_BEST = "best-*.safetensors"


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

    def epoch(self, number: int, start: int = 0) -> Iterable[Batch]:
        """The batches of epoch 0, 1, ..., from step `start` on."""
        ...

    def ids(self, epoch: int, batch: int) -> list[str]:
        """Of the images in one of this process's batches."""
        ...


Validate = Callable[[nn.Module], Score]  # a network as the one that is trained


@dataclass(frozen=True)
class FoldJob:
    """What one fold's training needs from outside."""

    paths: FoldPaths  # its folder of states is there
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
    state_every: float = 600.0  # seconds between two states of an epoch; 0: after each step
    keep_any: bool = False  # stopped before an epoch is whole: keep the weights of the last step

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

    Raises Stopped when the deadline or SIGTERM comes first, the state written, and NotFinite when
    the loss breaks.
    """
    epochs = job.settings.epochs
    steps, ranks = epochs * job.batches.steps, job.ranks
    learner = make_learner(network, job.settings, job.engine, steps, ranks, counts=job.counts)
    history, begun = _begin(job, learner)
    forecast = _forecast(job, history, begun)
    while not _ended(job, history):
        if ranks.of_first(job.deadline.over):
            raise _stopped(job, learner, history, begun, job.deadline.setting)
        with _memory_watched(job, history.epochs + 1):
            result = _train(job, learner, history, forecast, begun or Begun())
            begun = None
            with _keeping_any(job, learner, history):
                _finish_epoch(job, learner, history, result)
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


def _begin(job: FoldJob, learner: Learner) -> tuple[History, Begun | None]:
    checkpoint = job.paths.checkpoint
    if not job.ranks.of_first(checkpoint.exists):
        return History(), None
    history, begun = load_checkpoint(checkpoint, learner)
    if job.ranks.is_first:  # what was killed between checkpoint and log left that one short
        _write_log(job.paths, history)
    say(f"fold {job.fold}: resumed {_place(job, history, begun)}")
    return history, begun


def _place(job: FoldJob, history: History, begun: Begun | None) -> str:
    """How far a fold is: 'after epoch 2 of 5', 'in epoch 3 of 5, after step 7 of 20'."""
    epochs = job.settings.epochs
    if begun is None:
        return f"after epoch {history.epochs} of {epochs}"
    steps = f"step {begun.steps:,} of {job.batches.steps:,}"
    return f"in epoch {history.epochs + 1} of {epochs}, after {steps}"


def _stopped(
    job: FoldJob, learner: Learner, history: History, begun: Begun | None, why: str
) -> Stopped:
    """What ends a fold before its last epoch; its state is written."""
    if not history.epochs and begun is None:
        return Stopped(
            f"{why}: no time for a step of fold {job.fold}, so it was not begun; the same command"
            " goes on from there"
        )
    if job.ranks.is_first:
        if history.log:
            draw_curves(job.paths.curves, history.log, _title(job))
        elif job.keep_any:
            _save_best(job, _candidate(job, learner), history)
    return Stopped(
        f"{why}: fold {job.fold} stopped {_place(job, history, begun)}; the same command goes on"
        " from there"
    )


@contextlib.contextmanager
def _keeping_any(job: FoldJob, learner: Learner, history: History) -> Iterator[None]:
    """Weights that are asked for at any rate are kept where the first validation is ended."""
    try:
        yield
    except Stopped:
        if job.keep_any and job.ranks.is_first and best_so_far(job.paths) is None:
            _save_best(job, _candidate(job, learner), history)
        raise


def _candidate(job: FoldJob, learner: Learner) -> nn.Module:
    """The network that is validated and kept."""
    return learner.average.network if job.settings.ema else learner.network


def best_so_far(paths: FoldPaths) -> Path | None:
    """The best weights of a training that stopped on its way; None where it kept none yet."""
    kept = {int(path.stem.removeprefix("best-")): path for path in paths.state.glob(_BEST)}
    return kept[max(kept)] if kept else None


def _best(paths: FoldPaths, history: History) -> Path:
    """The best epoch's weights; its number is in the name, so that a checkpoint finds its own."""
    return paths.state / f"best-{history.best_epoch}.safetensors"


def _forecast(job: FoldJob, history: History, begun: Begun | None) -> Forecast:
    images = begun.images * job.ranks.size if begun else 0
    return Forecast(job.fold, job.work, history.epochs, job.deadline, job.to_come, images)


def _train(
    job: FoldJob, learner: Learner, history: History, forecast: Forecast, begun: Begun
) -> EpochResult:
    """The epoch that is next, or what is left of it."""
    epoch, done = history.epochs, begun.images * job.ranks.size
    label = f"fold {job.fold} epoch {epoch + 1}/{job.settings.epochs}"
    if history.best_score is not None:
        label += f" (best score {history.best_score:.3f})"
    try:
        with (
            progress(label, job.batches.images, done=done) as advance,
            holding_back_stop() as wish,
        ):
            pauses = Pauses(
                write=functools.partial(_write_state, job, learner, history),
                stopped=functools.partial(_stopped, job, learner, history),
                every=job.state_every,
                validated=job.validate is not None,
                deadline=job.deadline,
                ranks=job.ranks,
                wish=wish,
                steps=job.batches.steps,
                picture=job.work.pixels[epoch],
                validation=job.work.validation if job.validate else 0.0,
            )
            return train_epoch(
                learner,
                job.batches.epoch(epoch, begun.steps),
                (*job.seeds, epoch),
                forecast.watching(advance),
                begun=begun,
                after_step=pauses.after_step,
            )
    except NotFinite as error:
        odd = [job.batches.ids(epoch, error.batch)[place] for place in error.pictures]
        of = f", the picture of {', '.join(odd[:3])}" if odd else ""
        raise NotFinite(f"fold {job.fold}{of}, {error}") from None


@contextlib.contextmanager
def _memory_watched(job: FoldJob, epoch: int) -> Iterator[None]:
    """Memory that runs out in the block becomes a UserError: a whole run goes on with less."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_memory_shortage(error):
            raise
        s, device = job.settings, job.engine.device.type
        ways = ["checkpointing=true takes less for the same weights"]
        if s.batch_size >= 4:  # a batch has two images at least
            halves = f"batch_size={s.batch_size // 2} accumulate={2 * s.accumulate}"
            ways.append(f"{halves} takes about half for a step of as many images")
        raise UserError(
            f"fold {job.fold}, epoch {epoch}: memory ran out on {device} at"
            f" batch_size={s.batch_size} image_size={s.image_size} ({one_line(error)[:200]});"
            f" {'; '.join(ways)}; {KEPT}"
        ) from None


def _finish_epoch(job: FoldJob, learner: Learner, history: History, result: EpochResult) -> None:
    """Validate, keep the best weights, write checkpoint and log, say how it went.

    The validation has the same score for all processes, so they agree on what is best.
    """
    started = time.monotonic()
    candidate = _candidate(job, learner)
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
    if job.ranks.is_first and kept is not None:
        _save_best(job, kept, history)
    _write_state(job, learner, history)
    if job.ranks.is_first:
        _tidy(job, history)
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


def _tidy(job: FoldJob, history: History) -> None:
    """Write the log of the epochs that the state has; of the best weights only its own stay."""
    for path in job.paths.state.glob(_BEST):
        if path != _best(job.paths, history):
            path.unlink()  # only now: a run killed before goes on from the state before
    _write_log(job.paths, history)


def _write_state(
    job: FoldJob, learner: Learner, history: History, begun: Begun | None = None
) -> None:
    _need_state(job)
    save_checkpoint(job.paths.checkpoint, learner, history, begun)


def _need_state(job: FoldJob) -> None:
    """Raise DataError if the folder of states was removed: a new one would not say whose it is."""
    if job.ranks.is_first and not job.paths.state.is_dir():
        raise DataError(
            f"{job.paths.state}: was removed while fold {job.fold} was trained, so it can't go on;"
            " the same command begins afresh"
        )


def _save_best(job: FoldJob, network: nn.Module, history: History) -> None:
    _need_state(job)
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
