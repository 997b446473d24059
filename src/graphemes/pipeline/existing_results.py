"""What stands there already: kept where it fits, resumed where unfinished, else refused.

Anything of other settings or data, or that doesn't say whose it is, is refused, unless the user
says overwrite=true or it is the demo's.
"""

import codecs
import contextlib
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from graphemes.evaluation.probability_files import read_digests
from graphemes.foundation.errors import DataError, PlaceTaken
from graphemes.foundation.files import file_digest, locked, write_json
from graphemes.foundation.layout import FoldPaths, Layout, probabilities_beside
from graphemes.foundation.places import need_writable
from graphemes.foundation.progress import say
from graphemes.pipeline.belonging import check_fold_table, check_fold_weights
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.run_records import read_identity

_ORIGINS = {
    "test": "other test images",
    "invert": "scans turned by another invert=",
    "shares": "other shares or runs",
    "decide": "labels of another decide=",
}
# What is beside the word that was asked for: what auto found. It may be another the next time.
_FOUND = {"decide": "decision", "shares": "share_values"}
# What submissions of before a setting have no word of.
_EARLIER = {"invert": "auto", "decide": "auto", "decision": "argmax"}
REPLACES = "replaces"  # what probabilities call the submission that theirs takes the place of
# "other views": finished, with a table of another tta, which overwrite=true makes again.
# "no table": finished, its table lost or damaged.
Status = Literal["empty", "unfinished", "finished", "other views", "no table", "unknown"]


def fold_status(paths: FoldPaths, asked: RunIdentity, *, overwrite: bool) -> Status:
    """How far the fold at `paths` is; raises PlaceTaken if something else is there."""
    for path in (paths.run, paths.weights, paths.oof):
        if path.is_dir():
            raise DataError(f"{path}: is a folder, expected a file; move it away")
    try:
        kept, status = kept_identity(paths)
    except DataError:
        if overwrite:
            return "empty"
        raise
    if status == "unknown" and not overwrite:
        absent = [path for path in (paths.run, paths.weights) if not path.is_file()]
        raise PlaceTaken(
            f"{paths.directory}: holds {_named(_results(paths))} without {_named(absent)}, so whose"
            " it is isn't known; put that back; overwrite=true replaces it, name=WORD keeps both"
        )
    if kept is None:
        return "empty"
    found = kept.differences(asked)
    if not found:
        stale = status == "finished" and _has_other_views(paths, asked)
        return "other views" if stale else status
    if kept.differs_in_views_alone(asked) and not kept.demo:
        if overwrite:
            return "other views" if status == "finished" else status
        raise PlaceTaken(
            f"{paths.directory}: its weights are the asked ones, but {found[0]}; overwrite=true"
            " keeps them and makes its table again, name=WORD keeps both"
        )
    if overwrite or kept.demo:
        return "empty"
    raise place_taken_error(paths.directory, found)


def whole_status(paths: FoldPaths, *, overwrite: bool) -> Status:
    """How far a finished fold is once its files are read: its table can be made again.

    Raises DataError for damaged weights, and for those of another run, unless it is to be replaced.
    """
    try:
        check_fold_weights(paths)
    except DataError as error:
        if overwrite:
            return "empty"
        raise DataError(f"{error}; overwrite=true trains the fold again") from None
    if paths.number is None:
        return "finished"  # it validated nothing
    try:
        check_fold_table(paths)
    except DataError:
        return "no table"
    return "finished"


def _has_other_views(paths: FoldPaths, asked: RunIdentity) -> bool:
    """Whether the table is of another tta than its run record says: killed between the two."""
    with contextlib.suppress(DataError):
        views = str(asked.settings.get("tta", "none"))
        return read_digests(paths.oof).get("tta", views) != views
    return False


def kept_identity(paths: FoldPaths) -> tuple[RunIdentity | None, Status]:
    """The identity of what a fold's folder holds, and how far it is; None of nobody's results."""
    if paths.finished:
        return read_identity(paths.run), "finished"
    unfinished = paths.state / "identity.json"
    if unfinished.is_file():
        return read_identity(unfinished), "unfinished"
    return None, "unknown" if _results(paths) else "empty"


def _results(paths: FoldPaths) -> list[Path]:
    """What a training took hours for, and is there."""
    return [path for path in (paths.weights, paths.oof) if path.exists()]


def _named(paths: list[Path]) -> str:
    return " and ".join(path.name for path in paths)


def fold_lock(paths: FoldPaths) -> AbstractContextManager[None]:
    """The lock under which a fold's folder is written. Raises UserError if another run has it."""
    busy = f"{paths.directory}: another run is training this fold; wait for it, or use name="
    return locked(paths.directory / ".lock", busy=busy)


def clear_fold(paths: FoldPaths) -> None:
    """Remove what a fold left: what says whose it is goes last, lest a half be nobody's."""
    for path in (paths.oof, paths.weights, paths.run, paths.log, paths.curves):
        path.unlink(missing_ok=True)
    if paths.state.exists():
        shutil.rmtree(paths.state)


def begin_fold(paths: FoldPaths, asked: RunIdentity) -> None:
    """Note whose the folder is, before anything else is written there."""
    write_json(paths.state / "identity.json", {"identity": asked.as_json()})


def submission_origin(identity: RunIdentity) -> dict[str, str]:
    """What a submission remembers of the run it comes from."""
    demo = str(identity.demo)
    return {**identity.digests, "settings": identity.settings_digest, "demo": demo}


def guard_submission(path: Path, origin: dict[str, str], *, overwrite: bool) -> dict[str, str]:
    """What is known of the submission at `path` ({} if there is none, or it may be replaced).

    Raises PlaceTaken if it comes from another run or data, or was changed by somebody; and, also
    with overwrite, if it is no submission.
    """
    need_writable(path)
    if not path.exists():
        return {}
    if not _is_submission(path):
        raise PlaceTaken(
            f"{path}: there already, and its first line isn't row_id,target, so it is no"
            " submission; move it away, or choose another place with submission=PATH or name=WORD"
        )
    if overwrite:
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
    summary = file_digest(path)
    if changed := changed_submission(path, summary, kept):
        raise PlaceTaken(f"{changed} {ways}")
    if kept.get("submission") != summary:
        return {}  # a prediction was ended before the last of its files took its place
    kept = {**_EARLIER, **kept}
    if "shares" in kept:
        kept.setdefault("share_values", kept["shares"])
    other = _other(kept, origin)
    if other and kept.get("demo") != "True":
        what = " and ".join(_ORIGINS.get(key, f"other {key}") for key in other)
        raise PlaceTaken(f"{path}: made from {what}; {ways}")
    return kept


def changed_submission(path: Path, summary: str, kept: dict[str, str]) -> str | None:
    """What to know of one that isn't what was written with the digests `kept` beside it.

    summary: its own digest.
    """
    if summary in (kept.get("submission"), kept.get(REPLACES)):
        return None
    return f"{path}: isn't what {probabilities_beside(path).name} belongs to; was it changed?"


def _other(kept: dict[str, str], origin: dict[str, str]) -> list[str]:
    """What an origin has otherwise. The same rule with other parameters is no other: it is remade.

    So is what another rule gave, or other shares, that were asked for by the same word: auto.
    """
    other = [key for key, value in origin.items() if kept.get(key) != value]
    found = [
        [one.get(key, "").partition(" ")[0] for one in (kept, origin)] for key in _FOUND.values()
    ]
    same = {asked for asked, (old, new) in zip(_FOUND, found, strict=True) if old == new}
    return [key for key in other if key not in _FOUND.values() and key not in same]


def _is_submission(path: Path) -> bool:
    """Whether a file begins as a submission does, or holds nothing that could be lost."""
    with path.open("rb") as file:
        line = file.readline(100).removeprefix(codecs.BOM_UTF8)  # spreadsheets add a mark
    return line.replace(b'"', b"").strip() in (b"row_id,target", b"")


def remove_demo_folds(layout: Layout, asked: RunIdentity) -> None:
    """Remove the demo's folds that a run of other settings or data finds beside its own."""
    for paths in layout.folds():
        if _is_demos(paths, asked):
            with fold_lock(paths):
                if _is_demos(paths, asked):  # or another run has begun here since
                    say(f"{paths.directory}: was the demo's; replaced")
                    clear_fold(paths)


def _is_demos(paths: FoldPaths, asked: RunIdentity) -> bool:
    kept = None
    with contextlib.suppress(DataError):  # of one that can't be read nobody knows
        kept, _ = kept_identity(paths)
    return kept is not None and kept.demo and bool(kept.differences(asked))


def place_taken_error(what: Path, found: list[str]) -> PlaceTaken:
    """The error for a place that holds something else."""
    shown = "; ".join(found[:4]) + ("; and more" if len(found) > 4 else "")
    return PlaceTaken(
        f"{what}: made with other settings or data ({shown});"
        " overwrite=true replaces it, name=WORD keeps both"
    )
