"""The demo data: a small collection in calm hands, so that a fresh checkout can learn at once."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.errors import PlaceTaken, UserError
from graphemes.foundation.files import locked, stale_temporaries, temporary_beside
from graphemes.foundation.places import need_space
from graphemes.synthesis.collection import Collection
from graphemes.synthesis.collection_directory import lock_beside, still_needed, write_collection
from graphemes.synthesis.existing_drawings import differences, is_collection
from graphemes.synthesis.manifest import read_manifest

MANIFEST = "demo.json"  # known by its name: drawings of synthesise have another
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

    images, tests: of the training and test split, each in `shards` files. workers: processes
    (None: as many as pay); the bytes don't depend on them. Two runs may do this at once.
    replace: another or a damaged demo gives way, but nothing that isn't a demo's.

    Raises PlaceTaken if `out` holds something else, MissingPackage without uharfbuzz or
    scikit-image, UserError if the disk is full.
    """
    demo = Collection(
        competition_graphemes(),
        images,
        tests,
        seed,
        FONTS,
        balance=None,
        calm=True,
        shards=shards,
        manifest=MANIFEST,
    )
    with locked(lock_beside(out)):
        try:
            if _is_made(out, demo):
                return
        except PlaceTaken:
            if not replace:
                raise
            _remove_demo(out)
        for left in stale_temporaries(out):
            shutil.rmtree(left, ignore_errors=True)
        _, need = still_needed(out, demo)
        need_space(out, need, "the demo data")
        # Not in its place, where others would take half a demo for somebody's data.
        with _whole_directory(out) as place:
            write_collection(place, demo, workers)


def is_demo(directory: Path) -> bool:
    """Whether a directory holds complete demo data: its manifest and each file listed there."""
    return is_collection(directory, MANIFEST)


def _is_made(out: Path, demo: Collection) -> bool:
    """Whether `out` holds this very demo. Raises PlaceTaken if it holds anything else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    made = read_manifest(out, MANIFEST).get("drawing")
    if not is_demo(out) or not isinstance(made, dict):
        raise PlaceTaken(
            f"{out}: expected demo data or nothing, found something else, a part of it or one of"
            " an earlier version; delete it or choose another directory"
        )
    changed = differences(made, demo)
    if changed:
        got = ", ".join(f"{key} {had}" for key, (had, _) in changed.items())
        want = ", ".join(f"{key} {wanted}" for key, (_, wanted) in changed.items())
        raise PlaceTaken(
            f"{out}: demo data of {got}, expected {want}; delete it or choose another directory"
        )
    return True


def _remove_demo(out: Path) -> None:
    """Remove a demo's own files. Raises PlaceTaken, removing nothing, if there are others."""
    files = read_manifest(out, MANIFEST).get("files")
    own = {MANIFEST, *(files if isinstance(files, dict) else {})}
    there = sorted(out.iterdir()) if out.is_dir() else [out]
    others = [path.name for path in there if path.name not in own or not path.is_file()]
    if others or not (out / MANIFEST).is_file():
        raise PlaceTaken(
            f"{out}: expected demo data or nothing, found {others[0] if others else 'no manifest'};"
            " move it away or choose another directory"
        )
    try:
        # The manifest last: a removal that is cut short leaves what is known for a demo's.
        for path in sorted(there, key=lambda path: path.name == MANIFEST):
            path.unlink()
        out.rmdir()
    except OSError as error:
        raise UserError(f"{out}: could not be removed: {error.strerror or error}") from error


@contextlib.contextmanager
def _whole_directory(out: Path) -> Iterator[Path]:
    """A temporary directory beside `out`, moved there if the block ends well.

    The block writes files that are flushed to disk.
    """
    place = temporary_beside(out)
    try:
        place.mkdir(parents=True)
        yield place
        place.replace(out)
    except OSError as error:
        raise UserError(f"{out}: could not be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
