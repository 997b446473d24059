"""Where a scan's pixels go in its picture: crop, padding, move and resize as one affine map.

H x W pixels of a picture, h x w of the crop. Points are (x, y, 1) with pixels' middles at whole
numbers, as OpenCV has them.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.settings.types import Crop, ImageSize
from graphemes.images.ink import Box, Frame

Matrix = npt.NDArray[np.float64]
# Pixels of a scan from one sample to the next: interpolation looks at two, so that at this step
# none between them is missed by much.
_WIDEST_STEP = 1.25
# A picture that a shear has folded nearly flat would ask for a drawing of any size.
_MOST_TIMES = 8


class Padding(NamedTuple):
    """Rows and columns of paper on a crop's four sides."""

    top: int
    bottom: int
    left: int
    right: int


class Placement(NamedTuple):
    """From a crop's pixels to a picture's, which is drawn `times` as large and averaged down."""

    matrix: Matrix  # (3, 3)
    times: int

    @property
    def drawn(self) -> Matrix:
        """(2, 3) to the picture that is `times` as large."""
        larger = self.times * self.matrix[:2]
        larger[:, 2] += (self.times - 1) / 2  # a pixel's middle lies half a pixel behind its edge
        return larger


def crop_box(frame: Frame, crop: Crop) -> Box:
    """What of the scan is shown."""
    return Box(*frame[:4]) if crop == "ink" else Box(0, HEIGHT, 0, WIDTH)


def padding(box: Box, size: ImageSize) -> Padding:
    """The paper that gives a crop the picture's ratio of sides, ink in the middle."""
    high, wide = box.bottom - box.top, box.right - box.left
    down = max(0, round(wide * size.height / size.width) - high)
    across = max(0, round(high * size.width / size.height) - wide)
    return Padding(down // 2, down - down // 2, across // 2, across - across // 2)


def padded_shape(box: Box, paper: Padding) -> tuple[int, int]:
    """(h, w) of the crop with its paper."""
    high, wide = box.bottom - box.top, box.right - box.left
    return high + paper.top + paper.bottom, wide + paper.left + paper.right


def place(box: Box, size: ImageSize, move: Matrix) -> Placement:
    """The map of a crop that is padded, moved by (3, 3) `move` and shrunk to the picture's size."""
    paper = padding(box, size)
    high, wide = padded_shape(box, paper)
    down, across = size.height / high, size.width / wide
    zoom = math.sqrt(abs(float(np.linalg.det(move[:2, :2]))) * down * across)
    times = min(_MOST_TIMES, math.ceil(1 / max(zoom * _WIDEST_STEP, 1e-9)))
    pad = np.array([[1, 0, paper.left], [0, 1, paper.top], [0, 0, 1]], np.float64)
    # Edges shrink towards 0, and middles lie half a pixel behind them.
    shrink = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    return Placement(shrink @ move @ pad, times)
