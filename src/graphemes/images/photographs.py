"""Pictures that are no scans of the competition's: photographs of paper, screenshots, crops.

Each becomes a scan, so that all that follows sees what it was made for: even paper, dark ink on
light, the writing in the middle with as much paper around it as the competition's scans have.

H x W pixels of a picture; scans are (137, 236) uint8, 255 paper .. 0 ink.
"""

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.images.ink import Levels, ink_box
from graphemes.images.inversion import turn_inverted

Picture = npt.NDArray[np.uint8]
SMALLEST = 8  # pixels of a side: below, nothing can be read
LARGEST = 80_000_000  # pixels, as photographs have; a file made to fill memory has more
STRIP = 50  # times as long as wide: no picture of a grapheme
WORKED_AT = 1024  # pixels of the longer side: a pen's stroke still has several
INK_AT = 512  # pixels of the longer side at which ink is told from paper: grain is averaged out
GRAINS = 5  # times the median depth of a picture's grain: hardly any of it is deeper
SHADES_AT = 128  # pixels of the longer side at which light and shadow are estimated
STROKE = 0.12  # share of the longer side: no stroke of a pen is as wide, no shadow's edge as narrow
PAPER = 255
DARK_INK = (
    42  # grey level that the darkest strokes get: the median of 300 of the competition's scans
)
FAINT = 30  # grey levels between paper and the darkest: with less nothing was written
BESIDE = 0.35  # share of the writing's size at which signs and dots may stand apart from it
AROUND = 16  # pixels of paper at each side of a scan that is made


def scan_of(picture: npt.NDArray[Any]) -> Picture:
    """The scan (137, 236) uint8 of any picture: grey (H, W), RGB (H, W, 3) or RGBA (H, W, 4) uint8.

    One of a scan's own size is taken as the shards' are: turned if it is white on black, else
    left as it is. Raises DataError for what is no picture.
    """
    grey = _grey(_shrunk(_checked(picture)))
    if grey.shape == (HEIGHT, WIDTH):
        scan = np.array(grey)
        turn_inverted(scan.reshape(1, -1), "auto")
        return scan
    return _centred(_even(_dark_on_light(grey)))


def check_size(height: int, width: int) -> None:
    """Raise DataError for a picture too small to read or too large to be one."""
    shorter, longer = sorted((height, width))
    if shorter < SMALLEST or height * width > LARGEST or longer > STRIP * shorter:
        raise DataError(
            f"a picture of {width:,} x {height:,} pixels; expected sides of {SMALLEST} or more,"
            f" neither over {STRIP} times the other, and at most {LARGEST // 1_000_000} million"
            " pixels in all"
        )


def _checked(picture: npt.NDArray[Any]) -> Picture:
    shape = picture.shape
    if picture.ndim == 3 and shape[2] == 1:
        picture = picture[..., 0]
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and shape[2] not in (3, 4)):
        raise DataError(f"an array of shape {shape}; expected (H, W), (H, W, 3) or (H, W, 4)")
    if picture.dtype != np.uint8:
        raise DataError(f"an array of {picture.dtype}; expected uint8, 0 to 255")
    check_size(*shape[:2])
    return picture


def _grey(picture: Picture) -> Picture:
    """(H, W) uint8: luminance; what is transparent is white, or black under light colours."""
    if picture.ndim == 2:
        return picture
    colours = picture[..., :3]
    if picture.shape[2] == 4:
        opaque = picture[..., 3:].astype(np.float32) / 255
        # What was drawn in a light colour on nothing was drawn to stand on dark.
        light = float((colours * opaque).sum()) > 127.5 * 3 * float(opaque.sum())
        over = colours * opaque + (0 if light else 255) * (1 - opaque)
        colours = np.rint(over).astype(np.uint8)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2GRAY), np.uint8)


def _shrunk(picture: Picture) -> Picture:
    factor = WORKED_AT / max(picture.shape[:2])
    return _resized(picture, factor) if factor < 1 else picture


def _resized(picture: Picture, factor: float) -> Picture:
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _dark_on_light(grey: Picture) -> Picture:
    """Ink is what stands out most from the level around it, whatever light falls where."""
    small = _resized(grey, min(1.0, INK_AT / max(grey.shape)))
    around = cv2.medianBlur(small, _reach(small, 2 * STROKE))  # no stroke fills half of that
    depth = cv2.GaussianBlur(around.astype(np.float32) - small, (0, 0), 1)
    # Grain is as deep as it is high, so it says nothing of the ink; shadows are in `around`.
    grain = GRAINS * float(np.median(np.abs(depth)))
    dark, light = (np.maximum(one - grain, 0).sum() for one in (depth, -depth))
    return grey if dark >= light else 255 - grey


def _reach(small: Picture, share: float) -> int:
    """The odd side of a square, a share of the longer side."""
    longer: int = max(small.shape[:2])
    return max(3, round(share * longer) | 1)


def _even(grey: Picture) -> Picture:
    """Light and shadow taken out: paper about 255 everywhere."""
    small = _resized(grey, min(1.0, SHADES_AT / max(grey.shape)))
    side = _reach(small, STROKE)
    # The lightest level within a stroke's reach is paper's; smoothed, so that it leaves no edges.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    paper = cv2.GaussianBlur(cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel), (0, 0), side / 2)
    shades = cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    even = np.minimum(grey / np.maximum(shades, 1).astype(np.float32), 1) * PAPER
    return np.asarray(np.rint(even), np.uint8)


def _inked(cut: Picture) -> Picture:
    """The darkest strokes as dark as scans'; what is no stroke stays as it is.

    Only of a picture that is cut to its ink: of a large one the darkest pixels may be grain.
    """
    levels = Levels.of(cut)
    depth = levels.paper - levels.darkest
    if depth <= FAINT:
        return cut
    stretch = max(1.0, (PAPER - DARK_INK) / depth)
    return np.asarray(
        np.clip(PAPER - stretch * (levels.paper - cut.astype(np.float32)), 0, PAPER), np.uint8
    )


def _centred(even: Picture) -> Picture:
    """The ink and some paper around it, as large as it can be, in the middle of a scan."""
    near = _cut(even, beside=BESIDE)
    cut = _cut(near, beside=0)  # larger now: a dot that was a speck before is found
    room = min((HEIGHT - 2 * AROUND) / cut.shape[0], (WIDTH - 2 * AROUND) / cut.shape[1])
    cut = _resized(_inked(cut), room)
    scan = np.full((HEIGHT, WIDTH), PAPER, np.uint8)
    down, across = (HEIGHT - cut.shape[0]) // 2, (WIDTH - cut.shape[1]) // 2
    scan[down : down + cut.shape[0], across : across + cut.shape[1]] = cut
    return scan


def _cut(even: Picture, beside: float) -> Picture:
    """The picture cut to its ink, with that share of the box's greater side left around it."""
    # Specks and borders are known in a scan's pixels, so the ink is found at a scan's size.
    factor = min(HEIGHT / even.shape[0], WIDTH / even.shape[1])
    box = ink_box(_resized(even, factor), margin=1)
    margin = beside * max(box.bottom - box.top, box.right - box.left)
    top, left = (max(0, math.floor((edge - margin) / factor)) for edge in (box.top, box.left))
    bottom, right = (math.ceil((edge + margin) / factor) for edge in (box.bottom, box.right))
    return even[top:bottom, left:right]
