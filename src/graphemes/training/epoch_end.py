"""After an epoch's last step: validation, what is kept, a line in the log and one for people."""

import time
from typing import Any

from torch import nn

from graphemes.evaluation.metrics import Score
from graphemes.foundation.heads import HEADS
from graphemes.foundation.progress import counted, duration, say
from graphemes.training.checkpoints import History
from graphemes.training.epoch import EpochResult, Learner
from graphemes.training.fold_job import FoldJob
from graphemes.training.keeping import save_best, tidy, write_state
from graphemes.training.phases import snapshot_epochs


def judged_network(job: FoldJob, learner: Learner) -> nn.Module:
    """The network that is validated and kept."""
    return learner.average.network if job.settings.ema else learner.network


def finish_epoch(job: FoldJob, learner: Learner, history: History, result: EpochResult) -> None:
    """Validate, keep the best weights, write checkpoint and log, say how it went.

    The validation has the same score for all processes, so they agree on what is best.
    """
    started = time.monotonic()
    candidate = judged_network(job, learner)
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
        save_best(job, kept, history)
    write_state(job, learner, history)
    if job.ranks.is_first:
        tidy(job, history)
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


def _spent(history: History) -> list[float]:
    """Seconds of each epoch with its validation."""
    return [entry["train_seconds"] + entry["validation_seconds"] for entry in history.log]


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
