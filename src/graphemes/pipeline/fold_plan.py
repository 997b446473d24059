"""Which fold each image is in, and which store rows a fold trains on and is validated on.

N labelled images, n of a fold's part.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphemes.evaluation.folds import (
    NEVER,
    fold_count,
    fold_table,
    make_folds,
    read_folds,
    write_folds,
)
from graphemes.evaluation.grapheme_folds import make_grapheme_folds
from graphemes.foundation.errors import DataError, PlaceTaken, SettingsError
from graphemes.foundation.files import file_digest, read_json, write_json
from graphemes.foundation.layout import Layout
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import FoldsSettings, TrainSettings
from graphemes.foundation.settings.groups import Folding, no_such_fold
from graphemes.foundation.settings.types import FoldRule
from graphemes.pipeline.workspace import Source


@dataclass(frozen=True)
class FoldPlan:
    """The folds of a run; `birth` is set for new ones, which aren't written yet."""

    table: pd.DataFrame
    path: Path | None  # of the file; None for fold=none
    birth: dict[str, Any] | None = None

    def write(self) -> None:
        """Write the file if it is new, with a word beside it on where it comes from."""
        if self.birth is None or self.path is None:
            return
        write_folds(self.path, self.table)
        write_json(_about(self.path), {**self.birth, "digest": file_digest(self.path)})


def plan_folds(
    settings: TrainSettings | FoldsSettings,
    source: Source,
    labels: pd.DataFrame,
    by: FoldRule = "stratified",
) -> FoldPlan:
    """The table of folds: the user's file, the rule's if it fits, or a new one, not written yet."""
    if isinstance(settings.folds, Path):
        return FoldPlan(read_folds(settings.folds, labels), settings.folds)
    path = _place(source.layout, by)
    if path.exists():
        table, problem = _kept_folds(path, settings.folds, labels)
        if table is not None:
            return FoldPlan(table, path)
        give_way(path, problem or "", overwrite=settings.overwrite)
    return new_folds(settings, source, labels, by)


def _place(layout: Layout, by: FoldRule) -> Path:
    return layout.folds_by_grapheme_csv if by == "grapheme" else layout.folds_csv


def _about(path: Path) -> Path:
    """What says where a folds.csv comes from."""
    return path.with_suffix(".json")


def give_way(path: Path, problem: str, *, overwrite: bool) -> None:
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


def new_folds(
    settings: Folding, source: Source, labels: pd.DataFrame, by: FoldRule = "stratified"
) -> FoldPlan:
    """A table of folds, made by that rule."""
    assert isinstance(settings.folds, int)
    say(f"folds: splitting {len(labels):,} images into {settings.folds} folds")
    make = make_grapheme_folds if by == "grapheme" else make_folds
    table = fold_table(labels, make(labels, settings.folds, settings.seed))
    birth = {"by": by, "folds": settings.folds, "seed": settings.seed, "demo": source.demo}
    return FoldPlan(table, _place(source.layout, by), birth)


def _kept_folds(
    path: Path, count: int, labels: pd.DataFrame
) -> tuple[pd.DataFrame | None, str | None]:
    """The folds.csv that is there, or why it doesn't serve."""
    try:
        table = read_folds(path, labels)
    except DataError as error:
        return None, f"doesn't fit this data ({str(error).removeprefix(f'{path}: ')})"
    if fold_count(table) != count:
        return None, f"has {fold_count(table)} folds, asked for {count}"
    return table, None


def _is_demos(path: Path) -> bool:
    """Whether a folds.csv was made for the demo, and nobody changed it since."""
    try:
        about = read_json(_about(path))
    except DataError:
        return False
    known = isinstance(about, dict) and about.get("demo") is True
    return known and about.get("digest") == file_digest(path)


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
