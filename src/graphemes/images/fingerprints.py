"""Fingerprints: what tells one picture from another, and a set of pictures from another set.

N images.
"""

import hashlib

import numpy as np

from graphemes.competition.shards import Pixels
from graphemes.foundation.files import digest

Fingerprints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def fingerprints_of(images: Pixels) -> Fingerprints:
    """8 bytes of BLAKE2b over each image's pixels, (N,) int64; `images` is (N, ...) uint8."""
    rows = np.ascontiguousarray(images)
    hashed = b"".join(hashlib.blake2b(row.data, digest_size=8).digest() for row in rows)
    return np.frombuffer(hashed, "<i8").astype(np.int64)


def fingerprints_digest(ids: list[str], fingerprints: Fingerprints) -> str:
    """A digest of ids and fingerprints in row order."""
    return digest("\n".join(ids).encode(), fingerprints.astype("<i8").tobytes())
