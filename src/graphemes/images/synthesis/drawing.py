"""Drawing: a writer's hand and pen, from strokes to a scan.

A writer is a place in the seeds: it fixes font, slant, size and pen. Lengths in pixels of a
137 x 236 scan unless they are said to be in ems; the distributions were set by comparing sheets
and the ink's size, place, width and darkness with the competition's training scans.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.seeds import stream
from graphemes.images.synthesis.fonts import SHIPPED, shipped_typeface
from graphemes.images.synthesis.strokes import Stroke, strokes

VERSION = 2  # of the drawing: raise it when the same seed would give other pixels
FINE = 4  # strokes are drawn on a grid so many times finer, then averaged
EDGE = 6  # paper kept free around the ink
DOT = 1.4  # width of a dot, in pens
WAVES = 3  # of which the hand's unsteadiness is made

Scan = npt.NDArray[np.uint8]  # (137, 236), 255 paper .. 0 ink
Points = npt.NDArray[np.float64]  # (n, 2): x, y


class Writer(NamedTuple):
    """What stays the same in everything one person writes."""

    font: str
    size: float  # pixels of an em
    aspect: float  # width over height, compared with the font's
    slant: float  # columns to the right a row up
    wobble: float  # ems a point may stray
    pen: float  # width of a stroke
    ink: float  # grey level of a stroke's middle
    paper: float  # grey level


def writer(seed: int, *place: int, fonts: tuple[str, ...] = SHIPPED) -> Writer:
    """The writer who lives at a place of the seeds, in one of the fonts."""
    random = stream(seed, *place)
    return Writer(
        font=fonts[random.integers(len(fonts))],
        size=float(np.exp(random.normal(np.log(102), 0.16))),
        aspect=float(np.exp(random.normal(0.12, 0.14))),
        slant=random.normal(0.08, 0.1),
        wobble=random.uniform(0.012, 0.03),
        pen=float(np.clip(random.normal(4.4, 0.6), 3.2, 6.2)),
        ink=float(np.clip(random.gamma(4.0, 11.0), 5, 110)),
        paper=255 - float(np.clip(random.exponential(2.5), 0, 12)),
    )


def draw(text: str, hand: Writer, random: np.random.Generator) -> Scan:
    """A scan of `text` in a writer's hand; `random` says how it came out this time."""
    lines = strokes(shipped_typeface(hand.font).outline(text))
    return scanned(inked(placed(lines, hand, random), hand, random), hand, random)


def placed(lines: list[Stroke], hand: Writer, random: np.random.Generator) -> list[Points]:
    """Strokes bent, slanted, sized and put on the scan: ems to pixels, all within EDGE."""
    every = np.concatenate(lines).astype(np.float64)
    every = bent(every, hand.wobble, random) @ written(hand, random).T
    low, high = every.min(axis=0), every.max(axis=0)
    room = np.array([WIDTH, HEIGHT]) - 2 * EDGE - hand.pen
    shrink = min(1.0, *(room / np.maximum(high - low, 1e-6)))
    half = (high - low) / 2 * shrink
    centre = random.normal([WIDTH * 0.47, HEIGHT * 0.46], [14.0, 9.0])
    margin = EDGE + hand.pen / 2 + half
    centre = np.clip(centre, margin, np.array([WIDTH, HEIGHT]) - margin)
    every = (every - (low + high) / 2) * shrink + centre
    return np.split(every, np.cumsum([len(line) for line in lines])[:-1])


def written(hand: Writer, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """The (2, 2) map from ems to pixels of this one word: size, aspect, slant, slope."""
    size = hand.size * np.exp(random.normal(0, 0.06))
    aspect = hand.aspect * np.exp(random.normal(0, 0.05))
    slant = hand.slant + random.normal(0, 0.04)
    slope = np.radians(random.normal(-1.0, 2.5))
    turn = np.array([[np.cos(slope), -np.sin(slope)], [np.sin(slope), np.cos(slope)]])
    root = np.sqrt(aspect)
    shear = np.array([[1.0, -slant], [0.0, 1.0]])
    return np.asarray(size * turn @ shear @ np.diag([root, 1 / root]))


def bent(points: Points, strength: float, random: np.random.Generator) -> Points:
    """Points moved by a smooth field of a few waves, about `strength` ems; waves 0.5 to 1.5 ems."""
    direction = random.uniform(0, 2 * np.pi, WAVES)
    frequency = 2 * np.pi / random.uniform(0.5, 1.5, WAVES)
    towards = np.stack([np.cos(direction), np.sin(direction)]) * frequency  # (2, WAVES)
    phase = random.uniform(0, 2 * np.pi, WAVES)
    amplitude = random.normal(0, strength, (WAVES, 2))
    return points + np.sin(points @ towards + phase) @ amplitude


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
    ink = hand.ink + random.normal(0, 4) + grain(3, 16.0, random)
    paper = hand.paper + grain(4, 2.2, random)
    grey = paper + covered * (np.maximum(ink, 0) - paper)
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def grain(patch: int, strength: float, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Smooth noise (137, 236): grey levels of standard deviation `strength` a patch of pixels."""
    coarse = random.standard_normal((HEIGHT // patch + 2, WIDTH // patch + 2), np.float32)
    smooth = cv2.resize(coarse * strength, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.float32)
