"""The labelled images of a run: store rows and labels, real ones and the synthetic that join them.

N labelled images, R rows of the store.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphemes.competition.absent_shards import absence_advice, no_shards
from graphemes.competition.shards import find_shards
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import digest
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.progress import progress, say
from graphemes.images.store import Store, open_store
from graphemes.pipeline.workspace import Workspace


@dataclass(frozen=True)
class TrainingData:
    """The labelled images, and what joins those of them that are trained on."""

    store: Store
    labels: pd.DataFrame  # N rows of train.csv: image_id and three label columns
    rows: npt.NDArray[np.int64]  # (N,) where each labelled image stands in the store
    synthetic: "TrainingData | None" = None
    pseudo: "TrainingData | None" = None  # test images with labels that networks gave them

    @functools.cached_property
    def by_row(self) -> PerHead[npt.NDArray[np.int64]]:
        """PerHead[(R,)] labels by store row, -1 where there is none."""
        return HEADS.map(lambda head: self._spread(self.labels[head.column].to_numpy()))

    @property
    def parts(self) -> list["TrainingData"]:
        """Itself and what joins it, in the order in which a fold's rows count through them."""
        return [data for data in (self, self.synthetic, self.pseudo) if data is not None]

    @property
    def digest(self) -> str:
        """Of images and labels, by store row."""
        columns = [column.astype("<i8").tobytes() for column in self.by_row]
        return digest(self.store.digest.encode(), *columns)

    def _spread(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        spread = np.full(len(self.store.ids), -1, np.int64)
        spread[self.rows] = values
        return spread


def store_name(directory: Path, part: str) -> str:
    """The name of a data directory's store: readable, and apart from another's of that name."""
    readable = "".join(c if c.isalnum() or c in "._-" else "_" for c in directory.name)
    return f"{readable}-{digest(str(directory).encode())[:8]}-{part}"


def open_training_data(
    workspace: Workspace,
    synthetic: TrainingData | None = None,
    pseudo: TrainingData | None = None,
) -> TrainingData:
    """The store of the training shards, with the labels of train.csv, and what joins them.

    Raises DataError if they don't fit.
    """
    shards = find_shards(workspace.directory, "train")
    if not shards:
        raise no_shards(workspace.directory, "train")
    name = store_name(workspace.directory, "train")
    check = functools.partial(rows_of_labels, workspace)
    store = open_store(
        shards, workspace.layout.cache, name, say, progress, check=check, invert=workspace.invert
    )
    unlabelled = len(store.ids) - len(workspace.labels)
    if unlabelled:
        say(f"{unlabelled:,} images of the shards have no label in train.csv: ignored")
    return TrainingData(store, workspace.labels, check(store.ids), synthetic, pseudo)


def rows_of_labels(workspace: Workspace, ids: list[str]) -> npt.NDArray[np.int64]:
    """(N,) where each labelled image stands in `ids`. Raises DataError if one doesn't."""
    wanted = workspace.labels["image_id"]
    rows = pd.Index(ids).get_indexer(pd.Index(wanted.astype(object)))
    if (rows < 0).any():
        missing = wanted[rows < 0]
        raise DataError(
            f"{workspace.directory / 'train.csv'}: {len(missing):,} of {len(wanted):,} images are"
            f" in no shard, first '{missing.iloc[0]}';"
            f" {absence_advice(workspace.directory, 'train')}"
        )
    return rows.astype(np.int64)
