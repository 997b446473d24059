"""Parts: a written string as the pieces a hand moves apart, and the head line they hang from."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graphemes.foundation.errors import DataError
from graphemes.images.synthesis.conjuncts import Beside, beside
from graphemes.images.synthesis.fonts import Typeface
from graphemes.images.synthesis.knobs import Knob
from graphemes.images.synthesis.strokes import Stroke, Traced, strokes

PROBE = "কনবমতলা"  # letters under a straight head line, most with a stem
STEM, LEAN = 0.4, 0.05  # of a stem's slant: the greatest, and how closely it is read
LEVEL = 0.04  # ems a point of the head line may lie off it
SLOPE = 0.25  # rise over run, at most, of a piece of it
SHORTEST = 0.14  # ems: what is shorter only crosses it, or is the top of a round letter
WIDEST_TOP = 0.4  # ems of an arc that touches the head line
AHEAD, GENTLE = 4, 0.5  # points on, and the cosine of the bend till there: an arc's, no corner's
SERIF = 0.05  # ems
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
    text: str = ""


class Lettering:
    """A typeface taken apart into strokes, each glyph once."""

    def __init__(self, typeface: Typeface):
        """Take any typeface; nothing is computed yet."""
        self.typeface = typeface
        self._parts: dict[int, Part] = {}

    @functools.cached_property
    def level(self) -> float:
        """Where its head line runs, in ems from the baseline: the commonest height."""
        steps = [(np.diff(line, axis=0), line[1:, 1]) for line in self._probed]
        flat = [
            height[np.abs(step[:, 1]) < SLOPE / 2 * np.abs(step[:, 0])] for step, height in steps
        ]
        return _commonest(np.concatenate(flat), np.arange(-1.2, 0.0, LEVEL / 2))

    @functools.cached_property
    def slant(self) -> float:
        """How its stems lean: ems to the right an em up. Italics are set upright with it."""
        steps = np.concatenate([np.diff(line, axis=0) for line in self._probed])
        steep = steps[np.abs(steps[:, 0]) < STEM * np.abs(steps[:, 1])]
        return _commonest(
            -steep[:, 0] / steep[:, 1], np.arange(-STEM - LEAN / 2, STEM + LEAN, LEAN)
        )

    @functools.cached_property
    def _probed(self) -> list[Stroke]:
        outlines = [self.typeface.outline(g.number) for g in self.typeface.shape(PROBE)]
        return [line for outline in outlines for line in strokes(outline).lines]

    def word(self, text: str, overlap: float | None = None) -> Word:
        """The parts of a string. Raises DataError if the typeface lacks a glyph for it.

        overlap: of two letters, in ems, to write a conjunct as these side by side, if people do.
        """
        letters = beside(text)
        parts = [] if overlap is None or letters is None else self._apart(letters, overlap)
        return Word(parts or self._parts_of(text), self.level, text)

    def _apart(self, letters: Beside, overlap: float) -> list[Part]:
        """Two letters side by side; nothing if this font has one glyph for the rest."""
        first, rest = self._parts_of(letters.first), self._parts_of(letters.rest)
        before, after = rest[: letters.before], rest[letters.before :]
        if not after:
            return []
        (left, right), (start, _) = extent(first), extent(after)
        there = [moved(part, start - left, 0) for part in first]
        return [*before, *there, *(moved(part, right - left - overlap, 0) for part in after)]

    def _parts_of(self, text: str) -> list[Part]:
        parts = []
        for glyph in self.typeface.shape(text):
            if glyph.number == 0:
                raise DataError(f"{self.typeface.name}: this font can't write '{text}'")
            part = self._part(glyph.number)
            if part.body or part.heads:
                parts.append(moved(part, glyph.x + self.slant * glyph.y, glyph.y))
        return parts

    def _part(self, number: int) -> Part:
        if number not in self._parts:
            outline = self.typeface.outline(number)
            self._parts[number] = (
                beheaded(upright(strokes(outline), self.slant), self.level)
                if outline
                else Part([], [])
            )
        return self._parts[number]


def upright(traced: Traced, slant: float) -> Traced:
    """Strokes and knobs that lean by `slant` set upright, about the baseline."""
    shear = np.array([[1, 0], [slant, 1]], np.float32)
    knobs = [Knob(knob.centre @ shear, knob.radius) for knob in traced.knobs]
    return Traced([line @ shear for line in traced.lines], knobs)


def extent(parts: list[Part]) -> Span:
    """The leftmost and the rightmost ink of parts."""
    every = [line[:, 0] for part in parts for line in part.body]
    every += [np.array(span, np.float32) for part in parts for span in part.heads]
    across = np.concatenate(every)
    return float(across.min()), float(across.max())


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
            elif (len(runs) == 1 or max(width, height) >= CRUMB) and not _tick(piece, level):
                body.append(piece)
        if len(line) == 1:
            body.append(line)
    return Part(body, bridged(heads, BRIDGED), traced.knobs)


def _rounds(line: Stroke) -> bool:
    """Whether a line's beginning is flat and the rest bends away gently: the top of an arc."""
    steps = np.diff(line, axis=0)
    still = np.flatnonzero(np.abs(steps[:, 1]) > SLOPE * np.abs(steps[:, 0]))
    if not len(still) or still[0] + AHEAD > len(steps) or not still[0]:
        return False
    before, after = steps[still[0] - 1], steps[still[0] + AHEAD - 1]
    bend = before @ after / max(float(np.hypot(*before) * np.hypot(*after)), 1e-9)
    return bool(bend > GENTLE)


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


def _commonest(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> float:
    counts, edges = np.histogram(values, edges)
    return float(edges[counts.argmax() : counts.argmax() + 2].mean())


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
