"""Scans saved white on black, found by their darkness and turned to black on white.

N scans, PIXELS = 137 * 236.
"""

import numpy as np

from graphemes.competition.shards import Pixels
from graphemes.foundation.settings.types import Wish

# Most of a scan is paper, whose grey is the scan's median. Of 12,000 genuine scans the darkest's is
# 238, and the most inked has 15.7 % of its pixels below this level: no scan is near to being turned
# by mistake. In the middle, so that a scan that was turned is never turned again.
MIDDLE = 128


def turn_inverted(scans: Pixels, invert: Wish) -> int:
    """Turn scans (N, PIXELS) in place to 255 paper .. 0 ink, and say how many were turned.

    auto: those of which more than half is dark; true: all of them; false: none.
    """
    if invert == "false":
        return 0
    scans = np.asarray(scans)  # rows of a memmap would be memmaps, slower to make
    if invert == "true":
        np.invert(scans, out=scans)  # of a uint8 this is 255 minus it
        return len(scans)
    turned = 0
    for scan in scans:
        if 2 * np.count_nonzero(scan < MIDDLE) > scan.size:
            np.invert(scan, out=scan)
            turned += 1
    return turned


def turned_sentence(name: str, turned: int, scans: int, invert: Wish) -> str:
    """What is said of a file some of whose scans were turned."""
    if invert == "true":
        return f"{name}: all {scans:,} scans are turned (invert=true)"
    return (
        f"{name}: {turned:,} of {scans:,} scans are white on black: turned"
        " (invert=false leaves them)"
    )
