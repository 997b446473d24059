"""What happens a second time: results that fit are kept, others are guarded.

Finished with the same settings and data: kept. Unfinished: gone on with. Anything else in the place
is an error, unless the user says overwrite=true or it belongs to the demo.
"""

import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from graphemes.evaluation.probability_files import read_digests
from graphemes.foundation.errors import DataError, PlaceTaken
from graphemes.foundation.files import (
    digest,
    file_digest,
    locked,
    need_writable,
    read_json,
    write_json,
)
from graphemes.foundation.layout import FoldPaths, Layout, probabilities_beside
from graphemes.foundation.progress import say
from graphemes.pipeline.identity import differences

Status = Literal["empty", "unfinished", "finished"]


def fold_status(place: FoldPaths, asked: dict[str, Any], *, overwrite: bool) -> Status:
    """How far the fold at `place` is; raises PlaceTaken if something else is there."""
    kept, status = kept_identity(place)
    if kept is None:
        return "empty"
    found = differences(kept, asked)
    if not found:
        return status
    if overwrite or kept.get("demo"):
        return "empty"
    raise place_taken_error(place.directory, found)


def kept_identity(place: FoldPaths) -> tuple[dict[str, Any] | None, Status]:
    """The identity of what is at a fold's place, and whether it is finished."""
    if place.finished:
        return _identity_in(place.run), "finished"
    unfinished = place.state / "identity.json"
    if unfinished.is_file():
        return _identity_in(unfinished), "unfinished"
    return None, "empty"


def _identity_in(path: Path) -> dict[str, Any]:
    value = read_json(path)
    identity = value.get("identity") if isinstance(value, dict) else None
    if not isinstance(identity, dict):
        raise DataError(f"{path}: holds no identity; delete its folder or restore it")
    return identity


def fold_lock(place: FoldPaths) -> AbstractContextManager[None]:
    """The lock under which a fold's place is written. Raises UserError if another run has it."""
    busy = f"{place.directory}: another run is training this fold; wait for it, or use name="
    return locked(place.directory / ".lock", busy=busy)


def clear_fold(place: FoldPaths) -> None:
    """Remove what a fold left, its birth certificate first, so that no half of it seems whole."""
    for path in (place.run, place.weights, place.oof, place.log, place.curves):
        path.unlink(missing_ok=True)
    if place.state.exists():
        shutil.rmtree(place.state)


def begin_fold(place: FoldPaths, asked: dict[str, Any]) -> None:
    """Note whose the place is, before anything else is written there."""
    write_json(place.state / "identity.json", {"identity": asked})


def submission_origin(identity: dict[str, Any]) -> dict[str, str]:
    """What a submission remembers of the run it comes from."""
    settings = json.dumps(identity["settings"], sort_keys=True).encode()
    return {**identity["digests"], "settings": digest(settings), "demo": str(identity["demo"])}


def guard_submission(path: Path, origin: dict[str, str], *, overwrite: bool) -> dict[str, str]:
    """What is known of the submission at `path` ({} if there is none, or it may be replaced).

    Raises PlaceTaken if it comes from another run or data, or was changed by somebody.
    """
    need_writable(path)
    if not path.exists() or overwrite:
        return {}
    beside = probabilities_beside(path)
    ways = "overwrite=true replaces it, submission=PATH or name=WORD keeps both"
    if not beside.is_file():
        raise PlaceTaken(
            f"{path}: there already, without {beside.name}, which says where it comes from; {ways}"
        )
    try:
        kept = read_digests(beside)
    except DataError as error:
        raise PlaceTaken(f"{path}: there already, and {error}; {ways}") from None
    if kept.get("submission") != file_digest(path):
        raise PlaceTaken(f"{path}: isn't what {beside.name} belongs to; was it changed? {ways}")
    other = [key for key, value in origin.items() if kept.get(key) != value]
    if other and kept.get("demo") != "True":
        raise PlaceTaken(f"{path}: made from other {' and '.join(other)}; {ways}")
    return kept


def forget_demo_folds(layout: Layout, asked: dict[str, Any]) -> None:
    """Clear the demo's folds that a run of other settings or data finds beside its own."""
    for place in layout.folds():
        kept, _ = kept_identity(place)
        if kept is not None and kept.get("demo") and differences(kept, asked):
            with fold_lock(place):
                say(f"{place.directory}: was the demo's; replaced")
                clear_fold(place)


def place_taken_error(what: Path, found: list[str]) -> PlaceTaken:
    """The error for a place that holds something else."""
    shown = "; ".join(found[:4]) + ("; and more" if len(found) > 4 else "")
    return PlaceTaken(
        f"{what}: made with other settings or data ({shown});"
        " overwrite=true replaces it, name=WORD keeps both"
    )
