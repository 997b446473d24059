"""Where the ink is: a box around what was written, blind to specks and marks at the border.

N scans, H x W pixels of one, 255 paper .. 0 ink.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

# Chosen by looking at sheets of the competition's scans; lengths in pixels of a 137 x 236 scan.
FAINTEST = 40  # grey levels below the paper that can be ink at all
DARKEST = 0.005  # this share of the pixels is as dark as the strokes' middle
SHARE = 0.35  # of the darkest stroke's depth: below this it is shadow or smear
BORDER = 5  # a mark that stays within so many pixels of the edge isn't writing
SPECK = 12  # smaller spots, in pixels, are dust
MARGIN = 4  # kept around the box, so that strokes don't touch the edge
_FLOODED = 24  # spots taken one by one; 50 of 12,000 real scans have more than that

Frames = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]  # (N, 5), a Frame a row


class Box(NamedTuple):
    """Rows top .. bottom - 1 and columns left .. right - 1."""

    top: int
    bottom: int
    left: int
    right: int


class Levels(NamedTuple):
    """The grey levels of a scan's paper and of its darkest strokes."""

    paper: int
    darkest: int

    @classmethod
    def of(cls, scan: npt.NDArray[np.uint8]) -> "Levels":
        """The levels of a scan (H, W) uint8."""
        return cls.of_all(scan[None])[0]

    @classmethod
    def of_all(cls, scans: npt.NDArray[np.uint8]) -> "list[Levels]":
        """The levels of scans (N, H, W) uint8."""
        # Counting 256 levels is several times as fast as sorting 32,332 pixels.
        counts = [cv2.calcHist([scan], [0], None, [256], [0, 256]) for scan in scans]
        below = np.cumsum(np.reshape(counts, (-1, 256)), axis=1)  # (N, 256)
        pixels = scans[0].size if len(scans) else 0
        paper = (below < 0.5 * pixels).sum(1)  # most of a scan is paper
        darkest = (below < DARKEST * pixels).sum(1)
        return [cls(*pair) for pair in zip(paper.tolist(), darkest.tolist(), strict=True)]

    @property
    def threshold(self) -> int:
        """The level below which a pixel is ink."""
        return self.paper - max(FAINTEST, int(SHARE * (self.paper - self.darkest)))


class Frame(NamedTuple):
    """What a picture is cut from: a scan's box of ink, and the grey level of its paper."""

    top: int
    bottom: int
    left: int
    right: int
    paper: int

    @classmethod
    def of(cls, scan: npt.NDArray[np.uint8]) -> "Frame":
        """The frame of a scan (H, W) uint8."""
        levels = Levels.of(scan)
        return cls(*_box(scan, levels.threshold, MARGIN), levels.paper)


def frames_of(scans: npt.NDArray[np.uint8]) -> Frames:
    """(N, 5) uint8, the `Frame` of each scan (N, 137, 236)."""
    frames = [
        (*_box(scan, levels.threshold, MARGIN), levels.paper)
        for scan, levels in zip(scans, Levels.of_all(scans), strict=True)
    ]
    return np.array(frames, np.uint8).reshape(-1, len(Frame._fields))


def ink_box(scan: npt.NDArray[np.uint8], margin: int = MARGIN) -> Box:
    """The box of what was written on a scan (H, W) uint8, or all of it if nothing is found.

    Connected spots of dark pixels count, unless they are specks or lie wholly in the border.
    """
    return _box(scan, Levels.of(scan).threshold, margin)


def _box(scan: npt.NDArray[np.uint8], threshold: int, margin: int) -> Box:
    height, width = scan.shape
    found = _spots_box((scan < threshold).astype(np.uint8))
    if found is None:
        return Box(0, height, 0, width)
    return Box(
        max(0, found.top - margin),
        min(height, found.bottom + margin),
        max(0, found.left - margin),
        min(width, found.right + margin),
    )


def _spots_box(mask: npt.NDArray[np.uint8]) -> Box | None:
    """The box around a mask's spots that count; None where none does. The mask is used up."""
    # From outside inwards, until what is left lies within what was found: to label every spot takes
    # twice as long for the same box.
    found: Box | None = None
    for _ in range(_FLOODED):
        seed = _outermost(mask, found)
        if seed is None:
            return found
        area, _, _, (left, top, wide, high) = cv2.floodFill(mask, None, seed, 0, flags=8)
        found = _joined(found, Box(top, top + high, left, left + wide), area, mask.shape)
    # 16 bits are enough for the labels, and four times as fast as 32.
    _, _, spots, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    for left, top, wide, high, area in spots[1:].tolist():  # the first is the paper
        found = _joined(found, Box(top, top + high, left, left + wide), area, mask.shape)
    return found


def _outermost(mask: npt.NDArray[np.uint8], found: Box | None) -> tuple[int, int] | None:
    """(x, y) of a marked pixel that reaches out of the box, at an outer edge; None if none does."""
    left, top, wide, high = cv2.boundingRect(mask)
    right, bottom = left + wide, top + high
    if not wide:
        return None
    if found is None or top < found.top:
        return int(mask[top].argmax()), top
    if bottom > found.bottom:
        return int(mask[bottom - 1].argmax()), bottom - 1
    if left < found.left:
        return left, int(mask[:, left].argmax())
    if right > found.right:
        return right - 1, int(mask[:, right - 1].argmax())
    return None


def _joined(found: Box | None, spot: Box, area: int, shape: tuple[int, ...]) -> Box | None:
    """The box with a spot of so many pixels in it, if the spot counts."""
    height, width = shape
    outside = (
        spot.bottom <= BORDER
        or spot.right <= BORDER
        or spot.top >= height - BORDER
        or spot.left >= width - BORDER
    )
    if outside or area < SPECK:
        return found
    if found is None:
        return spot
    return Box(
        min(found.top, spot.top),
        max(found.bottom, spot.bottom),
        min(found.left, spot.left),
        max(found.right, spot.right),
    )
