"""Skeletons: the pixels left when strokes are thinned, in order as branches between forks.

H x W pixels of a glyph, n pixels of a branch.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]  # (H, W), 0 or 1
PixelRun = npt.NDArray[np.int64]  # (n, 2): row, column


class Branch(NamedTuple):
    """A run of skeleton pixels, with the forks that it begins and ends at; 0 is a free end."""

    points: npt.NDArray[np.float32]  # (n, 2): x, y in pixels
    start: int
    end: int


def forks(skeleton: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """The forks' labels (H, W), 0 elsewhere, and each label's centre (labels, 2): x, y."""
    around = cv2.filter2D(skeleton, -1, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT)
    _, labels, _, centres = cv2.connectedComponentsWithStats(
        ((around > 3) & (skeleton > 0)).astype(np.uint8), connectivity=8
    )
    return np.asarray(labels, np.int32), np.asarray(centres, np.float64)


def branches(skeleton: Mask) -> list[Branch]:
    """The runs of skeleton pixels between forks and free ends; dots are runs of one pixel."""
    labels, centres = forks(skeleton)
    found = []
    reached = set()
    for run in _runs(skeleton * (labels == 0)):
        start, end = _ends(run, labels)
        points = run[:, ::-1].astype(np.float32)
        if start == end == 0 and len(run) > 3 and np.abs(run[0] - run[-1]).max() == 1:
            points = np.vstack([points, points[:1]])  # a ring that touches nothing
        head, tail = centres[start : start + bool(start)], centres[end : end + bool(end)]
        found.append(Branch(np.vstack([head, points, tail]).astype(np.float32), start, end))
        reached |= {start, end}
    alone = set(range(1, len(centres))) - reached
    dots = [Branch(centres[fork : fork + 1].astype(np.float32), 0, 0) for fork in sorted(alone)]
    return found + dots


def _runs(pixels: Mask) -> Iterator[PixelRun]:
    """Each connected run of pixels that have at most two neighbours, in order."""
    left = {(int(row), int(column)) for row, column in np.argwhere(pixels)}
    ends = cv2.filter2D(pixels, -1, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT) <= 2
    first = [(int(row), int(column)) for row, column in np.argwhere((pixels > 0) & ends)]
    for start in [*first, *sorted(left)]:  # free ends first; what is left then are rings
        if start in left:
            yield np.array(list(_walk(start, left)))


def _walk(start: tuple[int, int], left: set[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Go from pixel to touching pixel, taking each out of `left`."""
    at: tuple[int, int] | None = start
    while at:
        left.remove(at)
        yield at
        row, column = at
        # Straight neighbours first: a diagonal one may lie beyond a straight one.
        steps = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
        near = ((row + down, column + right) for down, right in steps)
        at = next((pixel for pixel in near if pixel in left), None)


def _ends(run: PixelRun, labels: npt.NDArray[np.int32]) -> tuple[int, int]:
    """The forks that a run's first and last pixel touch, 0 for none."""
    first, last = (_touched(labels, *run[end]) for end in (0, -1))
    if len(run) == 1:
        return (first[0], first[-1] if len(first) > 1 else 0) if first else (0, 0)
    return first[0] if first else 0, last[-1] if last else 0


def _touched(labels: npt.NDArray[np.int32], row: int, column: int) -> list[int]:
    window = labels[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
    return [int(label) for label in np.unique(window) if label]
