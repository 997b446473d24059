"""Letterforms: what hands do with single letters otherwise than type.

Read off the competition's training scans: how low a letter goes on its left, compared with the
whole of it, there and in what was drawn of the same graphemes; forms by eye.
"""

import re
from collections.abc import Sequence

from graphemes.foundation.classes import REPH, VIRAMA, root_of
from graphemes.synthesis.lettering.glyph_parts import GlyphPart, Polyline, reshaped

# More than other letters: see Writer.lean. In conjuncts, শ and ণ are as in type.
LEANS = {"স": 0.35, "শ": 0.35, "ণ": 0.15, "ম": 0.15}
ONLY_ALONE = "শণ"
CURLED = re.compile(f"([^কত]{VIRAMA})?[তভ](?!{VIRAMA})")
OWN_FORM_SHARE = 0.6  # how often a hand writes its own form of a letter, where there is one

FORMS: dict[str, tuple[Polyline, ...]] = {  # as glyph_parts.reshaped has them
    "স": (
        (
            *((0.24, 0.0), (0.36, 0.18), (0.46, 0.38), (0.48, 0.5), (0.4, 0.61), (0.22, 0.69)),
            (0.02, 0.62),
        ),
        ((0.38, 0.3), (0.56, 0.46), (0.86, 0.9)),
        ((0.86, 0.0), (0.86, 1.0)),
    ),
    "ত": (
        (
            *((0.08, 0.04), (0.1, 0.4), (0.28, 0.8), (0.52, 0.96), (0.78, 0.82), (0.93, 0.5)),
            *((0.88, 0.2), (0.7, 0.05), (0.52, 0.15), (0.48, 0.34), (0.6, 0.47), (0.75, 0.4)),
            *((0.78, 0.22), (0.68, 0.11)),
        ),
    ),
    "ল": (
        (
            *((0.05, 0.82), (0.0, 0.62), (0.08, 0.42), (0.22, 0.38), (0.33, 0.52), (0.38, 0.82)),
            *((0.42, 0.58), (0.52, 0.4), (0.68, 0.38), (0.86, 0.5)),
        ),
        ((0.86, 0.0), (0.86, 1.0)),
    ),
    "খ": (
        (
            *((0.15, 0.22), (0.05, 0.1), (0.0, 0.35), (0.1, 0.55), (0.3, 0.5), (0.42, 0.3)),
            *((0.4, 0.55), (0.3, 0.72), (0.5, 0.85), (0.78, 0.97)),
        ),
        ((0.78, 0.0), (0.78, 1.0)),
    ),
    "থ": (
        (
            *((0.2, 0.35), (0.1, 0.4), (0.03, 0.25), (0.15, 0.08), (0.35, 0.12), (0.42, 0.3)),
            *((0.32, 0.55), (0.12, 0.8), (0.3, 0.85), (0.72, 0.95)),
        ),
        ((0.72, 0.0), (0.72, 1.0)),
    ),
    "ঝ": (
        ((0.42, 0.0), (0.42, 0.85)),
        ((0.42, 0.15), (0.0, 0.5), (0.42, 0.85)),
        ((0.42, 0.4), (0.72, 0.85), (0.74, 0.0)),
        ((0.74, 0.7), (0.74, 1.0)),
    ),
    "ঘ": (
        ((0.3, 0.0), (0.05, 0.25), (0.35, 0.45), (0.05, 0.7), (0.72, 0.95)),
        ((0.72, 0.0), (0.72, 1.0)),
    ),
    "ণ": (
        (
            *((0.2, 0.4), (0.1, 0.45), (0.05, 0.33), (0.15, 0.28), (0.22, 0.4), (0.12, 0.52)),
            *((0.0, 0.42), (0.04, 0.2), (0.22, 0.06), (0.42, 0.1), (0.6, 0.3), (0.74, 0.45)),
        ),
        ((0.74, 0.0), (0.74, 1.0)),
    ),
    "ভ": (
        (
            *((0.05, 0.0), (0.08, 0.35), (0.25, 0.75), (0.5, 0.95), (0.75, 0.9), (0.93, 0.67)),
            *((0.85, 0.52), (0.66, 0.56), (0.52, 0.42), (0.52, 0.2), (0.66, 0.06), (0.82, 0.1)),
            *((0.82, 0.24), (0.7, 0.26)),
        ),
    ),
}


def ends_in_curl(text: str) -> bool:
    """Whether a string's letter ends in a curl that hands draw further round than type."""
    return bool(CURLED.match(text.removeprefix(REPH)))


def extra_lean(text: str) -> float:
    """How much further than other letters a string's first one goes down on its left."""
    first, after = text.removeprefix(REPH)[:1], text.removeprefix(REPH)[1:2]
    return 0.0 if first in ONLY_ALONE and after == VIRAMA else LEANS.get(first, 0.0)


def own_form(text: str) -> Sequence[Polyline] | None:
    """The form hands give a string's root, if they have one."""
    return FORMS.get(root_of(text))


def rewritten(parts: list[GlyphPart], level: float, form: Sequence[Polyline]) -> list[GlyphPart]:
    """Parts with the letter in a form of hands' own."""
    which = next((k for k, part in enumerate(parts) if part.sign is None and part.body), None)
    if which is None:
        return parts
    return [*parts[:which], reshaped(parts[which], level, form), *parts[which + 1 :]]
