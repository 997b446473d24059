"""Stems: upright strokes, which type ends in flags of its own and hands hang from the head line.

Lengths in ems, x right, y down, baseline at 0.
"""

import numpy as np

from graphemes.synthesis.lettering.glyph_parts import GlyphPart, Span
from graphemes.synthesis.lettering.strokes import Stroke, length

FLAG = 0.1  # below the head line: what is nearer to it, or above it by less than TALL, is a flag
TALL = 0.18
LONGEST = 0.3  # of a flag, along it
FOOT = -0.2  # a stem goes on at least so low
STRAIGHT, STEEP = 0.05, 0.35  # off its chord, at most; its chord's run over rise
ONWARDS = 0.07  # to the right, below its foot: what goes further begins a letter, as ে and এ do
COVERED = 0.03  # a head line that ends so near a stem has it already
TOUCHING = 0.1  # a flag's end to the stem's top
TICK = (-0.03, 0.12)  # of the head line that a hand gives a stem: to its left and right


def hanging(part: GlyphPart, level: float) -> GlyphPart:
    """A part whose stems without a head line have a piece of it in place of their flags."""
    body, heads = list(part.body), list(part.heads)
    for k, line in enumerate(part.body):
        for end in (line, line[::-1]):
            first = _stem(end, level)
            if first is None or _covered(float(end[first, 0]), part.heads):
                continue
            top = np.array([[end[first, 0], level]], end.dtype)
            body[k] = np.vstack([top, end[first:]])
            heads.append((float(top[0, 0]) + TICK[0], float(top[0, 0]) + TICK[1]))
            break
    tops = [left - TICK[0] for left, _ in heads[len(part.heads) :]]
    body = [line for line in body if not any(_flag(line, x, level) for x in tops)]
    return part._replace(body=body, heads=heads)


def _stem(line: Stroke, level: float) -> int | None:
    """The first point of a line that is its stem, if it begins with a flag and goes on as one."""
    below = np.flatnonzero(line[:, 1] > level + FLAG)
    if not len(below) or length(line[: below[0] + 1]) > LONGEST + FLAG:
        return None
    if line[: below[0] + 1, 1].min() < level - TALL:
        return None
    low = np.flatnonzero(line[:, 1] > FOOT)
    if not len(low) or low[0] <= below[0]:
        return None
    if line[low[0] :, 0].max() > line[low[0], 0] + ONWARDS:
        return None
    stem = line[below[0] : low[0] + 1]
    run, rise = stem[-1] - stem[0]
    chord = stem[0, 0] + (stem[:, 1] - stem[0, 1]) * run / max(float(rise), 1e-6)
    straight = bool(np.abs(stem[:, 0] - chord).max() < STRAIGHT and abs(run) < STEEP * rise)
    return int(below[0]) if straight else None


def _covered(x: float, heads: list[Span]) -> bool:
    return any(left - COVERED <= x <= right + COVERED for left, right in heads)


def _flag(line: Stroke, x: float, level: float) -> bool:
    """Whether a line is no more than the flag of a stem whose top is at `x`."""
    near = np.abs(line[:, 1] - level).max() < TALL
    touching = min(np.hypot(*(line[end] - (x, level))) for end in (0, -1)) < TOUCHING
    return bool(near and touching and length(line) < LONGEST)
