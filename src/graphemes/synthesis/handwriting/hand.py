"""A writer's hand: how the strokes of a string come out this time, in pixels of a scan.

Lengths are in ems until strokes are placed, x right, y down.
"""

import numpy as np
import numpy.typing as npt

from graphemes.foundation.classes import stands_before
from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.synthesis.handwriting.jitter import jittered, rotation
from graphemes.synthesis.handwriting.letterforms import OWN_FORM_SHARE, own_form, rewritten
from graphemes.synthesis.handwriting.signs import NEARER, has_small_high_sign, high_sign
from graphemes.synthesis.handwriting.writers import Writer
from graphemes.synthesis.lettering.glyph_parts import (
    MERGE_GAP,
    GlyphPart,
    Span,
    Word,
    extent,
    merged,
    moved,
)
from graphemes.synthesis.lettering.strokes import STEP, smoothed

EDGE = 6  # pixels of paper kept free to the left and right of the ink
HEAD_LINE_ROW = (41.0, 12.0)  # rows from the top to the head line: mean and standard deviation
TALLEST = 1.2 * HEIGHT  # of what is written; a scan cuts off the rest
USUAL_SIZE, EVENING = 1.05, 0.3  # ems of a word; how far smaller ones are written larger
LOW_TOP, FLATTENED_SHARE = 0.15, 0.7  # ems: what is lower is made lower still, so often
ONE_LINE_GAP, ONE_LINE_SHARE = 0.3, 0.85  # ems between parts that get one head line; how often
TOPMOST_ROW = (-1.0, 14.0)  # rows above which no stroke goes of strings with a small high sign
OVER_SIGN_SHARE = 0.7  # how often the head line goes on over a sign to the left of the letter

Points = npt.NDArray[np.float64]  # (n, 2): x, y


def written(word: Word, hand: Writer, random: np.random.Generator) -> list[Points]:
    """The strokes of a word in a writer's hand, in pixels of a scan; some lie above or below."""
    form = own_form(word.text)
    parts = word.parts
    if form and random.random() < OWN_FORM_SHARE:
        parts = rewritten(parts, word.level, form)
    parts = [jittered(part, word.level, hand, random, word.text) for part in parts]
    if not parts[0].heads and stands_before(word.text):
        parts[0] = moved(parts[0], random.normal(NEARER, 0.05), 0.0)
    body = [line for part in parts for line in part.body]
    lines = [rounded(line, hand.rounding * random.uniform(0.5, 1.5)) for line in body]
    lines = [bowed(ended(line, 0.03 * hand.jitter, random), hand.jitter, random) for line in lines]
    gap = ONE_LINE_GAP if random.random() < ONE_LINE_SHARE else MERGE_GAP
    heads = over_signs(merged([s for part in parts for s in part.heads], gap), parts[0], random)
    lines += head_lines(heads, word.level, hand, random)
    every = stretched(np.concatenate(lines), word, hand, random)
    every = bent(every, hand.wobble, random)
    sized = (USUAL_SIZE / float(np.ptp(every, axis=0).max())) ** EVENING
    turned = sized * shape(hand, random).T
    middle = np.array([every[:, 0].mean(), word.level])
    top = random.uniform(*TOPMOST_ROW) if has_small_high_sign(word.text) else None
    every = on_scan(every @ turned, float((middle @ turned)[1]), hand.pen, random, top)
    return np.split(every, np.cumsum([len(line) for line in lines])[:-1])


def rounded(line: npt.NDArray[np.float32], over: float) -> Points:
    """A stroke whose corners are cut over so many ems; its ends stay."""
    sigma = over / STEP
    if len(line) < 4 or sigma < 0.3:
        return line.astype(np.float64)
    return smoothed(line.astype(np.float64), sigma, int(3 * sigma) + 1)


def ended(line: Points, far: float, random: np.random.Generator) -> Points:
    """A stroke that begins and ends about `far` ems too early or too late."""
    if len(line) < 4 or np.hypot(*(line[0] - line[-1])) < STEP:
        return line
    out = line.copy()
    for end, inner in ((0, 2), (-1, -3)):
        along = line[end] - line[inner]
        out[end] = line[end] + along / max(np.hypot(*along), 1e-6) * random.normal(far / 3, far)
    return out


def bowed(line: Points, jitter: float, random: np.random.Generator) -> Points:
    """A stroke with its ends moved apart and its middle out to one side, smoothly along it."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    if steps.sum() < STEP:  # a dot
        return line + random.normal(0, 0.03 * jitter, 2)
    along = np.append(0, steps.cumsum())[:, None] / steps.sum()
    first, last = random.normal(0, 0.015 * jitter, (2, 2))
    bow = random.normal(0, 0.025 * jitter, 2) * min(1.0, float(steps.sum()))
    moved = first * (1 - along) + last * along + bow * 4 * along * (1 - along)
    return np.asarray(line + moved)


def over_signs(heads: list[Span], first: GlyphPart, random: np.random.Generator) -> list[Span]:
    """The pieces of the head line, the first of them often begun over a sign that has none."""
    if not heads or first.heads or not first.body or random.random() > OVER_SIGN_SHARE:
        return heads
    start, _ = extent([first])
    left, right = heads[0]
    return [(left - max(0.0, left - start) * random.uniform(0, 1), right), *heads[1:]]


def head_lines(
    spans: list[Span], level: float, hand: Writer, random: np.random.Generator
) -> list[Points]:
    """The head line as this hand draws it: too long, tilted, a little off, or not at all."""
    if not spans or random.random() < hand.no_head_line:
        return []
    jitter, (before, after) = hand.jitter, hand.overshoot
    lines = []
    for left, right in spans:
        start = left - before * random.uniform(0.2, 1.5) + random.normal(0, 0.03 * jitter)
        end = right + after * random.uniform(0.2, 1.5) + random.normal(-0.02, 0.06)
        end = max(end, start + 0.1)
        across = np.linspace(0, 1, max(3, int((end - start) / STEP)))
        tilt, arch = random.normal(-0.01, 0.05 * jitter), random.normal(0, 0.02)
        height = level + random.normal(-0.005, 0.025 * jitter)
        y = height + tilt * (across - 0.5) * (end - start) + arch * (across - 0.5) ** 2 * 4
        lines.append(np.stack([start + (end - start) * across, y], axis=1))
    return lines


def stretched(points: Points, word: Word, hand: Writer, random: np.random.Generator) -> Points:
    """Points with signs above the head line and what is below the baseline made higher or lower."""
    out = points.copy()
    above = np.minimum(points[:, 1] - word.level, 0)
    below = np.maximum(points[:, 1], 0)
    # A letter's own top hardly stands out above the line, whoever writes it; type's serifs do.
    higher_sign = high_sign(word.text)
    higher = hand.above * higher_sign if higher_sign else hand.above**0.15
    if random.random() < FLATTENED_SHARE:
        above *= np.minimum(1, -above / LOW_TOP)
    out[:, 1] = np.maximum(points[:, 1], word.level) + above * higher * np.exp(
        random.normal(0, 0.12)
    )
    out[:, 1] += below * (hand.below * np.exp(random.normal(0, 0.12)) - 1)
    return out


def bent(points: Points, strength: float, random: np.random.Generator) -> Points:
    """Points moved about `strength` ems by a smooth field of waves 0.5 to 1.5 ems long."""
    waves = 3
    direction = random.uniform(0, 2 * np.pi, waves)
    frequency = 2 * np.pi / random.uniform(0.5, 1.5, waves)
    towards = np.stack([np.cos(direction), np.sin(direction)]) * frequency  # (2, waves)
    phase = random.uniform(0, 2 * np.pi, waves)
    amplitude = random.normal(0, strength, (waves, 2))
    return points + np.sin(points @ towards + phase) @ amplitude


def shape(hand: Writer, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """The (2, 2) map from ems to pixels of this one word: size, aspect, slant, slope."""
    size = hand.size * np.exp(random.normal(0, 0.06))
    aspect = hand.aspect * np.exp(random.normal(0, 0.06))
    slant = hand.slant + random.normal(0, 0.04)
    slope = np.radians(random.normal(-2.2, 2.0))
    root = np.sqrt(aspect)
    shear = np.array([[1.0, -slant], [0.0, 1.0]])
    return np.asarray(size * rotation(slope) @ shear @ np.diag([root, 1 / root]))


def on_scan(
    points: Points,
    level: float,
    pen: float,
    random: np.random.Generator,
    top: float | None = None,
) -> Points:
    """Points in pixels put on a scan: by their head line, which is at `level` (y) in them.

    Writers kept to a line, and the scans were cut from sheets there: of the competition's images
    with vowel sign 3, which stands high, two in three are cut off at the top, one in six of all.
    top: the row that none may lie above, for what has to be seen.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array([WIDTH - 2 * EDGE - pen, TALLEST if top is None else HEIGHT - EDGE])
    shrink = min(1.0, *(room / np.maximum(high - low, 1e-6)))
    shrink = min(shrink, (HEIGHT - 2 * EDGE) / max(high[1] - level, 1e-6))
    half = (high[0] - low[0]) / 2 * shrink
    margin = EDGE + pen / 2 + half
    x = np.clip(random.normal(WIDTH * 0.47, 17.0), margin, WIDTH - margin)
    y = np.clip(random.normal(*HEAD_LINE_ROW), EDGE, HEIGHT / 2)
    over = y + (high[1] - level) * shrink + EDGE - HEIGHT
    y = max(EDGE, y - max(0.0, over) * random.uniform(0.3, 1.0))
    if top is not None:
        y = max(y, top + (level - low[1]) * shrink)
    place = np.array([x, y])
    return np.asarray((points - ((low[0] + high[0]) / 2, level)) * shrink + place)
