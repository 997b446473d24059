"""Conjuncts: which of them many people write as letters side by side, though type stacks them."""

import re
from typing import NamedTuple

from graphemes.foundation.classes import REPH, VIRAMA

# Seen on the competition's training scans: প্প, ঙ্খ, ণ্ঠ, ষ্ট and the like, half of the time or more.
# Not so the letters whose conjuncts have forms of their own, nor what hangs below another.
FIRST, SECOND = "গঘঙচজডণনপবমলশষস", "কখঘচছজটঠডপফভস"
PLAIN = re.compile(f"({REPH})?([{FIRST}]){VIRAMA}([{SECOND}].*)")
SIGNS_BEFORE = "িেৈোৌ"  # written to the left of a letter


class Beside(NamedTuple):
    """A string as a first letter and the rest that is written to its right."""

    first: str
    rest: str
    before: int  # glyphs of the rest that stand before the first letter nevertheless


def beside(text: str) -> Beside | None:
    """A string's conjunct as two letters side by side; None if it isn't written so."""
    found = PLAIN.fullmatch(text)
    if not found:
        return None
    reph, first, rest = found.groups(default="")
    return Beside(first, reph + rest, int(stands_before(text)))


def stands_before(text: str) -> bool:
    """Whether a sign is written to the left of a string's letter."""
    return any(sign in text for sign in SIGNS_BEFORE)
