"""What several commands begin with: the data found, the store opened, the folds read or made.

N labelled images, R rows of the store.
"""

import functools
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphemes.foundation.errors import DataError, PlaceTaken, SettingsError, UserError
from graphemes.foundation.files import digest
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import Layout, demo_directory, find_data, find_layout
from graphemes.foundation.progress import progress, say
from graphemes.foundation.seeds import stream
from graphemes.foundation.settings import Folding, FoldsSettings, Learning, Places, TrainSettings
from graphemes.images.shards import find_shards
from graphemes.images.store import Store, open_store
from graphemes.images.synthesis.demo import is_demo, make_demo
from graphemes.judge.folds import (
    NEVER,
    fold_count,
    fold_table,
    folds_digest,
    make_folds,
    read_folds,
    write_folds,
)
from graphemes.judge.labels import read_labels

DEMO_IMAGES = 2700
_LIMIT, _TRAINED, _VALIDATED = 1, 0, 1  # addresses of the streams that pick a subset


@dataclass(frozen=True)
class Source:
    """Where the data comes from and the results go."""

    layout: Layout
    directory: Path
    demo: bool


@dataclass(frozen=True)
class TrainingData:
    """The labelled images."""

    store: Store
    labels: pd.DataFrame  # N rows of train.csv: image_id and three label columns
    rows: npt.NDArray[np.int64]  # (N,) where each labelled image stands in the store

    @functools.cached_property
    def by_row(self) -> PerHead[npt.NDArray[np.int64]]:
        """PerHead[(R,)] labels by store row, -1 where there is none."""
        return HEADS.map(lambda head: self._spread(self.labels[head.column].to_numpy()))

    def _spread(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        spread = np.full(len(self.store.ids), -1, np.int64)
        spread[self.rows] = values
        return spread


@dataclass(frozen=True)
class FoldRows:
    """One fold's store rows, (n,) each."""

    trained: npt.NDArray[np.int64]
    validated: npt.NDArray[np.int64]


def find_source(settings: Places) -> Source:
    """The data directory of the settings, or the demo's, drawn now if it isn't there yet."""
    layout = find_layout(settings)
    directory = find_data(settings)
    if directory is not None:
        return Source(layout, directory, is_demo(directory))
    directory = demo_directory(layout)
    say(
        "*** DEMO: no competition data found, so this runs on drawings made from fonts;"
        " its scores say nothing about handwriting. README.md says how to get the data. ***"
    )
    if not is_demo(directory):
        say(f"drawing {DEMO_IMAGES:,} graphemes into {directory}")
    try:
        make_demo(directory, images=DEMO_IMAGES)
    except PlaceTaken:
        # The place is the demo's own: what an earlier version drew, or a damaged one, gives way.
        say(f"{directory}: isn't this version's demo; drawn again")
        shutil.rmtree(directory)
        make_demo(directory, images=DEMO_IMAGES)
    return Source(layout, directory, demo=True)


def store_name(directory: Path, part: str) -> str:
    """The name of a data directory's store: readable, and apart from another's of that name."""
    readable = "".join(c if c.isalnum() or c in "._-" else "_" for c in directory.name)
    return f"{readable}-{digest(str(directory).encode())[:8]}-{part}"


def open_training_data(source: Source) -> TrainingData:
    """The labels and the store of the training shards. Raises DataError if they don't fit."""
    shards = find_shards(source.directory, "train")
    if not shards:
        raise DataError(
            f"{source.directory}: no train_image_data_*.parquet (or .feather);"
            " point data_dir at the competition's files"
        )
    labels = read_labels(source.directory / "train.csv")
    name = store_name(source.directory, "train")
    store = open_store(shards, source.layout.cache, name, say, progress)
    rows = pd.Index(store.ids).get_indexer(pd.Index(labels["image_id"].astype(object)))
    if (rows < 0).any():
        missing = labels["image_id"][rows < 0]
        raise DataError(
            f"{source.directory / 'train.csv'}: {len(missing):,} of {len(labels):,} images are in"
            f" no shard, first '{missing.iloc[0]}'; are all train shards in {source.directory}?"
        )
    unlabelled = len(store.ids) - len(labels)
    if unlabelled:
        say(f"{unlabelled:,} images of the shards have no label in train.csv: ignored")
    return TrainingData(store, labels, rows.astype(np.int64))


def prepare_folds(
    settings: TrainSettings | FoldsSettings, source: Source, labels: pd.DataFrame
) -> pd.DataFrame:
    """The table of folds: the user's file, folds.csv if it fits, or a new folds.csv."""
    if isinstance(settings.folds, Path):
        return read_folds(settings.folds, labels)
    path = source.layout.folds_csv
    if path.exists():
        table, problem = _kept_folds(path, settings.folds, labels)
        if table is not None:
            return table
        if settings.overwrite:
            say(f"{path}: {problem}; replaced")
        elif _is_demos(path, source):
            say(f"{path}: was the demo's; replaced")
        else:
            raise PlaceTaken(
                f"{path}: {problem}; overwrite=true replaces it, folds=PATH uses another file,"
                " work_dir=PATH keeps both"
            )
    return new_folds(settings, source, labels)


def new_folds(settings: Folding, source: Source, labels: pd.DataFrame) -> pd.DataFrame:
    """A stratified table of folds, written to folds.csv."""
    assert isinstance(settings.folds, int)
    say(f"folds: splitting {len(labels):,} images into {settings.folds} folds")
    table = fold_table(labels, make_folds(labels, settings.folds, settings.seed))
    write_folds(source.layout.folds_csv, table)
    return table


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


def _is_demos(path: Path, source: Source) -> bool:
    """Whether a folds.csv was made for the demo's images."""
    train = demo_directory(source.layout) / "train.csv"
    try:
        read_folds(path, read_labels(train))
    except UserError:
        return False
    return True


def unfolded(labels: pd.DataFrame) -> pd.DataFrame:
    """The table of fold=none: every image trains, none is validated."""
    return fold_table(labels, np.full(len(labels), NEVER))


def chosen_folds(settings: TrainSettings, table: pd.DataFrame) -> list[str]:
    """The folds that fold= asks for, as they are named in paths. Raises SettingsError."""
    if settings.fold == "none":
        return ["none"]
    count = fold_count(table)
    asked = tuple(range(count)) if settings.fold == "all" else settings.fold
    outside = [fold for fold in asked if int(fold) >= count]
    if outside:
        raise SettingsError(
            f"fold={outside[0]}: there are {count} folds, expected 0 to {count - 1}, all or none"
        )
    return [str(fold) for fold in asked]


def rows_of_fold(
    data: TrainingData, table: pd.DataFrame, fold: str, settings: Learning, seed: int
) -> FoldRows:
    """The store rows that a fold trains on and is validated on, after exclude and limit."""
    folds = table["fold"].to_numpy()
    validated = np.zeros(len(folds), bool) if fold == "none" else folds == int(fold)
    kept = ~_excluded(settings.exclude, data.labels)
    parts = []
    for kind, mask in ((_TRAINED, ~validated & kept), (_VALIDATED, validated & kept)):
        rows = data.rows[mask]
        if settings.limit is not None and len(rows) > settings.limit:
            place = (_LIMIT, 0 if fold == "none" else int(fold) + 1, kind)
            rows = np.sort(stream(seed, *place).permutation(rows)[: settings.limit])
        parts.append(rows)
    result = FoldRows(*parts)
    if len(result.trained) < 2:
        raise DataError(f"fold {fold}: {len(result.trained)} training images, expected 2 or more")
    if fold != "none" and not len(result.validated):
        raise DataError(f"fold {fold}: no validation images left; look at folds and exclude")
    return result


def _excluded(path: Path | None, labels: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """(N,) which labelled images the file of ids leaves out. Raises DataError."""
    if path is None:
        return np.zeros(len(labels), bool)
    try:
        ids = {line.strip() for line in path.read_text(encoding="utf-8").splitlines()} - {""}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"exclude={path}: can't be read: {error}") from None
    unknown = sorted(ids - set(labels["image_id"]))
    if unknown:
        raise DataError(
            f"exclude={path}: {len(unknown):,} ids are not in train.csv, first '{unknown[0]}';"
            " expected image ids, one a line"
        )
    return labels["image_id"].isin(ids).to_numpy()


def data_digests(data: TrainingData, table: pd.DataFrame) -> dict[str, str]:
    """What a result was made from: the digests of images and of folds with labels."""
    return {"data": data.store.digest, "folds": folds_digest(table)}
