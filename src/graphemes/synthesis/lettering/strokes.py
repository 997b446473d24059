"""Strokes: the lines a pen would follow, taken from a font's outline.

The outline is rasterised and thinned; its skeleton is rid of what thinning adds, and smoothed.
H x W pixels of a glyph, n points of a line.
"""

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.synthesis.lettering.bulbs import Bulb, find_bulbs
from graphemes.synthesis.lettering.fonts import Contour
from graphemes.synthesis.lettering.packages import drawing_package
from graphemes.synthesis.lettering.skeletons import Branch, Mask, branches, forks

EM = 128  # pixels an em is rasterised at: a font's strokes are then about 10 wide
MARGIN = 4  # pixels around the outline
# A branch that ends within so many radii of the fork's inscribed circle is a stroke's corner,
# not a stroke: thinning turns a square end into a Y.
SPUR_RADII = 1.6
SMOOTHING = 3.0  # pixels: the standard deviation of the Gaussian that takes out the pixels' steps
SPACING = 4  # pixels between the points kept
STRAIGHT = 0.6  # the cosine of the bend that a pen still goes through without stopping
REACH = 12  # pixels from a fork where a branch's direction is taken

STEP = 0.03  # ems between the points of a line that is made rather than traced
ROUNDING = 1.5  # of these points over which its corners are rounded
SMALLEST_BULB = 0.052  # ems: its radius

End = tuple[int, int]  # a branch and which of its ends: 1 start, 2 end
Stroke = npt.NDArray[np.float32]  # (points, 2): x right, y down, in ems; one point is a dot


class Traced(NamedTuple):
    """What a pen would draw of an outline, in ems."""

    lines: list[Stroke]
    bulbs: list[Bulb]


def strokes(outline: list[Contour]) -> Traced:
    """The centre lines and the bulbs of filled contours. Raises MissingPackage without skimage."""
    low = np.min([contour.min(axis=0) for contour in outline], axis=0)
    corner = low * EM - MARGIN
    filled = rasterise([contour * EM - corner for contour in outline])
    skeletonize = drawing_package("skimage.morphology", "scikit-image").skeletonize
    skeleton = skeletonize(filled.astype(bool)).astype(np.uint8)
    radius = cv2.distanceTransform(filled, cv2.DIST_L2, 5)
    found = without_spurs(branches(skeleton), skeleton, radius)
    lines = [((smooth(branch) + corner) / EM).astype(np.float32) for branch in continued(found)]
    swollen = find_bulbs(filled, skeleton, radius, SMALLEST_BULB * EM)
    return Traced(lines, [Bulb((k.centre + corner) / EM, k.radius / EM) for k in swollen])


def rasterise(contours: list[npt.NDArray[np.float32]]) -> Mask:
    """The pixels inside contours (points in pixels) by the non-zero rule, as fonts want it.

    cv2's own rule for several contours is even-odd, which makes holes where parts overlap.
    """
    width, height = np.ceil(np.max([c.max(axis=0) for c in contours], axis=0) + MARGIN).astype(int)
    winding = np.zeros((height, width), np.int16)
    for contour in contours:
        if len(contour) < 3:  # an anchor some fonts keep in their glyphs
            continue
        piece = np.zeros((height, width), np.uint8)
        cv2.fillPoly(piece, [np.rint(contour * 16).astype(np.int32)], 1, shift=4)
        winding += piece if cv2.contourArea(contour, oriented=True) > 0 else -piece.astype(np.int16)
    return np.asarray(winding != 0, np.uint8)


def without_spurs(found: list[Branch], skeleton: Mask, radius: npt.NDArray[Any]) -> list[Branch]:
    """Leave out the branches that thinning makes at a stroke's corners.

    A fork of nothing but such branches is a dot: thinning a square one leaves an X.
    radius (H, W): distance to the paper.
    """
    labels, centres = forks(skeleton)
    widest = [0.0, *(float(radius[labels == k].max()) for k in range(1, int(labels.max()) + 1))]

    def is_spur(branch: Branch) -> bool:
        fork = branch.start or branch.end
        loose = bool(branch.start) != bool(branch.end)
        x, y = branch.points[0 if branch.end else -1].astype(int)
        # A corner narrows to its tip; what widens is a bulb, which is part of the letter.
        narrows = radius[y, x] < widest[fork]
        return loose and bool(narrows) and length(branch.points) < SPUR_RADII * widest[fork]

    kept = [branch for branch in found if not is_spur(branch)]
    left = {fork for branch in kept for fork in branch[1:]}
    bare = {fork for branch in found for fork in branch[1:] if fork} - left
    dots = [centres[fork : fork + 1].astype(np.float32) for fork in sorted(bare)]
    return kept + [Branch(dot, 0, 0) for dot in dots]


def length(points: npt.NDArray[np.float32]) -> float:
    """The length of a line through points (n, 2)."""
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def continued(found: Iterable[Branch]) -> list[Branch]:
    """Join branches at forks where a pen would go straight on, and where only two are left."""
    whole = dict(enumerate(found))
    for fork in sorted({end for branch in whole.values() for end in branch[1:] if end}):
        ends = [(k, side) for k, b in whole.items() for side in (1, 2) if b[side] == fork]
        limit = -2.0 if len(ends) == 2 else STRAIGHT
        while (pair := _straightest(whole, ends, limit)) is not None:
            (a, a_side), (b, b_side) = pair
            ends = [end for end in ends if end not in pair]
            if a == b:  # a loop that goes straight on into itself
                continue
            first = whole[a] if a_side == 2 else _reversed(whole[a])
            second = whole.pop(b) if b_side == 1 else _reversed(whole.pop(b))
            points = np.vstack([first.points, second.points[1:]])
            whole[a] = Branch(points, first.start, second.end)
            # What was the other end of b is an end of a now, and a's other end its start.
            ends = [(a, 2 if k == b else 1) if k in (a, b) else (k, side) for k, side in ends]
    return list(whole.values())


def _straightest(whole: dict[int, Branch], ends: list[End], limit: float) -> tuple[End, End] | None:
    """The two ends at a fork that go on straightest into each other, or None below the limit."""
    towards = {end: _leaving(whole[end[0]], end[1]) for end in ends}
    pairs = [(-float(towards[a] @ towards[b]), a, b) for a, b in itertools.combinations(ends, 2)]
    best = max(pairs, default=None)
    return best[1:] if best and best[0] > limit else None


def _leaving(branch: Branch, side: int) -> npt.NDArray[np.float32]:
    """The unit vector in which a branch leaves the fork at one of its ends."""
    points = branch.points if side == 1 else branch.points[::-1]
    step = points[min(REACH, len(points) - 1)] - points[0]
    return np.asarray(step / max(float(np.hypot(*step)), 1e-6), np.float32)


def _reversed(branch: Branch) -> Branch:
    return Branch(branch.points[::-1], branch.end, branch.start)


def smooth(branch: Branch) -> npt.NDArray[np.float32]:
    """A branch's points (n, 2) without the pixels' steps, SPACING apart; its ends stay."""
    points = branch.points
    if len(points) < 3:
        return points
    inner = smoothed(points, SMOOTHING, int(3 * SMOOTHING))
    kept = np.unique(np.append(np.arange(0, len(inner), SPACING), len(inner) - 1))
    return np.asarray(inner[kept], np.float32)


def line_through(corners: npt.NDArray[np.float64]) -> Stroke:
    """A line made through corners (n, 2), which it rounds."""
    steps = np.append(0, np.hypot(*np.diff(corners, axis=0).T).cumsum())
    along = np.arange(0, steps[-1], STEP)
    line = np.stack([np.interp(along, steps, corners[:, k]) for k in (0, 1)], axis=1)
    return np.asarray(smoothed(line, ROUNDING, int(3 * ROUNDING)), np.float32)


def smoothed(points: npt.NDArray[Any], sigma: float, reach: int) -> npt.NDArray[Any]:
    """A line's points (n, 2) averaged by a Gaussian along it; its ends stay.

    sigma: its standard deviation, in points. reach: how many of them it goes to each side.
    """
    reach = min(reach, len(points) - 1)
    # Mirrored through the end points, a line's average is the end point itself.
    before = 2 * points[0] - points[reach:0:-1]
    after = 2 * points[-1] - points[-2 : -reach - 2 : -1]
    padded = np.vstack([before, points, after])
    soft = cv2.GaussianBlur(padded, (1, 2 * reach + 1), sigmaX=sigma, sigmaY=sigma)
    return np.asarray(soft.reshape(-1, 2)[reach:-reach])
