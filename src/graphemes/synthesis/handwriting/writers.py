"""Writers: a place in the seeds fixes a writer's font, slant, size, pen and habits.

Their distributions were set by what `synthesise compare=` measures of real scans, and by eye.
"""

from typing import NamedTuple

import numpy as np

from graphemes.foundation.seeds import stream
from graphemes.synthesis.lettering.fonts import SHIPPED


class Writer(NamedTuple):
    """What stays the same in everything one person writes."""

    fonts: tuple[str, ...]  # the first is this writer's own, the next write what it can't
    size: float  # pixels of an em
    aspect: float  # width over height, compared with the font's
    slant: float  # columns to the right a row up
    wobble: float  # ems a point may stray
    care: float  # 0 to 1: 1 keeps parts, ends and head line where the font has them
    haste: float  # ems over which corners are rounded
    above: float  # height of signs above the head line, compared with the font's
    below: float  # the same below the baseline
    hang: float  # size of a sign below a letter, compared with other writers'
    fall: float  # radians that its right end is turned further down than theirs
    lean: float  # how much further the left of a letter goes down than its right
    loop: float  # radius of a loop, compared with the font's bulb
    turn: float  # radians that a loop goes round
    beside: float  # how often a conjunct becomes two letters side by side
    reach: tuple[float, float]  # ems the head line goes on to the left and to the right
    bare: float  # how often the head line is left out
    pen: float  # width of a stroke, pixels
    ink: float  # grey level of a stroke's middle
    paper: float  # grey level

    @property
    def loose(self) -> float:
        """How far this writer strays from what is meant, 0.3 to 1.3."""
        return 1.3 - self.care


def writer(seed: int, *place: int, fonts: tuple[str, ...] = SHIPPED) -> Writer:
    """The writer who lives at a place of the seeds, in one of the fonts."""
    random = stream(seed, *place)
    return Writer(
        fonts=_turned(fonts, int(random.integers(len(fonts)))),
        size=float(np.exp(random.normal(np.log(95), 0.14))),
        aspect=float(np.exp(random.normal(0.13, 0.14))),
        slant=random.normal(0.04, 0.08),
        wobble=random.uniform(0.008, 0.03),
        care=random.uniform(0, 1),
        haste=float(random.gamma(1.2, 0.018)),
        above=float(np.exp(random.normal(0.46, 0.25))),
        below=float(np.exp(random.normal(0.05, 0.17))),
        hang=float(np.exp(random.normal(0.0, 0.15))),
        fall=random.normal(0.0, 0.13),
        lean=random.normal(0.15, 0.15),
        loop=float(np.exp(random.normal(-0.1, 0.25))),
        turn=random.uniform(0.9 * np.pi, 2.2 * np.pi),
        beside=float(random.beta(0.8, 1.6)),
        reach=(float(random.exponential(0.08)), float(random.exponential(0.1))),
        bare=float(random.beta(0.3, 4)),
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
        haste=0.0,
        above=hand.above**0.3,
        below=hand.below**0.3,
        hang=1.0,
        fall=0.0,
        lean=0.0,
        beside=0.0,
        reach=(hand.reach[0] / 3, hand.reach[1] / 3),
        bare=0.0,
    )


def _turned(fonts: tuple[str, ...], first: int) -> tuple[str, ...]:
    return fonts[first:] + fonts[:first]
