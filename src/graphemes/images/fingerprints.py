"""Fingerprints: what tells one picture from another, and a set of pictures from another set.

N images.
"""

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from graphemes.competition.shards import Pixels
from graphemes.foundation.files import digest, write_text
from graphemes.foundation.machine import usable_cores

Fingerprints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
_HASHED_TOGETHER = 256  # images; 8 MB, so that threads end about together


def fingerprints_of(images: Pixels) -> Fingerprints:
    """8 bytes of BLAKE2b over each image's pixels, (N,) int64; `images` is (N, ...) uint8."""

    def some(start: int) -> list[bytes]:
        rows = np.ascontiguousarray(images[start : start + _HASHED_TOGETHER])
        return [hashlib.blake2b(row.data, digest_size=8).digest() for row in rows]

    with ThreadPoolExecutor(min(8, usable_cores())) as threads:  # hashing lets go of the GIL
        hashed = threads.map(some, range(0, len(images), _HASHED_TOGETHER))
        together = b"".join(itertools.chain.from_iterable(hashed))
    return np.frombuffer(together, "<i8").astype(np.int64)


def fingerprints_digest(ids: list[str], fingerprints: Fingerprints) -> str:
    """A digest of ids and fingerprints in row order."""
    return digest("\n".join(ids).encode(), fingerprints.astype("<i8").tobytes())


def write_fingerprints(path: Path, ids: list[str], fingerprints: Fingerprints) -> None:
    """A line an image: id, tab, 16 hex digits; whole or not at all."""
    lines = zip(ids, fingerprints.astype("<i8"), strict=True)
    write_text(path, "".join(f"{i}\t{m.tobytes().hex()}\n" for i, m in lines))


def read_fingerprints(path: Path) -> tuple[list[str], Fingerprints]:
    """What `write_fingerprints` wrote; ValueError where a line isn't id, tab, 16 hex digits."""
    with path.open(encoding="utf-8", newline="\n") as file:
        pairs = [line.rstrip("\n").split("\t") for line in file]
    ids, hexes = map(list, zip(*pairs, strict=True))
    return ids, np.frombuffer(bytes.fromhex("".join(hexes)), "<i8").astype(np.int64)
