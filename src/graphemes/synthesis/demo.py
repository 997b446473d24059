"""The demo data: a small competition drawn from fonts, so that a fresh checkout can learn at once.

Its directory has the competition's layout, and a manifest file besides.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from graphemes.competition import writing
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.errors import PlaceTaken, UserError
from graphemes.foundation.files import (
    locked,
    need_space,
    stale_temporaries,
    temporary_beside,
    write_json,
)
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.seeds import stream
from graphemes.synthesis.collection import (
    PARTS,
    SHARD_BYTES,
    write_shards,
    write_tables,
)
from graphemes.synthesis.jobs import make_jobs
from graphemes.synthesis.manifest import file_sizes, files_match, read_manifest
from graphemes.synthesis.rendering import VERSION
from graphemes.synthesis.selection import sample_every_class

MANIFEST = "demo.json"
SELECTION = 2  # a place in the seeds, beside those in jobs
# The two nearest to handwriting: 18 images a root in ten letterforms are too few to learn from.
FONTS = ("atma", "galada")


def make_demo(
    out: Path,
    *,
    seed: int = 0,
    images: int = 3000,
    tests: int = 36,
    shards: int = 4,
    workers: int | None = None,
    replace: bool = False,
) -> None:
    """Draw the demo data into the directory `out`, whole or not at all; leave it if it's there.

    images, tests: of the training and test part, each in `shards` files. workers: processes
    (None: as many as pay); the bytes don't depend on them. Two runs may do this at once.
    replace: another or a damaged demo gives way, but nothing that isn't a demo's.

    Raises PlaceTaken if `out` holds something else, MissingPackage without uharfbuzz or
    scikit-image, UserError if the disk is full.
    """
    about = {"seed": seed, "images": images, "tests": tests, "shards": shards, "version": VERSION}
    with locked(out.with_name(f".{out.name}.lock")):
        try:
            if _is_made(out, about):
                return
        except PlaceTaken:
            if not replace:
                raise
            _remove_demo(out)
        for left in stale_temporaries(out):
            shutil.rmtree(left, ignore_errors=True)
        need_space(out, (images + tests) * PIXELS + 2 * shards * SHARD_BYTES, "the demo data")
        with _whole_directory(out) as place:
            for part, count in zip(PARTS, (images, tests), strict=True):
                graphemes = sample_every_class(
                    competition_graphemes(), count, stream(seed, SELECTION, PARTS.index(part))
                )
                write_tables(place, part, graphemes)
                places = {
                    place / writing.shard_name(part, k): range(int(rows[0]), int(rows[-1]) + 1)
                    for k, rows in enumerate(np.array_split(np.arange(count), shards))
                }
                texts = [one.text for one in graphemes]
                jobs = make_jobs(texts, seed, PARTS.index(part), FONTS, calm=True)
                write_shards(places, part, jobs, workers, f"drawing the demo's {part} images")
            writing.write_class_map(place / "class_map.csv")
            write_json(place / MANIFEST, about | {"files": file_sizes(place)})


def is_demo(directory: Path) -> bool:
    """Whether a directory holds complete demo data: its manifest and each file listed there."""
    return files_match(directory, _manifest(directory).get("files"))


def _is_made(out: Path, about: dict[str, int]) -> bool:
    """Whether `out` holds this very demo. Raises PlaceTaken if it holds anything else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not is_demo(out):
        raise PlaceTaken(
            f"{out}: expected demo data or nothing, found something else or a part of it;"
            " delete it or choose another directory"
        )
    made = {key: _manifest(out).get(key) for key in about}
    if made != about:
        changed = [key for key in about if made[key] != about[key]]
        got, want = (", ".join(f"{key} {of[key]}" for key in changed) for of in (made, about))
        raise PlaceTaken(
            f"{out}: demo data of {got}, expected {want}; delete it or choose another directory"
        )
    return True


def _remove_demo(out: Path) -> None:
    """Remove a demo's own files. Raises PlaceTaken, removing nothing, if there are others."""
    own = {MANIFEST, *_manifest(out).get("files", {})}
    others = sorted(path.name for path in out.iterdir() if path.name not in own)
    if others or not (out / MANIFEST).is_file():
        raise PlaceTaken(
            f"{out}: expected demo data or nothing, found {others[0] if others else 'no manifest'};"
            " move it away or choose another directory"
        )
    for path in out.iterdir():
        path.unlink()
    out.rmdir()


def _manifest(directory: Path) -> dict[str, Any]:
    """What demo.json says, or nothing if it isn't one."""
    found = read_manifest(directory, MANIFEST)
    return found if isinstance(found.get("files"), dict) else {}


@contextlib.contextmanager
def _whole_directory(out: Path) -> Iterator[Path]:
    """A temporary directory beside `out`; moved there, flushed to disk, if the block ends well."""
    place = temporary_beside(out)
    try:
        place.mkdir(parents=True)
        yield place
        for path in place.iterdir():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        place.replace(out)
    except OSError as error:
        raise UserError(f"{out}: could not be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
