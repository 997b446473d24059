"""What a fold keeps on its way: the state to go on from, the best weights, the log."""

import json
from pathlib import Path

from torch import nn

from graphemes.foundation.errors import DataError
from graphemes.foundation.files import write_text
from graphemes.foundation.layout import FoldPaths
from graphemes.network.weights import WeightsRecord, check_weights, save_weights
from graphemes.training.checkpoints import History, save_checkpoint
from graphemes.training.epoch import Begun, Learner
from graphemes.training.fold_job import FoldJob

_BEST = "best-*.safetensors"


def best_so_far(paths: FoldPaths) -> Path | None:
    """The best weights of a training that stopped on its way; None where it kept none yet."""
    kept = {int(path.stem.removeprefix("best-")): path for path in paths.state.glob(_BEST)}
    return kept[max(kept)] if kept else None


def best_weights(paths: FoldPaths, history: History) -> Path:
    """The best epoch's weights; its number is in the name, so that a checkpoint finds its own."""
    return paths.state / f"best-{history.best_epoch}.safetensors"


def check_best(paths: FoldPaths, history: History) -> None:
    """Read the best epoch's weights, if there is one. DataError: they aren't there, or damaged."""
    if not history.best_epoch:
        return
    best = best_weights(paths, history)
    try:
        check_weights(best)
    except DataError as error:
        raise DataError(f"{error}; resume=false starts the fold afresh") from None


def write_state(
    job: FoldJob, learner: Learner, history: History, begun: Begun | None = None
) -> None:
    """Write what resume needs; begun: the epoch on the way. Raises DataError without a folder."""
    _need_state(job)
    save_checkpoint(job.paths.checkpoint, learner, history, begun)


def _need_state(job: FoldJob) -> None:
    """Raise DataError if the folder of states was removed: a new one would not say whose it is."""
    if job.ranks.is_first and not job.paths.state.is_dir():
        raise DataError(
            f"{job.paths.state}: was removed while fold {job.fold} was trained, so it can't go on;"
            " the same command begins afresh"
        )


def save_best(job: FoldJob, network: nn.Module, history: History) -> None:
    """Keep a network as the best epoch's. Raises DataError: the folder of states is gone."""
    _need_state(job)
    record = WeightsRecord(
        **{**vars(job.record), "epoch": history.best_epoch, "score": history.best_score}
    )
    save_weights(best_weights(job.paths, history), network.state_dict(), record, job.trained_on)


def tidy(job: FoldJob, history: History) -> None:
    """Write the log of the epochs that the state has; of the best weights only its own stay."""
    for path in job.paths.state.glob(_BEST):
        if path != best_weights(job.paths, history):
            path.unlink()  # only now: a run killed before goes on from the state before
    write_log(job.paths, history)


def write_log(paths: FoldPaths, history: History) -> None:
    """Write the log anew: a line an epoch."""
    write_text(paths.log, "".join(json.dumps(entry) + "\n" for entry in history.log))
