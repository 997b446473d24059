"""A stroke font: a typeface as centre lines, from which a string's glyph parts are taken."""

import functools
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from graphemes.foundation.classes import CANDRABINDU, REPH, YA_PHALA
from graphemes.foundation.errors import DataError
from graphemes.synthesis.lettering.bulbs import Bulb
from graphemes.synthesis.lettering.conjuncts import LetterPair, Placement, letter_pair
from graphemes.synthesis.lettering.fonts import PROBE, Contour, Typeface
from graphemes.synthesis.lettering.glyph_parts import (
    LEVEL,
    SLOPE,
    GlyphPart,
    Word,
    extent,
    lowered,
    moved,
    without_head_line,
)
from graphemes.synthesis.lettering.stems import hanging
from graphemes.synthesis.lettering.strokes import Stroke, Traced, strokes

LETTERS = ("ক", "ট", "শ", "ম", "ন্দ")  # of several widths, for which fonts have signs of their own
SIGNS = (*"োৌািীুূৃেৈ", CANDRABINDU, REPH, YA_PHALA)
STEM, LEAN = 0.4, 0.05  # of a stem's slant: the greatest, and how closely it is read


class StrokeFont:
    """A typeface as strokes, each glyph traced once."""

    def __init__(self, typeface: Typeface):
        """Take any typeface; nothing is computed yet."""
        self.typeface = typeface
        self._parts: dict[int, GlyphPart] = {}

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

    @functools.cached_property
    def _signs(self) -> dict[int, str]:
        """The glyphs of signs: what is there beside a letter's own glyph when it has one."""
        signs: dict[int, str] = {}
        for letter, sign in itertools.product(LETTERS, SIGNS):
            bare = {glyph.number for glyph in self.typeface.shape(letter)}
            text = sign + letter if sign == REPH else letter + sign
            shaped = {glyph.number for glyph in self.typeface.shape(text)}
            if shaped & bare:
                signs |= dict.fromkeys(shaped - bare, sign)
        return signs

    def word(self, text: str, placement: Placement | None = None) -> Word:
        """The parts of a string. Raises DataError if the typeface lacks a glyph for it.

        placement: writes a conjunct as two letters side by side, if people do.
        """
        pair = letter_pair(text)
        parts = [] if placement is None or pair is None else self._side_by_side(pair, placement)
        return Word(parts or self._parts_of(text), self.level, text)

    def _side_by_side(self, pair: LetterPair, placement: Placement) -> list[GlyphPart]:
        """Two letters side by side; nothing if this font has one glyph for the rest."""
        first, rest = self._parts_of(pair.first), self._parts_of(pair.rest)
        before, after = rest[: pair.before], rest[pair.before :]
        if not after:
            return []
        (left, right), (start, _) = extent(first), extent(after)
        there = [moved(part, start - left, 0) for part in first]
        across = right - left - placement.overlap
        second = lowered(after, self.level, placement.drop, placement.size)
        return [*before, *there, *(moved(part, across, 0) for part in second)]

    def _parts_of(self, text: str) -> list[GlyphPart]:
        parts = []
        for glyph in self.typeface.shape(text):
            if glyph.number == 0:
                raise DataError(f"{self.typeface.name}: this font can't write '{text}'")
            part = self._part(glyph.number)
            if part.body or part.heads:
                placed = moved(part, glyph.x + self.slant * glyph.y, glyph.y)
                parts.append(placed._replace(sign=self._signs.get(glyph.number)))
        return parts

    def _part(self, number: int) -> GlyphPart:
        if number not in self._parts:
            outline = self.typeface.outline(number)
            self._parts[number] = self._traced_part(outline) if outline else GlyphPart([], [])
        return self._parts[number]

    def _traced_part(self, outline: list[Contour]) -> GlyphPart:
        traced = upright(strokes(outline), self.slant)
        return hanging(without_head_line(traced, self.level), self.level)


def upright(traced: Traced, slant: float) -> Traced:
    """Strokes and bulbs that lean by `slant` set upright, about the baseline."""
    shear = np.array([[1, 0], [slant, 1]], np.float32)
    bulbs = [Bulb(bulb.centre @ shear, bulb.radius) for bulb in traced.bulbs]
    return Traced([line @ shear for line in traced.lines], bulbs)


def _commonest(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> float:
    counts, edges = np.histogram(values, edges)
    return float(edges[counts.argmax() : counts.argmax() + 2].mean())
