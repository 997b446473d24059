"""Signs: how hands write the signs around a letter, where type has them otherwise.

Read off the competition's training scans by eye. Lengths in ems, x right, y down.
"""

from typing import NamedTuple

import numpy as np

from graphemes.foundation.classes import CANDRABINDU, REPH
from graphemes.synthesis.lettering.glyph_parts import GlyphPart, Polyline, moved
from graphemes.synthesis.lettering.strokes import line_through

# Signs above the head line, and how much higher than others, compared with type.
HIGH_SIGNS = {
    REPH: 1.0,
    CANDRABINDU: 1.0,
    "\u09bf": 1.25,
    "\u09c0": 1.08,
    "\u09c8": 1.0,
    "\u09cc": 1.0,
}
NEARER = 0.06  # ems that a sign to the left is nearer to its letter
OWN_FORM_SHARE = 0.75  # how often a hand writes its own form of a sign, where there is one

REPH_LENGTH = 1.3  # of র্, compared with type
# Down to the left, round below, up into a hump, and the tail down to the right.
LONG_U: Polyline = (
    *((0.0, 0.0), (-0.09, 0.1), (-0.19, 0.21), (-0.25, 0.31), (-0.22, 0.37), (-0.13, 0.36)),
    *((-0.04, 0.28), (0.02, 0.22), (0.06, 0.24), (0.07, 0.32), (0.13, 0.42)),
)


class LowSign(NamedTuple):
    """How hands write a sign below a letter, compared with type."""

    size: tuple[float, float]  # across, down
    tilt: float  # radians that its right end is turned down
    form: Polyline = ()  # of their own, from where it begins


LOW_SIGNS = {
    "\u09c1": LowSign((1.2, 1.1), 0.1),
    "\u09c2": LowSign((1.25, 0.9), 0.38, LONG_U),
    "\u09c3": LowSign((1.4, 1.1), 0.0),
}
OWN_FORM = LowSign((1.15, 0.95), 0.0)  # of a sign that is in hands' own form already


def low_sign(text: str) -> LowSign | None:
    """How hands write the sign below a string's letter, if it has one."""
    return next((LOW_SIGNS[sign] for sign in text if sign in LOW_SIGNS), None)


def has_small_high_sign(text: str) -> bool:
    """Whether a string has a small sign above the head line that alone decides a class.

    Nearly all of it is kept on the scan: of the competition's images with one three in ten touch
    the upper edge, and hardly any has lost it; without this four in ten drawings did, a third of
    them by ten pixels and more.
    """
    return CANDRABINDU in text or REPH in text


def high_sign(text: str) -> float | None:
    """How much higher hands write a string's sign above the head line, if it has one."""
    signs = [HIGH_SIGNS[sign] for sign in (text[:2], *text) if sign in HIGH_SIGNS]
    return max(signs, default=None)


def lengthened(part: GlyphPart, level: float, random: np.random.Generator) -> GlyphPart:
    """র্ longer than type has it, begun near the head line."""
    every = np.concatenate(part.body)
    end = every[every[:, 1].argmax()]
    body = [((line - end) * REPH_LENGTH + end).astype(np.float32) for line in part.body]
    return moved(part._replace(body=body), 0.0, level - float(end[1]) + random.normal(-0.04, 0.05))


def in_own_form(part: GlyphPart, form: Polyline) -> GlyphPart:
    """A sign in hands' own form, begun where type begins it: at its highest point."""
    points = np.concatenate(part.body)
    return GlyphPart([line_through(np.array(form) + points[points[:, 1].argmin()])], [])
