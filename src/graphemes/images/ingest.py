"""From shards to the rows of a mapped file: ids read, images decoded, facts found."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from graphemes.competition.pointers import shard_stamp
from graphemes.competition.shards import Pixels, Shard, decode, open_shard
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.places import reason
from graphemes.foundation.progress import Advance
from graphemes.foundation.settings.types import Wish
from graphemes.images.scan_facts import Facts, find_facts


def file_stamp(path: Path) -> dict[str, str | int]:
    """What tells that a shard is still the same: name, bytes, time. Raises DataError."""
    try:
        size, time = shard_stamp(path)
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}") from None
    return {"file": path.name, "bytes": size, "mtime_ns": time}


class Scanned(NamedTuple):
    """What is known of shards before the long work begins."""

    ids: list[str]  # of all of them
    parts: list[dict[str, str | int]]  # what the json says of each
    first: Shard  # still open: to read its footer again takes as long as decoding 1,000 images


@contextlib.contextmanager
def scanned(sources: list[Path]) -> Iterator[Scanned]:
    """All shards' ids. Raises DataError for shards that don't go together."""
    home: dict[str, Path] = {}
    parts = []
    # Before they are read: if one changes now, it will not fit later.
    stamps = [file_stamp(path) for path in sources]
    with open_shard(sources[0]) as first:
        for path, about in zip(sources, stamps, strict=True):
            # One at a time beside the first: an open shard's footer takes 80 MB.
            with contextlib.nullcontext(first) if path == sources[0] else open_shard(path) as shard:
                ids = shard.ids
                parts.append({**about, "rows": shard.rows, "schema": shard.schema_digest})
            twice = next((i for i in ids if i in home), None)
            if twice is not None:
                raise DataError(
                    f"{path}: image_id {twice!r} is in {home[twice].name} too; keep one"
                )
            home.update(dict.fromkeys(ids, path))
        if not home:
            names = ", ".join(path.name for path in sources)
            raise DataError(f"{sources[0].parent}: no rows in {names}, expected at least one image")
        yield Scanned(list(home), parts, first)


def scan_ids(sources: list[Path]) -> list[str]:
    """All shards' ids, where no more is wanted of them."""
    with scanned(sources) as found:
        return found.ids


def ingest_shards(
    sources: list[Path],
    known: Scanned,
    pixels: Pixels,
    facts: Facts,
    *,
    advance: Advance,
    invert: Wish,
) -> list[int]:
    """Decode every shard's images into its rows of `pixels` (N, PIXELS), and fill their facts (N,).

    How many scans of each shard were turned.
    """
    start, turned = 0, []
    for number, path in enumerate(sources):
        with open_shard(path) if number else contextlib.nullcontext(known.first) as shard:
            place = slice(start, start + shard.rows)
            if shard.ids != known.ids[place]:
                raise DataError(f"{path}: changed while it was read; run again")
            into = pixels[place], facts[place]
            turned.append(ingest_shard(shard, *into, advance=advance, invert=invert))
            start = place.stop
    return turned


def ingest_shard(
    shard: Shard, pixels: Pixels, facts: Facts, *, advance: Advance, invert: Wish
) -> int:
    """Decode a shard into `pixels` (R, PIXELS), turn what is inverted, fill the facts (R,).

    How many scans were turned.
    """
    written = 0

    def count(more: int) -> None:
        nonlocal written
        advance((written + more) // PIXELS - written // PIXELS)
        written += more

    decode(shard, pixels, advance=count)
    return find_facts(pixels, facts, invert)


def reserve(file: int, size: int) -> None:
    """Take the disk's blocks now: a full disk is an error here, but kills whoever writes a map."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)


@contextlib.contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Make `directory`; what goes wrong with the disk in the block becomes a UserError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        yield
    except BrokenPipeError:  # of what is said meanwhile, not of the disk
        raise
    except OSError as error:
        raise UserError(
            f"{directory}: can't be written to: {reason(directory, error)}; choose another work_dir"
        ) from None
