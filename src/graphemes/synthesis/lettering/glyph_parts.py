"""Glyph parts: a string's glyphs as strokes, and the head line that they hang from.

Lengths in ems, x right, y down, baseline at 0; n points of a line.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graphemes.synthesis.lettering.bulbs import Bulb
from graphemes.synthesis.lettering.strokes import Stroke, Traced, line_through

LEVEL = 0.04  # ems a point of the head line may lie off it
SLOPE = 0.25  # rise over run, at most, of a piece of it
SHORTEST = 0.14  # ems: what is shorter only crosses it, or is the top of a round letter
WIDEST_TOP = 0.4  # ems of an arc that touches the head line
AHEAD, GENTLE = 4, 0.5  # points on, and the cosine of the bend till there: an arc's, no corner's
SERIF = 0.05  # ems
TICK = 0.05  # ems from the head line: what stays nearer and is short is its own end
LOW_SIGN_TOP = -0.25  # ems: what doesn't reach so far above the baseline is a sign below a letter
SCRAP = 0.07  # ems: what a cut leaves that is shorter is dropped
MERGE_GAP = 0.12  # ems between two parts' head lines that are written as one

Polyline = Sequence[tuple[float, float]]  # corners: x, y
Span = tuple[float, float]  # left, right, in ems


class GlyphPart(NamedTuple):
    """One glyph as strokes: a letter, a conjunct or a sign."""

    body: list[Stroke]
    heads: list[Span]  # its pieces of the head line, which isn't among the strokes
    bulbs: Sequence[Bulb] = ()  # not among the strokes either
    sign: str | None = None  # none: a letter or a conjunct


class Word(NamedTuple):
    """A string's parts, each where the font puts it, and the height of its head line in ems."""

    parts: list[GlyphPart]
    level: float
    text: str = ""


def extent(parts: list[GlyphPart]) -> Span:
    """The leftmost and the rightmost ink of parts."""
    every = [line[:, 0] for part in parts for line in part.body]
    every += [np.array(span, np.float32) for part in parts for span in part.heads]
    across = np.concatenate(every)
    return float(across.min()), float(across.max())


def moved(part: GlyphPart, x: float, y: float) -> GlyphPart:
    """A part shifted by (x, y) ems."""
    shift = np.array((x, y), np.float32)
    body = [line + shift for line in part.body]
    bulbs = [Bulb(bulb.centre + shift, bulb.radius) for bulb in part.bulbs]
    return GlyphPart(body, [(a + x, b + x) for a, b in part.heads], bulbs, part.sign)


def lowered(parts: list[GlyphPart], level: float, drop: float, size: float) -> list[GlyphPart]:
    """A letter and its signs, the letter sized and so far below the head line, which it leaves."""
    letter, *signs = parts
    start, end = extent([letter])
    corner = np.array((start, level), np.float32)
    body = [(line - corner) * np.float32(size) + corner for line in letter.body]
    heads = [(start + (a - start) * size, start + (b - start) * size) for a, b in letter.heads]
    bulbs = [Bulb((k.centre - corner) * size + corner, k.radius * size) for k in letter.bulbs]
    out = [moved(GlyphPart(body, [] if drop else heads, bulbs), 0, drop)]
    narrower, lower = (end - start) * (size - 1), max(0.0, drop + level * (1 - size))
    for sign in signs:
        after = extent([sign])[0] > (start + end) / 2
        down = lower if is_low_sign(sign) else 0.0
        out.append(moved(sign, narrower if after else narrower / 2, down))
    return out


def reshaped(part: GlyphPart, level: float, form: Sequence[Polyline]) -> GlyphPart:
    """A part whose strokes are a form's, made as wide and as low as they are.

    form: lines of corners, x from the left of the part to its right, y from the head line (0)
    down to its lowest point (1).
    """
    (left, right), bottom = extent([part]), max(float(line[:, 1].max()) for line in part.body)
    corner, size = np.array((left, level)), np.array((right - left, bottom - level))
    body = [line_through(np.array(line) * size + corner) for line in form]
    return part._replace(body=body, bulbs=())


def is_low_sign(part: GlyphPart) -> bool:
    """Whether a part is a sign below a letter."""
    return bool(part.body) and min(float(line[:, 1].min()) for line in part.body) > LOW_SIGN_TOP


def without_head_line(traced: Traced, level: float) -> GlyphPart:
    """Strokes without their pieces of the head line at `level`, and those pieces' spans."""
    body, heads = [], []
    for line in traced.lines:
        flat = _along(line, level)
        for first, last in _runs(flat):
            narrow = np.ptp(line[first : last + 1, 0]) < WIDEST_TOP
            if flat[first] and narrow and (_rounds(line[first:]) or _rounds(line[last::-1])):
                flat[first:last] = False
        runs = _runs(flat)
        closed = np.hypot(*(line[0] - line[-1])) < SERIF
        for first, last in runs:
            piece = line[first : last + 1]
            width, height = np.ptp(piece, axis=0)
            # At a line's end a short one counts: to the right of the stem of ণ and প.
            ending = not closed and (first == 0 or last == len(line) - 1)
            if flat[first] and width >= (SERIF if ending else SHORTEST):
                heads.append((float(piece[:, 0].min()), float(piece[:, 0].max())))
            # A line's own end turns up or down a little; without the line that is a tick.
            elif (len(runs) == 1 or max(width, height) >= SCRAP) and not _tick(piece, level):
                body.append(piece)
        if len(line) == 1:
            body.append(line)
    return GlyphPart(body, merged(heads, MERGE_GAP), traced.bulbs)


def _rounds(line: Stroke) -> bool:
    """Whether a line's beginning is flat and the rest bends away gently: the top of an arc."""
    steps = np.diff(line, axis=0)
    still = np.flatnonzero(np.abs(steps[:, 1]) > SLOPE * np.abs(steps[:, 0]))
    if not len(still) or still[0] + AHEAD > len(steps) or not still[0]:
        return False
    before, after = steps[still[0] - 1], steps[still[0] + AHEAD - 1]
    bend = before @ after / max(float(np.hypot(*before) * np.hypot(*after)), 1e-9)
    return bool(bend > GENTLE)


def merged(spans: list[Span], gap: float) -> list[Span]:
    """Spans from left to right, those joined that overlap or lie no further apart than `gap`."""
    out: list[Span] = []
    for left, right in sorted(spans):
        if out and left - out[-1][1] <= gap:
            out[-1] = (out[-1][0], max(out[-1][1], right))
        else:
            out.append((left, right))
    return out


def _tick(piece: Stroke, level: float) -> bool:
    near = np.abs(piece[:, 1] - level).max() < TICK
    return bool(near and np.ptp(piece[:, 0]) < SHORTEST)


def _along(line: Stroke, level: float) -> npt.NDArray[np.bool_]:
    """Which of a stroke's segments (points - 1,) lie on the head line."""
    near = np.abs(line[:, 1] - level) < LEVEL
    run, rise = np.abs(np.diff(line, axis=0)).T
    return np.asarray(near[1:] & near[:-1] & (rise <= SLOPE * run))


def _runs(flat: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The first and last point of each run of segments that are alike."""
    if not len(flat):
        return []
    turns = np.flatnonzero(np.diff(flat)) + 1
    edges = [0, *turns.tolist(), len(flat)]
    return list(itertools.pairwise(edges))
