"""Training of one fold: its epochs to the last, gone on with, stopped in between."""

import contextlib
import functools
import math
import shutil
import traceback
from collections.abc import Iterator

from torch import nn

from graphemes.foundation.errors import KEPT, Stopped, UserError, one_line
from graphemes.foundation.files import replacing
from graphemes.foundation.progress import counted, progress, say
from graphemes.foundation.shortages import is_memory_shortage
from graphemes.foundation.stopping import holding_back_stop
from graphemes.training.batch_room import fitting_batch
from graphemes.training.checkpoints import History, load_checkpoint
from graphemes.training.curves import draw_curves
from graphemes.training.epoch import (
    Begun,
    EpochResult,
    Learner,
    NotFinite,
    make_learner,
    train_epoch,
)
from graphemes.training.epoch_end import finish_epoch, judged_network
from graphemes.training.fold_job import FoldJob
from graphemes.training.forecast import Forecast
from graphemes.training.keeping import (
    best_so_far,
    best_weights,
    check_best,
    save_best,
    write_log,
    write_state,
)
from graphemes.training.pauses import Pauses


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
        with _memory_watched(job, learner, history.epochs + 1):
            result = _train(job, learner, history, forecast, begun or Begun())
            begun = None
            with _keeping_any(job, learner, history):
                finish_epoch(job, learner, history, result)
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
    check_best(job.paths, history)
    best = best_weights(job.paths, history)
    with replacing(job.paths.weights) as temporary:
        shutil.copyfile(best, temporary)
    draw_curves(job.paths.curves, history.log, job.title)


def _begin(job: FoldJob, learner: Learner) -> tuple[History, Begun | None]:
    checkpoint = job.paths.checkpoint
    if not job.ranks.of_first(checkpoint.exists):
        return History(), None
    history, begun = load_checkpoint(checkpoint, learner)
    job.ranks.of_first(lambda: check_best(job.paths, history))
    if job.ranks.is_first:  # what was killed between checkpoint and log left that one short
        write_log(job.paths, history)
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
            draw_curves(job.paths.curves, history.log, job.title)
        elif job.keep_any:
            save_best(job, judged_network(job, learner), history)
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
            save_best(job, judged_network(job, learner), history)
        raise


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
                write=functools.partial(write_state, job, learner, history),
                stopped=functools.partial(_stopped, job, learner, history),
                every=job.state_every,
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


def _smaller(job: FoldJob, learner: Learner) -> list[str]:
    """The settings of a smaller batch for a step of as many images, for people; if there is one."""
    s = job.settings
    if s.batch_size < 4:  # a batch has two images at least
        return []
    batch, why = s.batch_size // 2, "takes about half"
    if job.engine.device.type == "cuda" and job.ranks.size == 1:
        largest = max((s.image_size, *(s.image_sizes or ())), key=math.prod)
        fits = fitting_batch(learner, largest, s.batch_size)
        if fits is None:
            return []
        batch, why = fits, "fits here"
    accumulate = round(s.accumulate * s.batch_size / batch)
    return [f"batch_size={batch} accumulate={accumulate} {why} for a step of as many images"]


@contextlib.contextmanager
def _memory_watched(job: FoldJob, learner: Learner, epoch: int) -> Iterator[None]:
    """Memory that runs out in the block becomes a UserError: a whole run goes on with less."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_memory_shortage(error):
            raise
        s, device = job.settings, job.engine.device.type
        traceback.clear_frames(error.__traceback__)  # which hold the tensors of the step
        ways = ["checkpointing=true takes less for the same weights", *_smaller(job, learner)]
        raise UserError(
            f"fold {job.fold}, epoch {epoch}: memory ran out on {device} at"
            f" batch_size={s.batch_size} image_size={s.image_size} ({one_line(error)[:200]});"
            f" {'; '.join(ways)}; {KEPT}"
        ) from None
