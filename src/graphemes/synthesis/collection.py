"""A directory of drawings in the competition's layout, drawn shard by shard and resumed."""

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graphemes.competition import writing
from graphemes.foundation.classes import Grapheme
from graphemes.foundation.errors import PlaceTaken
from graphemes.foundation.files import (
    digest,
    file_digest,
    locked,
    need_space,
    need_writable,
    replacing,
    target_of,
    write_json,
)
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.progress import progress
from graphemes.foundation.seeds import stream
from graphemes.synthesis.jobs import Job, make_jobs, render_all
from graphemes.synthesis.lettering.fonts import SHIPPED
from graphemes.synthesis.manifest import MANIFEST, file_sizes, files_match, read_manifest
from graphemes.synthesis.rendering import VERSION
from graphemes.synthesis.selection import sample_by_share

DEALING = 2  # a place in the seeds, beside those in jobs
PARTS = ("train", "test")  # a part's position is its place in the seeds
IMAGES_A_SHARD = 2500  # 81 MB of pixels, held a few times over while a shard is written
SHARD_BYTES = 12_000_000  # of a shard beside its pixels: it describes 32,334 columns


@dataclass(frozen=True)
class Collection:
    """What to draw: `images` and `tests` scans of `graphemes`, in any of `fonts`."""

    graphemes: Sequence[Grapheme]
    images: int
    tests: int = 0
    seed: int = 0
    fonts: tuple[str, ...] = SHIPPED
    balance: float = field(kw_only=True)  # see selection.shares

    @functools.cached_property
    def identity(self) -> dict[str, Any]:
        """What decides the bytes, for the manifest."""
        spelled = [f"{one.text} {tuple(one.labels)}" for one in self.graphemes]
        return {
            "version": VERSION,
            "images": self.images,
            "tests": self.tests,
            "seed": self.seed,
            "balance": self.balance,
            "graphemes": digest("\n".join(spelled).encode()),
            "fonts": [name if name in SHIPPED else file_digest(Path(name)) for name in self.fonts],
        }

    def counts(self) -> dict[str, int]:
        """How many scans each part that is drawn has."""
        return {part: n for part, n in zip(PARTS, (self.images, self.tests), strict=True) if n}

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """The files of its directory, and test.csv's whether or not there is a test part."""
        tables = [MANIFEST, "class_map.csv", "train.csv", "test.csv", "sample_submission.csv"]
        return frozenset(tables).union(*map(self.shards_of, self.counts()))

    def shards_of(self, part: str) -> dict[str, range]:
        """The files of a part's shards, and which of its images each has."""
        parted = shards(self.counts()[part])
        return {writing.shard_name(part, k): rows for k, rows in enumerate(parted)}


def draw_collection(out: Path, asked: Collection, workers: int | None = None) -> bool:
    """Draw a collection into `out`, or what is missing of it; False if it is there already.

    workers: processes (None: as many as pay); the bytes don't depend on them. Memory holds a
    shard at a time. Raises PlaceTaken if `out` holds anything but this collection or a part of
    it, MissingPackage without uharfbuzz or scikit-image, UserError if the disk is full.
    """
    if not out.name:
        raise PlaceTaken(f"out={out}: expected a directory of its own; choose another")
    if _is_drawn(out, asked):  # before a lock is put beside what isn't ours, or can't be written
        return False
    need_writable(out / MANIFEST)
    with locked(out.with_name(f".{out.name}.lock")):
        if _is_drawn(out, asked):
            return False
        _remove_broken(out)
        images, need = still_needed(out, asked)
        need_space(out, need, f"drawing {images:,} images", "directory")
        write_json(out / MANIFEST, {"drawing": asked.identity})
        for part in asked.counts():
            _draw_part(out, part, asked, workers)
        writing.write_class_map(out / "class_map.csv")
        files = file_sizes(out)
        files.pop(MANIFEST)
        write_json(out / MANIFEST, {"drawing": asked.identity, "files": files})
        return True


def still_needed(out: Path, asked: Collection) -> tuple[int, int]:
    """How many of a collection's images aren't in `out` yet, and the bytes they will take there."""
    missing = [
        len(rows)
        for part in asked.counts()
        for name, rows in asked.shards_of(part).items()
        if not (out / name).is_file()
    ]
    return sum(missing), sum(missing) * PIXELS + (len(missing) + 1) * SHARD_BYTES


def is_collection(directory: Path) -> bool:
    """Whether a directory holds a whole collection: its manifest and each file listed there."""
    return files_match(directory, read_manifest(directory, MANIFEST).get("files"))


def shards(images: int) -> list[range]:
    """The images of each of a part's shards."""
    starts = range(0, images, IMAGES_A_SHARD)
    return [range(start, min(start + IMAGES_A_SHARD, images)) for start in starts]


def _is_drawn(out: Path, asked: Collection) -> bool:
    """Whether `out` holds this very collection whole. Raises PlaceTaken if it holds others."""
    if not out.exists() or (
        out.is_dir() and all(_is_left_over(path, asked) for path in out.iterdir())
    ):
        return False
    found = read_manifest(out, MANIFEST)
    if not isinstance(found.get("drawing"), dict):
        raise PlaceTaken(
            f"out={out}: expected nothing there or drawings of this command, found something else;"
            " choose another directory"
        )
    want = asked.identity
    changed = [key for key in want if found["drawing"].get(key) != want[key]]
    if changed:
        raise PlaceTaken(
            f"{out}: holds drawings made with other settings"
            f" ({'; '.join(_other(key, found['drawing'].get(key), want[key]) for key in changed)});"
            " delete it or choose another directory"
        )
    if is_collection(out):
        return True
    for path in sorted(out.iterdir()):
        ours = path.name in asked.names and path.is_file()
        if not ours and not _is_left_over(path, asked):
            raise PlaceTaken(
                f"out={out}: holds {path.name}, which isn't this command's; move it away or choose"
                " another directory"
            )
    return False


def _other(key: str, had: Any, wanted: Any) -> str:
    if key in ("graphemes", "fonts"):  # digests of them, which say nothing to people
        return f"its {key} differ"
    return f"{key} is {had}, asked for {wanted}"


def _remove_broken(out: Path) -> None:
    """Remove what a killed run left half-written, and files that a manifest has of another size.

    Nobody else writes here: we hold the lock, and `_is_drawn` found nothing of anybody else.
    """
    if not out.is_dir():
        return
    said = read_manifest(out, MANIFEST).get("files")
    for path in sorted(out.iterdir()):
        broken = isinstance(said, dict) and path.stat().st_size != said.get(path.name)
        if path.suffix == ".tmp" or (broken and path.name != MANIFEST):
            path.unlink()


def _is_left_over(path: Path, asked: Collection) -> bool:
    """Whether a file is one of ours that a killed run didn't finish."""
    return target_of(path) in asked.names


def _draw_part(out: Path, part: str, asked: Collection, workers: int | None) -> None:
    count, number = asked.counts()[part], PARTS.index(part)
    graphemes = sample_by_share(
        asked.graphemes, count, stream(asked.seed, DEALING, number), asked.balance
    )
    jobs = make_jobs([one.text for one in graphemes], asked.seed, number, asked.fonts)
    write_tables(out, part, graphemes)
    places = {out / name: rows for name, rows in asked.shards_of(part).items()}
    write_shards(places, part, jobs, workers, f"drawing {part} images")


def write_tables(out: Path, part: str, graphemes: Sequence[Grapheme]) -> None:
    """The CSVs of a part: train.csv, or test.csv and sample_submission.csv."""
    if part == "train":
        writing.write_train_csv(out / "train.csv", graphemes)
    else:
        writing.write_test_csv(out / "test.csv", len(graphemes))
        writing.write_sample_submission(out / "sample_submission.csv", len(graphemes))


def write_shards(
    places: dict[Path, range],
    part: str,
    jobs: Sequence[Job],
    workers: int | None,
    label: str,
) -> None:
    """Draw and write the shards that aren't there, each whole or not at all."""
    missing = {path: rows for path, rows in places.items() if not path.is_file()}
    wanted = [jobs[k] for rows in missing.values() for k in rows]
    with (
        contextlib.closing(render_all(wanted, workers)) as scans,  # an error ends its processes
        progress(label, len(wanted)) as advance,
    ):
        for path, rows in missing.items():
            taken = []
            for _ in rows:
                taken.append(next(scans))
                advance(1)
            ids = [writing.image_id(part, k) for k in rows]
            with replacing(path) as temporary:
                writing.write_shard(temporary, ids, np.stack(taken))
