"""Conjuncts that many people write as two letters side by side, though type stacks them."""

import re
from typing import NamedTuple

import numpy as np

from graphemes.foundation.classes import REPH, VIRAMA, stands_before

# Seen on the competition's training scans: প্প, ঙ্খ, ণ্ঠ, ষ্ট and the like, half of the time or more.
# Not so the letters whose conjuncts have forms of their own, nor what hangs below another.
FIRST, SECOND = "গঘঙচজডণনপবমলশষস", "কখঘচছজটঠপফভ"
PLAIN = re.compile(f"({REPH})?([{FIRST}]){VIRAMA}([{SECOND}].*)")


# Ranges, in ems and of the letter's size.
OVERLAP, DROP, SIZE = (-0.05, 0.27), (0.0, 0.2), (0.8, 1.0)
DROPPED = 0.3  # how often the second letter stands lower, and smaller


class Placement(NamedTuple):
    """How the second of two letters stands beside the first."""

    overlap: float  # ems
    drop: float = 0.0  # ems that its top is below the head line
    size: float = 1.0  # compared with the font's


class LetterPair(NamedTuple):
    """A string as a first letter and the rest, which is written to its right."""

    first: str
    rest: str
    before: int  # glyphs of the rest that stand before the first letter nevertheless


def random_placement(random: np.random.Generator) -> Placement:
    """How two letters come out beside each other this time."""
    overlap = random.uniform(*OVERLAP)
    if random.random() > DROPPED:
        return Placement(overlap)
    return Placement(overlap, random.uniform(*DROP), random.uniform(*SIZE))


def letter_pair(text: str) -> LetterPair | None:
    """A string's conjunct as two letters side by side; None if it isn't written so."""
    found = PLAIN.fullmatch(text)
    if not found:
        return None
    reph, first, rest = found.groups(default="")
    return LetterPair(first, reph + rest, int(stands_before(text)))
