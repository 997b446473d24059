"""Sheets: many scans in one picture, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.foundation.files import replacing
from graphemes.foundation.heads import HEIGHT, WIDTH

Scans = Sequence[npt.NDArray[np.uint8]]  # each (137, 236)
FRAME = 90  # grey level of the lines between
SHADES = 24  # grey levels of a sheet: noise of paper doesn't compress


def pairs(real: Scans, drawn: Scans, across: int = 4) -> npt.NDArray[np.uint8]:
    """Real and drawn scans of the same graphemes side by side, real to the left: (H, W) uint8."""
    joined = [np.hstack([left, right]) for left, right in zip(real, drawn, strict=True)]
    return grid([framed(pair, 3) for pair in joined], across)


def mixed(scans: Scans, across: int) -> npt.NDArray[np.uint8]:
    """Scans in a grid, (H, W) uint8, each three fifths of its size and in few grey levels."""
    size = (WIDTH * 3 // 5, HEIGHT * 3 // 5)
    small = [cv2.resize(scan, size, interpolation=cv2.INTER_AREA) for scan in scans]
    sheet = grid([framed(np.asarray(one, np.uint8), 1) for one in small], across)
    step = 255 / (SHADES - 1)
    return np.asarray(np.rint(np.rint(sheet / step) * step), np.uint8)


def framed(scan: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.uint8]:
    """A picture with a line around it."""
    sides = (width, width, width, width)
    return np.asarray(cv2.copyMakeBorder(scan, *sides, cv2.BORDER_CONSTANT, value=FRAME), np.uint8)


def grid(cells: Scans, across: int) -> npt.NDArray[np.uint8]:
    """Pictures of one size in rows of so many; the last row is filled with white."""
    white = np.full_like(cells[0], 255)
    whole = [*cells, *[white] * (-len(cells) % across)]
    rows = [np.hstack(whole[start : start + across]) for start in range(0, len(whole), across)]
    return np.vstack(rows)


def write_png(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """Write a picture whole or not at all."""
    encoded, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert encoded
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())
