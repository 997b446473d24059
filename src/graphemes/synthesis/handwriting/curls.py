"""Curls: where a line ends in one freely, hands often go on round it: ত, ভ."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from graphemes.synthesis.lettering.bulbs import TURN, Bulb, ends_in

TAIL, TIGHT = 0.28, 0.19  # ems: of a line's end, and its radius at most, to be a curl
LOOSE = 0.06  # ems to the next line, at least, from an end that is free
CLOSER = 0.6  # of a curl's radius where it goes on


def spiralled(
    lines: Sequence[npt.NDArray[Any]], bulbs: Sequence[Bulb], extra: float
) -> list[npt.NDArray[Any]]:
    """Lines (n, 2) of which those that end freely in a curl go on round it, `extra` radians."""
    out = list(lines)
    for k, line in enumerate(lines):
        others = [other for j, other in enumerate(lines) if j != k]
        for end in (0, -1):
            curl = _curl(line if end else line[::-1])
            free = all(np.hypot(*(other - line[end]).T).min() > LOOSE for other in others)
            if curl and free and not any(ends_in(line, end, bulb) for bulb in bulbs):
                way = 1 if end else -1
                out[k] = _carried_on(out[k][::way], *curl, extra)[::way]
    return out


def _curl(line: npt.NDArray[Any]) -> tuple[float, float] | None:
    """The radius of the curl a line ends in and how far round it goes already, with its sign."""
    steps = np.diff(line, axis=0)
    lengths = np.hypot(*steps.T)
    back = lengths[::-1].cumsum()
    last = int(np.searchsorted(back, TAIL)) + 1
    if not 3 <= last < len(steps):
        return None
    headings = np.arctan2(*steps[-last:, ::-1].T)
    turns = (np.diff(headings) + np.pi) % (2 * np.pi) - np.pi
    turned = float(turns.sum())
    radius = float(lengths[-last:].sum()) / max(abs(turned), 1e-6)
    steady = float((turns * np.sign(turned) > -0.05).mean()) > 0.8
    return (radius, turned) if radius < TIGHT and steady else None


def _carried_on(
    line: npt.NDArray[Any], radius: float, turned: float, extra: float
) -> npt.NDArray[Any]:
    """A line whose end goes on round, closer and closer."""
    steps = max(2, int(extra / TURN))
    heading = float(np.arctan2(*(line[-1] - line[-3])[::-1]))
    angles = heading + np.sign(turned) * np.arange(1, steps + 1) * extra / steps
    radii = radius * np.linspace(1, CLOSER, steps)
    moves = (radii * extra / steps)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.vstack([line, line[-1] + moves.cumsum(axis=0)]).astype(line.dtype)
