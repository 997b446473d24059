"""The images that bench measures with: shards in the genuine layout, written once, used again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphemes.competition.shards import find_shards
from graphemes.competition.writing import (
    image_id,
    shard_name,
    write_sample_submission,
    write_shard,
    write_test_csv,
)
from graphemes.foundation.files import digest, replacing_folder
from graphemes.foundation.heads import COLUMNS, HEIGHT, PIXELS, WIDTH
from graphemes.foundation.layout import Layout
from graphemes.foundation.places import need_space
from graphemes.foundation.progress import say
from graphemes.pipeline.training_data import TrainingData

_DONE = "made-from"  # a file that says of which images a folder is made; written with it
SHARD_ROWS = 20_000  # of one shard at most: the genuine ones' 50,210 would take pandas 10 GB
TEST_SHARDS = 4  # as in the competition


class BenchData:
    """Images of a run's data, as many as are asked for, as somebody's data directory.

    N images of the source; where more are asked for they come again under other names.
    """

    def __init__(self, place: Path, data: TrainingData) -> None:
        self.place, self.data = place, data

    @property
    def layout(self) -> Layout:
        """Where what is measured puts its results."""
        return Layout(self.place / "work")

    def repeated(self, rows: int) -> bool:
        """Whether so many images are more than there are."""
        return rows > len(self.data.rows)

    def training(self, rows: int) -> Path:
        """A data directory with so many labelled images, in one shard if they fit."""
        return self._kept(f"train-{rows}", rows, self._write_training)

    def tests(self, rows: int) -> Path:
        """A data directory with so many test images in four shards, and their two tables."""
        return self._kept(f"test-{rows}", rows, self._write_tests)

    def shards(self, rows: int) -> list[Path]:
        """The shards of `training`."""
        return find_shards(self.training(rows), "train")

    def _kept(self, name: str, rows: int, write: Callable[[Path, int], None]) -> Path:
        path, summary = self.place / name, digest(self.data.digest.encode(), str(rows).encode())
        if _made_from(path) == summary:
            return path
        need_space(self.place, rows * PIXELS, f"bench's {rows:,} images")
        say(f"bench: writing {rows:,} images in the genuine layout into {path}")
        with replacing_folder(path) as temporary:
            write(temporary, rows)
            (temporary / _DONE).write_text(summary, encoding="utf-8")
        return path

    def _scans(self, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """(n, 137, 236) of labelled images, counted from 0 and again after the last."""
        rows = self.data.rows[chosen % len(self.data.rows)]
        scans: npt.NDArray[np.uint8] = np.asarray(self.data.store.pixels[rows])
        return scans.reshape(-1, HEIGHT, WIDTH)

    def _write_training(self, directory: Path, rows: int) -> None:
        everything = np.arange(rows)
        for number, first in enumerate(range(0, rows, SHARD_ROWS)):
            part = everything[first : first + SHARD_ROWS]
            ids = [image_id("train", int(row)) for row in part]
            write_shard(directory / shard_name("train", number), ids, self._scans(part))
        labels = self.data.labels.iloc[everything % len(self.data.labels)][COLUMNS]
        labels.insert(0, "image_id", [image_id("train", int(row)) for row in everything])
        labels.to_csv(directory / "train.csv", index=False)

    def _write_tests(self, directory: Path, rows: int) -> None:
        for number, part in enumerate(np.array_split(np.arange(rows), TEST_SHARDS)):
            ids = [image_id("test", int(row)) for row in part]
            write_shard(directory / shard_name("test", number), ids, self._scans(part))
        write_test_csv(directory / "test.csv", rows)
        write_sample_submission(directory / "sample_submission.csv", rows)

    def clear_results(self) -> None:
        """Remove what was measured into; the shards stay for the next time."""
        shutil.rmtree(self.layout.work_dir, ignore_errors=True)


def _made_from(path: Path) -> str | None:
    try:
        return (path / _DONE).read_text(encoding="utf-8")
    except OSError:
        return None
