"""Jitter: a glyph's strokes moved, sized, turned and bent at random; in ems, x right, y down."""

from typing import Any

import numpy as np
import numpy.typing as npt

from graphemes.foundation.classes import REPH
from graphemes.synthesis.handwriting.curls import spiralled
from graphemes.synthesis.handwriting.letterforms import ends_in_curl, extra_lean
from graphemes.synthesis.handwriting.signs import (
    OWN_FORM,
    OWN_FORM_SHARE,
    LowSign,
    in_own_form,
    lengthened,
    low_sign,
)
from graphemes.synthesis.handwriting.writers import Writer
from graphemes.synthesis.lettering.bulbs import looped
from graphemes.synthesis.lettering.glyph_parts import GlyphPart, is_low_sign

# Ems: a part whose top is higher than so far below the head line, and which goes on lower, is a
# letter.
HANGING = 0.15
TURNED = 0.7 * np.pi  # at least, in a loop


def jittered(
    part: GlyphPart, level: float, hand: Writer, random: np.random.Generator, text: str = ""
) -> GlyphPart:
    """A part moved, sized, turned, bent a little: about the head line, or what has none itself.

    text: of its word, which says what a part is that hangs below.
    """
    jitter = hand.jitter
    part, sign = _in_hands_forms(part, level, hand, random, text)
    low, high = _corners(part, level)
    middle = (low + high) / 2
    if part.heads:
        middle[1] = level
    vary = 0.1 if part.heads else 0.15
    size = np.exp(random.normal(0, vary * jitter)) * np.exp(random.normal(0, 0.08 * jitter, 2))
    angle = random.normal(0, np.radians(3) * jitter)
    if sign:
        middle[1] = low[1]  # it hangs there
        size = size * sign.size * hand.low_sign_size
        angle += sign.tilt + random.normal(hand.low_sign_tilt, 0.08)
    turn = rotation(angle)
    centre = middle + random.normal(0, (0.035 * jitter, 0.03 * jitter))
    lean = random.normal(hand.lean + extra_lean(text), 0.1 * jitter)
    waves = random.normal(0, 0.08 * jitter, (2, 2)).clip(-0.3, 0.3)
    body = [proportioned(line, low, high, waves) for line in part.body]
    if low[1] < level + HANGING and high[1] > level + HANGING:
        top, width = np.array((middle[0], level)), float(high[0] - low[0])
        body = [leant(line, top, width, lean) for line in body]
    body = [((line - middle) * size @ turn.T + centre).astype(np.float32) for line in body]
    across = [(np.array(span) - middle[0]) * size[0] + centre[0] for span in part.heads]
    return GlyphPart(body, [(float(left), float(right)) for left, right in across])


def _in_hands_forms(
    part: GlyphPart, level: float, hand: Writer, random: np.random.Generator, text: str
) -> tuple[GlyphPart, LowSign | None]:
    """A part as hands form it, and how they write it if it is a sign below a letter."""
    part = _looped(part, hand, random, text)
    if part.sign == REPH and part.body:
        part = lengthened(part, level, random)
    sign = low_sign(text) if is_low_sign(part) else None
    if sign and sign.form and random.random() < OWN_FORM_SHARE:
        return in_own_form(part, sign.form), OWN_FORM
    return part, sign


def _corners(part: GlyphPart, level: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The least and the greatest x and y of a part, its head line included."""
    ends = np.array([(x, level) for x in np.ravel(part.heads)]).reshape(-1, 2)
    every = np.concatenate([*part.body, ends])
    return every.min(axis=0), every.max(axis=0)


def rotation(angle: float) -> npt.NDArray[np.float64]:
    """The (2, 2) matrix that turns by an angle in radians, the right end down."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _looped(part: GlyphPart, hand: Writer, random: np.random.Generator, text: str) -> GlyphPart:
    size = hand.loop_size * np.exp(random.normal(0, 0.15, len(part.bulbs)))
    turn = random.normal(hand.loop_turn, 0.3, len(part.bulbs)).clip(TURNED, 2 * np.pi)
    body = part.body
    if ends_in_curl(text):
        body = spiralled(body, part.bulbs, max(0.0, hand.loop_turn / 2 + random.normal(0, 0.3)))
    return part._replace(body=looped(body, part.bulbs, size, turn), bulbs=())


def proportioned(
    line: npt.NDArray[Any], low: npt.NDArray[Any], high: npt.NDArray[Any], waves: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """A stroke of a part from `low` to `high` with some of it made larger at the cost of the rest.

    waves (2, 2): how much larger a half and a middle become, along x and y.
    """
    span = np.maximum(high - low, 0.1)
    along = np.pi * (line - low) / span
    return np.asarray(
        line + span / np.pi * (waves[0] * np.sin(along) + waves[1] / 2 * np.sin(2 * along))
    )


def leant(
    line: npt.NDArray[Any], middle: npt.NDArray[Any], width: float, lean: float
) -> npt.NDArray[Any]:
    """A stroke made longer down on the left than on the right of a part, or the other way."""
    across = np.clip((line[:, 0] - middle[0]) / max(width, 0.1), -0.7, 0.7)
    out = line.copy()
    out[:, 1] -= (line[:, 1] - middle[1]) * across * lean
    return out
