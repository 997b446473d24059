"""What resume needs: the learner after a step, and how far fold and epoch have come."""

import functools
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import PickleError
from typing import Any

import torch

from graphemes.foundation.errors import DataError, one_line
from graphemes.foundation.files import replacing
from graphemes.foundation.shortages import shortage
from graphemes.network.checksums import checksum
from graphemes.training.epoch import Begun, Learner, random_states

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


def save_checkpoint(
    path: Path, learner: Learner, history: History, begun: Begun | None = None
) -> None:
    """Write learner and history, whole or not at all; begun: the epoch on the way.

    All processes give what each has of that epoch; the first one writes.
    """
    ranks = learner.ranks
    own = None
    if begun is not None:
        random = random_states(learner.engine.device)
        own = {"total": begun.total, "seconds": begun.seconds, "random": random}
    parts = ranks.gathered(own)
    if not ranks.is_first:
        return
    state: dict[str, Any] = {name: part.state_dict() for name, part in _parts(learner).items()}
    if begun is not None:
        state["begun"] = {"steps": begun.steps, "images": begun.images, "processes": parts}
    state["progress"] = asdict(history)
    with replacing(path) as temporary:
        try:
            torch.save({**state, "checksum": checksum(state)}, temporary)
        except RuntimeError as error:  # torch's word for a full disk
            if shortage(error) is not None:  # said while it is written, as of a killed process
                raise
            raise OSError(one_line(error)) from None


def check_checkpoint(path: Path) -> None:
    """Read all of a state, of whatever learner. Raises DataError if the file is damaged."""
    try:
        _read(path, "cpu")
    except DAMAGES as error:
        raise _damaged(path, error) from None


def load_checkpoint(path: Path, learner: Learner) -> tuple[History, Begun | None]:
    """Put the learner back where it was; its history, and the epoch on the way if there is one.

    Raises DataError if the file is damaged. The first process alone reads it: what the others'
    file system shows may be older.
    """
    device = "cpu" if learner.ranks.size > 1 else learner.engine.device
    try:
        state = learner.ranks.of_first(functools.partial(_read, path, device))
        for name, part in _parts(learner).items():
            if state[name] or name != "scaler":  # one that didn't scale has nothing to say
                part.load_state_dict(state[name])
        return History(**state["progress"]), _begun(state.get("begun"), learner.ranks.rank)
    except DAMAGES as error:
        raise _damaged(path, error) from None


def _read(path: Path, device: Any) -> dict[str, Any]:
    """A state's content. Raises one of DAMAGES."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except DAMAGES:
        raise
    except Exception as error:  # noqa: BLE001  # a damaged pickle's may be any
        raise ValueError(one_line(error)) from None
    known = state.pop("checksum", None)
    if known not in (None, checksum(state)):  # None: of before there were any
        raise ValueError("it isn't as it was written: another checksum")
    return state


def _damaged(path: Path, error: Exception) -> DataError:
    reason = one_line(error)[:200]
    return DataError(f"{path}: can't go on from it ({reason}); resume=false starts the fold afresh")


def _begun(state: dict[str, Any] | None, rank: int) -> Begun | None:
    if state is None:
        return None
    return Begun(state["steps"], images=state["images"], **state["processes"][rank])


def _parts(learner: Learner) -> dict[str, Any]:
    parts = {
        "network": learner.network,
        "average": learner.average.average,
        "optimiser": learner.optimiser,
        "schedule": learner.schedule,
        "scaler": learner.scaler,
    }
    return parts if learner.snapshots is None else {**parts, "snapshots": learner.snapshots.average}
