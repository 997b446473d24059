"""A collection's directory in the competition's layout: drawn shard by shard, and resumed."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphemes.competition import writing
from graphemes.foundation.classes import Grapheme
from graphemes.foundation.errors import PlaceTaken
from graphemes.foundation.files import locked, replacing, write_json
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.places import need_space, need_writable
from graphemes.foundation.progress import progress
from graphemes.synthesis.collection import Collection
from graphemes.synthesis.existing_drawings import is_drawn, remove_broken
from graphemes.synthesis.jobs import Job, render_all
from graphemes.synthesis.manifest import file_sizes

SHARD_BYTES = 12_000_000  # of a shard beside its pixels: it describes 32,334 columns


def draw_collection(out: Path, requested: Collection, workers: int | None = None) -> bool:
    """Draw a collection into `out`, or what is missing of it; False if it is there already.

    workers: processes (None: as many as pay); the bytes don't depend on them. Memory holds a
    shard at a time. Raises PlaceTaken if `out` holds anything but this collection or a part of
    it, MissingPackage without uharfbuzz or scikit-image, UserError if the disk is full.
    """
    if not out.name:
        raise PlaceTaken(f"out={out}: expected a directory of its own; choose another")
    if is_drawn(out, requested):  # before a lock is put beside what others own or nobody can write
        return False
    need_writable(out / requested.manifest)
    with locked(lock_beside(out)):
        if is_drawn(out, requested):
            return False
        remove_broken(out, requested)
        images, need = still_needed(out, requested)
        need_space(out, need, f"drawing {images:,} images", "directory")
        write_collection(out, requested, workers)
        return True


def lock_beside(out: Path) -> Path:
    """The file that is locked by whoever draws into `out`."""
    return out.with_name(f".{out.name}.lock")


def still_needed(out: Path, requested: Collection) -> tuple[int, int]:
    """How many of a collection's images aren't in `out` yet, and the bytes they will take there."""
    missing = [
        len(rows)
        for split in requested.counts()
        for name, rows in requested.shards_of(split).items()
        if not (out / name).is_file()
    ]
    return sum(missing), sum(missing) * PIXELS + (len(missing) + 1) * SHARD_BYTES


def write_collection(out: Path, requested: Collection, workers: int | None = None) -> None:
    """Write what `out` lacks of a collection; its manifest lists the files when all are there."""
    write_json(out / requested.manifest, {"drawing": requested.identity})
    for split in requested.counts():
        graphemes = requested.sample(split)
        write_tables(out, split, graphemes)
        shards = {out / name: rows for name, rows in requested.shards_of(split).items()}
        write_shards(shards, split, requested.jobs(split, graphemes), workers)
    writing.write_class_map(out / "class_map.csv")
    files = file_sizes(out)
    files.pop(requested.manifest)
    write_json(out / requested.manifest, {"drawing": requested.identity, "files": files})


def write_tables(out: Path, split: str, graphemes: Sequence[Grapheme]) -> None:
    """The CSVs of a split: train.csv, or test.csv and sample_submission.csv."""
    if split == "train":
        writing.write_train_csv(out / "train.csv", graphemes)
    else:
        writing.write_test_csv(out / "test.csv", len(graphemes))
        writing.write_sample_submission(out / "sample_submission.csv", len(graphemes))


def write_shards(
    shards: dict[Path, range], split: str, jobs: Sequence[Job], workers: int | None
) -> None:
    """Draw and write the shards that aren't there, each whole or not at all."""
    missing = {path: rows for path, rows in shards.items() if not path.is_file()}
    wanted = [jobs[k] for rows in missing.values() for k in rows]
    with (
        contextlib.closing(render_all(wanted, workers)) as scans,  # an error ends its processes
        progress(f"drawing {split} images", len(wanted)) as advance,
    ):
        for path, rows in missing.items():
            taken = []
            for _ in rows:
                taken.append(next(scans))
                advance(1)
            ids = [writing.image_id(split, k) for k in rows]
            with replacing(path) as temporary:
                writing.write_shard(temporary, ids, np.stack(taken))
