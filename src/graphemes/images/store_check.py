"""Whether a store's pixels are as they were when it was made: all of them are read.

N images.
"""

from pathlib import Path

import numpy as np

from graphemes.foundation.errors import DataError
from graphemes.foundation.progress import Advance
from graphemes.images.fingerprints import fingerprints_of
from graphemes.images.store import Store

_TOGETHER = 512  # scans; 16 MB


def check_pixels(store: Store, path: Path, advance: Advance) -> None:
    """Hold all N images against their fingerprints; `path`: of the pixels. Raises DataError."""
    for start in range(0, len(store.ids), _TOGETHER):
        part = np.asarray(store.pixels[start : start + _TOGETHER])
        known = store.fingerprints[start : start + len(part)]
        wrong = np.flatnonzero(fingerprints_of(part) != known)
        if len(wrong):
            row = start + int(wrong[0])
            raise DataError(
                f"{path}: the pixels of row {row} ({store.ids[row]}) aren't as they were decoded;"
                " delete this file, and a run makes it again"
            )
        advance(len(part))
