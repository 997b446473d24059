"""Drawing: a pen on paper and a scanner, from a string and a writer to a scan.

Lengths in pixels of a 137 x 236 scan. The distributions here and in `hand` were set by what
`synthesise compare=` measures of the competition's training scans, and by looking at its sheets.
"""

import functools

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.images.synthesis.fonts import typeface
from graphemes.images.synthesis.hand import Points, Writer, written
from graphemes.images.synthesis.parts import Lettering

VERSION = 3  # of the drawing: raise it when the same seed would give other pixels
FINE = 4  # strokes are drawn on a grid so many times finer, then averaged
LINED = 0.05  # how often a printed line runs along an edge
DOT = 1.4  # width of a dot, in pens

Scan = npt.NDArray[np.uint8]  # (137, 236), 255 paper .. 0 ink


def draw(text: str, hand: Writer, random: np.random.Generator) -> Scan:
    """A scan of `text` in a writer's hand; `random` says how it came out this time.

    Raises DataError if none of the writer's fonts has the glyphs.
    """
    able = (name for name in hand.fonts if typeface(name).can_write(text))
    word = lettering(next(able, hand.fonts[0])).word(text)
    return scanned(inked(written(word, hand, random), hand, random), hand, random)


@functools.cache
def lettering(font: str) -> Lettering:
    """A font as strokes."""
    return Lettering(typeface(font))


def inked(
    lines: list[Points], hand: Writer, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """How much of each pixel the pen covered: (137, 236) float32, 0 to 1."""
    fine = np.zeros((HEIGHT * FINE, WIDTH * FINE), np.uint8)
    for line in lines:
        at = np.rint(line * FINE).astype(int).tolist()
        if np.ptp(line, axis=0).max() < hand.pen / 2:  # a dot: pressed, so wider than a line
            cv2.circle(fine, at[0], round(hand.pen * FINE * DOT / 2), 255, cv2.FILLED)
            continue
        for start, end, width in zip(at, at[1:], pressed(len(at) - 1, random), strict=False):
            cv2.line(fine, start, end, 255, max(1, round(hand.pen * FINE * width)))
    covered = cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(covered, (0, 0), random.uniform(0.7, 1.1))
    return np.asarray(soft / np.float32(255), np.float32)


def pressed(pieces: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """The pen's width along a stroke, (pieces,), around 1: one slow wave."""
    along = np.linspace(0, pieces / random.uniform(6, 14), pieces)
    return 1 + random.uniform(0.03, 0.15) * np.sin(along + random.uniform(0, 2 * np.pi))


def scanned(covered: npt.NDArray[np.float32], hand: Writer, random: np.random.Generator) -> Scan:
    """Ink on paper as a scanner sees it. covered (137, 236), 0 to 1."""
    ink = hand.ink + random.normal(0, 4) + grain(3, 34.0, random)
    paper = hand.paper + grain(4, 2.2, random)
    marked(paper, random)
    grey = paper + covered * (np.maximum(ink, 0) - paper)
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def marked(paper: npt.NDArray[np.float32], random: np.random.Generator) -> None:
    """Darken `paper` where a scan may have dust, or the form's printed line at an edge."""
    for _ in range(random.poisson(0.25)):
        x, y = random.integers(0, (WIDTH, HEIGHT)).tolist()
        cv2.circle(paper, (x, y), int(random.integers(1, 3)), random.uniform(170, 235), cv2.FILLED)
    if random.random() < LINED:
        far, lean, grey = random.uniform(0, 3), random.normal(0, 1.5), random.uniform(110, 235)
        ends = np.array([[far, 0], [far + lean, HEIGHT]])
        if random.random() < 0.4:
            ends = np.array([[0, far], [WIDTH, far + lean]])
        if random.random() < 0.5:
            ends = np.array([WIDTH - 1, HEIGHT - 1]) - ends
        start, end = np.rint(ends).astype(int).tolist()
        cv2.line(paper, start, end, grey, 1, cv2.LINE_AA)


def grain(patch: int, strength: float, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Smooth noise (137, 236): grey levels of standard deviation `strength` a patch of pixels."""
    coarse = random.standard_normal((HEIGHT // patch + 2, WIDTH // patch + 2), np.float32)
    smooth = cv2.resize(coarse * strength, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.float32)
