"""What stands where a collection is to be drawn: itself, a part of it, or something else."""

from pathlib import Path
from typing import Any

from graphemes.foundation.errors import PlaceTaken
from graphemes.foundation.files import target_of
from graphemes.synthesis.collection import Collection
from graphemes.synthesis.manifest import MANIFEST, files_match, read_manifest


def is_collection(directory: Path, manifest: str = MANIFEST) -> bool:
    """Whether a directory holds a whole collection: its manifest and each file listed there."""
    return files_match(directory, read_manifest(directory, manifest).get("files"))


def is_drawn(out: Path, requested: Collection) -> bool:
    """Whether `out` holds this very collection whole. Raises PlaceTaken if it holds others."""
    if not out.exists() or (
        out.is_dir() and all(_is_left_over(path, requested) for path in out.iterdir())
    ):
        return False
    made = read_manifest(out, requested.manifest).get("drawing")
    if not isinstance(made, dict):
        raise PlaceTaken(
            f"out={out}: expected nothing there or drawings of this command, found something else;"
            " choose another directory"
        )
    changed = [_difference(key, *values) for key, values in differences(made, requested).items()]
    if changed:
        raise PlaceTaken(
            f"{out}: holds drawings made with other settings ({'; '.join(changed)});"
            " delete it or choose another directory"
        )
    if is_collection(out, requested.manifest):
        return True
    for path in sorted(out.iterdir()):
        ours = path.name in requested.names and path.is_file()
        if not ours and not _is_left_over(path, requested):
            raise PlaceTaken(
                f"out={out}: holds {path.name}, which isn't this command's; move it away or choose"
                " another directory"
            )
    return False


def differences(made: dict[str, Any], requested: Collection) -> dict[str, tuple[Any, Any]]:
    """What a collection was made with and another is requested with, where they differ."""
    keys = [*requested.identity, *(key for key in made if key not in requested.identity)]
    pairs = {key: (made.get(key), requested.identity.get(key)) for key in keys}
    return {key: (had, wanted) for key, (had, wanted) in pairs.items() if had != wanted}


def _difference(key: str, had: Any, wanted: Any) -> str:
    if key in ("graphemes", "fonts"):  # digests of them, which say nothing to people
        return f"its {key} differ"
    return f"{key} is {had}, asked for {wanted}"


def remove_broken(out: Path, requested: Collection) -> None:
    """Remove what a killed run left half-written, and files that a manifest has of another size.

    Nobody else writes here: the caller holds the lock, and `is_drawn` found nothing of others.
    """
    if not out.is_dir():
        return
    listed = read_manifest(out, requested.manifest).get("files")
    for path in sorted(out.iterdir()):
        broken = isinstance(listed, dict) and path.stat().st_size != listed.get(path.name)
        if path.suffix == ".tmp" or (broken and path.name != requested.manifest):
            path.unlink()


def _is_left_over(path: Path, requested: Collection) -> bool:
    """Whether a path is a file of a collection's that a killed run didn't finish."""
    return path.is_file() and target_of(path) in requested.names
