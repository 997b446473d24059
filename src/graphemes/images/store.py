"""The store: every image of some shards in one memory-mapped file, made once and used again.

`data/cache/NAME.npy` holds the pixels, `NAME.ids` an id a line, `NAME.facts` what was found on each
image (`images.scan_facts`), `NAME.json` what it was made from. The json is taken away first and
written last: while it is there, the store is whole.

N images, PIXELS = 137 * 236.
"""

import contextlib
import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphemes.competition.shards import Pixels, Shard, open_shard
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.files import (
    digest,
    locked,
    read_json,
    replacing,
    stale_temporaries,
    write_json,
    write_text,
)
from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH
from graphemes.foundation.places import need_space
from graphemes.foundation.progress import Advance, Say
from graphemes.foundation.settings.types import Wish
from graphemes.images.fingerprints import Fingerprints, fingerprints_digest
from graphemes.images.ingest import (
    Scanned,
    file_stamp,
    ingest_shard,
    ingest_shards,
    reserve,
    scanned,
    writing,
)
from graphemes.images.ink import Frames
from graphemes.images.inversion import turned_sentence
from graphemes.images.scan_facts import FACTS, Facts, read_facts, write_facts

VERSION = 2  # of the files' form and of how frames are found; a store of another is made again
_SUFFIXES = ("json", "ids", "facts", "npy")
Bar = Callable[[str, int], AbstractContextManager[Advance]]  # as foundation.progress.progress
Check = Callable[[list[str]], object]  # of ids; raises if they don't serve


@dataclass(frozen=True, eq=False)
class Store:
    """The images of one or more shards, in the order of the shards and of their rows."""

    ids: list[str]  # (N,)
    pixels: Pixels  # (N, 137, 236) read-only memory map, 255 paper .. 0 ink
    facts: Facts  # (N,)
    digest: str  # of ids and fingerprints in row order, however the shards were written

    @property
    def fingerprints(self) -> Fingerprints:
        """(N,) 8 bytes of BLAKE2b over an image's pixels."""
        return self.facts["fingerprint"]

    @property
    def frames(self) -> Frames:
        """(N, 5) where the ink is, and the level of the paper (`images.ink.Frame`)."""
        return self.facts["frame"]

    @functools.cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each id."""
        return {name: row for row, name in enumerate(self.ids)}


@contextlib.contextmanager
def silent(label: str, total: int) -> Iterator[Advance]:
    """A bar that shows nothing."""
    yield lambda images: None


def open_store(
    sources: list[Path],
    cache: Path,
    name: str,
    say: Say,
    bar: Bar = silent,
    *,
    check: Check | None = None,
    invert: Wish = "auto",
) -> Store:
    """The store called `name` of these shards; made, with a word, unless it is there and fits.

    `check` is called with the shards' ids before anything is written; what it raises ends all.
    `invert` says which scans are turned, with a word (`images.inversion`).
    Two runs at once: the second waits for the first and uses what it made. Raises DataError for
    a shard that can't be used and UserError when the disk has no room.
    """
    assert sources, "a store of no shards"
    with locked(cache / f"{name}.lock"):
        store = _reopened(sources, cache, name, invert)
        if isinstance(store, str):
            say(f"{cache / name}.npy: making it from {_shards(sources)}: {store}")
            _build(sources, cache, name, say=say, bar=bar, check=check, invert=invert)
            store = _reopened(sources, cache, name, invert)
        if isinstance(store, str):
            raise UserError(f"{cache / name}.npy: {store} while it was made; run again")
        return store


@contextlib.contextmanager
def temporary_store(
    shard: Path,
    directory: Path,
    say: Say,
    bar: Bar = silent,
    *,
    invert: Wish = "auto",
) -> Iterator[Store]:
    """The store of one shard on `directory`'s disk, in a file without a name.

    Its room is free again when the block has ended and the last use of its pixels is gone, or
    when the process ends, in whatever way.
    """
    with open_shard(shard) as opened:
        store = decoded_store(opened, directory, say, bar, invert=invert)
    yield store


def decoded_store(
    shard: Shard, directory: Path, say: Say, bar: Bar = silent, *, invert: Wish = "auto"
) -> Store:
    """`temporary_store` of a shard that is open already; it may be closed then."""
    path = shard.path
    with writing(directory), tempfile.TemporaryFile(dir=directory) as file:
        if not shard.rows:
            raise DataError(f"{path}: no rows, expected at least one image")
        need_space(directory, shard.rows * PIXELS, f"decoding {path.name}")
        reserve(file.fileno(), shard.rows * PIXELS)
        pixels: Pixels = np.memmap(file, np.uint8, "r+", shape=(shard.rows, PIXELS))
        with bar(f"decoding {path.name}", shard.rows) as advance:
            store, turned = filled_store(shard, pixels, advance, invert)
    if turned:
        say(turned_sentence(path.name, turned, shard.rows, invert))
    return store


def filled_store(shard: Shard, pixels: Pixels, advance: Advance, invert: Wish) -> tuple[Store, int]:
    """The store of an open shard in `pixels` (R, PIXELS), and how many scans were turned."""
    ids, facts = shard.ids, np.empty(shard.rows, FACTS)
    turned = ingest_shard(shard, pixels, facts, advance=advance, invert=invert)
    pixels.flags.writeable = False
    summary = fingerprints_digest(ids, facts["fingerprint"])
    return Store(ids, pixels.reshape(-1, HEIGHT, WIDTH), facts, summary), turned


def kept_store(cache: Path, name: str) -> Store:
    """A store as it is, whatever it was made from. Raises DataError where it isn't whole."""
    try:
        store = _opened(read_json(cache / f"{name}.json"), cache, name)
    except (KeyError, TypeError):
        store = None
    if store is None:
        raise DataError(
            f"{cache / name}.npy: a file of this store is missing or damaged; delete it, and a run"
            " makes it again"
        )
    return store


def _reopened(sources: list[Path], cache: Path, name: str, invert: Wish) -> Store | str:
    """The store that is there, or why it can't be used."""
    try:
        about = read_json(cache / f"{name}.json")
    except DataError:
        return "there is no whole store yet"
    try:
        if unfit := _unfit(about, sources, invert):
            return unfit
        store = _opened(about, cache, name)
    except (KeyError, TypeError):
        store = None
    return store or "a file of the old one is missing or damaged"


def _opened(about: Any, cache: Path, name: str) -> Store | None:
    """The store that a json is about; None where a file is missing, damaged or of another.

    Its pixels aren't read: whoever shows them holds them against their fingerprints. Raises
    KeyError or TypeError for an odd json.
    """
    try:
        ids = (cache / f"{name}.ids").read_text(encoding="utf-8").split("\n")
        facts = read_facts(cache / f"{name}.facts")
        pixels = np.load(cache / f"{name}.npy", mmap_mode="r")
        if not isinstance(pixels, np.ndarray):  # a zip of several
            return None
        fits = pixels.shape == (about["rows"], HEIGHT, WIDTH) and len(facts) == about["rows"]
        fits &= about["digest"] == fingerprints_digest(ids, facts["fingerprint"])
        fits &= about["frames"] == digest(facts["frame"].tobytes())
    except (OSError, ValueError, EOFError):  # the last of an empty file
        return None
    if not fits or pixels.dtype != np.uint8:
        return None
    return Store(ids, pixels, facts, about["digest"])


def _unfit(about: Any, sources: list[Path], invert: Wish) -> str | None:
    """Why a json doesn't fit the shards, or None. Raises KeyError or TypeError for an odd one."""
    if about["version"] != VERSION or (about["height"], about["width"]) != (HEIGHT, WIDTH):
        return "the old one was made by another version"
    # Size and time of each shard and no more: its rows and columns are in the json, but to compare
    # them its footer would have to be read, which takes 0.2 s and 80 MB a genuine shard.
    keys = ("file", "bytes", "mtime_ns")
    made_from = [{key: source[key] for key in keys} for source in about["sources"]]
    if made_from != [file_stamp(path) for path in sources]:
        return "the old one was made from other shards, or they have changed"
    made_with = about.get("invert", "false")  # stores of before there was the setting have no word
    # Where none was turned of itself, turning none gives the same.
    none_turned = made_with == "auto" and not any(source["turned"] for source in about["sources"])
    if made_with == invert or (invert == "false" and none_turned):
        return None
    return f"the old one was made with invert={made_with}"


def _build(
    sources: list[Path],
    cache: Path,
    name: str,
    *,
    say: Say,
    bar: Bar,
    check: Check | None,
    invert: Wish,
) -> None:
    with scanned(sources) as known:
        ids = known.ids
        if check is not None:
            check(ids)
        with writing(cache):
            _clear(cache, name)
            need_space(cache, len(ids) * (PIXELS + 64), f"a store of {len(ids)} images")
        facts = np.empty(len(ids), FACTS)
        with bar(f"decoding {_shards(sources)}", len(ids)) as advance:
            path = cache / f"{name}.npy"
            turned = _write_pixels(sources, known, facts, path, advance=advance, invert=invert)
    for part, count in zip(known.parts, turned, strict=True):
        part["turned"] = count
        if count:
            say(turned_sentence(str(part["file"]), count, int(part["rows"]), invert))
    write_text(cache / f"{name}.ids", "\n".join(ids))
    write_facts(cache / f"{name}.facts", facts)
    about: dict[str, Any] = {"version": VERSION, "rows": len(ids), "height": HEIGHT, "width": WIDTH}
    about |= {"invert": invert, "digest": fingerprints_digest(ids, facts["fingerprint"])}
    about |= {"frames": digest(facts["frame"].tobytes()), "sources": known.parts}
    write_json(cache / f"{name}.json", about)


def _write_pixels(
    sources: list[Path], known: Scanned, facts: Facts, path: Path, *, advance: Advance, invert: Wish
) -> list[int]:
    """Decode into a mapped file and fill the facts; how many scans of each shard were turned."""
    with replacing(path) as temporary:
        shape = (len(known.ids), HEIGHT, WIDTH)
        pixels = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
        with temporary.open("rb+") as file:
            reserve(file.fileno(), temporary.stat().st_size)
        into = pixels.reshape(-1, PIXELS), facts
        # What is in the map gets to the disk when the file takes its place.
        return ingest_shards(sources, known, *into, advance=advance, invert=invert)


def _shards(sources: list[Path]) -> str:
    return f"{len(sources)} shards" if len(sources) > 1 else sources[0].name


def _clear(cache: Path, name: str) -> None:
    """Remove a store, its json first, and what runs that were killed while making it left."""
    for suffix in _SUFFIXES:
        (cache / f"{name}.{suffix}").unlink(missing_ok=True)
        # Nobody else is writing them: we hold the lock.
        for left in stale_temporaries(cache / f"{name}.{suffix}"):
            left.unlink(missing_ok=True)
