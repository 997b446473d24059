"""What resume needs: the learner after a whole epoch, and how far the fold has come."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import PickleError
from typing import Any

import torch

from graphemes.foundation.errors import DataError, one_line
from graphemes.foundation.files import replacing
from graphemes.training.epoch import Learner

# What torch and a learner's parts raise over a file that isn't whole or isn't of this network.
DAMAGES = (OSError, RuntimeError, LookupError, ValueError, TypeError, EOFError, PickleError)


@dataclass
class History:
    """How far a fold has come."""

    epochs: int = 0  # whole ones
    image_passes: int = 0
    train_seconds: float = 0.0
    best_epoch: int = 0
    best_score: float | None = None
    swa: dict[str, Any] | None = None  # at the end: the mean's score and recall, whether it is kept
    log: list[dict[str, Any]] = field(default_factory=list)  # an entry an epoch


def save_checkpoint(path: Path, learner: Learner, history: History) -> None:
    """Write learner and history, whole or not at all."""
    state = {name: part.state_dict() for name, part in _parts(learner).items()}
    with replacing(path) as temporary:
        try:
            torch.save({"progress": asdict(history), **state}, temporary)
        except RuntimeError as error:  # torch's word for a full disk
            raise OSError(one_line(error)) from None


def load_checkpoint(path: Path, learner: Learner) -> History:
    """Put the learner back where it was; its history. Raises DataError if the file is damaged.

    The first process alone reads it: what the others' file system shows may be older.
    """
    device = "cpu" if learner.ranks.size > 1 else learner.engine.device
    try:
        state = learner.ranks.of_first(
            lambda: torch.load(path, map_location=device, weights_only=True)
        )
        for name, part in _parts(learner).items():
            if state[name] or name != "scaler":  # one that didn't scale has nothing to say
                part.load_state_dict(state[name])
        return History(**state["progress"])
    except DAMAGES as error:
        reason = one_line(error)[:200]
        raise DataError(
            f"{path}: can't go on from it ({reason}); resume=false starts the fold afresh"
        ) from None


def _parts(learner: Learner) -> dict[str, Any]:
    parts = {
        "network": learner.network,
        "average": learner.average.average,
        "optimiser": learner.optimiser,
        "schedule": learner.schedule,
        "scaler": learner.scaler,
    }
    return parts if learner.snapshots is None else {**parts, "snapshots": learner.snapshots.average}
