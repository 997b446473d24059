"""The manifest of a directory of synthetic images: which files it has, and the bytes of each."""

from pathlib import Path
from typing import Any

from graphemes.competition.shards import find_shards
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import read_json

MANIFEST = "synthesis.json"
_WANTED = "expected a directory that synthesise made"


def read_manifest(directory: Path, name: str) -> dict[str, Any]:
    """A directory's manifest of this name; empty if there is none that can be read."""
    try:
        found = read_json(directory / name)
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def file_sizes(directory: Path) -> dict[str, int]:
    """Each file's name and bytes, for a manifest."""
    return {path.name: path.stat().st_size for path in sorted(directory.iterdir())}


def files_match(directory: Path, files: Any) -> bool:
    """Whether each file of {name: bytes} is there with so many bytes; False for anything else."""
    return isinstance(files, dict) and all(
        (directory / name).is_file() and (directory / name).stat().st_size == size
        for name, size in files.items()
    )


def whole_shards(directory: Path) -> list[Path]:
    """The training shards of a directory that holds each file its manifest lists, train.csv too.

    Raises DataError saying what is missing, of another size, or not the manifest's.
    """
    if not directory.is_dir():
        what = "is a file" if directory.exists() else "no such directory"
        raise DataError(f"synthetic={directory}: {what}; {_WANTED}")
    if not (directory / MANIFEST).is_file():
        raise DataError(
            f"synthetic={directory}: no {MANIFEST}, so not synthetic images or not all; {_WANTED}"
        )
    files = _listed(directory / MANIFEST)
    for name, size in files.items():
        _check(directory / name, size)
    shards = find_shards(directory, "train")
    if not shards:
        raise DataError(f"synthetic={directory}: no train_image_data_*.parquet; {_WANTED}")
    for path in (directory / "train.csv", *shards):
        if path.name not in files:
            raise DataError(f"{path}: isn't among the files of {MANIFEST}; {_WANTED}")
    return shards


def _listed(manifest: Path) -> dict[Any, Any]:
    """The names and bytes in the manifest."""
    record = read_json(manifest)
    files = record.get("files") if isinstance(record, dict) else None
    if files is None and isinstance(record, dict) and "drawing" in record:
        raise DataError(f"{manifest}: isn't finished; the synthesise command that began it goes on")
    if not isinstance(files, dict):
        raise DataError(f"{manifest}: says nothing of files; {_WANTED}")
    return files


def _check(path: Path, size: Any) -> None:
    got = f"{path.stat().st_size:,} bytes" if path.is_file() else "nothing"
    want = f"{size:,} bytes" if isinstance(size, int) else f"{size!r} bytes"
    if got != want:
        raise DataError(
            f"{path}: expected {want} as {MANIFEST} says, got {got}; the synthesise command that"
            " made it mends it"
        )
