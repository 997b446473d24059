"""Writers: a stream key fixes a writer's font, slant, size, pen and habits.

Their distributions were set by what `synthesise compare=` measures of real scans, and by eye.
"""

from typing import NamedTuple

import numpy as np

from graphemes.synthesis.lettering.fonts import SHIPPED


class Writer(NamedTuple):
    """What stays the same in everything one person writes."""

    fonts: tuple[str, ...]  # the first is this writer's own, the next write what it can't
    size: float  # pixels of an em
    aspect: float  # width over height, compared with the font's
    slant: float  # columns to the right a row up
    wobble: float  # ems: the amplitude of the waves that bend a word
    care: float  # 0 to 1: 1 keeps parts, ends and head line where the font has them
    rounding: float  # ems over which corners are rounded
    above: float  # height of signs above the head line, compared with the font's
    below: float  # the same below the baseline
    low_sign_size: float  # of a sign below a letter, compared with other writers'
    low_sign_tilt: float  # radians that its right end is turned further down than theirs
    lean: float  # how much further the left of a letter goes down than its right
    loop_size: float  # radius of a loop, compared with the font's bulb
    loop_turn: float  # radians that a loop goes round
    side_by_side: float  # how often a conjunct becomes two letters side by side
    overshoot: tuple[float, float]  # ems the head line goes on to the left and to the right
    no_head_line: float  # how often the head line is left out
    pen: float  # width of a stroke, pixels
    ink: float  # grey level of a stroke's middle
    paper: float  # grey level

    @property
    def jitter(self) -> float:
        """How much parts, ends and the head line are jittered, 0.3 to 1.3."""
        return 1.3 - self.care


def writer(random: np.random.Generator, fonts: tuple[str, ...] = SHIPPED) -> Writer:
    """The writer of a stream, in one of the fonts."""
    return Writer(
        fonts=_rotated(fonts, int(random.integers(len(fonts)))),
        size=float(np.exp(random.normal(np.log(95), 0.14))),
        aspect=float(np.exp(random.normal(0.13, 0.14))),
        slant=random.normal(0.04, 0.08),
        wobble=random.uniform(0.008, 0.03),
        care=random.uniform(0, 1),
        rounding=float(random.gamma(1.2, 0.018)),
        above=float(np.exp(random.normal(0.46, 0.25))),
        below=float(np.exp(random.normal(0.05, 0.17))),
        low_sign_size=float(np.exp(random.normal(0.0, 0.15))),
        low_sign_tilt=random.normal(0.0, 0.13),
        lean=random.normal(0.15, 0.15),
        loop_size=float(np.exp(random.normal(-0.1, 0.25))),
        loop_turn=random.uniform(0.9 * np.pi, 2.2 * np.pi),
        side_by_side=float(random.beta(0.8, 1.6)),
        overshoot=(float(random.exponential(0.08)), float(random.exponential(0.1))),
        no_head_line=float(random.beta(0.3, 4)),
        pen=float(np.exp(random.normal(np.log(4.75), 0.11))),
        ink=float(np.clip(random.normal(22, 13), 0, 110)),
        paper=255 - float(np.clip(random.exponential(1.6), 0, 12)),
    )


def calm(hand: Writer) -> Writer:
    """The same writer taking care: for the demo, whose few images have to be enough to learn."""
    return hand._replace(
        care=1.0,
        aspect=hand.aspect**0.5,
        slant=hand.slant / 2,
        wobble=hand.wobble / 2,
        rounding=0.0,
        above=hand.above**0.3,
        below=hand.below**0.3,
        low_sign_size=1.0,
        low_sign_tilt=0.0,
        lean=0.0,
        side_by_side=0.0,
        overshoot=(hand.overshoot[0] / 3, hand.overshoot[1] / 3),
        no_head_line=0.0,
    )


def _rotated(fonts: tuple[str, ...], first: int) -> tuple[str, ...]:
    return fonts[first:] + fonts[:first]
