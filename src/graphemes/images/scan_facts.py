"""What is known of each scan beside its pixels, found once, when it is decoded: fingerprint, frame.

N scans.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np

from graphemes.competition.shards import Pixels
from graphemes.foundation.files import replacing
from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.machine import usable_cores
from graphemes.foundation.settings.types import Wish
from graphemes.images.fingerprints import fingerprints_of
from graphemes.images.ink import Frame, frames_of
from graphemes.images.inversion import turn_inverted

# Bytes hold a frame: a scan is 137 x 236.
FACTS = np.dtype([("fingerprint", "<i8"), ("frame", "u1", (len(Frame._fields),))])
Facts: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.void]]  # (N,) of FACTS
_TOGETHER = 256  # scans; 8 MB, so that threads end about together


def find_facts(pixels: Pixels, facts: Facts, invert: Wish) -> int:
    """Fill the facts (N,) of scans (N, PIXELS), those turned first that are white on black.

    How many were turned.
    """
    pixels = np.asarray(pixels)  # rows of a memmap would be memmaps, slower to make

    def some(start: int) -> int:
        rows = slice(start, start + _TOGETHER)
        scans, known = pixels[rows], facts[rows]
        turned = turn_inverted(scans, invert)
        known["fingerprint"] = fingerprints_of(scans)
        known["frame"] = frames_of(scans.reshape(-1, HEIGHT, WIDTH))
        return turned

    # What takes long of it lets go of the GIL.
    with ThreadPoolExecutor(min(8, usable_cores())) as threads:
        return sum(threads.map(some, range(0, len(pixels), _TOGETHER)))


def write_facts(path: Path, facts: Facts) -> None:
    """Facts as numpy's own file, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, facts)


def read_facts(path: Path) -> Facts:
    """What `write_facts` wrote. ValueError where it isn't, or where a frame lies off the scan."""
    with path.open("rb") as file:  # np.load would take an archive or a pickle, too
        facts: Facts = np.lib.format.read_array(file, allow_pickle=False)
    if facts.dtype != FACTS or facts.ndim != 1:
        raise ValueError(f"{facts.dtype} {facts.shape}, expected {FACTS} of each scan")
    top, bottom, left, right, _ = facts["frame"].T
    if not ((top < bottom) & (bottom <= HEIGHT) & (left < right) & (right <= WIDTH)).all():
        raise ValueError("a frame lies off its scan")
    return facts
