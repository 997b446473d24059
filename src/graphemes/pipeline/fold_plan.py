"""Which fold each image is in: folds.csv as it is there, or made anew and written."""

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphemes.evaluation.fold_balance import balance_lines
from graphemes.evaluation.folds import (
    NEVER,
    fold_count,
    fold_table,
    make_folds,
    read_folds,
    write_folds,
)
from graphemes.evaluation.grapheme_folds import held_out_lines, make_grapheme_folds
from graphemes.foundation.errors import DataError, PlaceTaken, SettingsError
from graphemes.foundation.files import file_digest, locked, read_json, write_json
from graphemes.foundation.layout import Layout
from graphemes.foundation.places import need_readable
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import FoldsSettings, TrainSettings
from graphemes.foundation.settings.groups import Folding, no_such_fold
from graphemes.foundation.settings.types import FoldRule
from graphemes.pipeline.workspace import Workspace


@dataclass(frozen=True)
class FoldPlan:
    """The folds of a run; `origin` is set for new ones, which aren't written yet."""

    table: pd.DataFrame
    path: Path | None  # of the file; None for fold=none
    origin: dict[str, Any] | None = None
    replaces: str | None = None  # the digest of the file that new ones may replace

    def write(self) -> None:
        """Write the file if it is new, with a word beside it on where it comes from.

        Raises PlaceTaken if another run has put other folds there since they were planned.
        """
        if self.origin is None or self.path is None:
            return
        with locked(self.path.with_name(f".{self.path.name}.lock")):
            if _digest_of(self.path) != self.replaces:
                self._need_same_folds(self.path)
                return
            write_folds(self.path, self.table, functools.partial(self._note, self.path))

    def _note(self, path: Path, summary: str) -> None:
        """Say where the file comes from, before it takes its place: alone it is somebody's own."""
        if _is_demos(path):
            path.unlink()  # lest it be taken for somebody's own if the run ends here
        about = {**(self.origin or {}), "digest": summary, "replaces": self.replaces}
        write_json(_about(path), about)

    def _need_same_folds(self, path: Path) -> None:
        with contextlib.suppress(DataError):
            if read_folds(path, self.table).equals(self.table):
                return
        raise PlaceTaken(
            f"{path}: another run wrote it meanwhile, with other folds than this one's;"
            " the same command again takes them if they fit"
        )

    def report_lines(self, *, held_out: bool) -> list[str]:
        """How evenly the folds share the classes, and what they hold out whole, for people."""
        lines = [f"{self.path}: {len(self.table):,} images", *balance_lines(self.table)]
        return [*lines, "", *held_out_lines(self.table)] if held_out else lines


def plan_folds(
    settings: TrainSettings | FoldsSettings,
    workspace: Workspace,
    by: FoldRule = "stratified",
) -> FoldPlan:
    """The table of folds: the user's file, the rule's if it fits, or a new one, not written yet."""
    if isinstance(settings.folds, Path):
        return FoldPlan(read_folds(settings.folds, workspace.labels), settings.folds)
    path = _place(workspace.layout, by)
    if path.exists():
        table, problem = _kept_folds(path, settings.folds, workspace.labels)
        if table is not None:
            if changed := changed_since(path):
                say(f"WARNING: {changed}")
            return FoldPlan(table, path)
        if isinstance(settings, TrainSettings):
            _need_nothing_trained_on(path, problem or "", settings, workspace.layout)
        _give_way(path, problem or "", overwrite=settings.overwrite)
    return new_folds(settings, workspace, by)


def plan_asked_folds(settings: FoldsSettings, workspace: Workspace) -> FoldPlan:
    """The user's file, or exactly the folds that the rule and the seed give.

    Only the folds command asks whose seed it was: a run takes any folds that fit. Raises
    PlaceTaken where a file holds others and nobody allowed to replace it.
    """
    plan = plan_folds(settings, workspace, settings.by)
    if plan.origin is not None or plan.path is None or plan.path == settings.folds:
        return plan
    asked = new_folds(settings, workspace, settings.by)
    if plan.table.equals(asked.table):
        return plan
    problem = f"isn't what seed={settings.seed} gives"
    origins = "(it is another seed's, an earlier version's or your own)"
    _give_way(plan.path, f"{problem} {origins}", overwrite=settings.overwrite)
    return asked


def _need_nothing_trained_on(
    path: Path, problem: str, settings: TrainSettings, layout: Layout
) -> None:
    """Raise PlaceTaken if folds that a training leaves as they are were trained on the file."""
    left = [paths for paths in layout.folds_of_other_runs() if paths.begun]
    if isinstance(settings.fold, tuple):
        own = (paths for paths in layout.folds() if paths.number not in settings.fold)
        left += [paths for paths in own if paths.begun]
    if left and not _is_demos(path):
        raise PlaceTaken(
            f"{path}: {problem}; it is shared, and {left[0].directory} was trained with it;"
            " folds=PATH uses another file, work_dir=PATH keeps both, the command folds with"
            " overwrite=true replaces it all the same"
        )


def _place(layout: Layout, by: FoldRule) -> Path:
    return layout.folds_by_grapheme_csv if by == "grapheme" else layout.folds_csv


def _about(path: Path) -> Path:
    """What says where a folds.csv comes from."""
    return path.with_suffix(".json")


def _give_way(path: Path, problem: str, *, overwrite: bool) -> None:
    """Say that a folds.csv will be replaced. Raises PlaceTaken if nobody allowed it."""
    if _is_demos(path):
        say(f"{path}: was the demo's; replaced")
    elif overwrite:
        say(f"{path}: {problem}; replaced")
    else:
        raise PlaceTaken(
            f"{path}: {problem}; overwrite=true replaces it, folds=PATH uses another file,"
            " work_dir=PATH keeps both"
        )


def new_folds(settings: Folding, workspace: Workspace, by: FoldRule = "stratified") -> FoldPlan:
    """A table of folds, made by that rule."""
    assert isinstance(settings.folds, int)
    labels = workspace.labels
    say(f"folds: splitting {len(labels):,} images into {settings.folds} folds")
    make = make_grapheme_folds if by == "grapheme" else make_folds
    table = fold_table(labels, make(labels, settings.folds, settings.seed))
    origin = {"by": by, "folds": settings.folds, "seed": settings.seed, "demo": workspace.demo}
    path = _place(workspace.layout, by)
    return FoldPlan(table, path, origin, _digest_of(path))


def _digest_of(path: Path) -> str | None:
    """The digest of a file; None if there is none."""
    return file_digest(path) if path.exists() else None


def _kept_folds(
    path: Path, count: int, labels: pd.DataFrame
) -> tuple[pd.DataFrame | None, str | None]:
    """The folds.csv that is there, or why it doesn't serve."""
    need_readable(path)
    try:
        table = read_folds(path, labels)
    except DataError as error:
        return None, f"doesn't fit this data ({str(error).removeprefix(f'{path}: ')})"
    if (there := fold_count(table)) != count:
        return None, f"has {there} folds, asked for {count}; folds={there} takes it as it is"
    return table, None


def changed_since(path: Path) -> str | None:
    """What to know of a folds.csv that isn't as a run wrote it; None where it is, or nobody knows.

    It may be the user's own change, which a run takes: so it isn't refused. Nor is the one that it
    was to replace, which stands there if a run ended before it did.
    """
    origin, digest, about = _origin_of(path), _digest_of(path), _about(path)
    if about.is_file() and not origin:
        return (
            f"{about}: isn't as it was written, so nobody knows whether {path.name} is; delete it"
            f" if {path.name} is as you want it"
        )
    if origin.get("digest") is None or digest in (origin["digest"], origin.get("replaces")):
        return None
    return (
        f"{path}: isn't as it was written, says {_about(path).name}; if the change isn't yours,"
        " delete both, and a run makes them again"
    )


def check_origin(path: Path) -> None:
    """Raise DataError where what stands beside a folds.csv can't say where that comes from."""
    about = _about(path)
    if about.exists() and not isinstance(read_json(about), dict):
        raise DataError(f"{about}: isn't as it was written, expected an object; delete it")


def _is_demos(path: Path) -> bool:
    """Whether a folds.csv was made for the demo, and nobody changed it since."""
    origin = _origin_of(path)
    return origin.get("demo") is True and origin.get("digest") == _digest_of(path)


def _origin_of(path: Path) -> dict[str, Any]:
    """What is said beside a folds.csv of where it comes from; nothing where that can't be read."""
    with contextlib.suppress(DataError):
        about = read_json(_about(path))
        return about if isinstance(about, dict) else {}
    return {}


def unfolded(labels: pd.DataFrame) -> FoldPlan:
    """The folds of fold=none: every image trains, none is validated."""
    return FoldPlan(fold_table(labels, np.full(len(labels), NEVER)), None)


def chosen_folds(settings: TrainSettings, table: pd.DataFrame) -> list[str]:
    """The folds that fold= asks for, as they are named in paths. Raises SettingsError."""
    if settings.fold == "none":
        return ["none"]
    count = fold_count(table)
    asked = tuple(range(count)) if settings.fold == "all" else settings.fold
    outside = [fold for fold in asked if int(fold) >= count]
    if outside:
        raise SettingsError(no_such_fold(int(outside[0]), count))
    return [str(fold) for fold in asked]
