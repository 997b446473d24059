"""Rendering: a pen on paper and a scanner, from a string and a writer to a scan.

Lengths in pixels of a 137 x 236 scan, n points of a stroke. The distributions here and in `hand`
were set by what `synthesise compare=` measures of the competition's training scans, and by looking
at its sheets.
"""

import functools

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.synthesis.handwriting.font_choice import choose_font
from graphemes.synthesis.handwriting.hand import Points, written
from graphemes.synthesis.handwriting.writers import Writer
from graphemes.synthesis.lettering.conjuncts import random_placement
from graphemes.synthesis.lettering.fonts import typeface
from graphemes.synthesis.lettering.stroke_font import StrokeFont

VERSION = 10  # of the drawing: raise it when the same seed would give other pixels
FINE = 4  # strokes are drawn on a grid so many times finer, then averaged
PRINTED_LINE = 0.05  # how often a printed line runs along an edge
DOT = 1.4  # width of a dot, in pens

JPEG_QUALITY = (70, 96)  # of the JPEG that a scan once was
HALO = (0.06, 0.3)  # the share of a stroke's ink that the scanner spreads around it
UNEVEN = 0.16  # of a stroke's width, from point to point, at most
BLOTS = 0.2  # of a stroke's ends
LEFT_IN_MOTION = 0.35  # of a stroke's ends
Pressure = npt.NDArray[np.float64]  # (n - 1,) for n points
Scan = npt.NDArray[np.uint8]  # (137, 236), 255 paper .. 0 ink


def draw(text: str, hand: Writer, random: np.random.Generator) -> Scan:
    """A scan of `text` in a writer's hand; `random` says how it came out this time.

    Raises DataError if none of the writer's fonts has the glyphs.
    """
    font = stroke_font(choose_font(text, hand.fonts))
    placement = random_placement(random) if random.random() < hand.side_by_side else None
    word = font.word(text, placement)
    return scanned(inked(written(word, hand, random), hand, random), hand, random)


@functools.cache
def stroke_font(font: str) -> StrokeFont:
    """A font as strokes."""
    return StrokeFont(typeface(font))


def inked(
    lines: list[Points], hand: Writer, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """How much ink the pen left on each pixel: (137, 236) float32, 0 to 1."""
    fine = np.zeros((HEIGHT * FINE, WIDTH * FINE), np.uint8)
    for line in lines:
        at = np.rint(line * FINE).astype(int).tolist()
        if np.ptp(line, axis=0).max() < hand.pen / 2:  # a dot: pressed, so wider than a line
            cv2.circle(fine, at[0], round(hand.pen * FINE * DOT / 2), 255, cv2.FILLED)
            continue
        widths, tones = pressed(line, random)
        strips = zip(at, at[1:], widths * hand.pen * FINE, tones * 255, strict=False)
        for start, end, width, tone in strips:
            cv2.line(fine, start, end, round(tone), max(1, round(width) - extra_width()))
    covered = cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    sharp, halo = (
        cv2.GaussianBlur(covered, (0, 0), random.uniform(*reach)).astype(np.float32)
        for reach in ((0.35, 0.8), (1.5, 2.4))
    )
    share = np.float32(random.uniform(*HALO))
    return np.asarray((sharp * (1 - share) + halo * share) / 255, np.float32)


@functools.cache
def extra_width() -> int:
    """How many pixels wider than asked for lines come out: two by OpenCV 5, none by 4."""
    asked, canvas = 9, np.zeros((32, 32), np.uint8)
    cv2.line(canvas, (16, -32), (16, 64), 255, asked)
    return int((canvas[16] > 0).sum()) - asked


def pressed(line: Points, random: np.random.Generator) -> tuple[Pressure, Pressure]:
    """The pen's width and the ink's tone along a stroke, (n - 1,) each, around and below 1.

    Slow waves; a stroke that is left in motion ends thin and light.
    """
    steps = np.hypot(*np.diff(line, axis=0).T)
    along = steps.cumsum()
    waves = np.sin(along / random.uniform(6, 25) + random.uniform(0, 2 * np.pi))
    width = random.uniform(0.85, 1.15) * (1 + random.uniform(0.02, 0.22) * waves)
    width = width * (1 + random.uniform(0.02, UNEVEN) * random.standard_normal(len(along)))
    waves = np.sin(along / random.uniform(5, 20) + random.uniform(0, 2 * np.pi))
    tone = 1 - random.uniform(0.0, 0.2) * (1 - waves) / 2 - random.uniform(0, 0.1)
    for far in (along, along[-1] - along):
        if random.random() < BLOTS:
            width = width * (1 + random.uniform(0.1, 0.5) * np.exp(-far / random.uniform(2, 6)))
        if random.random() < LEFT_IN_MOTION:
            fading = np.clip(far / random.uniform(5, 18), 0, 1)
            width = width * (0.5 + 0.5 * fading)
            tone = tone * (0.7 + 0.3 * fading)
    return width, tone


def scanned(covered: npt.NDArray[np.float32], hand: Writer, random: np.random.Generator) -> Scan:
    """Ink on paper as a scanner sees it. covered (137, 236), 0 to 1."""
    ink = hand.ink + random.normal(0, 4) + noise((2, 2), 16.0, random)
    rough = float(np.exp(random.normal(0.1, 0.4)))
    paper = hand.paper + noise((2, 5), 1.3 * rough, random) + noise((20, 20), 1.2, random)
    paper = paper + noise((1, 1), 0.45 * rough, random)
    add_dust_and_line(paper, random)
    grey = paper + covered * (np.maximum(ink, 0) - paper)
    return compressed(np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8), random)


def compressed(scan: Scan, random: np.random.Generator) -> Scan:
    """A scan after JPEG, which leaves ripples around the ink; its blocks begin anywhere."""
    top, left = random.integers(0, 8, 2).tolist()
    sheet = cv2.copyMakeBorder(scan, top, 0, left, 0, cv2.BORDER_REPLICATE)
    quality = int(random.integers(*JPEG_QUALITY))
    _, file = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), np.uint8)[top:, left:]


def add_dust_and_line(paper: npt.NDArray[np.float32], random: np.random.Generator) -> None:
    """Darken `paper` where a scan may have dust, or the form's printed line at an edge."""
    for _ in range(random.poisson(0.25)):
        x, y = random.integers(0, (WIDTH, HEIGHT)).tolist()
        cv2.circle(paper, (x, y), int(random.integers(1, 3)), random.uniform(170, 235), cv2.FILLED)
    if random.random() < PRINTED_LINE:
        far, lean, grey = random.uniform(0, 3), random.normal(0, 1.5), random.uniform(110, 235)
        ends = np.array([[far, 0], [far + lean, HEIGHT]])
        if random.random() < 0.4:
            ends = np.array([[0, far], [WIDTH, far + lean]])
        if random.random() < 0.5:
            ends = np.array([WIDTH - 1, HEIGHT - 1]) - ends
        start, end = np.rint(ends).astype(int).tolist()
        cv2.line(paper, start, end, grey, 1, cv2.LINE_AA)


def noise(
    patch: tuple[int, int], std: float, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Smooth noise (137, 236): grey levels of standard deviation `std`.

    patch: rows and columns that go together; a scanner's noise is longer than it is high.
    """
    rows, columns = patch
    coarse = random.standard_normal((HEIGHT // rows + 2, WIDTH // columns + 2), np.float32)
    smooth = cv2.resize(coarse * std, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.float32)
