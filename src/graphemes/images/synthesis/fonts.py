"""Fonts: a string of Bengali shaped to outlines.

The fonts shipped are under the SIL Open Font License without a reserved font name, each with its
licence beside it; they are the Bengali subsets of the fontsource packages, unpacked from WOFF2.
"""

import functools
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graphemes.foundation.errors import DataError
from graphemes.images.synthesis.packages import drawing_package

# The order is part of the drawing: a writer's font is a position in it.
SHIPPED = ("atma", "baloo-da-2", "galada", "hind-siliguri", "noto-sans-bengali")
CURVE_POINTS = 6  # straight pieces a curve is flattened to; a glyph has tens of curves

Contour = npt.NDArray[np.float32]  # (points, 2): x right, y down, in ems, origin on the baseline


class Glyph(NamedTuple):
    """One glyph of a shaped string: its number in the font and where it stands, in font units."""

    number: int
    x: float
    y: float


class Typeface:
    """A font ready to shape and to give outlines."""

    def __init__(self, name: str, data: bytes):
        """Read a TTF or OTF from its bytes. Raises MissingPackage; DataError if it is no font."""
        self.name = name
        self._harfbuzz = drawing_package("uharfbuzz", "uharfbuzz")
        face = self._harfbuzz.Face(data)
        if face.glyph_count == 0:
            raise DataError(f"{name}: not a font; expected a TTF or OTF file")
        self._font = self._harfbuzz.Font(face)
        self._ems = 1.0 / face.upem

    def shape(self, text: str) -> list[Glyph]:
        """The glyphs of a string, placed. Glyph 0 is the font's sign for what it lacks."""
        buffer = self._harfbuzz.Buffer()
        buffer.add_str(text)
        # Roots 0 and 1 are signs; people write them alone, without the circle of a missing letter.
        buffer.flags = self._harfbuzz.BufferFlags.DO_NOT_INSERT_DOTTED_CIRCLE
        buffer.direction, buffer.script, buffer.language = "ltr", "Beng", "bn"
        self._harfbuzz.shape(self._font, buffer)
        return list(_placed(buffer))

    def glyph_name(self, glyph: Glyph) -> str:
        """A glyph's name in the font, as `uni0995`."""
        return str(self._font.glyph_to_string(glyph.number))

    def outline(self, text: str) -> list[Contour]:
        """The closed contours of a string, of all its glyphs. Raises DataError if a glyph lacks."""
        contours: list[Contour] = []
        for glyph in self.shape(text):
            if glyph.number == 0:
                raise DataError(f"{self.name}: this font can't write '{text}'")
            pen = _Contours()
            self._font.draw_glyph_with_pen(glyph.number, pen)
            place = np.array((glyph.x, glyph.y))
            for contour in pen.contours:
                points = (np.array(contour) + place) * (self._ems, -self._ems)
                contours.append(points.astype(np.float32))
        return contours


@functools.cache
def shipped_typeface(name: str) -> Typeface:
    """One of the fonts SHIPPED with the package, kept once it is read."""
    source = resources.files("graphemes.images.synthesis").joinpath("fonts", f"{name}.ttf")
    return Typeface(name, source.read_bytes())


def _placed(buffer: Any) -> Iterator[Glyph]:
    x = y = 0.0
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        yield Glyph(info.codepoint, x + place.x_offset, y + place.y_offset)
        x, y = x + place.x_advance, y + place.y_advance


Point = tuple[float, float]


class _Contours:
    """Collects a glyph's contours with curves flattened: the pen of the fontTools protocol."""

    def __init__(self) -> None:
        self.contours: list[list[Point]] = []

    def moveTo(self, point: Point) -> None:
        self.contours.append([point])

    def lineTo(self, point: Point) -> None:
        self.contours[-1].append(point)

    def qCurveTo(self, control: Point, end: Point) -> None:
        self._bezier([self.contours[-1][-1], control, end], (1, 2, 1))

    def curveTo(self, first: Point, second: Point, end: Point) -> None:
        self._bezier([self.contours[-1][-1], first, second, end], (1, 3, 3, 1))

    def closePath(self) -> None:
        pass  # contours are closed by those who fill them

    def _bezier(self, controls: list[Point], binomials: tuple[int, ...]) -> None:
        t = np.arange(1, CURVE_POINTS + 1)[:, None] / CURVE_POINTS
        powers = np.arange(len(controls))
        basis = np.array(binomials) * t**powers * (1 - t) ** powers[::-1]
        self.contours[-1].extend(map(tuple, (basis @ np.array(controls)).tolist()))
