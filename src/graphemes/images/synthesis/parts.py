"""Parts: a written string as the pieces a hand moves apart, and the head line they hang from."""

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graphemes.foundation.errors import DataError
from graphemes.images.synthesis.fonts import Typeface
from graphemes.images.synthesis.knobs import Knob
from graphemes.images.synthesis.strokes import Stroke, Traced, strokes

PROBE = "কনবমত"  # letters under a straight head line
LEVEL = 0.04  # ems a point of the head line may lie off it
SLOPE = 0.25  # rise over run, at most, of a piece of it
SHORTEST = 0.14  # ems: what is shorter only crosses it, or is the top of a round letter
TICK = 0.05  # ems from the head line: what stays nearer and is short is its own end
CRUMB = 0.07  # ems: what a cut leaves that is shorter is dropped
BRIDGED = 0.12  # ems between two parts' head lines that are written in one

Span = tuple[float, float]  # left, right, in ems


class Part(NamedTuple):
    """One glyph: a letter, a conjunct or a sign. Ems, x right, y down, baseline at 0."""

    body: list[Stroke]
    heads: list[Span]  # its pieces of the head line, which isn't among the strokes
    knobs: Sequence[Knob] = ()  # not among the strokes either


class Word(NamedTuple):
    """A string's parts, each where the font puts it, and the height of its head line in ems."""

    parts: list[Part]
    level: float


class Lettering:
    """A typeface taken apart into strokes, each glyph once."""

    def __init__(self, typeface: Typeface):
        """Take any typeface; nothing is computed yet."""
        self.typeface = typeface
        self._parts: dict[int, Part] = {}

    @functools.cached_property
    def level(self) -> float:
        """Where this typeface's head line runs, in ems from the baseline: the commonest height."""
        heights = []
        for letter in PROBE:
            for glyph in self.typeface.shape(letter):
                for line in strokes(self.typeface.outline(glyph.number)).lines:
                    run, rise = np.abs(np.diff(line, axis=0)).T
                    heights.append(line[1:][rise < SLOPE / 2 * run, 1])
        counts, edges = np.histogram(np.concatenate(heights), np.arange(-1.2, 0.0, LEVEL / 2))
        return float(edges[counts.argmax()] + LEVEL / 4)

    def word(self, text: str) -> Word:
        """The parts of a string. Raises DataError if the typeface lacks a glyph for it."""
        parts = []
        for glyph in self.typeface.shape(text):
            if glyph.number == 0:
                raise DataError(f"{self.typeface.name}: this font can't write '{text}'")
            part = self._part(glyph.number)
            if part.body or part.heads:
                parts.append(moved(part, glyph.x, glyph.y))
        return Word(parts, self.level)

    def _part(self, number: int) -> Part:
        if number not in self._parts:
            outline = self.typeface.outline(number)
            self._parts[number] = (
                beheaded(strokes(outline), self.level) if outline else Part([], [])
            )
        return self._parts[number]


def moved(part: Part, x: float, y: float) -> Part:
    """A part shifted by (x, y) ems."""
    shift = np.array((x, y), np.float32)
    body = [line + shift for line in part.body]
    knobs = [Knob(knob.centre + shift, knob.radius) for knob in part.knobs]
    return Part(body, [(a + x, b + x) for a, b in part.heads], knobs)


def beheaded(traced: Traced, level: float) -> Part:
    """Strokes without their pieces of the head line at `level`, and those pieces' spans."""
    body, heads = [], []
    for line in traced.lines:
        flat = _along(line, level)
        runs = _runs(flat)
        for first, last in runs:
            piece = line[first : last + 1]
            width, height = np.ptp(piece, axis=0)
            if flat[first] and width >= SHORTEST:
                heads.append((float(piece[:, 0].min()), float(piece[:, 0].max())))
            # A line's own end turns up or down a little; without the line that is a tick.
            elif (len(runs) == 1 or max(width, height) >= CRUMB) and not _tick(piece, level):
                body.append(piece)
        if len(line) == 1:
            body.append(line)
    return Part(body, bridged(heads, BRIDGED), traced.knobs)


def bridged(spans: list[Span], gap: float) -> list[Span]:
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
