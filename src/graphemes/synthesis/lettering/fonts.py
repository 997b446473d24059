"""Fonts: a string of Bengali shaped to outlines.

The fonts shipped are under the SIL Open Font License and bear no reserved font name, each with its
licence beside it; they are the Bengali subsets of the fontsource packages, unpacked from WOFF2.
"""

import functools
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graphemes.foundation.classes import VIRAMA
from graphemes.foundation.errors import DataError
from graphemes.foundation.places import no_directory
from graphemes.synthesis.lettering.packages import drawing_package

# The order is part of the drawing: a writer's font is a position in it.
SHIPPED = (
    "anek-bangla",
    "atma",
    "baloo-da-2",
    "galada",
    "hind-siliguri",
    "mina",
    "noto-sans-bengali",
    "noto-serif-bengali",
    "tiro-bangla",
    "tiro-bangla-italic",
)
DOTTED_CIRCLE = "\u25cc"
PROBE = "কনবমতলা"  # letters under a straight head line, most with a stem: a font is known by them
ALPHABET = "".join(map(chr, range(0x0985, 0x09BA)))  # the letters, and code points that are none
CURVE_POINTS = 6  # straight pieces a curve is flattened to; a glyph has tens of curves

Contour = npt.NDArray[np.float32]  # (points, 2): x right, y down, in ems, origin on the baseline


class Glyph(NamedTuple):
    """One glyph of a shaped string: its number in the font and where it stands, in ems."""

    number: int
    x: float  # to the right
    y: float  # down


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
        # Glyph 0 is the font's sign for what it lacks.
        self._failures = {0, self._font.get_nominal_glyph(ord(VIRAMA))}

    def shape(self, text: str) -> list[Glyph]:
        """The glyphs of a string, placed. Glyph 0 is the font's sign for what it lacks."""
        # Roots 0 and 1 are signs; people write them alone, without the circle of a missing letter.
        return list(_placed(self._shaped(text, circle=False), self._ems))

    def _shaped(self, text: str, *, circle: bool) -> Any:
        """HarfBuzz's buffer of a string; circle: show where signs lack a letter."""
        buffer = self._harfbuzz.Buffer()
        buffer.add_str(text)
        if not circle:
            buffer.flags = self._harfbuzz.BufferFlags.DO_NOT_INSERT_DOTTED_CIRCLE
        buffer.direction, buffer.script, buffer.language = "ltr", "Beng", "bn"
        self._harfbuzz.shape(self._font, buffer)
        return buffer

    def can_write(self, text: str) -> bool:
        """Whether every sign of a string has its glyph and no virama is left to be seen.

        A virama that shows is how a font spells a conjunct for which it has no form.
        """
        return not {glyph.number for glyph in self.shape(text)} & self._failures

    def knows(self, letter: str) -> bool:
        """Whether a letter has a glyph, be it empty."""
        return bool(self._font.get_nominal_glyph(ord(letter)))

    def draws(self, letter: str) -> bool:
        """Whether a letter has a glyph that isn't empty."""
        return self.knows(letter) and any(self.outline(g.number) for g in self.shape(letter))

    def can_join(self, text: str) -> bool:
        """Whether a string comes out as one cluster that shows no virama and no dotted circle."""
        shaped = self._shaped(text, circle=True).glyph_infos
        circle = self._font.get_nominal_glyph(ord(DOTTED_CIRCLE))
        shown = {info.codepoint for info in shaped}
        return len({info.cluster for info in shaped}) == 1 and not shown & (
            self._failures | {circle}
        )

    def outline(self, number: int) -> list[Contour]:
        """The closed contours of a glyph; its origin is (0, 0)."""
        pen = _Contours()
        self._font.draw_glyph_with_pen(number, pen)
        scale = np.array((self._ems, -self._ems))
        return [(np.array(contour) * scale).astype(np.float32) for contour in pen.contours]


@functools.cache
def typeface(name: str) -> Typeface:
    """One of the fonts SHIPPED with the package, or a font file's by its path; read once."""
    if name in SHIPPED:
        source = resources.files("graphemes.synthesis.lettering").joinpath("fonts", f"{name}.ttf")
        return Typeface(name, source.read_bytes())
    try:
        return Typeface(name, Path(name).read_bytes())
    except OSError as error:
        raise DataError(f"{name}: can't be read: {error.strerror}") from None


def chosen_fonts(directory: Path | None) -> tuple[str, ...]:
    """The shipped fonts, and the paths of the user's own."""
    return SHIPPED + (font_files(directory) if directory else ())


def font_files(directory: Path) -> tuple[str, ...]:
    """The paths of a directory's TTF and OTF files, by name, each read. Raises DataError."""
    if not directory.is_dir():
        raise DataError(
            f"fonts={directory}: {no_directory(directory)}; expected one with .ttf or .otf files"
        )
    found = sorted(path for path in directory.iterdir() if path.suffix.lower() in (".ttf", ".otf"))
    if not found:
        raise DataError(f"fonts={directory}: no font there; expected .ttf or .otf files")
    for path in found:
        if not path.is_file():
            raise DataError(f"{path}: is no file, expected a font; move it away")
        face = typeface(str(path))
        # A file that was cut short still knows its letters' glyphs, but has no outlines for them.
        lost = [
            one for one in ALPHABET if not face.draws(one) and (one in PROBE or face.knows(one))
        ]
        if lost:
            raise DataError(
                f"{path}: has no form for {' '.join(lost)}; expected a whole font that writes"
                " Bengali; move it away"
            )
    return tuple(map(str, found))


def _placed(buffer: Any, ems: float) -> Iterator[Glyph]:
    x = y = 0.0
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        yield Glyph(info.codepoint, (x + position.x_offset) * ems, -(y + position.y_offset) * ems)
        x, y = x + position.x_advance, y + position.y_advance


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
