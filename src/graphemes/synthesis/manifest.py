"""The marker of a directory of synthetic images: which files it has, and how long each is."""

from pathlib import Path
from typing import Any

from graphemes.competition.shards import find_shards
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import read_json

MARKER = "synthesis.json"
_WANTED = "expected a directory that synthesise made"


def said_by_marker(directory: Path, name: str) -> dict[str, Any]:
    """What a directory's marker of this name says, or nothing if there is none that can be read."""
    try:
        found = read_json(directory / name)
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def sizes(directory: Path) -> dict[str, int]:
    """Each file's name and bytes, for a marker."""
    return {path.name: path.stat().st_size for path in sorted(directory.iterdir())}


def are_whole(directory: Path, files: Any) -> bool:
    """Whether each file is there that {name: bytes} names, so long; False for anything else."""
    return isinstance(files, dict) and all(
        (directory / name).is_file() and (directory / name).stat().st_size == size
        for name, size in files.items()
    )


def whole_shards(directory: Path) -> list[Path]:
    """The training shards of a directory that holds each file its marker names, train.csv too.

    Raises DataError saying what is missing, of another size, or not the marker's.
    """
    if not directory.is_dir():
        what = "is a file" if directory.exists() else "no such directory"
        raise DataError(f"synthetic={directory}: {what}; {_WANTED}")
    if not (directory / MARKER).is_file():
        raise DataError(
            f"synthetic={directory}: no {MARKER}, so not synthetic images or not all; {_WANTED}"
        )
    files = _named(directory / MARKER)
    for name, size in files.items():
        _check(directory / name, size)
    shards = find_shards(directory, "train")
    if not shards:
        raise DataError(f"synthetic={directory}: no train_image_data_*.parquet; {_WANTED}")
    for path in (directory / "train.csv", *shards):
        if path.name not in files:
            raise DataError(f"{path}: isn't among the files of {MARKER}; {_WANTED}")
    return shards


def _named(marker: Path) -> dict[Any, Any]:
    """The names and bytes in the marker."""
    about = read_json(marker)
    files = about.get("files") if isinstance(about, dict) else None
    if files is None and isinstance(about, dict) and "drawing" in about:
        raise DataError(f"{marker}: isn't finished; the synthesise command that began it goes on")
    if not isinstance(files, dict):
        raise DataError(f"{marker}: says nothing of files; {_WANTED}")
    return files


def _check(path: Path, size: Any) -> None:
    got = f"{path.stat().st_size:,} bytes" if path.is_file() else "nothing"
    want = f"{size:,} bytes" if isinstance(size, int) else f"{size!r} bytes"
    if got != want:
        raise DataError(
            f"{path}: expected {want} as {MARKER} says, got {got}; the synthesise command that made"
            " it mends it"
        )
