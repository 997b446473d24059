"""Statistics of a scan of handwriting, to hold drawings against real images.

A scan is (137, 236) uint8, 255 paper .. 0 ink.
"""

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.images.ink import Levels, ink_box
from graphemes.synthesis.lettering.packages import drawing_package

UPRIGHT = 35.0  # degrees from upright within which an edge counts for the slant


# How the table calls what comparison.json keeps under an older name.
TITLES = {"ink_spread": "standard deviation of ink", "paper_grain": "noise of paper"}
_WIDTH = 26  # of the table's first column


class ScanStatistics(NamedTuple):
    """What is measured of one scan; lengths in shares of its sides unless said otherwise."""

    ink_share: float  # of all pixels
    stroke_width: float  # pixels: twice the ink's depth along its skeleton, median
    box_height: float
    box_width: float
    centre_down: float
    centre_across: float
    ink_grey: float  # median, 0 black .. 255 white
    ink_spread: float  # standard deviation of the grey levels along the skeleton
    paper_grey: float
    paper_grain: float  # standard deviation of the grey levels away from ink
    slant: float  # degrees to the right of upright, mean over the edges near upright


def measure_scan(scan: npt.NDArray[np.uint8]) -> ScanStatistics | None:
    """The statistics of one scan; None where no ink is found."""
    levels = Levels.of(scan)
    box = ink_box(scan, margin=0)
    mask = np.zeros(scan.shape, np.uint8)
    inner = np.s_[box.top : box.bottom, box.left : box.right]
    mask[inner] = scan[inner] < levels.threshold
    skeletonize = drawing_package("skimage.morphology", "scikit-image").skeletonize
    skeleton = skeletonize(mask.astype(bool))
    if not skeleton.any():
        return None
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    paper = cv2.dilate(mask, np.ones((9, 9), np.uint8)) == 0
    along = scan[skeleton]
    return ScanStatistics(
        ink_share=float(mask.mean()),
        # A pixel's own half is in the depth already.
        stroke_width=float(np.median(depth[skeleton])) * 2 - 1,
        box_height=(box.bottom - box.top) / HEIGHT,
        box_width=(box.right - box.left) / WIDTH,
        centre_down=(box.bottom + box.top) / 2 / HEIGHT,
        centre_across=(box.right + box.left) / 2 / WIDTH,
        ink_grey=float(np.median(along)),
        ink_spread=float(along.std()),
        paper_grey=float(np.median(scan)),
        paper_grain=float(scan[paper].std()) if paper.any() else 0.0,
        slant=_slant(scan),
    )


def _slant(scan: npt.NDArray[np.uint8]) -> float:
    blurred = cv2.GaussianBlur(scan, (0, 0), 1.0)
    dx = cv2.Sobel(blurred, cv2.CV_32F, 1, 0)
    dy = cv2.Sobel(blurred, cv2.CV_32F, 0, 1)
    # An upright stroke's gradient is level; leaning to the right turns it downwards.
    angle = np.degrees(np.arctan(dy / np.where(dx == 0, 1e-6, dx)))
    strength = np.hypot(dx, dy) * (np.abs(angle) < UPRIGHT)
    return float((angle * strength).sum() / max(float(strength.sum()), 1e-6))


def table(real: Iterable[ScanStatistics], drawn: Iterable[ScanStatistics]) -> list[str]:
    """Mean and standard deviation of each in both sets, and how far apart in real deviations."""
    real_values, drawn_values = (np.array(list(values)) for values in (real, drawn))
    lines = [f"{'':<{_WIDTH}}{'real':>9}{'+-':>8}{'drawn':>10}{'+-':>8}{'apart':>8}"]
    for k, name in enumerate(ScanStatistics._fields):
        real_mean, real_std = real_values[:, k].mean(), real_values[:, k].std()
        drawn_mean, drawn_std = drawn_values[:, k].mean(), drawn_values[:, k].std()
        apart = (drawn_mean - real_mean) / max(real_std, 1e-9)
        title = TITLES.get(name, name.replace("_", " "))
        lines.append(
            f"{title:<{_WIDTH}}{real_mean:>9.3f}{real_std:>8.3f}"
            f"{drawn_mean:>10.3f}{drawn_std:>8.3f}{apart:>+8.2f}"
        )
    return lines
