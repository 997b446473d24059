"""Bulbs: the ball terminals of type, which a pen writes as loops: the foot of ম, the eyes of শ.

H x W pixels of a filled outline, n points of a line, x right, y down.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.synthesis.lettering.skeletons import Mask

SWOLLEN = 1.35  # a bulb's radius, at least, in radii of the outline's ordinary strokes
APART = 1.4  # radii of one bulb to the centre of the next
AROUND = 1.3  # of a bulb's radius: a circle just outside it
FREE = 150  # degrees of that circle, in one piece, that are paper; at a crossing they aren't
RAYS = 72
TANGENT = 1.4  # loop radii from a loop's centre to where its line leaves for it
TURN = 0.25  # radians between a loop's points


class Bulb(NamedTuple):
    """A disc of ink."""

    centre: npt.NDArray[np.float64]  # x, y
    radius: float


def find_bulbs(filled: Mask, skeleton: Mask, radius: npt.NDArray[Any], least: float) -> list[Bulb]:
    """The bulbs of a filled outline, the widest first, in pixels.

    radius (H, W): distance to the paper. least: no bulb is smaller.
    """
    wide = max(least, SWOLLEN * float(np.median(radius[skeleton > 0])))
    peaks = (radius >= cv2.dilate(radius, np.ones((5, 5)))) & (radius > wide)
    places = sorted(np.argwhere(peaks).tolist(), key=lambda at: -radius[at[0], at[1]])
    found: list[Bulb] = []
    for row, column in places:
        bulb = Bulb(np.array((column, row), float), float(radius[row, column]))
        apart = all(
            np.hypot(*(bulb.centre - other.centre)) > APART * other.radius for other in found
        )
        if apart and FREE <= _freedom(bulb, filled) < 360:  # all around: a dot
            found.append(bulb)
    return found


def _freedom(bulb: Bulb, filled: Mask) -> float:
    """The degrees of the longest piece of paper on a circle around a bulb."""
    turns = np.arange(RAYS) * 2 * np.pi / RAYS
    ring = bulb.centre + AROUND * bulb.radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    x, y = np.clip(np.rint(ring).astype(int), 0, np.array(filled.shape)[::-1] - 1).T
    ink = np.flatnonzero(filled[y, x])
    gaps = np.diff(np.append(ink, ink[:1] + RAYS)) - 1
    return float(gaps.max(initial=0) if len(ink) else RAYS) * 360 / RAYS


def looped(
    lines: Iterable[npt.NDArray[Any]],
    bulbs: Iterable[Bulb],
    sizes: Iterable[float],
    turns: Iterable[float],
) -> list[npt.NDArray[Any]]:
    """Lines (n, 2) with a loop for each bulb: at the end of the line that ends there, or alone.

    sizes: of the loops, in radii of their bulbs. turns: how far round they go, in radians.
    """
    out = list(lines)
    for bulb, size, turn in zip(bulbs, sizes, turns, strict=True):
        ending = (
            (k, end) for k in range(len(out)) for end in (0, -1) if ends_in(out[k], end, bulb)
        )
        k, end = next(ending, (None, 0))
        if k is None:
            out.append(_circle(bulb.centre, size * bulb.radius, 0.0, 2 * np.pi))
        else:
            line = curled(
                out[k][::-1] if end == 0 else out[k], bulb.centre, size * bulb.radius, turn
            )
            out[k] = line[::-1] if end == 0 else line
    return out


def ends_in(line: npt.NDArray[Any], end: int, bulb: Bulb) -> bool:
    """Whether a line's first (0) or last (-1) point lies in a bulb."""
    return len(line) > 1 and bool(np.hypot(*(line[end] - bulb.centre)) < bulb.radius)


def curled(
    line: npt.NDArray[Any], centre: npt.NDArray[np.float64], radius: float, turn: float
) -> npt.NDArray[Any]:
    """A line (n, 2) that ends near `centre` led into a loop around it, `turn` radians long."""
    far = np.hypot(*(line - centre).T)
    outside = np.flatnonzero(far > TANGENT * radius)
    kept = line[: outside[-1] + 1] if len(outside) else line[:1]
    at, before = kept[-1], kept[max(-4, -len(kept))]
    heading, inwards = at - before, centre - at
    # The side to which the line already bends, seen from its end.
    side = 1.0 if heading[0] * inwards[1] - heading[1] * inwards[0] >= 0 else -1.0
    away = np.arctan2(*(at - centre)[::-1])
    near = np.arccos(min(1.0, radius / max(float(np.hypot(*inwards)), 1e-6)))
    loop = _circle(centre, radius, away + side * near, side * turn)
    return np.vstack([kept, loop.astype(line.dtype)])


def _circle(
    centre: npt.NDArray[np.float64], radius: float, start: float, turn: float
) -> npt.NDArray[np.float64]:
    """GlyphPart of a circle (n, 2) from the angle `start` on; y is down."""
    angles = start + np.linspace(0, turn, max(3, int(abs(turn) / TURN)))
    return np.asarray(centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1))
